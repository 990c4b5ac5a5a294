/*
 * refresh: building what is shown next, and publishing it.
 */
#include "lsm/refresh.h"

#include "base/error.h"
#include "base/invariant.h"
#include "lsm/history.h"
#include "lsm/jobs.h"
#include "lsm/listed.h"
#include "lsm/open.h"
#include "lsm/room.h"

/* ---- showing ---- */

/* Builds what listed says, and tells which sequence it ends with. */
static pykv_status build(lsm *self, const lsm_manifest *listed, shown_state *shown,
                         lsm_replayed *out, wal_recovered *found) REQUIRES(self->manifest_lock)
{
    *found = (wal_recovered){.last_sequence = listed->last_sequence,
                             .synced_sequence = listed->last_sequence};
    pykv_status status = lsm_open_listed(self, listed, lsm_view(self)->version, &out->tables);
    if (status == PYKV_OK) {
        status = lsm_new_memtable(self, &out->active);
    }
    if (status != PYKV_OK) {
        return status;
    }
    return listed->log_count > lsm_history_count(listed)
               ? lsm_replay_logs(self, listed, out, shown, found)
               : lsm_history_show(self, listed, NULL, listed->last_sequence, &out->log);
}

/* The rows of an ingest come with the manifest behind its record in the log, and later writes
 * behind that. So where there is such a record and the manifest has gone on since it was read,
 * those writes may be in what was built, and the rows not. The text names the manifest: a try
 * beside the next one fails in something else. */
static pykv_status check_ingests(lsm *self, const lsm_manifest *listed, const shown_state *shown,
                                 const lsm_replayed *built)
{
    bool newest = true;
    if (built->ingest_mark == 0) {
        return PYKV_OK;
    }
    pykv_status status = shown_state_manifest_is_newest(shown, self->home, &newest);
    if (status == PYKV_OK && !newest && !PYKV_PLANTED(340)) {
        return error_set_at(PYKV_CORRUPTION, env_directory_path(self->home),
                            "rows were ingested while the log behind manifest %llu was read",
                            (unsigned long long)listed->edit);
    }
    return status;
}

/* Swaps what feeds read, and wakes those that wait. */
static void publish_log(lsm *self, const wal_recovered *found, lsm_replayed *next)
    REQUIRES(self->writer)
{
    wal *before = self->shown_log;
    self->shown_log = next->log;
    next->log = before;
    if (found->synced_sequence > self->shown_synced) {
        self->shown_synced = found->synced_sequence;
    }
    self->ingest_mark = PYKV_PLANTED(304) ? 0 : next->ingest_mark;
    change_feeds_wake(&self->feeds);
}

static void publish(lsm *self, const lsm_manifest *listed, const wal_recovered *found, view *fresh,
                    lsm_replayed *next) REQUIRES(self->manifest_lock)
{
    mutex_lock(&self->writer);
    atomic_store_explicit(&self->visible_sequence, found->last_sequence, memory_order_release);
    lsm_replace_view(self, fresh);
    self->epoch_number = listed->epoch;
    self->feeds.pins = listed->pins;
    self->recovered_record_count = found->record_count;
    self->discarded_bytes = found->discarded_bytes;
    publish_log(self, found, next);
    mutex_unlock(&self->writer);
    store_clock_raise(&self->clock, listed->wall_high_us);
    self->edit = listed->edit;
    self->flushed_sequence = listed->flushed_sequence;
}

pykv_status lsm_show(lsm *self, const lsm_manifest *listed, shown_state *shown)
{
    lsm_replayed next = {.active = NULL};
    wal_recovered found;
    view *fresh = NULL;
    pykv_status status = build(self, listed, shown, &next, &found);
    if (status == PYKV_OK) {
        status = check_ingests(self, listed, shown, &next);
    }
    if (status == PYKV_OK) {
        status = shown_check_sequence(self->home, lsm_visible(self), found.last_sequence);
    }
    if (status == PYKV_OK) {
        status = view_new(next.active, NULL, 0, next.tables, &fresh);
    }
    if (status == PYKV_OK) {
        shown_state before = self->shown;
        publish(self, listed, &found, fresh, &next);
        self->shown = *shown;
        *shown = before;
    }
    lsm_replayed_reset(&next);
    return status;
}

/* ---- going on ---- */

static pykv_status check_identity(lsm *self, const lsm_manifest *listed)
    REQUIRES(self->manifest_lock)
{
    shown_identity shown = {self->store_id, self->epoch_number, self->edit};
    shown_identity found = {listed->store_id, listed->epoch, listed->edit};
    return shown_check(self->home, &shown, &found);
}

static void manifest_is_held(lsm *self) ASSERTS_HELD(self->manifest_lock)
{
    (void)self;
}

static pykv_status show_newest(void *owner)
{
    lsm *self = owner;
    manifest_is_held(self);
    lsm_manifest listed = {0};
    shown_state shown;
    pykv_status status = shown_state_begin(self->home, &shown);
    if (status == PYKV_OK) {
        status = lsm_manifest_read(self->home, &listed);
    }
    if (status == PYKV_NOT_FOUND) {
        status = shown_set_gone(self->home);
    }
    if (status == PYKV_OK) {
        status = check_identity(self, &listed);
    }
    if (status == PYKV_OK) {
        status = lsm_show(self, &listed, &shown);
    }
    pykv_error failure = *error_last();
    lsm_manifest_reset(&listed);
    shown_state_reset(&shown);
    error_restore(&failure);
    return status;
}

pykv_status lsm_refresh(lsm *self, uint64_t *sequence_out, bool *moved_out)
{
    pykv_status status = PYKV_OK;
    bool moved = false;
    if (self->options.read_only != 0) {
        mutex_lock(&self->manifest_lock);
        status = shown_state_go_on(&self->shown, self->home, show_newest, self, &moved);
        mutex_unlock(&self->manifest_lock);
    }
    if (moved) {
        lsm_names_forget(self);
        lsm_tidy(self);
    }
    if (status == PYKV_OK) {
        *sequence_out = lsm_visible(self);
        *moved_out = moved;
    }
    return status;
}
