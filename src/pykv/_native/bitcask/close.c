/*
 * close: the wait for calls, the clean-close state, releasing.
 *
 * A clean close leaves the log synced, the directory image written and a manifest that says so; if
 * any of this fails the next open recovers as after a crash. A FAILED store leaves its files as
 * they are, and its close says so: what it acknowledged may not be durable.
 */
#include "base/error.h"
#include "base/memory.h"
#include "bitcask/bitcask.h"
#include "bitcask/directory.h"
#include "bitcask/image.h"
#include "bitcask/limbo.h"
#include "bitcask/manifest.h"
#include "bitcask/manifest_edit.h"
#include "bitcask/merge.h"
#include "bitcask/moment.h"
#include "bitcask/space_list.h"
#include "bitcask/sync.h"

static uint64_t now_us(void *environment)
{
    return env_monotonic_us(environment);
}

/* A prepared segment that was never used is dropped: a clean store has one un-sealed segment at
 * most. */
static void drop_prepared(bitcask *self) REQUIRES(self->manifest_lock)
{
    mutex_lock(&self->writer);
    segment *unused = self->prepared;
    self->prepared = NULL;
    mutex_unlock(&self->writer);
    if (unused != NULL) {
        bitcask_abandon(self, unused);
    }
}

static pykv_status trim_active(bitcask *self)
{
    mutex_lock(&self->writer);
    pykv_status status = self->sink != NULL ? log_sink_seal(self->sink) : PYKV_OK;
    mutex_unlock(&self->writer);
    return status;
}

/* Writes what makes the close a clean one. */
static pykv_status leave_clean(bitcask *self) SINGLE_THREADED
{
    pykv_status status = bitcask_sync(self);
    bool unchanged = !self->ground_ready && self->recovered_from_image &&
                     atomic_load_explicit(&self->counters.merge_count, memory_order_relaxed) == 0;
    if (status == PYKV_OK && unchanged && !store_clock_is_kept(&self->clock)) {
        status = bitcask_write_current_manifest(self);
    }
    if (status == PYKV_OK && unchanged) {
        manifest_release(self->home); /* of a merge that was given up */
    }
    if (status != PYKV_OK || unchanged) {
        return status;
    }
    status = trim_active(self);
    if (status == PYKV_OK) {
        status = bitcask_sync_active(self);
    }
    mutex_lock(&self->manifest_lock);
    drop_prepared(self);
    if (status == PYKV_OK && bitcask_write_image(self) != PYKV_OK) {
        /* Without an image the next open reads the hints. */
    }
    if (status == PYKV_OK) {
        status = bitcask_write_reserved_manifest(self, true);
    }
    mutex_unlock(&self->manifest_lock);
    return status;
}

static pykv_status say_failed(const bitcask *self)
{
    return error_set(PYKV_STORE_FAILED,
                     "the store was closed, but after a failure (%.300s): what was written since "
                     "its last sync may be lost with the power",
                     self->failure.text);
}

static void release_segments(bitcask *self)
{
    mutex_lock(&self->writer);
    bitcask_empty_limbo(self);
    for (size_t i = 0; i < self->segment_count; i++) {
        segment_close(self->segments[i]);
    }
    self->segment_count = 0;
    self->active = NULL;
    self->prepared = NULL;
    if (self->sink != NULL) {
        log_sink_close(self->sink);
        self->sink = NULL;
    }
    mutex_unlock(&self->writer);
}

static void release(bitcask *self) SINGLE_THREADED
{
    merge_forget(self);
    release_segments(self);
    bitcask_free_spaces(self);
    directory_free(self->spare);
    self->spare = NULL;
    shown_state_reset(&self->shown);
    if (self->lock != NULL) {
        env_lock_release(self->lock);
        self->lock = NULL;
    }
    if (self->home != NULL) {
        env_directory_close(self->home);
        self->home = NULL;
    }
}

pykv_status bitcask_close(bitcask *self, int64_t timeout_us) SINGLE_THREADED
{
    if (self->home == NULL) {
        return PYKV_OK;
    }
    gate_shut(&self->gate);
    mutex_lock(&self->writer);
    change_feeds_wake(&self->feeds);
    mutex_unlock(&self->writer);
    if (!gate_drain(&self->gate, timeout_us, now_us, self->env)) {
        return error_set(PYKV_TIMED_OUT,
                         "calls were still running when the time to close %s ran out: close again",
                         env_directory_path(self->home));
    }
    moment_give_up_all(self);
    change_feeds_end_all(&self->feeds);
    merge_abandon(self);
    pykv_status status = PYKV_OK;
    if (self->options.read_only == 0) {
        status = self->state == PYKV_STATE_FAILED ? say_failed(self) : leave_clean(self);
    }
    pykv_error failure = *error_last();
    release(self);
    if (status != PYKV_OK) {
        error_restore(&failure);
    }
    return status;
}

void bitcask_free(bitcask *self) SINGLE_THREADED
{
    if (self == NULL) {
        return;
    }
    if (self->home != NULL || directory_now_locked(&self->spaces.main.directory) != NULL) {
        release(self);
    }
    mem_free(self->segments);
    mem_free(self->history);
    past_epochs_reset(&self->epochs);
    change_feeds_destroy(&self->feeds);
    mem_free(self->pending);
    buffer_reset(&self->scratch);
    buffer_reset(&self->abandoned);
    extent_reset(&self->extents);
    name_book_destroy(&self->names);
    condition_destroy(&self->sync_done);
    condition_destroy(&self->hint_done);
    gate_destroy(&self->gate);
    pins_destroy(&self->pins);
    mutex_destroy(&self->writer);
    mutex_destroy(&self->manifest_lock);
    mutex_destroy(&self->merge_lock);
    mutex_destroy(&self->sync_lock);
    mem_free(self);
}
