/*
 * close: draining, the clean-close state, releasing.
 *
 * A clean close leaves the log synced, the directory image written and a manifest that says so; if
 * any of this fails the next open recovers as after a crash.
 */
#include "base/error.h"
#include "base/invariant.h"
#include "base/memory.h"
#include "base/process.h"
#include "bitcask/bitcask.h"
#include "bitcask/image.h"
#include "bitcask/limbo.h"
#include "bitcask/merge.h"
#include "bitcask/rolling.h"
#include "bitcask/scan.h"
#include "bitcask/sync.h"

enum { CLOSE_POLL_US = 200 };

static bool is_past(bitcask *self, uint64_t deadline_us)
{
    return deadline_us != UINT64_MAX && env_monotonic_us(self->env) > deadline_us;
}

/* Wakes lent threads, so that they see the store closing, and waits a moment. */
static void poll(bitcask *self)
{
    mutex_lock(&self->wake_lock);
    condition_broadcast(&self->wake);
    condition_wait_for(&self->wake, &self->wake_lock, CLOSE_POLL_US);
    mutex_unlock(&self->wake_lock);
}

/* Waits until no call is inside. False: time ran out. */
static bool drain(bitcask *self, uint64_t deadline_us)
{
    while (epoch_reader_count(&self->readers) != 0 ||
           atomic_load_explicit(&self->long_calls, memory_order_acquire) != 0) {
        if (is_past(self, deadline_us)) {
            return false;
        }
        poll(self);
    }
    return true;
}

/* One thread closes at a time; another waits for it. False: time ran out. */
static bool begin_close(bitcask *self, uint64_t deadline_us) TRY_ACQUIRES(true, self->close_lock)
{
    while (!mutex_try_lock(&self->close_lock)) {
        if (is_past(self, deadline_us)) {
            return false;
        }
        poll(self);
    }
    return true;
}

/* A prepared segment that was never used is dropped: a clean store has one un-sealed segment at
 * most. */
static void drop_prepared(bitcask *self)
{
    mutex_lock(&self->writer);
    segment *unused = self->prepared;
    self->prepared = NULL;
    if (unused != NULL) {
        bitcask_remove_segment(self, unused);
        bitcask_retire_segment(self, unused);
    }
    mutex_unlock(&self->writer);
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
    if (status != PYKV_OK || unchanged) {
        return status;
    }
    drop_prepared(self);
    status = trim_active(self);
    if (status == PYKV_OK) {
        status = bitcask_sync_active(self);
    }
    mutex_lock(&self->manifest_lock);
    if (status == PYKV_OK && bitcask_write_image(self) != PYKV_OK) {
        /* Without an image the next open reads the hints. */
    }
    if (status == PYKV_OK) {
        status = bitcask_write_manifest(self, true);
    }
    mutex_unlock(&self->manifest_lock);
    return status;
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
    bitcask_free_directory(atomic_load_explicit(&self->directory, memory_order_relaxed));
    atomic_store_explicit(&self->directory, NULL, memory_order_relaxed);
    bitcask_free_directory(self->spare);
    self->spare = NULL;
    if (self->lock != NULL) {
        env_lock_release(self->lock);
        self->lock = NULL;
    }
    if (self->home != NULL) {
        env_directory_close(self->home);
        self->home = NULL;
    }
}

static pykv_status time_ran_out(void)
{
    return error_set(PYKV_TIMED_OUT,
                     "calls were still running when the time to close ran out: close again");
}

/* REQUIRES close_lock. */
static pykv_status close_alone(bitcask *self, uint64_t deadline_us) SINGLE_THREADED
{
    if (self->home == NULL) {
        return PYKV_OK;
    }
    if (!drain(self, deadline_us)) {
        return time_ran_out();
    }
    scan_close_all(self);
    merge_abandon(self);
    pykv_status status = PYKV_OK;
    if (self->options.read_only == 0 && self->state != PYKV_STATE_FAILED) {
        status = leave_clean(self);
    }
    pykv_error failure = *error_last();
    release(self);
    if (status != PYKV_OK) {
        error_restore(&failure);
    }
    return status;
}

pykv_status bitcask_close(bitcask *self, int64_t timeout_us)
{
    uint64_t deadline_us =
        timeout_us < 0 ? UINT64_MAX : env_monotonic_us(self->env) + (uint64_t)timeout_us;
    atomic_store_explicit(&self->closing, 1, memory_order_seq_cst);
    if (!begin_close(self, deadline_us)) {
        return time_ran_out();
    }
    pykv_status status = close_alone(self, deadline_us);
    mutex_unlock(&self->close_lock);
    return status;
}

void bitcask_free(bitcask *self) SINGLE_THREADED
{
    if (self == NULL) {
        return;
    }
    if (self->home != NULL ||
        atomic_load_explicit(&self->directory, memory_order_relaxed) != NULL) {
        release(self);
    }
    mem_free(self->segments);
    mem_free(self->pending);
    buffer_reset(&self->scratch);
    extent_reset(&self->extents);
    condition_destroy(&self->sync_done);
    condition_destroy(&self->wake);
    mutex_destroy(&self->close_lock);
    mutex_destroy(&self->writer);
    mutex_destroy(&self->manifest_lock);
    mutex_destroy(&self->merge_lock);
    mutex_destroy(&self->sync_lock);
    mutex_destroy(&self->wake_lock);
    mem_free(self);
}
