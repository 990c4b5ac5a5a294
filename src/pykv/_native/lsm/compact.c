/*
 * compact: steps of compactions, and compactions that a user asked for.
 *
 * While somebody asks, every thread that takes a new job takes what he needs; he himself goes on
 * until nothing of it is left, and waits while others are at the rest.
 */
#include "base/error.h"
#include "base/invariant.h"
#include "lsm/compaction_jobs.h"
#include "lsm/compaction_pick.h"
#include "lsm/health.h"
#include "lsm/jobs.h"
#include "lsm/reserve.h"
#include "lsm/room.h"

enum { TURN_WAIT_US = 10000 };

/* How a turn came out. */
typedef enum turn { TURN_NOTHING = 0, TURN_OTHERS, TURN_WORKED } turn;

static pykv_status take(lsm *self, compaction_job **job_out)
{
    mutex_lock(&self->compaction_lock);
    pykv_status status = compaction_jobs_take(self, job_out);
    mutex_unlock(&self->compaction_lock);
    return status;
}

static void hand_back(lsm *self, compaction_job *job)
{
    mutex_lock(&self->compaction_lock);
    job->state = COMPACTION_WAITS;
    mutex_unlock(&self->compaction_lock);
}

/* Ends a job, or an attempt at one. PYKV_OK also where it failed for want of room, and the next one
 * may have that. */
static pykv_status end_turn(lsm *self, compaction_job *job, pykv_status status)
{
    pykv_error failure = *error_last();
    bool goes_on = false;
    mutex_lock(&self->compaction_lock);
    if (job != NULL) {
        goes_on = compaction_jobs_note_room(self, job, status);
        compaction_job_end(self, job);
    }
    if (lsm_lend_room(self, status)) {
        self->compaction_room = (compaction_room){.moves = VALUE_MOVES_LEAST};
        goes_on = true;
    }
    if (!goes_on && status != PYKV_OK) {
        self->room_wish_until_us = 0;
    }
    bool is_short = compaction_jobs_are_short(self);
    mutex_unlock(&self->compaction_lock);
    if (is_short && !PYKV_PLANTED(403)) {
        lsm_tidy(self); /* the next one needs the room of what this one replaced */
    }
    lent_call(&self->gate.lent, PYKV_ROLE_DATA); /* others may begin what waited for it */
    error_restore(&failure);
    if (goes_on) {
        return PYKV_OK;
    }
    lsm_note_result(self, LSM_WORK_COMPACTION, status);
    if (status == PYKV_OK) {
        lsm_take_room_back(self);
    }
    return status;
}

/* A step of a job, or none. */
static pykv_status take_turn(lsm *self, turn *turn_out)
{
    compaction_job *job = NULL;
    bool more = false;
    pykv_status status = take(self, &job);
    *turn_out = TURN_WORKED;
    if (status == PYKV_WOULD_BLOCK) {
        *turn_out = TURN_OTHERS;
        return PYKV_OK;
    }
    if (status == PYKV_NOT_FOUND) {
        *turn_out = TURN_NOTHING;
        lsm_note_result(self, LSM_WORK_COMPACTION, PYKV_OK);
        return PYKV_OK;
    }
    if (job != NULL) {
        status = compaction_job_advance(self, job, &more);
    }
    if (status == PYKV_OK && more) {
        hand_back(self, job);
        return PYKV_OK;
    }
    return end_turn(self, job, status);
}

pykv_status lsm_compaction_step(lsm *self, bool *worked_out)
{
    turn came;
    pykv_status status = take_turn(self, &came);
    *worked_out = came == TURN_WORKED;
    return status;
}

void lsm_compactions_abandon(lsm *self)
{
    for (uint32_t i = 0; i < LSM_COMPACTIONS_MAX; i++) {
        compaction_job_end(self, &self->compactions[i]);
    }
}

/* ---- asked for ---- */

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

static pykv_status take_turns(lsm *self, pykv_progress *progress)
{
    turn came = TURN_WORKED;
    pykv_status status = PYKV_OK;
    while (status == PYKV_OK && came != TURN_NOTHING) {
        uint64_t seen = lsm_room_seen(self);
        status = check_goes_on(self, progress);
        if (status == PYKV_OK) {
            status = take_turn(self, &came);
        }
        if (status == PYKV_OK && came == TURN_OTHERS) {
            lsm_room_wait(self, seen, TURN_WAIT_US);
        }
        if (progress != NULL && came == TURN_WORKED) {
            __atomic_store_n(&progress->done, progress->done + LSM_STEP_BYTES, __ATOMIC_RELAXED);
        }
    }
    return status;
}

/* What runs already belongs to it: when it is done no table is left that was replaced before. */
static void set_wish(lsm *self, const compaction_wish *wish)
{
    mutex_lock(&self->compaction_lock);
    self->wish = wish;
    for (uint32_t i = 0; i < LSM_COMPACTIONS_MAX; i++) {
        self->compactions[i].is_wished = true;
    }
    mutex_unlock(&self->compaction_lock);
    lent_call(&self->gate.lent, PYKV_ROLE_DATA);
}

static uint64_t compaction_count(lsm *self)
{
    return atomic_load_explicit(&self->counters.compaction_count, memory_order_relaxed);
}

static key_range bounds_of(const pykv_range *range)
{
    key_range bounds = {.start = slice_make("", 0)};
    if (range != NULL && range->has_start != 0 && !PYKV_PLANTED(129)) {
        bounds.start = slice_make(range->start, range->start_length);
    }
    if (range != NULL && range->has_stop != 0) {
        bounds.stop = slice_make(range->stop, range->stop_length);
        bounds.has_stop = true;
    }
    return bounds;
}

/* The highest sequence in tables: what was flushed. */
static uint64_t sequence_flushed(const version *now)
{
    uint64_t highest = 0;
    for (uint32_t i = 0; i < LSM_LEVEL_COUNT; i++) {
        for (uint32_t k = 0; k < now->levels[i].count; k++) {
            uint64_t sequence = now->levels[i].files[k]->facts.sequence_max;
            highest = sequence > highest ? sequence : highest;
        }
    }
    return highest;
}

/* What is wished for now; returns the bytes of its tables. */
static uint64_t make_wish(lsm *self, const key_range *bounds, compaction_wish *out)
{
    mutex_lock(&self->writer);
    version *now = version_acquire(lsm_view(self)->version);
    *out = (compaction_wish){.range = *bounds, .number_before = (uint32_t)self->next_number};
    mutex_unlock(&self->writer);
    out->sequence_through = sequence_flushed(now);
    uint64_t bytes = compaction_range_bytes(now, bounds);
    version_release(now);
    return bytes;
}

void lsm_wish_for_room(lsm *self, uint64_t until_us)
{
    compaction_wish wish;
    key_range everything = bounds_of(NULL);
    (void)!lsm_flush_active(self);
    (void)make_wish(self, &everything, &wish);
    mutex_lock(&self->compaction_lock);
    self->room_wish = wish;
    self->room_wish_until_us = until_us;
    mutex_unlock(&self->compaction_lock);
    lent_call(&self->gate.lent, PYKV_ROLE_DATA);
}

/* Waits for those who asked before, as long as the caller wants to. False: *status_out is why not.
 */
static bool lock_wish(lsm *self, const pykv_progress *progress, pykv_status *status_out)
    TRY_ACQUIRES(true, self->wish_lock)
{
    while (!mutex_try_lock(&self->wish_lock)) {
        uint64_t seen = lsm_room_seen(self);
        *status_out = check_goes_on(self, progress);
        if (*status_out != PYKV_OK) {
            return false;
        }
        lsm_room_wait(self, seen, TURN_WAIT_US);
    }
    return true;
}

/* On a full disk it does what there is room for, which gives room back. */
pykv_status lsm_compact_range(lsm *self, const pykv_range *range, pykv_progress *progress)
{
    compaction_wish wish;
    key_range bounds = bounds_of(range);
    uint64_t done = compaction_count(self);
    pykv_status status = lsm_flush_active(self);
    bool is_empty = bounds.has_stop && slice_compare(bounds.start, bounds.stop) >= 0;
    if ((status != PYKV_OK && status != PYKV_NO_SPACE) || is_empty) {
        return status;
    }
    uint64_t bytes = make_wish(self, &bounds, &wish);
    if (progress != NULL) {
        __atomic_store_n(&progress->total, bytes, __ATOMIC_RELAXED);
    }
    if (!lock_wish(self, progress, &status)) {
        return status;
    }
    set_wish(self, &wish);
    status = take_turns(self, progress);
    pykv_error failure = *error_last();
    set_wish(self, NULL);
    mutex_unlock(&self->wish_lock);
    lsm_tidy(self);
    error_restore(&failure);
    return status == PYKV_NO_SPACE && compaction_count(self) != done ? PYKV_OK : status;
}

pykv_status lsm_compact(lsm *self, pykv_progress *progress)
{
    return lsm_compact_range(self, NULL, progress);
}
