/*
 * amplification: sums by level, and ratios.
 */
#include "lsm/amplification.h"

_Static_assert((int)LSM_COUNTED_LEVELS >= (int)LSM_LEVEL_COUNT, "each level is counted");

static void add(_Atomic uint64_t *counter, uint64_t count)
{
    atomic_fetch_add_explicit(counter, count, memory_order_relaxed);
}

static uint64_t read_counter(const _Atomic uint64_t *counter)
{
    return atomic_load_explicit(counter, memory_order_relaxed);
}

typedef struct input_sums {
    uint64_t bytes;
    uint64_t entries;
} input_sums;

static input_sums sum_inputs(const compaction_plan *plan, size_t side)
{
    input_sums sums = {0, 0};
    for (size_t i = 0; i < plan->input_counts[side]; i++) {
        sums.bytes += plan->inputs[side][i]->facts.file_bytes;
        sums.entries += plan->inputs[side][i]->facts.entry_count;
    }
    return sums;
}

void amplification_count(lsm_counters *counters, const compaction_plan *plan,
                         const table_output_counts *written)
{
    input_sums upper = sum_inputs(plan, 0);
    input_sums lower = sum_inputs(plan, 1);
    add(&counters->compaction_read_bytes, upper.bytes + lower.bytes);
    add(&counters->compacted_bytes, written->bytes_written);
    add(&counters->level_read_bytes[plan->input_level], upper.bytes);
    add(&counters->level_read_bytes[plan->output_level], lower.bytes);
    add(&counters->level_written_bytes[plan->output_level], written->bytes_written);
    if (plan->input_level != plan->output_level) {
        add(&counters->descended_count, upper.entries);
        add(&counters->descended_dropped_count, written->entries_dropped);
    }
}

uint64_t amplification_live_bytes(const lsm_counters *counters, const version *tables)
{
    uint64_t last = 0;
    uint64_t above = 0;
    for (uint32_t i = 0; i < LSM_LEVEL_COUNT; i++) {
        if (tables->levels[i].count > 0) {
            above += last;
            last = tables->levels[i].bytes;
        }
    }
    if (tables->levels[0].count == tables->file_count) {
        above = last;
        last = 0;
    }
    double descended = (double)read_counter(&counters->descended_count);
    double dropped = (double)read_counter(&counters->descended_dropped_count);
    double dead = descended > 0 ? dropped / descended : 0;
    double live = (double)last + (double)above * (1 - dead);
    uint64_t bytes = live > 0 ? (uint64_t)live : 0;
    for (uint32_t i = 0; i < tables->value_segment_count; i++) {
        bytes += tables->values[i].live_bytes;
    }
    return bytes;
}

static double ratio(uint64_t of, uint64_t to)
{
    return to == 0 ? 0 : (double)of / (double)to;
}

void amplification_fill(const lsm_counters *counters, const version *tables, pykv_stats *stats)
{
    uint64_t written = stats->written_bytes + stats->flushed_bytes + stats->compacted_bytes;
    uint64_t kept = version_bytes(tables) + stats->value_log_bytes;
    stats->live_bytes = amplification_live_bytes(counters, tables);
    stats->write_amplification = ratio(written, stats->user_bytes);
    stats->read_amplification = ratio(stats->get_block_count, stats->get_count);
    stats->space_amplification = ratio(kept, stats->live_bytes);
}
