/*
 * compact: steps of compactions, those that are due and those that a user asked for.
 */
#include "base/error.h"
#include "base/invariant.h"
#include "base/memory.h"
#include "lsm/brake.h"
#include "lsm/compaction_pick.h"
#include "lsm/edit.h"
#include "lsm/health.h"
#include "lsm/jobs.h"
#include "lsm/reserve.h"

#define BYTES_KNOWN_MAX (UINT64_C(1) << 40)

static version *current_version(lsm *self, uint64_t *clear_count_out, uint64_t *visible_out)
{
    mutex_lock(&self->writer);
    version *now = version_acquire(lsm_view(self)->version);
    *clear_count_out = self->clear_count;
    *visible_out = lsm_visible(self);
    mutex_unlock(&self->writer);
    return now;
}

static compaction_options options_for(lsm *self, uint64_t visible_sequence)
{
    compaction_options options = compaction_options_make(self->options.table_bytes);
    options.visible_sequence = visible_sequence;
    options.now_us = store_clock_now(&self->clock);
    if (self->options.compression != CODEC_NONE) {
        options.level_compressed_min = LSM_LEVEL_COMPRESSED_MIN;
    }
    return options;
}

static void note_debt(lsm *self, uint64_t bytes)
{
    atomic_store_explicit(&self->counters.pending_compaction_bytes, bytes, memory_order_relaxed);
    mutex_lock(&self->writer);
    lsm_brake_renew(self);
    mutex_unlock(&self->writer);
}

/* What to compact: what is due, or what a manual compaction needs. */
typedef struct wanted {
    const key_range *range; /* NULL: what is due */
    uint32_t number_before;
} wanted;

/* Level 0 fills while a manual compaction goes on: what is due comes first before writers wait. */
static pykv_status pick(lsm *self, version *now, const compaction_options *options,
                        const wanted *what) REQUIRES(self->compaction_lock)
{
    pykv_status status = PYKV_NOT_FOUND;
    if (what->range == NULL || now->levels[0].count >= LSM_LEVEL0_STOP / 2) {
        status = compaction_pick(now, options, &self->plan);
    }
    if (what->range != NULL && status == PYKV_NOT_FOUND) {
        status = compaction_pick_range(now, options, what->range, what->number_before, &self->plan);
    }
    return status;
}

/* In place of a plan that is too large for the room there was last: one that is not. */
static pykv_status pick_small(lsm *self, version *now, const compaction_options *options)
    REQUIRES(self->compaction_lock)
{
    uint64_t bytes_max = self->compaction_bytes_max;
    if (bytes_max == 0 || self->plan.is_trivial_move || self->plan.input_bytes <= bytes_max) {
        return PYKV_OK;
    }
    compaction_plan_reset(&self->plan);
    pykv_status status = compaction_pick_small(now, options, bytes_max, &self->plan);
    if (status != PYKV_NOT_FOUND && status != PYKV_WOULD_BLOCK) {
        return status;
    }
    self->compaction_bytes_max = 0;
    return error_set_at(PYKV_NO_SPACE, env_directory_path(self->home),
                        "no compaction has room for its output");
}

/* What there was room for decides what is tried next: twice as much, or half. True: try that. */
static bool note_room(lsm *self, pykv_status status) REQUIRES(self->compaction_lock)
{
    if (status == PYKV_OK) {
        self->compaction_bytes_max *= self->compaction_bytes_max < BYTES_KNOWN_MAX ? 2 : 0;
    }
    if (status != PYKV_NO_SPACE || self->plan.of == NULL) {
        return false;
    }
    self->compaction_bytes_max = self->plan.input_bytes / 2;
    return self->compaction_bytes_max > 0 && !self->plan.is_trivial_move;
}

/* Makes a plan and begins it. PYKV_NOT_FOUND: there is none. */
static pykv_status begin(lsm *self, const wanted *what) REQUIRES(self->compaction_lock)
{
    uint64_t visible_sequence;
    version *now = current_version(self, &self->compaction_clear_count, &visible_sequence);
    compaction_options options = options_for(self, visible_sequence);
    note_debt(self, compaction_debt(now, &options));
    pykv_status status = pick(self, now, &options, what);
    if (status == PYKV_OK) {
        status = pick_small(self, now, &options);
    }
    version_release(now);
    if (status != PYKV_OK) {
        return status;
    }
    compaction_plan_begin(&self->plan);
    if (!self->plan.is_trivial_move) {
        table_job job = lsm_job(self, self->plan.output_level, visible_sequence);
        status = compaction_new(&job, &options, &self->plan, &self->compaction);
    }
    if (status != PYKV_OK) {
        lsm_compaction_abandon(self);
    }
    return status;
}

void lsm_compaction_abandon(lsm *self)
{
    compaction_free(self->compaction);
    self->compaction = NULL;
    if (self->plan.of != NULL) {
        compaction_plan_end(&self->plan);
        compaction_plan_reset(&self->plan);
    }
}

static pykv_status install(lsm *self, table_file *const *inputs, size_t input_count)
    REQUIRES(self->compaction_lock)
{
    lsm_edit edit = {.output_level = self->plan.output_level,
                     .inputs = inputs,
                     .input_count = input_count,
                     .is_move = self->plan.is_trivial_move,
                     .clear_count = self->compaction_clear_count};
    bool taken;
    if (self->compaction != NULL) {
        edit.outputs = compaction_outputs(self->compaction, &edit.output_count);
    }
    pykv_status status = lsm_install(self, &edit, &taken);
    if (taken && self->compaction != NULL) {
        compaction_take(self->compaction);
    }
    return status == PYKV_NOT_FOUND ? PYKV_OK : status;
}

/* Installs the outputs in place of all inputs. */
static pykv_status finish(lsm *self) REQUIRES(self->compaction_lock)
{
    size_t count = self->plan.input_counts[0] + self->plan.input_counts[1];
    table_file **inputs = mem_alloc((count + 1) * sizeof *inputs);
    if (inputs == NULL) {
        return error_set_no_memory((count + 1) * sizeof *inputs);
    }
    size_t at = 0;
    for (int side = 0; side < 2; side++) {
        for (size_t i = 0; i < self->plan.input_counts[side]; i++) {
            inputs[at++] = self->plan.inputs[side][i];
        }
    }
    pykv_status status = install(self, inputs, count);
    mem_free(inputs);
    if (status == PYKV_OK) {
        lsm_count_some(&self->counters.compaction_count, 1);
    }
    if (status == PYKV_OK && self->compaction != NULL) {
        lsm_count_some(&self->counters.compaction_read_bytes, self->plan.input_bytes);
        lsm_count_some(&self->counters.compacted_bytes,
                       compaction_counts(self->compaction).bytes_written);
    }
    return status;
}

static pykv_status step(lsm *self, const wanted *what, bool *worked_out)
    REQUIRES(self->compaction_lock)
{
    pykv_status status = PYKV_OK;
    bool more = false;
    if (self->plan.of == NULL) {
        status = begin(self, what);
    }
    *worked_out = status == PYKV_OK;
    if (status == PYKV_NOT_FOUND || status == PYKV_WOULD_BLOCK) {
        lsm_note_result(self, LSM_WORK_COMPACTION, PYKV_OK);
        return PYKV_OK;
    }
    if (status == PYKV_OK && self->compaction != NULL) {
        status = compaction_step(self->compaction, LSM_STEP_BYTES, &more);
    }
    if (status == PYKV_OK && !more) {
        status = finish(self);
    }
    if (status == PYKV_OK && more) {
        return PYKV_OK;
    }
    pykv_error failure = *error_last();
    bool goes_on = note_room(self, status);
    lsm_compaction_abandon(self);
    error_restore(&failure);
    if (lsm_lend_room(self, status)) {
        self->compaction_bytes_max = 0;
        goes_on = true;
    }
    if (goes_on) {
        *worked_out = true;
        return PYKV_OK;
    }
    lsm_note_result(self, LSM_WORK_COMPACTION, status);
    lsm_take_room_back(self, status);
    return status;
}

pykv_status lsm_compaction_step(lsm *self, bool *worked_out)
{
    wanted due = {.range = NULL};
    return step(self, &due, worked_out);
}

static pykv_status check_goes_on(const lsm *self, const pykv_progress *progress)
{
    if (atomic_load_explicit(&self->gate.closing, memory_order_relaxed) != 0) {
        return error_set(PYKV_CLOSED, "the store is closed");
    }
    if (progress != NULL && __atomic_load_n(&progress->cancel, __ATOMIC_RELAXED) != 0) {
        return error_set(PYKV_TIMED_OUT, "the compaction was ended before it was done");
    }
    return PYKV_OK;
}

static pykv_status compact_range(lsm *self, const wanted *what, pykv_progress *progress)
    REQUIRES(self->compaction_lock)
{
    bool worked = true;
    pykv_status status = PYKV_OK;
    while (status == PYKV_OK && worked) {
        status = check_goes_on(self, progress);
        if (status == PYKV_OK) {
            status = step(self, what, &worked);
        }
        if (progress != NULL) {
            __atomic_store_n(&progress->done, progress->done + LSM_STEP_BYTES, __ATOMIC_RELAXED);
        }
    }
    return status;
}

static uint64_t compaction_count(lsm *self)
{
    return atomic_load_explicit(&self->counters.compaction_count, memory_order_relaxed);
}

/* On a full disk it does what there is room for, which gives room back. */
pykv_status lsm_compact(lsm *self, pykv_progress *progress)
{
    key_range all = {slice_make("", 0), slice_make(NULL, 0), false};
    uint64_t done = compaction_count(self);
    pykv_status status = lsm_flush_active(self);
    if (status != PYKV_OK && status != PYKV_NO_SPACE) {
        return status;
    }
    mutex_lock(&self->writer);
    wanted what = {.range = &all, .number_before = (uint32_t)self->next_number};
    uint64_t bytes = version_bytes(lsm_view(self)->version);
    mutex_unlock(&self->writer);
    if (progress != NULL) {
        __atomic_store_n(&progress->total, bytes, __ATOMIC_RELAXED);
    }
    mutex_lock(&self->compaction_lock);
    status = compact_range(self, &what, progress);
    mutex_unlock(&self->compaction_lock);
    (void)reclaimer_sweep(&self->reclaimer);
    (void)table_graveyard_empty(&self->graveyard);
    return status == PYKV_NO_SPACE && compaction_count(self) != done ? PYKV_OK : status;
}
