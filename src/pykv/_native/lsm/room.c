/*
 * room: memtables change, and writers wait.
 */
#include "lsm/room.h"

#include "base/error.h"
#include "base/invariant.h"
#include "lsm/brake.h"
#include "lsm/compaction_jobs.h"
#include "lsm/health.h"
#include "lsm/jobs.h"
#include "lsm/reserve.h"
#include "lsm/write.h"

/* A writer waits so long at most for room on a full disk, and while work takes so often all that is
 * kept. */
enum { ROOM_WAIT_US = 10000, FULL_WAIT_US_MAX = 10 * 1000 * 1000, FULL_LENDINGS_MAX = 3 };

pykv_status lsm_new_memtable(lsm *self, memtable **out)
{
    kept_memory_announce(&self->memory, self->options.memtable_bytes);
    return memtable_create_in(&self->reclaimer, &self->memory, self->options.memtable_bytes, out);
}

void lsm_replace_view(lsm *self, view *fresh)
{
    view *old = atomic_exchange_explicit(&self->view, fresh, memory_order_acq_rel);
    if (old != NULL) {
        view_retire(old, &self->reclaimer);
    }
    lsm_brake_renew(self);
}

pykv_status lsm_publish_view(lsm *self, memtable *active, memtable *const *immutables,
                             uint32_t immutable_count, version *tables)
{
    view *fresh;
    pykv_status status = view_new(active, immutables, immutable_count, tables, &fresh);
    if (status == PYKV_OK) {
        lsm_replace_view(self, fresh);
    }
    return status;
}

/* True if a full memtable has to wait: for its place, or for readers of level 0. */
static bool has_too_many(lsm *self, const view *now)
{
    return now->immutable_count == VIEW_IMMUTABLES_MAX ||
           now->version->levels[0].count >= lsm_level0_stop(self);
}

bool lsm_is_stalled(lsm *self)
{
    const view *now = lsm_view(self);
    return memtable_is_full(now->active) && has_too_many(self, now);
}

/* The view with an empty memtable before those of now. */
static pykv_status publish_switched(lsm *self, const view *now) REQUIRES(self->writer)
{
    memtable *fresh;
    memtable *immutables[VIEW_IMMUTABLES_MAX] = {now->active};
    pykv_status status = lsm_new_memtable(self, &fresh);
    if (status != PYKV_OK) {
        return status;
    }
    for (uint32_t i = 0; i < now->immutable_count; i++) {
        immutables[i + 1] = now->immutables[i];
    }
    status = lsm_publish_view(self, fresh, immutables, now->immutable_count + 1, now->version);
    if (status == PYKV_OK) {
        memtable_seal(immutables[0]);
    }
    memtable_release(fresh);
    return status;
}

pykv_status lsm_switch_memtable(lsm *self)
{
    view *now = lsm_view(self);
    if (!self->is_flush_due) {
        return PYKV_OK;
    }
    if (now->immutable_count == VIEW_IMMUTABLES_MAX) {
        return PYKV_WOULD_BLOCK;
    }
    pykv_status status = wal_roll(self->log);
    if (status == PYKV_OK) {
        status = publish_switched(self, now);
    }
    if (status == PYKV_OK) {
        self->is_flush_due = false;
        lent_call(&self->gate.lent, PYKV_ROLE_DATA);
    }
    return status;
}

pykv_status lsm_make_room(lsm *self, uint64_t log_bytes)
{
    const view *now = lsm_view(self);
    if (PYKV_UNLIKELY(self->ingest_mark != 0)) {
        return PYKV_WOULD_BLOCK;
    }
    if (PYKV_UNLIKELY(memtable_is_full(now->active))) {
        pykv_status status = has_too_many(self, now) ? PYKV_WOULD_BLOCK : lsm_switch_memtable(self);
        if (status != PYKV_OK) {
            return status;
        }
    }
    if (lsm_is_short_of_room(self, log_bytes)) {
        return PYKV_WOULD_BLOCK;
    }
    return wal_room(self->log, log_bytes);
}

/* Puts an empty memtable, with a filter for a write of that many bytes, in the place of the active
 * one, if that is empty. It may not be: other threads lend the room that is kept at any time, so a
 * write that found too little room to seal the active one may find enough a moment later. */
static pykv_status make_active_for(lsm *self, uint64_t memtable_bytes) REQUIRES(self->writer)
{
    memtable *fresh;
    memtable_stats stats;
    const view *now = lsm_view(self);
    memtable_stats_read(now->active, &stats);
    if (stats.sequence_max != 0) {
        return PYKV_OK;
    }
    pykv_status status = memtable_create_for(&self->reclaimer, &self->memory,
                                             self->options.memtable_bytes, memtable_bytes, &fresh);
    if (status == PYKV_OK) {
        status = lsm_publish_view(self, fresh, now->immutables, now->immutable_count, now->version);
        memtable_release(fresh);
    }
    return status;
}

pykv_status lsm_make_large_room(lsm *self, uint64_t log_bytes, uint64_t memtable_bytes)
{
    memtable_stats stats;
    memtable *active = lsm_view(self)->active;
    memtable_stats_read(active, &stats);
    bool fits = stats.used_bytes + memtable_bytes <= self->options.memtable_bytes;
    if (stats.sequence_max != 0 && !fits && !lsm_is_short_of_room(self, log_bytes)) {
        memtable_close_early(active);
    }
    pykv_status status = lsm_make_room(self, log_bytes);
    if (status == PYKV_OK && memtable_bytes > self->options.memtable_bytes) {
        status = make_active_for(self, memtable_bytes);
    }
    return status;
}

void lsm_end_large(lsm *self)
{
    const view *now = lsm_view(self);
    memtable_close_early(now->active);
    if (!has_too_many(self, now) && lsm_switch_memtable(self) != PYKV_OK) {
        /* The next write finds it full. */
    }
}

void lsm_tell_room(lsm *self)
{
    mutex_lock(&self->room_lock);
    self->room_count++;
    condition_broadcast(&self->room_made);
    mutex_unlock(&self->room_lock);
}

uint64_t lsm_room_seen(lsm *self)
{
    mutex_lock(&self->room_lock);
    uint64_t count = self->room_count;
    mutex_unlock(&self->room_lock);
    return count;
}

void lsm_room_wait(lsm *self, uint64_t seen, uint64_t most_us)
{
    mutex_lock(&self->room_lock);
    if (self->room_count == seen) {
        (void)condition_wait_for(&self->room_made, &self->room_lock, most_us);
    }
    mutex_unlock(&self->room_lock);
}

static void count_stall(lsm *self, uint64_t began_us)
{
    uint64_t waited = env_monotonic_us(self->env) - began_us;
    atomic_fetch_add_explicit(&self->counters.stall_us, waited, memory_order_relaxed);
}

/* Waits for a lent thread to make room. Where none was lent works itself, and waits only while
 * another writer does. */
static pykv_status wait_for_room(lsm *self, uint64_t seen, uint64_t failures, bool for_ranges)
{
    uint64_t began = env_monotonic_us(self->env);
    pykv_status status = PYKV_OK;
    if (lent_count(&self->gate.lent, PYKV_ROLE_DATA) == 0) {
        int32_t more = 0;
        status = lsm_maintain_step(self, PYKV_ROLE_DATA, &more);
        if (status == PYKV_OK && more == 0) {
            lsm_room_wait(self, seen, ROOM_WAIT_US);
        }
    } else {
        lent_call(&self->gate.lent, PYKV_ROLE_DATA);
        lsm_room_wait(self, seen, ROOM_WAIT_US);
        status = lsm_failure_of_room(self, failures, for_ranges);
    }
    count_stall(self, began);
    return status;
}

static uint64_t failures_of_room(lsm *self)
{
    mutex_lock(&self->writer);
    uint64_t failures = lsm_failures_of_room(self);
    mutex_unlock(&self->writer);
    return failures;
}

pykv_status lsm_wait_for_range_room(lsm *self)
{
    uint64_t seen = lsm_room_seen(self);
    return wait_for_room(self, seen, failures_of_room(self), true);
}

/* True if something of a wish for room is left. */
static bool is_wished(lsm *self)
{
    mutex_lock(&self->compaction_lock);
    bool wishes = self->room_wish_until_us != 0;
    mutex_unlock(&self->compaction_lock);
    return wishes;
}

/* True if lent threads flush or compact, or will. */
static bool is_at_work(lsm *self)
{
    mutex_lock(&self->writer);
    bool is_due = lsm_view(self)->immutable_count > 0;
    mutex_unlock(&self->writer);
    mutex_lock(&self->compaction_lock);
    bool compacts = compaction_jobs_running(self);
    mutex_unlock(&self->compaction_lock);
    return is_due || compacts || is_wished(self) ||
           atomic_load_explicit(&self->counters.pending_compaction_bytes, memory_order_relaxed) > 0;
}

/* A moment of work that may give room back. False: there is none. */
static bool wait_for_work(lsm *self)
{
    int32_t more = 0;
    uint64_t seen = lsm_room_seen(self);
    if (lent_count(&self->gate.lent, PYKV_ROLE_DATA) == 0) {
        return is_wished(self) && lsm_maintain_step(self, PYKV_ROLE_DATA, &more) == PYKV_OK;
    }
    if (!is_at_work(self)) {
        return false;
    }
    uint64_t began = env_monotonic_us(self->env);
    lent_call(&self->gate.lent, PYKV_ROLE_DATA);
    lsm_room_wait(self, seen, ROOM_WAIT_US);
    count_stall(self, began);
    return true;
}

/* The same, and what else gives room. */
static bool gain_room(lsm *self)
{
    bool gains = wait_for_work(self);
    lsm_tidy(self);
    wal_wait_for_next(self->log);
    (void)wal_give_back(self->log);
    return gains;
}

static bool is_in_vain(lsm *self, const full_wait *wait)
{
    return failures_of_room(self) != wait->failure_count || wait->lending_count > FULL_LENDINGS_MAX;
}

/* What is wished for is done to its end before a write takes the room that it needs. */
static bool gain_all_room(lsm *self, const full_wait *wait)
{
    bool in_vain = false;
    bool gains = true;
    while (gains && !in_vain) {
        in_vain = is_in_vain(self, wait);
        gains = gain_room(self);
        if (!is_wished(self) || env_monotonic_us(self->env) >= wait->until_us) {
            break;
        }
    }
    return gains && !in_vain;
}

static uint64_t flushed_bytes(lsm *self)
{
    return atomic_load_explicit(&self->counters.flushed_bytes, memory_order_relaxed);
}

/* What failed before, and a flush that fails for this, say nothing of what is wished for. */
static void wish_for_room(lsm *self, full_wait *wait)
{
    lsm_wish_for_room(self, wait->until_us);
    wait->wished_after = flushed_bytes(self);
    wait->failure_count = failures_of_room(self);
    wait->lending_count = 0;
}

bool lsm_wait_on_full_disk(lsm *self, full_wait *wait)
{
    uint64_t now_us = env_monotonic_us(self->env);
    if (wait->until_us == 0) {
        *wait = (full_wait){.until_us = now_us + FULL_WAIT_US_MAX,
                            .failure_count = failures_of_room(self),
                            .wished_after = UINT64_MAX};
    }
    if (wait->is_last || now_us >= wait->until_us) {
        return false;
    }
    pykv_error failure = *error_last();
    bool may_wish = !error_is_file_limit() && !PYKV_PLANTED(248);
    bool gains = gain_all_room(self, wait);
    /* Again where more was flushed: that may hide what is dead. */
    if (!gains && may_wish && wait->wished_after != flushed_bytes(self)) {
        wish_for_room(self, wait);
        gains = gain_all_room(self, wait);
    }
    wait->is_last = !gains;
    error_restore(&failure);
    return true;
}

pykv_status lsm_provide(lsm *self, uint64_t log_bytes)
{
    uint64_t seen = lsm_room_seen(self);
    mutex_lock(&self->writer);
    bool paused = self->ingest_mark != 0;
    bool stalled = lsm_is_stalled(self);
    uint64_t failures = lsm_failures_of_room(self);
    bool full = memtable_is_full(lsm_view(self)->active);
    bool is_short = lsm_is_short_of_room(self, log_bytes);
    wal *log = self->log;
    mutex_unlock(&self->writer);
    if (paused) {
        lsm_room_wait(self, seen, ROOM_WAIT_US);
        return PYKV_OK;
    }
    if (stalled) {
        return wait_for_room(self, seen, failures, false);
    }
    if (full) {
        return wal_prepare_next(log);
    }
    return is_short ? lsm_keep_room(self, log_bytes) : wal_provide(log, log_bytes);
}
