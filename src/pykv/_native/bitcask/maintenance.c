/*
 * maintenance: what lent threads do, in bounded steps.
 *
 * LOG: prepares the next segment and the mapped tail ahead of writers, syncs at the interval asked
 * for and at least every 30 s, syncs sealed segments. DATA: writes hints, checks the directory
 * image, merges, keeps the high water of the clock, frees what readers left, looks whether memory
 * has room for mapped reads. Either
 * puts the bus guard back where another handler took its place. A step that fails degrades the
 * store until a later one succeeds.
 */
#include "base/error.h"
#include "base/invariant.h"
#include "base/process.h"
#include "bitcask/bitcask.h"
#include "bitcask/find.h"
#include "bitcask/hint.h"
#include "bitcask/history.h"
#include "bitcask/image.h"
#include "bitcask/limbo.h"
#include "bitcask/manifest_edit.h"
#include "bitcask/merge.h"
#include "bitcask/merge_pick.h"
#include "bitcask/merge_state.h"
#include "bitcask/rolling.h"
#include "bitcask/segment_list.h"

enum {
    MAINTAIN_IDLE_US = 250000,   /* a lent thread looks for work at least this often */
    MAINTAIN_RETRY_US = 1000000, /* after a failure */
    MAINTAIN_SEAL_IDLE_US = 1000000,
    MAINTAIN_DEAD_SHARE = 8,  /* of the disk: as much more that is dead ends a rest of merging */
    MAINTAIN_MODE_US = 500000 /* the memory that files have room in is looked at so often */
};

/* ---- LOG ---- */

static bool sync_is_due(bitcask *self) REQUIRES(self->writer)
{
    if (self->synced_sequence == self->appended_sequence || self->state == PYKV_STATE_FAILED) {
        return false;
    }
    uint64_t every = self->options.durability == PYKV_DURABILITY_INTERVAL
                         ? self->options.interval_us
                         : BITCASK_SYNC_EVERY_US;
    for (size_t i = 0; i < self->segment_count; i++) {
        if (self->segments[i]->sealed && !self->segments[i]->synced) {
            return true;
        }
    }
    uint64_t last = atomic_load_explicit(&self->last_sync_us, memory_order_relaxed);
    return env_monotonic_us(self->env) - last >= every;
}

/* The sink of the active segment, kept with its file until end_ahead; NULL if there is none, or
 * another thread has it. */
static log_sink *begin_ahead(bitcask *self, segment **holder_out)
{
    mutex_lock(&self->writer);
    log_sink *sink = self->ahead_sink == NULL ? self->sink : NULL;
    if (sink != NULL) {
        self->ahead_sink = sink;
        self->active->pin_count++;
        *holder_out = self->active;
    }
    mutex_unlock(&self->writer);
    return sink;
}

/* Returns true if the sink is still in use; closes it otherwise. */
static bool end_ahead(bitcask *self, log_sink *sink, segment *holder)
{
    mutex_lock(&self->writer);
    bool in_use = self->sink == sink;
    self->ahead_sink = NULL;
    if (in_use) {
        self->ahead_at = log_sink_prepare_at(sink);
    } else {
        log_sink_close(sink);
    }
    bitcask_unpin_segment(self, holder);
    mutex_unlock(&self->writer);
    return in_use;
}

/* Prepares the log ahead of writers, and asks for write-back behind them, beside both. */
static pykv_status ahead_step(bitcask *self)
{
    segment *holder;
    log_sink *sink = begin_ahead(self, &holder);
    if (sink == NULL) {
        return PYKV_OK;
    }
    pykv_status status = PYKV_OK;
    if (log_sink_wants_prepare(sink)) {
        status = log_sink_prepare(sink, 0);
    }
    if (status == PYKV_NOT_SUPPORTED) {
        status = PYKV_OK; /* writers reached the end of the segment meanwhile */
    }
    log_sink_pace(sink);
    return end_ahead(self, sink, holder) ? status : PYKV_OK;
}

static pykv_status log_step(bitcask *self, int32_t *more_out)
{
    pykv_status status = ahead_step(self);
    mutex_lock(&self->writer);
    bool sync = sync_is_due(self);
    bool prepare = self->active != NULL && self->prepared == NULL && self->ground_ready &&
                   self->state != PYKV_STATE_FAILED;
    mutex_unlock(&self->writer);
    if (status == PYKV_OK && sync) {
        status = bitcask_sync(self);
    }
    if (status == PYKV_OK && prepare) {
        status = bitcask_prepare_next(self);
    }
    *more_out = 0;
    return status;
}

/* ---- DATA ---- */

static segment *without_hint(bitcask *self) REQUIRES(self->writer)
{
    for (size_t i = 0; i < self->segment_count; i++) {
        segment *candidate = self->segments[i];
        if (candidate->sealed && candidate->synced && !candidate->has_hint && !candidate->merging &&
            !candidate->input && hint_reaches(candidate)) {
            return candidate;
        }
    }
    return NULL;
}

static pykv_status hint_step(bitcask *self, bool *worked)
{
    hint_list list = {0};
    mutex_lock(&self->writer);
    segment *target = without_hint(self);
    if (target != NULL) {
        target->pin_count++;
        target->hinting = true;
        target->has_hint = true; /* taken: not by another thread, nor again, whatever comes of it */
    }
    mutex_unlock(&self->writer);
    *worked = target != NULL;
    if (target == NULL) {
        return PYKV_OK;
    }
    pykv_status status = hint_scan(self, target, &list);
    if (bitcask_read_mode(self) == READ_COLD && segment_is_mapped(target)) {
        env_mapping_let_go(&target->mapping); /* Else what was written since goes before it. */
    }
    if (status == PYKV_OK) {
        status = hint_write(self, target, &list);
    }
    hint_list_reset(&list);
    if (status != PYKV_OK) {
        pykv_error failure = *error_last();
        segment_unlink_hint(self->home, target->number);
        error_restore(&failure);
    }
    mutex_lock(&self->writer);
    target->hinting = false;
    bitcask_unpin_segment(self, target);
    condition_broadcast(&self->hint_done);
    mutex_unlock(&self->writer);
    return status;
}

/* The active segment holds much that is dead, and nobody writes: seal it, so that it can be merged.
 */
static pykv_status seal_if_idle(bitcask *self) REQUIRES(self->writer)
{
    segment *active = self->active;
    if (active == NULL || active->last_sequence == 0 || self->pending_count > 0) {
        return PYKV_OK;
    }
    uint64_t now = env_monotonic_us(self->env);
    if (self->idle_sequence != self->appended_sequence) {
        self->idle_sequence = self->appended_sequence;
        self->idle_since_us = now;
        return PYKV_OK;
    }
    uint64_t records = active->length - LOG_SEGMENT_HEADER_BYTES;
    uint64_t live =
        active->live_bytes - segment_expired_bytes(active, store_clock_now(&self->clock));
    if (now - self->idle_since_us < MAINTAIN_SEAL_IDLE_US || live * 4 > records * 3) {
        return PYKV_OK;
    }
    return bitcask_seal_active(self);
}

static uint64_t written_now(bitcask *self)
{
    return atomic_load_explicit(&self->counters.written_bytes, memory_order_relaxed);
}

/* Deadlines pass, and segments are sealed, without a write. */
static bool merging_rests(bitcask *self) REQUIRES(self->merge_lock) REQUIRES(self->writer)
{
    const merge_rest *rest = &self->merge_rest;
    return written_now(self) < rest->written_bytes &&
           (merge_dead_bytes(self) < rest->dead_bytes || PYKV_PLANTED(344));
}

static void set_merge_rest(bitcask *self) REQUIRES(self->merge_lock)
{
    uint64_t growth = (uint64_t)self->options.segment_bytes / 4;
    uint64_t disk_part = bitcask_disk_bytes(self) / MAINTAIN_DEAD_SHARE;
    self->merge_rest = (merge_rest){0};
    if (!self->merge_was_fruitful) {
        mutex_lock(&self->writer);
        self->merge_rest.written_bytes = written_now(self) + growth;
        self->merge_rest.dead_bytes =
            merge_dead_bytes(self) + (disk_part < growth ? disk_part : growth);
        mutex_unlock(&self->writer);
    }
}

/* Begins a merge if one is due and worth it. One that reaps is worth it once, rest or no rest. */
static pykv_status begin_if_due(bitcask *self) REQUIRES(self->merge_lock)
{
    segment *inputs[MERGE_INPUTS_MAX];
    size_t count = 0;
    pykv_status status = PYKV_OK;
    mutex_lock(&self->writer);
    bool works = self->state != PYKV_STATE_FAILED;
    bool due = works && merge_is_due(self);
    if (works && merge_active_has_aged(self)) {
        status = bitcask_seal_active(self);
    } else if (due) {
        status = seal_if_idle(self);
    }
    if (due && status == PYKV_OK && (merge_reap_is_due(self) || !merging_rests(self))) {
        count = merge_pick(self, false, inputs);
    }
    mutex_unlock(&self->writer);
    return count > 0 ? merge_begin(self, inputs, count) : status;
}

static pykv_status merge_work(bitcask *self, bool *worked) REQUIRES(self->merge_lock)
{
    pykv_status status = PYKV_OK;
    bool more;
    if (self->merge == NULL) {
        status = begin_if_due(self);
    }
    *worked = status == PYKV_OK && self->merge != NULL;
    if (!*worked) {
        return status;
    }
    status = merge_step(self, &more);
    if (status == PYKV_OK && !more) {
        set_merge_rest(self);
    }
    return status;
}

static void choose_read_mode_at_times(bitcask *self)
{
    uint64_t now = env_monotonic_us(self->env);
    if (now - atomic_load_explicit(&self->mode_chosen_us, memory_order_relaxed) >=
        MAINTAIN_MODE_US) {
        atomic_store_explicit(&self->mode_chosen_us, now, memory_order_relaxed);
        bitcask_choose_read_mode(self);
    }
}

/* What a reader was told to have expired would be back after a kill, if the clock goes back. */
static void clock_step(bitcask *self)
{
    if (!store_clock_is_owed(&self->clock)) {
        return;
    }
    mutex_lock(&self->writer);
    bool failed = self->state == PYKV_STATE_FAILED;
    mutex_unlock(&self->writer);
    if (!failed && bitcask_write_current_manifest(self) != PYKV_OK) {
        /* It is owed again in a second. Merges, which may make room for it, do not wait for it. */
    }
}

static pykv_status data_step(bitcask *self, int32_t *more_out)
{
    bool waiting = false;
    bool hinted = false;
    bool pages = false;
    bool merged = false;
    choose_read_mode_at_times(self);
    mutex_lock(&self->writer);
    bitcask_sweep_limbo(self, &waiting);
    mutex_unlock(&self->writer);
    pykv_status status = bitcask_check_image_some(self, &pages);
    if (self->options.read_only == 0) {
        clock_step(self);
    }
    if (status == PYKV_OK && self->options.read_only == 0) {
        status = hint_step(self, &hinted);
        if (status == PYKV_OK) {
            status = bitcask_history_trim(self);
        }
        if (status == PYKV_OK && mutex_try_lock(&self->merge_lock)) {
            status = merge_work(self, &merged);
            mutex_unlock(&self->merge_lock);
        }
    }
    *more_out = pages || hinted || merged;
    return status;
}

/* ---- steps and lent threads ---- */

static void note_result(bitcask *self, pykv_status status)
{
    mutex_lock(&self->writer);
    if (status != PYKV_OK && self->state == PYKV_STATE_OPEN) {
        self->state = PYKV_STATE_DEGRADED;
        self->failure = *error_last();
    } else if (status == PYKV_OK && self->state == PYKV_STATE_DEGRADED) {
        self->state = PYKV_STATE_OPEN;
    }
    mutex_unlock(&self->writer);
}

pykv_status bitcask_maintain_step(bitcask *self, int32_t role, int32_t *more_out)
{
    int32_t more = 0;
    pykv_status status = lent_check_role(role);
    if (status != PYKV_OK) {
        return status;
    }
    process_guard_keep(env_monotonic_us(self->env));
    if (role == PYKV_ROLE_LOG && self->options.read_only == 0) {
        status = log_step(self, &more);
    } else if (role == PYKV_ROLE_DATA) {
        status = data_step(self, &more);
        note_result(self, status);
    }
    if (status == PYKV_OK) {
        *more_out = more;
    }
    return status;
}

/* Microseconds that merging rests after a step to keep its pace. */
static uint64_t pace_us(const bitcask *self, int32_t role)
{
    if (role != PYKV_ROLE_DATA || self->options.merge_bytes_per_second == 0) {
        return 0;
    }
    return BITCASK_STEP_BYTES * UINT64_C(1000000) / self->options.merge_bytes_per_second;
}

static uint64_t wait_us(const bitcask *self, int32_t role, pykv_status status, int32_t more)
{
    uint64_t idle = MAINTAIN_IDLE_US;
    if (role == PYKV_ROLE_LOG && self->options.durability == PYKV_DURABILITY_INTERVAL &&
        self->options.interval_us < idle) {
        idle = self->options.interval_us;
    }
    if (status != PYKV_OK) {
        return MAINTAIN_RETRY_US;
    }
    return more != 0 ? pace_us(self, role) : idle;
}

static uint64_t lent_step_of(void *context, int32_t role)
{
    bitcask *self = context;
    int32_t more = 0;
    pykv_status status = bitcask_maintain_step(self, role, &more);
    return wait_us(self, role, status, more);
}

pykv_status bitcask_maintain(bitcask *self, int32_t role)
{
    return lent_serve(&self->gate.lent, role, lent_step_of, self);
}
