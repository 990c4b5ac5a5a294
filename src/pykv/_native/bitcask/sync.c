/*
 * sync: group commit and what a failed sync means.
 *
 * One waiting caller leads: it notes what was appended, syncs every segment that holds un-synced
 * bytes, oldest first, and only then lets the writes become visible. Whoever arrived meanwhile
 * waits for the next round. A sync that fails is final: the pages it was to write count as clean
 * for the system, so a later success would mean nothing.
 */
#include "bitcask/sync.h"

#include "base/error.h"
#include "base/invariant.h"
#include "bitcask/bitcask.h"
#include "bitcask/health.h"
#include "bitcask/publish_waiting.h"

/* Rolling leaves few sealed segments without a sync (bitcask_make_room). If there are more all the
 * same, a round takes the oldest, and the next round the others. */
enum { SYNC_TARGETS_MAX = BITCASK_UNSYNCED_SEALED_MAX + 6 };

/* What a round must sync: segments pinned until it is done. */
typedef struct sync_plan {
    segment *targets[SYNC_TARGETS_MAX];
    size_t target_count;
    uint64_t sequence; /* appended when the plan was made */
    uint64_t position;
    uint64_t clear_sequence; /* of the last clear by then */
} sync_plan;

uint64_t bitcask_last_clear(const bitcask *self)
{
    uint64_t sequence = directory_now_locked(&self->spaces.main.directory)->clear_sequence;
    for (size_t i = 0; i < self->pending_count; i++) {
        if (self->pending[i].clears) {
            sequence = self->pending[i].sequence;
        }
    }
    return sequence;
}

static bool needs_sync(const bitcask *self, const segment *candidate) REQUIRES(self->writer)
{
    return !candidate->synced && candidate != self->prepared &&
           (candidate->sealed || candidate == self->active);
}

/* What is appended after this round begins in another sector, if the options ask for it. */
static pykv_status pad_tail(bitcask *self) REQUIRES(self->writer)
{
    bool wanted = self->options.log_sector_padding != 0 && self->active != NULL &&
                  self->active->last_sequence > self->synced_sequence;
    return wanted ? log_writer_pad(&self->log) : PYKV_OK;
}

static void plan_round(bitcask *self, sync_plan *plan) REQUIRES(self->writer)
{
    *plan = (sync_plan){.sequence = self->appended_sequence,
                        .position = self->synced_position,
                        .clear_sequence = bitcask_last_clear(self)};
    for (size_t i = 0; i < self->segment_count; i++) {
        segment *candidate = self->segments[i];
        if (!needs_sync(self, candidate)) {
            continue;
        }
        if (plan->target_count == SYNC_TARGETS_MAX) {
            plan->sequence = plan->targets[SYNC_TARGETS_MAX - 1]->last_sequence;
            return;
        }
        candidate->pin_count++;
        plan->targets[plan->target_count++] = candidate;
        if (candidate->last_sequence != 0) {
            plan->position = log_position(
                candidate->number, atomic_load_explicit(&candidate->length, memory_order_relaxed));
        }
    }
}

static pykv_status sync_targets(const sync_plan *plan)
{
    pykv_status status = PYKV_OK;
    for (size_t i = 0; i < plan->target_count && status == PYKV_OK; i++) {
        if (PYKV_PLANTED(24) && i + 1 < plan->target_count) {
            continue;
        }
        status = env_file_sync(plan->targets[i]->file);
    }
    return status;
}

static void mark_synced(bitcask *self, segment *target) REQUIRES(self->writer)
{
    target->synced = true;
    if (target->kind == LOG_SEGMENT_APPEND && target->last_sequence > self->sealed_sequence) {
        self->sealed_sequence = target->last_sequence;
    }
}

void bitcask_mark_sealed(bitcask *self, segment *target)
{
    target->sealed = true;
    if (target->last_sequence <= self->synced_sequence) {
        mark_synced(self, target);
    }
}

/* After the round: marks, publishes, unpins. */
static pykv_status finish_round(bitcask *self, sync_plan *plan, pykv_status status)
    REQUIRES(self->writer)
{
    for (size_t i = 0; i < plan->target_count; i++) {
        plan->targets[i]->pin_count--;
        if (status == PYKV_OK && plan->targets[i]->sealed &&
            plan->targets[i]->last_sequence <= plan->sequence) {
            mark_synced(self, plan->targets[i]);
        }
    }
    if (status != PYKV_OK) {
        bitcask_fail(self);
        return status;
    }
    self->synced_sequence = plan->sequence;
    self->synced_position = plan->position;
    atomic_store_explicit(&self->last_sync_us, env_monotonic_us(self->env), memory_order_relaxed);
    atomic_fetch_add_explicit(&self->counters.sync_count, 1, memory_order_relaxed);
    if (self->active != NULL && plan->target_count > 0) {
        log_writer_synced(&self->log, plan->position);
    }
    pykv_status published = bitcask_publish_pending(self, plan->sequence);
    /* Another clear may have come since. */
    if (plan->clear_sequence <= plan->sequence &&
        plan->clear_sequence > self->durable_clear_sequence) {
        self->durable_clear_sequence = plan->clear_sequence;
    }
    change_feeds_wake(&self->feeds);
    return published;
}

/* Nothing to do if another round came to sequence before this one began. */
static pykv_status run_round(bitcask *self, uint64_t sequence)
{
    sync_plan plan;
    mutex_lock(&self->writer);
    pykv_status status = bitcask_check_writable(self);
    if (status == PYKV_OK && self->synced_sequence >= sequence) {
        mutex_unlock(&self->writer);
        return PYKV_OK;
    }
    if (status == PYKV_OK) {
        status = pad_tail(self);
        if (status != PYKV_OK) {
            bitcask_fail(self);
        }
    }
    if (status == PYKV_OK) {
        plan_round(self, &plan);
    }
    mutex_unlock(&self->writer);
    if (status != PYKV_OK) {
        return status;
    }
    status = sync_targets(&plan);
    mutex_lock(&self->writer);
    status = finish_round(self, &plan, status);
    mutex_unlock(&self->writer);
    return status;
}

static uint64_t synced_now(bitcask *self, pykv_status *failed_out)
{
    mutex_lock(&self->writer);
    uint64_t sequence = self->synced_sequence;
    *failed_out = PYKV_OK;
    if (self->state == PYKV_STATE_FAILED) {
        *failed_out =
            error_set(PYKV_COMMIT_UNKNOWN,
                      "the sync of this write failed (%.300s): it may or may not be there "
                      "after the store is opened again",
                      self->failure.text);
    }
    mutex_unlock(&self->writer);
    return sequence;
}

/* What a sync made durable may have failed to become visible, in a round that another thread led.
 */
static pykv_status check_shown(bitcask *self, uint64_t sequence)
{
    mutex_lock(&self->writer);
    pykv_status status = PYKV_OK;
    if (self->state == PYKV_STATE_FAILED && self->published_sequence < sequence &&
        !PYKV_PLANTED(356)) {
        status = error_set(PYKV_COMMIT_UNKNOWN,
                           "this write is durable, but could not be made visible (%.300s): it is "
                           "there after the store is opened again",
                           self->failure.text);
    }
    mutex_unlock(&self->writer);
    return status;
}

pykv_status bitcask_sync_through(bitcask *self, uint64_t sequence)
{
    pykv_status failed;
    pykv_status status = PYKV_OK;
    while (status == PYKV_OK && synced_now(self, &failed) < sequence) {
        if (failed != PYKV_OK) {
            return failed;
        }
        mutex_lock(&self->sync_lock);
        if (self->sync_running) {
            uint64_t round = self->sync_round;
            while (self->sync_running && self->sync_round == round) {
                condition_wait(&self->sync_done, &self->sync_lock);
            }
            mutex_unlock(&self->sync_lock);
            continue;
        }
        self->sync_running = true;
        mutex_unlock(&self->sync_lock);
        status = run_round(self, sequence);
        mutex_lock(&self->sync_lock);
        self->sync_running = false;
        self->sync_round++;
        condition_broadcast(&self->sync_done);
        mutex_unlock(&self->sync_lock);
    }
    if (status != PYKV_OK) {
        (void)synced_now(self, &failed);
        return failed != PYKV_OK ? failed : status;
    }
    return failed != PYKV_OK ? check_shown(self, sequence) : PYKV_OK;
}

pykv_status bitcask_sync(bitcask *self)
{
    mutex_lock(&self->writer);
    pykv_status status = self->options.read_only != 0 ? PYKV_OK : bitcask_check_writable(self);
    uint64_t sequence = self->options.read_only != 0 ? 0 : self->appended_sequence;
    mutex_unlock(&self->writer);
    return status == PYKV_OK ? bitcask_sync_through(self, sequence) : status;
}

int32_t bitcask_flags_by_interval(bitcask *self, int32_t flags)
{
    bool given = (flags & (PYKV_SYNC | PYKV_NO_SYNC)) != 0;
    if (given || lent_count(&self->gate.lent, PYKV_ROLE_LOG) > 0) {
        return flags;
    }
    uint64_t last = atomic_load_explicit(&self->last_sync_us, memory_order_relaxed);
    bool due = env_monotonic_us(self->env) - last >= self->options.interval_us;
    return due ? flags | PYKV_SYNC : flags;
}

pykv_status bitcask_sync_active(bitcask *self)
{
    mutex_lock(&self->writer);
    segment *target = self->active;
    mutex_unlock(&self->writer);
    return target != NULL ? env_file_sync(target->file) : PYKV_OK;
}
