/*
 * open: the parts of opening a store.
 */
#ifndef PYKV_LSM_OPEN_H
#define PYKV_LSM_OPEN_H

#include "log/shown_state.h"
#include "lsm/store.h"
#include "lsm/wal_recover.h"

/* Replays the logs that the manifest lists to tables of level 0. What was torn off is kept. Where
 * there is no room for tables, logs that are durable to their end stay: then self->log is open,
 * with them in it. */
PYKV_NODISCARD pykv_status lsm_recover(lsm *self, const lsm_manifest *listed);

/* What logs are replayed to: a reference each, or NULL. */
typedef struct lsm_replayed {
    memtable *active;
    version *tables;
    /* For a reader. */
    wal *log;             /* owned: what feeds read */
    uint64_t ingest_mark; /* sequence of the first ingest that tables may not have yet; 0: none */
} lsm_replayed;

void lsm_replayed_reset(lsm_replayed *self);

/* Replays the logs that the manifest lists where they stand, for a store that is open read-only,
 * and adds to shown those that may go on. *into has what was replayed, on failure a part of it. */
PYKV_NODISCARD pykv_status lsm_replay_logs(lsm *self, const lsm_manifest *listed,
                                           lsm_replayed *into, shown_state *shown,
                                           wal_recovered *found_out);

/* Opens the log behind what is visible. */
PYKV_NODISCARD pykv_status lsm_open_log(lsm *self, const lsm_manifest *listed);

/* Gives up what a recovery that found no room made: back to tables, of before it, and the manifest
 * that lists them. PYKV_NO_SPACE: that may not be in force any more. */
PYKV_NODISCARD pykv_status lsm_forget_replayed(lsm *self, const lsm_manifest *listed,
                                               version *tables);

/* Leaves the logs of listed, which the active memtable holds all of, as they are: opens the log,
 * with them in it. */
PYKV_NODISCARD pykv_status lsm_keep_logs(lsm *self, const lsm_manifest *listed,
                                         const wal_recovery *recovery);

/* The next number for a file. PYKV_NOT_SUPPORTED: all are used. */
PYKV_NODISCARD pykv_status lsm_take_number(lsm *self, uint32_t *number_out) REQUIRES(self->writer);

/* Raises next_number above the numbers of all files that are there. */
PYKV_NODISCARD pykv_status lsm_skip_used_numbers(lsm *self);

/* Removes logs and tables that listed, the manifest in force, does not list, and temporary files.
 * One that cannot be removed stays for the next open. */
PYKV_NODISCARD pykv_status lsm_remove_orphans(lsm *self, const lsm_manifest *listed);

/* The same for tables and value segments alone, before a recovery: one that failed may have left
 * them, and a full disk has no room for them and for those of the next one. */
PYKV_NODISCARD pykv_status lsm_remove_outputs(lsm *self, const lsm_manifest *listed);

/* Frees everything but the struct; the files stay as they are. */
void lsm_release(lsm *self);

/* What the write-ahead log asks of the store. */
wal_owner lsm_wal_owner(lsm *self);

/* An empty file: where the manifest is lost and nothing but logs is left, which a Bitcask has too,
 * it tells whose they are. */
#define LSM_MARK_NAME "LSM"

/* Makes that file. Nothing depends on whether it works. */
void lsm_mark_home(env_directory *home);

#endif
