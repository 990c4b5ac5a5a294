/*
 * open: the parts of opening a store.
 */
#ifndef PYKV_LSM_OPEN_H
#define PYKV_LSM_OPEN_H

#include "lsm/store.h"

/* Replays the logs that the manifest lists: to tables of level 0, or, read-only, to memtables. What
 * was torn off is kept. */
PYKV_NODISCARD pykv_status lsm_recover(lsm *self, const lsm_manifest *listed);

/* The next number for a file. PYKV_NOT_SUPPORTED: all are used. */
PYKV_NODISCARD pykv_status lsm_take_number(lsm *self, uint32_t *number_out) REQUIRES(self->writer);

/* Raises next_number above the numbers of all files that are there. */
PYKV_NODISCARD pykv_status lsm_skip_used_numbers(lsm *self);

/* Removes logs and tables that are neither in the version nor in the log. */
PYKV_NODISCARD pykv_status lsm_remove_orphans(lsm *self);

/* Frees everything but the struct; the files stay as they are. */
void lsm_release(lsm *self);

/* What the write-ahead log asks of the store. */
wal_owner lsm_wal_owner(lsm *self);

#endif
