/*
 * maintenance: what lent threads do, in bounded steps.
 *
 * LOG: prepares the log and the memory of memtables ahead of writers, and slabs of the cache ahead
 * of readers, syncs at its interval. DATA: flushes before it compacts, frees what readers left,
 * removes the files of tables that nobody refers to, keeps the high water of the clock, and where
 * nothing else is to do settles what a manifest that failed left in doubt. Either puts the bus
 * guard, under which logs are mapped, back where another handler took its place. What a step fails
 * in is the state of the store (lsm/health.h).
 */
#include "base/error.h"
#include "base/process.h"
#include "lsm/edit.h"
#include "lsm/health.h"
#include "lsm/jobs.h"
#include "lsm/memory_use.h"
#include "lsm/room.h"
#include "lsm/write.h"

enum { MAINTAIN_IDLE_US = 250000, MAINTAIN_RETRY_US = 1000000 };

void lsm_tidy(lsm *self)
{
    mutex_lock(&self->tidy_lock);
    (void)reclaimer_sweep(&self->reclaimer);
    (void)table_graveyard_empty(&self->graveyard);
    lsm_memory_trim(self);
    kept_memory_age(&self->memory, env_monotonic_us(self->env));
    mutex_unlock(&self->tidy_lock);
}

static uint64_t compaction_wait_us(const lsm *self)
{
    return compaction_pace_wait_us(&self->compaction_pace, env_monotonic_us(self->env),
                                   pacer_is_on(&self->pacer));
}

/* Who has no thread for this work waits for it himself: it yields to nobody. */
static compaction_moment moment_of(lsm *self)
{
    const lsm_counters *counters = &self->counters;
    bool yields = lent_count(&self->gate.lent, PYKV_ROLE_DATA) > 0;
    return (compaction_moment){
        .now_us = env_monotonic_us(self->env),
        .readers_waited_us = yields ? block_source_cached_waited_us(&self->source) : 0,
        .readers_loading_us = yields ? block_source_cached_loading_us(&self->source) : 0,
        .writers_waited_us = atomic_load_explicit(&counters->delay_us, memory_order_relaxed) +
                             atomic_load_explicit(&counters->stall_us, memory_order_relaxed),
    };
}

static pykv_status compact_at_pace(lsm *self, bool *worked_out)
{
    if (compaction_wait_us(self) > 0) {
        return PYKV_OK;
    }
    pykv_status status = lsm_compaction_step(self, worked_out);
    if (*worked_out) {
        compaction_moment now = moment_of(self);
        compaction_pace_charge(&self->compaction_pace, LSM_STEP_BYTES, &now);
    }
    return status;
}

/* Nobody waits for this: a failure is the store's state, and nothing else. */
static bool settle(lsm *self)
{
    bool settled;
    bool is_left;
    pykv_status status = lsm_settle_all(self, &settled, &is_left);
    if (status != PYKV_OK || !is_left) {
        lsm_note_result(self, LSM_WORK_SETTLE, status);
    }
    return settled;
}

pykv_status lsm_keep_clock(lsm *self)
{
    mutex_lock(&self->manifest_lock);
    pykv_status status = lsm_write_manifest_held(self, LSM_BLOCKS_KEPT, self->is_clean_on_disk);
    mutex_unlock(&self->manifest_lock);
    return status;
}

/* What a reader was told to have expired would be back after a kill, if the clock goes back. */
static void clock_step(lsm *self)
{
    if (!store_clock_is_owed(&self->clock)) {
        return;
    }
    mutex_lock(&self->writer);
    bool failed = lsm_state_now(self) == PYKV_STATE_FAILED;
    mutex_unlock(&self->writer);
    if (!failed && lsm_keep_clock(self) != PYKV_OK) {
        /* It is owed again in a second. Compactions, which may make room, do not wait for it. */
    }
}

static pykv_status data_step(lsm *self, bool *worked_out)
{
    pykv_status status = PYKV_OK;
    bool flushed = false;
    bool compacted = false;
    bool settled = false;
    lsm_tidy(self);
    if (self->options.read_only == 0) {
        clock_step(self);
        if (mutex_try_lock(&self->flush_lock)) {
            status = lsm_flush_step(self, &flushed);
            mutex_unlock(&self->flush_lock);
        }
        if (status == PYKV_OK && !flushed) {
            status = compact_at_pace(self, &compacted);
        }
        if (status == PYKV_OK && !flushed && !compacted) {
            settled = settle(self);
        }
    }
    *worked_out = flushed || compacted || settled;
    return status;
}

static pykv_status log_step(lsm *self)
{
    pykv_status status = wal_step(self->log);
    kept_memory_prepare(&self->memory);
    return status;
}

pykv_status lsm_maintain_step(lsm *self, int32_t role, int32_t *more_out)
{
    bool worked = false;
    pykv_status status = lent_check_role(role);
    if (status != PYKV_OK) {
        return status;
    }
    process_guard_keep(env_monotonic_us(self->env));
    if (role == PYKV_ROLE_DATA) {
        status = data_step(self, &worked);
        if (status != PYKV_OK) {
            lsm_tell_room(self);
        }
    } else {
        block_cache_prepare(self->cache);
        status = self->options.read_only == 0 ? log_step(self) : PYKV_OK;
    }
    if (status == PYKV_OK) {
        *more_out = worked;
    }
    return status;
}

static uint64_t rest_us(const lsm *self, int32_t role, pykv_status status, int32_t more)
{
    if (status != PYKV_OK) {
        return MAINTAIN_RETRY_US;
    }
    if (role == PYKV_ROLE_LOG && self->options.durability == PYKV_DURABILITY_INTERVAL &&
        self->options.interval_us < MAINTAIN_IDLE_US) {
        return self->options.interval_us;
    }
    if (more != 0) {
        return 0;
    }
    uint64_t wait_us = role == PYKV_ROLE_DATA ? compaction_wait_us(self) : 0;
    return wait_us > 0 && wait_us < MAINTAIN_IDLE_US ? wait_us : MAINTAIN_IDLE_US;
}

static uint64_t lent_step_of(void *context, int32_t role)
{
    lsm *self = context;
    int32_t more = 0;
    pykv_status status = lsm_maintain_step(self, role, &more);
    return rest_us(self, role, status, more);
}

pykv_status lsm_maintain(lsm *self, int32_t role)
{
    return lent_serve(&self->gate.lent, role, lent_step_of, self);
}

pykv_status lsm_sync(lsm *self)
{
    if (self->options.read_only != 0) {
        return PYKV_OK;
    }
    return wal_sync(self->log);
}

pykv_status lsm_resume(lsm *self)
{
    mutex_lock(&self->writer);
    pykv_status status = lsm_check_writable(self);
    if (status == PYKV_OK) {
        lsm_note_nothing(self);
        lsm_try_values_again(self);
    }
    mutex_unlock(&self->writer);
    if (status == PYKV_OK) {
        mutex_lock(&self->compaction_lock);
        self->compaction_room = (compaction_room){.moves = VALUE_MOVES_MANY};
        mutex_unlock(&self->compaction_lock);
    }
    lent_call_all(&self->gate.lent);
    return status;
}
