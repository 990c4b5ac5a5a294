/*
 * history: logs that are kept when their operations are in tables, for who reads changes.
 *
 * They are kept as long as the options, a feed that is open or a pin want them, in one run without
 * gaps up to the logs that the store needs. The manifest lists them as history: no recovery replays
 * them. What becomes history is synced first. On a full disk only pins keep some.
 */
#ifndef PYKV_LSM_HISTORY_H
#define PYKV_LSM_HISTORY_H

#include "lsm/store.h"
#include "lsm/version_edit.h"
#include "lsm/wal_recover.h"

/* Decides which logs below number, that of the first one the store needs, are kept: before a
 * manifest is made whose tables have all through the sequence flushed. */
void lsm_history_plan(lsm *self, uint32_t number, uint64_t flushed) REQUIRES(self->writer);

/* Before a manifest that makes the logs up to sequence history: syncs them, if any are to be kept.
 * What cannot be synced is not kept. */
void lsm_history_sync(lsm *self, uint64_t sequence) EXCLUDES(self->writer);

/* How many of the logs of a manifest are history: the first ones. */
size_t lsm_history_count(const lsm_manifest *listed);

/* Puts the history of a manifest into log, which is open and empty: up to sequence last. What is
 * missing or damaged goes, with what is older. PYKV_NO_MEMORY. */
PYKV_NODISCARD pykv_status lsm_history_adopt(lsm *self, wal *log, const lsm_manifest *listed,
                                             uint64_t last) EXCLUDES(self->writer);

/* The same, and behind it the logs that were recovered, as they are. */
PYKV_NODISCARD pykv_status lsm_history_adopt_all(lsm *self, wal *log, const lsm_manifest *listed,
                                                 const wal_recovery *recovery)
    EXCLUDES(self->writer);

/* Makes the log of a store that is open read-only, which only feeds read: of what listed says,
 * shown up to sequence last. recovery: of the logs that are no history, NULL: there are none. Empty
 * where tables have what no log has. *log_out is freed with wal_free. PYKV_NO_MEMORY. */
PYKV_NODISCARD pykv_status lsm_history_show(lsm *self, const lsm_manifest *listed,
                                            const wal_recovery *recovery, uint64_t last,
                                            wal **log_out) EXCLUDES(self->writer);

/* Gives next, a manifest that is to have no logs, the history of listed and the logs that were
 * recovered as history, if the options or pins want any and the log was not cut: their files stay
 * then. PYKV_NO_MEMORY. */
PYKV_NODISCARD pykv_status lsm_history_after(lsm *self, const lsm_manifest *listed,
                                             wal_recovery *recovery, lsm_manifest *next);

#endif
