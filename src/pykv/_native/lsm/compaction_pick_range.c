/*
 * compaction_pick_range: level by level from the top, so that a key goes through each level once.
 */
#include "base/error.h"
#include "base/invariant.h"
#include "base/memory.h"
#include "lsm/compaction_pick.h"
#include "lsm/version_ranges.h"

bool compaction_is_within(const table_file *asked, const key_range *range)
{
    return slice_compare(asked->largest, range->start) >= 0 &&
           (!range->has_stop || slice_compare(asked->smallest, range->stop) < 0);
}

uint64_t compaction_range_bytes(const version *of, const key_range *range)
{
    uint64_t bytes = 0;
    for (uint32_t i = 0; i < LSM_LEVEL_COUNT; i++) {
        const level *at = &of->levels[i];
        for (uint32_t k = 0; k < at->count; k++) {
            bytes += compaction_is_within(at->files[k], range) ? at->files[k]->facts.file_bytes : 0;
        }
    }
    return bytes;
}

/* Tables that were flushed since the call began are not its business, wherever they stand: it would
 * go on as long as somebody writes. */
static bool is_old(const table_file *asked, const compaction_wish *wish)
{
    return asked->facts.sequence_min <= wish->sequence_through;
}

static pykv_status pick_level0(version *of, const compaction_options *options, uint8_t base,
                               const compaction_wish *wish, compaction_plan *out)
{
    const level *first = &of->levels[0];
    bool *wanted = mem_alloc_zeroed((size_t)first->count + 1, sizeof(bool));
    bool any = false;
    if (wanted == NULL) {
        return error_set_no_memory(first->count);
    }
    for (uint32_t i = 0; i < first->count; i++) {
        const table_file *asked = first->files[i];
        wanted[i] =
            compaction_is_within(asked, &wish->range) &&
            (PYKV_PLANTED(194) ? asked->facts.number < wish->number_before : is_old(asked, wish));
        any |= wanted[i];
    }
    pykv_status status = PYKV_NOT_FOUND;
    if (any) {
        status = compaction_plan_level0(of, options, base, wanted, "manual", out);
    }
    mem_free(wanted);
    return status;
}

static bool is_free(const table_file *asked, const level *to, level_run below)
{
    bool free = !asked->busy;
    for (uint32_t i = below.first; i < below.first + below.count; i++) {
        free &= !to->files[i]->busy;
    }
    return free;
}

static bool is_wanted(const table_file *asked, const compaction_wish *wish)
{
    return compaction_is_within(asked, &wish->range) && (is_old(asked, wish) || PYKV_PLANTED(270));
}

/* Tables from first on that are wanted and free, as many as one compaction should have. */
static level_run run_from(const version *of, const compaction_options *options, uint8_t level_index,
                          const compaction_wish *wish, uint32_t first)
{
    const level *from = &of->levels[level_index];
    const level *to = &of->levels[level_index + 1];
    level_run run = {first, 0};
    uint64_t bytes = 0;
    while (run.first + run.count < from->count) {
        const table_file *next = from->files[run.first + run.count];
        level_run below = level_overlap(to, next->smallest, next->largest);
        if (!is_wanted(next, wish) || !is_free(next, to, below)) {
            break;
        }
        bytes += next->facts.file_bytes + level_run_bytes(to, below);
        if (run.count > 0 && (bytes > options->input_bytes_max || below.count == 0)) {
            break;
        }
        run.count++;
        if (below.count == 0) {
            break;
        }
    }
    return run;
}

/* Passes over tables that are busy, or go where others are going; then the rest has to wait. */
static pykv_status pick_level(version *of, const compaction_options *options, uint8_t level_index,
                              const compaction_wish *wish, compaction_plan *out)
{
    const level *from = &of->levels[level_index];
    pykv_status status = PYKV_NOT_FOUND;
    uint32_t first = level_find(from, wish->range.start);
    while (first < from->count && compaction_is_within(from->files[first], &wish->range)) {
        if (!is_wanted(from->files[first], wish)) {
            first++;
            continue;
        }
        level_run run = run_from(of, options, level_index, wish, first);
        status = run.count == 0
                     ? PYKV_WOULD_BLOCK
                     : compaction_plan_level(of, options, level_index, run, "manual", out);
        if (status != PYKV_WOULD_BLOCK) {
            break;
        }
        first += run.count == 0 ? 1 : run.count;
    }
    return status;
}

static bool needs_rewrite(const version *of, const table_file *asked,
                          const compaction_options *options, const compaction_wish *wish)
{
    const manifest_table *facts = &asked->facts;
    bool has_expired = facts->deadline_min_us != 0 && facts->deadline_min_us <= options->now_us;
    return compaction_is_within(asked, &wish->range) && facts->number < wish->number_before &&
           facts->sequence_min <= options->visible_sequence &&
           (facts->tombstone_count > 0 || has_expired || version_ranges_in(of, asked) > 0);
}

static pykv_status pick_last_level(version *of, const compaction_options *options, uint8_t last,
                                   const compaction_wish *wish, compaction_plan *out)
{
    const level *at = &of->levels[last];
    level_run run = {level_find(at, wish->range.start), 0};
    uint64_t bytes = 0;
    while (run.first < at->count && !needs_rewrite(of, at->files[run.first], options, wish)) {
        run.first++;
    }
    while (run.first + run.count < at->count &&
           needs_rewrite(of, at->files[run.first + run.count], options, wish)) {
        bytes += at->files[run.first + run.count]->facts.file_bytes;
        if (run.count > 0 && bytes > options->input_bytes_max) {
            break;
        }
        run.count++;
    }
    return run.count == 0 ? PYKV_NOT_FOUND
                          : compaction_plan_rewrite(of, options, last, run, "manual", out);
}

pykv_status compaction_pick_range(version *of, const compaction_options *options,
                                  const compaction_wish *wish, compaction_plan *out)
{
    compaction_levels levels;
    pykv_status status = compaction_pick_hidden(of, out);
    if (status != PYKV_NOT_FOUND) {
        return status;
    }
    compaction_levels_measure(of, options, &levels);
    status = pick_level0(of, options, levels.base, wish, out);
    for (uint8_t i = 1; i < levels.last && status == PYKV_NOT_FOUND; i++) {
        status = pick_level(of, options, i, wish, out);
    }
    if (status == PYKV_NOT_FOUND) {
        status = compaction_pick_neighbours(of, options, 1U << levels.last,
                                            COMPACTION_NEIGHBOURS_MIN, wish, out);
    }
    if (status == PYKV_NOT_FOUND) {
        status = pick_last_level(of, options, levels.last, wish, out);
    }
    return status;
}
