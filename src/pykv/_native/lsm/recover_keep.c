/*
 * recover_keep: where there is no room for tables, logs that are durable to their end stay as they
 * are.
 *
 * What was replayed waits in one immutable memtable for its flush, which lets the logs go; the
 * manifest lists them already. Nothing is appended to them. Only a log that was known durable may
 * stay: of another, the system may show pages that never reached the disk.
 */
#include "base/error.h"
#include "base/invariant.h"
#include "base/memory.h"
#include "lsm/edit.h"
#include "lsm/history.h"
#include "lsm/open.h"
#include "lsm/room.h"
#include "lsm/version_edit.h"
#include "lsm/wal_history.h"
#include "lsm/wal_recover.h"

/* Whether the manifest that listed was read from is still in force: that of the recovery may be, if
 * only the sync of its name failed. */
static bool is_in_force(lsm *self, const lsm_manifest *listed)
{
    lsm_manifest found;
    pykv_error failure = *error_last();
    bool same = false;
    if (lsm_manifest_read(self->home, &found) == PYKV_OK) {
        same = found.edit == listed->edit;
        lsm_manifest_reset(&found);
    }
    error_restore(&failure);
    return same;
}

pykv_status lsm_forget_replayed(lsm *self, const lsm_manifest *listed,
                                version *tables) SINGLE_THREADED
{
    memtable *active;
    if (!is_in_force(self, listed)) {
        return PYKV_NO_SPACE;
    }
    pykv_status status = lsm_new_memtable(self, &active);
    if (status == PYKV_OK) {
        status = lsm_publish_view(self, active, NULL, 0, tables);
        memtable_release(active);
    }
    while (reclaimer_sweep(&self->reclaimer)) {
    }
    (void)table_graveyard_empty(&self->graveyard);
    return status == PYKV_OK ? lsm_remove_orphans(self, listed) : status;
}

/* Seals the memtable of what was replayed, and begins another. */
static pykv_status set_aside(lsm *self) SINGLE_THREADED
{
    memtable *replayed = lsm_view(self)->active;
    memtable *fresh;
    memtable_stats stats;
    memtable_stats_read(replayed, &stats);
    if (PYKV_PLANTED(257) ? stats.count == 0 : stats.sequence_max == 0) {
        return PYKV_OK;
    }
    pykv_status status = lsm_new_memtable(self, &fresh);
    if (status != PYKV_OK) {
        return status;
    }
    memtable_seal(replayed);
    status = lsm_publish_view(self, fresh, &replayed, 1, lsm_view(self)->version);
    memtable_release(fresh);
    return status;
}

pykv_status lsm_keep_logs(lsm *self, const lsm_manifest *listed,
                          const wal_recovery *recovery) SINGLE_THREADED
{
    self->epoch_number = listed->epoch + 1;
    pykv_status status = lsm_open_log(self, listed);
    if (status == PYKV_OK) {
        status = lsm_history_adopt_all(self, self->log, listed, recovery);
    }
    if (status == PYKV_OK) {
        status = set_aside(self);
    }
    return status;
}
