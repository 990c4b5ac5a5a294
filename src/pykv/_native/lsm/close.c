/*
 * close: draining, the clean-close state, releasing.
 *
 * A clean close leaves everything in tables and a manifest that says so and lists no log. If there
 * is no room for this, or else it fails, everything is in logs that were synced, and the next open
 * recovers as after a crash: no error of the close. A store whose sync failed leaves its files as
 * they are, and its close says so.
 */
#include "base/error.h"
#include "base/invariant.h"
#include "base/memory.h"
#include "lsm/edit.h"
#include "lsm/jobs.h"
#include "lsm/open.h"
#include "lsm/reserve.h"
#include "lsm/room.h"
#include "lsm/walk.h"

static uint64_t now_us(void *context)
{
    return env_monotonic_us(context);
}

static void wake_feeds(lsm *self)
{
    mutex_lock(&self->writer);
    change_feeds_wake(&self->feeds);
    mutex_unlock(&self->writer);
}

static void abandon_jobs(lsm *self)
{
    mutex_lock(&self->compaction_lock);
    lsm_compactions_abandon(self);
    mutex_unlock(&self->compaction_lock);
    mutex_lock(&self->flush_lock);
    lsm_flush_abandon(self);
    mutex_unlock(&self->flush_lock);
}

static pykv_status check_log(lsm *self)
{
    mutex_lock(&self->writer);
    pykv_status status = wal_check(self->log);
    mutex_unlock(&self->writer);
    if (status != PYKV_STORE_FAILED) {
        return status;
    }
    pykv_error failure = *error_last();
    return error_set(PYKV_STORE_FAILED,
                     "the store was closed, but after a failure (%.300s): what was written since "
                     "its last sync may be lost with the power",
                     failure.text);
}

/* After the logs were synced to their end, and nothing is in them alone. */
static void list_as_clean(lsm *self) SINGLE_THREADED
{
    self->flushed_sequence = wal_last_sequence(self->log);
    if (lsm_write_manifest(self, LSM_BLOCKS_KEPT, true) == PYKV_OK) {
        wal_drop_before(self->log, UINT32_MAX);
    }
}

/* Says of the logs, which have to stay, that they are durable to their end: then the next open need
 * not write them to tables, for which there may be no room. */
static void list_as_synced(lsm *self) SINGLE_THREADED
{
    if (lsm_write_manifest(self, LSM_BLOCKS_KEPT, false) != PYKV_OK) {
        /* Then it has to. */
    }
}

/* Writes what makes the close a clean one. What is synced is not lost if that fails: the next open
 * recovers then. */
static pykv_status leave_clean(lsm *self) SINGLE_THREADED
{
    pykv_status status = check_log(self);
    if (status == PYKV_OK && self->is_clean_on_disk) {
        return store_clock_is_kept(&self->clock) ? PYKV_OK : lsm_keep_clock(self);
    }
    if (status == PYKV_OK) {
        status = wal_sync(self->log);
    }
    if (status != PYKV_OK) {
        return status;
    }
    bool flushed = lsm_flush_active(self) == PYKV_OK;
    status = wal_close(self->log);
    if (status == PYKV_OK && flushed) {
        list_as_clean(self);
    } else if (status == PYKV_OK) {
        list_as_synced(self);
    }
    lsm_release_room(self);
    return status;
}

/* Lets the view go: no reader is left. */
static void release_view(lsm *self) SINGLE_THREADED
{
    view *last = atomic_exchange_explicit(&self->view, NULL, memory_order_relaxed);
    if (last != NULL) {
        view_retire(last, &self->reclaimer);
    }
    while (reclaimer_sweep(&self->reclaimer)) {
    }
}

void lsm_release(lsm *self) SINGLE_THREADED
{
    wal_free(self->log);
    wal_free(self->shown_log);
    self->log = NULL;
    self->shown_log = NULL;
    release_view(self);
    kept_memory_end(&self->memory);
    doubt_reset(&self->doubt);
    if (self->home != NULL) {
        (void)table_graveyard_empty(&self->graveyard);
    }
    shown_state_reset(&self->shown);
    while (reclaimer_sweep(&self->reclaimer)) {
    }
    if (self->lock != NULL) {
        env_lock_release(self->lock);
        self->lock = NULL;
    }
    if (self->home != NULL) {
        env_directory_close(self->home);
        self->home = NULL;
    }
}

pykv_status lsm_close(lsm *self, int64_t timeout_us) SINGLE_THREADED
{
    if (self->home == NULL) {
        return PYKV_OK;
    }
    gate_shut(&self->gate);
    lsm_tell_room(self);
    wake_feeds(self);
    if (!gate_drain(&self->gate, timeout_us, now_us, self->env)) {
        return error_set(PYKV_TIMED_OUT,
                         "calls were still running when the time to close %s ran out: close again",
                         env_directory_path(self->home));
    }
    lsm_walk_end_all(self);
    lsm_snapshot_close_all(self);
    change_feeds_end_all(&self->feeds);
    abandon_jobs(self);
    pykv_status status = self->options.read_only == 0 ? leave_clean(self) : PYKV_OK;
    pykv_error failure = *error_last();
    lsm_release(self);
    if (status != PYKV_OK) {
        error_restore(&failure);
    }
    return status;
}

void lsm_free(lsm *self) SINGLE_THREADED
{
    if (self == NULL) {
        return;
    }
    if (self->home != NULL || lsm_view(self) != NULL) {
        lsm_compactions_abandon(self);
        lsm_flush_abandon(self);
        lsm_release(self);
    }
    block_cache_free(self->cache); /* not before: views of values may be in it after close too */
    pins_destroy(&self->pins);
    condition_destroy(&self->room_made);
    change_feeds_destroy(&self->feeds);
    mutex_destroy(&self->room_lock);
    mutex_destroy(&self->reserve_lock);
    lsm_names_destroy(&self->names);
    mutex_destroy(&self->compaction_lock);
    mutex_destroy(&self->wish_lock);
    mutex_destroy(&self->tidy_lock);
    mutex_destroy(&self->flush_lock);
    mutex_destroy(&self->manifest_lock);
    mutex_destroy(&self->writer);
    reclaimer_destroy(&self->reclaimer);
    kept_memory_destroy(&self->memory);
    gate_destroy(&self->gate);
    mem_free(self);
}
