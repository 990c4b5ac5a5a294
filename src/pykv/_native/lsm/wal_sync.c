/*
 * wal_sync: group commit and what a failed sync means.
 *
 * One waiting caller leads: it notes what was appended and syncs every log with un-synced records,
 * oldest first. Whoever came meanwhile waits for the next round. A sync that fails is final: the
 * pages it was to write count as clean for the system, so a later success would mean nothing.
 * Thread-safety as wal.h states it.
 */
#include "base/error.h"
#include "base/invariant.h"
#include "lsm/wal_internal.h"

/* What a round must sync: logs pinned until it is done. */
typedef struct sync_plan {
    wal_log *targets[WAL_UNSYNCED_SEALED_MAX + 1];
    size_t target_count;
    uint64_t sequence; /* appended when the plan was made */
    uint64_t position;
} sync_plan;

void wal_note_synced(wal *self, uint64_t sequence)
{
    if (sequence > self->synced_sequence) {
        self->synced_sequence = sequence;
        self->owner.synced(self->owner.context, sequence);
    }
}

void wal_fail(wal *self)
{
    wal_lock_is_held(self);
    if (!self->failed && !PYKV_PLANTED(80)) {
        self->failed = true;
        self->failure = *error_last();
    }
}

/* What is appended after this round begins in another sector, if the options ask for it: behind
 * zeros, or in the next log if there is no room for them. */
static pykv_status end_sector(wal *self) REQUIRES(self->writer)
{
    bool wanted = self->options->log_sector_padding != 0 && self->active != NULL &&
                  self->active->last_sequence > self->synced_sequence;
    if (!wanted || log_writer_pad(&self->active->writer) == PYKV_OK) {
        return PYKV_OK;
    }
    return wal_seal_active(self);
}

static void plan_round(wal *self, sync_plan *plan) REQUIRES(self->writer)
{
    *plan = (sync_plan){.sequence = self->appended_sequence, .position = self->synced_position};
    for (size_t i = 0; i < self->log_count; i++) {
        wal_log *log = self->logs[i];
        if (log->synced || log->last_sequence <= self->synced_sequence) {
            continue;
        }
        PYKV_ASSERT(plan->target_count <= WAL_UNSYNCED_SEALED_MAX);
        log->pin_count++;
        plan->targets[plan->target_count++] = log;
        plan->position = log_position(log->number, log_writer_end(&log->writer));
    }
}

static pykv_status sync_targets(const sync_plan *plan)
{
    pykv_status status = PYKV_OK;
    for (size_t i = 0; i < plan->target_count && status == PYKV_OK; i++) {
        if (PYKV_PLANTED(76) && i + 1 < plan->target_count) {
            continue;
        }
        status = env_file_sync(plan->targets[i]->file);
    }
    return status;
}

/* After the round: unpins and marks; returns logs to take away. */
static wal_log *finish_round(wal *self, const sync_plan *plan, pykv_status status)
    REQUIRES(self->writer)
{
    wal_log *dead = NULL;
    for (size_t i = 0; i < plan->target_count; i++) {
        wal_log *log = plan->targets[i];
        if (status == PYKV_OK && log->sealed && log->last_sequence <= plan->sequence) {
            log->synced = true;
        }
        wal_log *dropped = wal_unpin(self, log);
        if (dropped != NULL) {
            dropped->next = dead;
            dead = dropped;
        }
    }
    if (status != PYKV_OK) {
        wal_fail(self);
        return dead;
    }
    self->synced_position = plan->position;
    self->sync_count += plan->target_count > 0;
    atomic_store_explicit(&self->last_sync_us, env_monotonic_us(self->environment),
                          memory_order_relaxed);
    if (self->active != NULL) {
        log_writer_synced(&self->active->writer, plan->position);
    }
    wal_note_synced(self, plan->sequence);
    return dead;
}

/* Nothing to do if another round came to sequence before this one began. */
static pykv_status run_round(wal *self, uint64_t sequence)
{
    sync_plan plan;
    mutex_lock(self->writer);
    pykv_status status = wal_check(self);
    if (status == PYKV_OK && self->synced_sequence >= sequence) {
        mutex_unlock(self->writer);
        return PYKV_OK;
    }
    if (status == PYKV_OK) {
        status = end_sector(self);
        if (status != PYKV_OK) {
            wal_fail(self);
        }
    }
    if (status == PYKV_OK) {
        plan_round(self, &plan);
    }
    mutex_unlock(self->writer);
    if (status != PYKV_OK) {
        return status;
    }
    status = sync_targets(&plan);
    mutex_lock(self->writer);
    wal_log *dead = finish_round(self, &plan, status);
    mutex_unlock(self->writer);
    pykv_error failure = *error_last();
    wal_take_away(self, dead);
    wal_release_sinks(self);
    error_restore(&failure);
    return status;
}

/* The sequence that is durable, and what to tell those that wait for a later one. */
static uint64_t synced_now(wal *self, pykv_status *failed_out)
{
    mutex_lock(self->writer);
    uint64_t sequence = self->synced_sequence;
    *failed_out = PYKV_OK;
    if (self->failed) {
        *failed_out =
            error_set(PYKV_COMMIT_UNKNOWN,
                      "the sync of this write failed (%.300s): it may or may not be there "
                      "after the store is opened again",
                      self->failure.text);
    }
    mutex_unlock(self->writer);
    return sequence;
}

/* Leads a round, or waits for the end of the one that another caller leads. */
static pykv_status join_round(wal *self, uint64_t sequence)
{
    mutex_lock(&self->sync_lock);
    if (self->sync_running) {
        uint64_t round = self->sync_round;
        while (self->sync_running && self->sync_round == round) {
            condition_wait(&self->sync_done, &self->sync_lock);
        }
        mutex_unlock(&self->sync_lock);
        return PYKV_OK;
    }
    self->sync_running = true;
    mutex_unlock(&self->sync_lock);
    pykv_status status = run_round(self, sequence);
    mutex_lock(&self->sync_lock);
    self->sync_running = false;
    self->sync_round++;
    condition_broadcast(&self->sync_done);
    mutex_unlock(&self->sync_lock);
    return status;
}

pykv_status wal_sync_through(wal *self, uint64_t sequence)
{
    pykv_status failed;
    pykv_status status = PYKV_OK;
    while (synced_now(self, &failed) < sequence) {
        if (failed != PYKV_OK || status != PYKV_OK) {
            return failed != PYKV_OK ? failed : status;
        }
        status = join_round(self, sequence);
    }
    return PYKV_OK;
}

pykv_status wal_sync(wal *self)
{
    mutex_lock(self->writer);
    pykv_status status = wal_check(self);
    uint64_t sequence = self->appended_sequence;
    mutex_unlock(self->writer);
    return status == PYKV_OK ? wal_sync_through(self, sequence) : status;
}

bool wal_interval_has_passed(const wal *self)
{
    uint64_t last = atomic_load_explicit(&self->last_sync_us, memory_order_relaxed);
    return self->options->durability == PYKV_DURABILITY_INTERVAL &&
           env_monotonic_us(self->environment) - last >= self->options->interval_us;
}
