/*
 * stats: counters and gauges, and the state of the store.
 */
#include "base/process.h"
#include "lsm/amplification.h"
#include "lsm/compaction_jobs.h"
#include "lsm/health.h"
#include "lsm/lsm.h"
#include "lsm/store.h"
#include "lsm/wal_history.h"

static uint64_t read_counter(const _Atomic uint64_t *counter)
{
    return atomic_load_explicit(counter, memory_order_relaxed);
}

static void add_counters(const lsm *self, pykv_stats *out)
{
    out->put_count = read_counter(&self->counters.put_count);
    out->delete_count = read_counter(&self->counters.delete_count);
    out->range_delete_count = read_counter(&self->counters.range_delete_count);
    out->get_count = read_counter(&self->counters.get_count);
    out->get_hit_count = read_counter(&self->counters.get_hit_count);
    out->user_bytes = read_counter(&self->counters.user_bytes);
    out->written_bytes = read_counter(&self->counters.written_bytes);
    out->flushed_bytes = read_counter(&self->counters.flushed_bytes);
    out->compaction_read_bytes = read_counter(&self->counters.compaction_read_bytes);
    out->compacted_bytes = read_counter(&self->counters.compacted_bytes);
    for (int i = 0; i < LSM_LEVEL_COUNT; i++) {
        out->level_read_bytes[i] = read_counter(&self->counters.level_read_bytes[i]);
        out->level_written_bytes[i] = read_counter(&self->counters.level_written_bytes[i]);
    }
    out->level_written_bytes[0] += out->flushed_bytes;
    out->compaction_count = read_counter(&self->counters.compaction_count);
    out->stall_us = read_counter(&self->counters.stall_us);
    out->delay_us = read_counter(&self->counters.delay_us);
    out->pending_compaction_bytes = read_counter(&self->counters.pending_compaction_bytes);
}

/* Puts less deletes are a guess at how many keys there are: each key that is put once counts. */
typedef struct operations {
    uint64_t count;
    uint64_t delete_count;
} operations;

static void add_memtable(const memtable *from, operations *seen, pykv_stats *out)
{
    memtable_stats stats;
    memtable_stats_read(from, &stats);
    out->memtable_bytes += stats.used_bytes;
    seen->count += stats.count;
    seen->delete_count += stats.delete_count;
}

static void add_level(const level *tables, operations *seen)
{
    for (uint32_t i = 0; i < tables->count; i++) {
        seen->count += tables->files[i]->facts.entry_count;
        seen->delete_count += tables->files[i]->facts.tombstone_count;
    }
}

static uint64_t guess_keys(const operations *seen)
{
    uint64_t twice = 2 * seen->delete_count;
    return seen->count > twice ? seen->count - twice : 0;
}

static void add_view(const view *now, pykv_stats *out)
{
    operations seen = {0, 0};
    add_memtable(now->active, &seen, out);
    for (uint32_t i = 0; i < now->immutable_count; i++) {
        add_memtable(now->immutables[i], &seen, out);
    }
    out->immutable_memtable_count = now->immutable_count;
    out->disk_bytes = version_bytes(now->version);
    for (uint32_t i = 0; i < now->version->value_segment_count; i++) {
        const version_values *values = &now->version->values[i];
        out->disk_bytes += values->segment->facts.file_bytes;
        out->value_log_bytes += values->segment->facts.file_bytes;
        out->value_log_live_bytes += values->live_bytes;
    }
    out->value_segment_count = now->version->value_segment_count;
    out->table_count = now->version->file_count;
    for (int i = 0; i < LSM_LEVEL_COUNT; i++) {
        out->level_table_count[i] = now->version->levels[i].count;
        out->level_bytes[i] = now->version->levels[i].bytes;
        out->level_count = now->version->levels[i].count != 0 ? (uint64_t)i + 1 : out->level_count;
        add_level(&now->version->levels[i], &seen);
    }
    out->deleted_range_count = now->version->ranges == NULL ? 0 : now->version->ranges->count;
    out->key_count = guess_keys(&seen);
}

static void add_log(const lsm *self, pykv_stats *out) REQUIRES(self->writer)
{
    const wal *log = self->log != NULL ? self->log : self->shown_log;
    wal_usage usage = wal_usage_now(log);
    out->history_floor = wal_history_floor(log);
    out->history_bytes = usage.history_bytes;
    out->history_pin_count = self->feeds.pins.count;
    out->disk_bytes += usage.disk_bytes;
    out->synced_sequence = self->shown_synced;
    if (self->log != NULL) {
        out->synced_sequence = wal_synced_sequence(self->log);
        out->sync_count = usage.sync_count;
        out->log_sink = usage.mapped ? PYKV_LOG_MAPPED : PYKV_LOG_PWRITE;
    }
}

static void add_cache(lsm *self, pykv_stats *out)
{
    block_cache_counters counters;
    block_cache_get_counters(self->cache, &counters);
    out->block_cache_bytes = counters.block_bytes;
    out->block_cache_hit_count = counters.hit_count;
    out->block_cache_miss_count = counters.miss_count;
    out->memory_budget_bytes = memory_budget_limit(&self->budget);
    out->memory_used_bytes = memory_budget_used(&self->budget);
    uint64_t found = counters.hit_count + counters.miss_count;
    out->get_block_count = found > counters.walked_count ? found - counters.walked_count : 0;
}

static void add_scores(lsm *self, pykv_stats *out)
{
    compaction_levels levels;
    compaction_jobs_measure(self, &levels);
    for (int i = 0; i < LSM_LEVEL_COUNT; i++) {
        out->level_score[i] = levels.scores[i];
    }
}

void lsm_stats(lsm *self, pykv_stats *out)
{
    *out = (pykv_stats){0};
    add_counters(self, out);
    add_cache(self, out);
    add_scores(self, out);
    mutex_lock(&self->writer);
    add_view(lsm_view(self), out);
    amplification_fill(&self->counters, lsm_view(self)->version, out);
    out->open_scan_count = self->open_scan_count;
    out->open_snapshot_count = self->open_snapshot_count;
    out->last_sequence = lsm_visible(self);
    add_log(self, out);
    out->epoch = self->epoch_number;
    out->recovered_record_count = self->recovered_record_count;
    out->discarded_bytes = self->discarded_bytes;
    out->open_us = self->open_us;
    out->state = lsm_state_now(self);
    mutex_unlock(&self->writer);
    out->engine = PYKV_ENGINE_LSM;
    out->durability = self->options.durability;
    out->bus_guard_active = process_guard_check();
    out->clean_open = self->clean_open;
    pins_report(&self->pins, out);
}

int32_t lsm_state(lsm *self)
{
    mutex_lock(&self->writer);
    int32_t state = lsm_state_now(self);
    mutex_unlock(&self->writer);
    return state;
}
