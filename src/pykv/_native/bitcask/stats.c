/*
 * stats: counters and gauges, and the state of the store.
 */
#include "base/invariant.h"
#include "base/process.h"
#include "bitcask/bitcask.h"
#include "bitcask/directory.h"
#include "bitcask/find.h"
#include "bitcask/health.h"
#include "bitcask/history.h"
#include "bitcask/named.h"
#include "bitcask/rolling.h"
#include "bitcask/segment_list.h"
#include "bitcask/space_list.h"

static uint64_t read_counter(const _Atomic uint64_t *counter)
{
    return atomic_load_explicit(counter, memory_order_relaxed);
}

static void add_counters(const bitcask *self, pykv_stats *out)
{
    out->put_count = read_counter(&self->counters.put_count);
    out->delete_count = read_counter(&self->counters.delete_count);
    out->get_count = read_counter(&self->counters.get_count);
    out->get_hit_count = read_counter(&self->counters.get_hit_count);
    out->sync_count = read_counter(&self->counters.sync_count);
    out->written_bytes = read_counter(&self->counters.written_bytes);
    out->merged_bytes = read_counter(&self->counters.merged_bytes);
    out->merge_count = read_counter(&self->counters.merge_count);
    out->tag_mismatch_count = read_counter(&self->counters.tag_mismatch_count);
    out->cold_read_count = read_counter(&self->counters.cold_read_count);
}

static void add_segments(bitcask *self, pykv_stats *out) REQUIRES(self->writer)
{
    bitcask_space(self, &out->disk_bytes, &out->live_bytes);
    out->segment_count = self->segment_count;
    for (size_t i = 0; i < self->segment_count; i++) {
        if (segment_is_mapped(self->segments[i])) {
            out->bus_fault_count += env_mapping_faults(&self->segments[i]->mapping);
        }
    }
}

static int32_t state_locked(const bitcask *self) REQUIRES(self->writer)
{
    if (self->state == PYKV_STATE_OPEN && self->options.read_only != 0) {
        return PYKV_STATE_READ_ONLY;
    }
    return self->state;
}

/* Memory of the directories of all namespaces. */
static pykv_status add_directory(space *each, void *context)
{
    pykv_stats *out = context;
    directory *keys = directory_now_locked(&each->directory);
    out->keydir_bytes += keydir_bytes(keys->keys);
    return PYKV_OK;
}

static void add_keys(bitcask *self, const space *within, pykv_stats *out) REQUIRES(self->writer)
{
    directory *keys = directory_now_locked(&within->directory);
    pykv_status status = bitcask_each_space(self, add_directory, out);
    PYKV_ASSERT(status == PYKV_OK);
    out->key_count = keydir_count(keys->keys);
    if (within->id != NAMESPACE_DEFAULT) {
        out->live_bytes = keys->live_bytes;
        return;
    }
    for (size_t i = 0; i < self->segment_count; i++) {
        uint64_t others = live_shares_sum(&self->segments[i]->shares).bytes;
        out->live_bytes -= others < out->live_bytes ? others : out->live_bytes;
    }
}

void bitcask_stats(bitcask *self, pykv_stats *out)
{
    bitcask_stats_in(self, &self->spaces.main, out);
}

void bitcask_stats_in(bitcask *self, const space *within, pykv_stats *out)
{
    *out = (pykv_stats){0};
    add_counters(self, out);
    mutex_lock(&self->writer);
    add_segments(self, out);
    add_keys(self, within, out);
    out->open_scan_count = self->moments.open_count - self->moments.snapshot_count;
    out->open_snapshot_count = self->moments.snapshot_count;
    out->undo_bytes = self->moments.undo_bytes;
    out->outgrown_snapshot_count = self->moments.outgrown_count;
    out->last_sequence = self->published_sequence;
    out->synced_sequence = self->synced_sequence;
    out->epoch = self->epoch_number;
    out->history_floor = bitcask_history_floor(self);
    out->history_bytes = bitcask_history_bytes(self);
    out->history_pin_count = self->feeds.pins.count;
    out->disk_bytes += out->history_bytes;
    out->recovered_record_count = self->recovered_record_count;
    out->discarded_bytes = self->discarded_bytes;
    out->open_us = self->open_us;
    out->state = state_locked(self);
    out->log_sink = self->sink != NULL
                        ? (log_sink_is_mapped(self->sink) ? PYKV_LOG_MAPPED : PYKV_LOG_PWRITE)
                        : (self->mapped_log ? PYKV_LOG_MAPPED : PYKV_LOG_PWRITE);
    mutex_unlock(&self->writer);
    out->engine = PYKV_ENGINE_BITCASK;
    out->durability = self->options.durability;
    out->bus_guard_active = process_guard_check();
    out->hot_mode = bitcask_read_mode(self) == READ_HOT;
    out->recovered_from_image = self->recovered_from_image;
    out->clean_open = self->clean_open;
    pins_report(&self->pins, out);
}

int32_t bitcask_state(bitcask *self)
{
    mutex_lock(&self->writer);
    int32_t state = state_locked(self);
    mutex_unlock(&self->writer);
    return state;
}

uint64_t bitcask_count(bitcask *self)
{
    return bitcask_count_in(&self->spaces.main);
}

uint64_t bitcask_count_in(const space *within)
{
    return keydir_count(directory_now(&within->directory)->keys);
}

pykv_status bitcask_flush(bitcask *self)
{
    mutex_lock(&self->writer);
    pykv_status status = bitcask_check_writable(self);
    if (status == PYKV_OK && self->active != NULL && self->active->last_sequence != 0) {
        status = bitcask_seal_active(self);
    }
    mutex_unlock(&self->writer);
    return status == PYKV_OK ? bitcask_sync(self) : status;
}

pykv_status bitcask_resume(bitcask *self)
{
    mutex_lock(&self->writer);
    pykv_status status = bitcask_check_writable(self);
    if (status == PYKV_OK) {
        self->state = PYKV_STATE_OPEN;
    }
    mutex_unlock(&self->writer);
    if (status == PYKV_OK) {
        status = bitcask_provide(self, RECORD_HEADER_BYTES);
    }
    lent_call_all(&self->gate.lent);
    return status;
}
