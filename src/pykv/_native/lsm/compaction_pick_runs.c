/*
 * compaction_pick_runs: windows of level 0, and when all of it goes down.
 */
#include "lsm/compaction_pick_runs.h"

/* ---- going down ---- */

/* The runs from the oldest up to the first that is busy. */
static level_run free_runs(const level *first)
{
    uint32_t at = first->count;
    while (at > 0 && !first->files[at - 1]->busy) {
        at--;
    }
    return (level_run){at, first->count - at};
}

/* True if no other table has keys among those of the oldest run. */
static bool is_alone(const version *of, const level *first)
{
    const table_file *oldest = first->files[first->count - 1];
    for (uint32_t i = 0; i + 1 < first->count; i++) {
        if (slice_compare(first->files[i]->smallest, oldest->largest) <= 0 &&
            slice_compare(oldest->smallest, first->files[i]->largest) <= 0) {
            return false;
        }
    }
    return !version_overlaps_below(of, 0, oldest->smallest, oldest->largest);
}

static pykv_status go_down_alone(version *of, const compaction_options *options, uint8_t base,
                                 compaction_plan *out)
{
    const level *first = &of->levels[0];
    level_run runs = free_runs(first);
    if (runs.count < options->level0_trigger || !is_alone(of, first)) {
        return PYKV_NOT_FOUND;
    }
    level_run oldest = {first->count - 1, 1};
    return compaction_plan_runs(of, options, base, oldest, "level 0", out);
}

static pykv_status go_down(version *of, const compaction_options *options,
                           const compaction_levels *levels, bool by_count, compaction_plan *out)
{
    const level *first = &of->levels[0];
    level_run runs = free_runs(first);
    bool is_due = by_count
                      ? runs.count >= options->runs_max
                      : runs.count >= options->runs_merged &&
                            level_run_bytes(first, runs) >= compaction_runs_allowed(of, levels);
    bool may_go = levels->base == levels->last || of->levels[levels->base].count == 0;
    return is_due && may_go ? compaction_plan_runs(of, options, levels->base, runs, "level 0", out)
                            : PYKV_NOT_FOUND;
}

/* ---- merging ---- */

/* runs_merged neighbours. */
typedef struct window {
    level_run runs;
    uint64_t bytes;
    uint64_t bytes_largest; /* of one */
} window;

/* The window that begins at a run. False: there is none of which none is busy. */
static bool measure(const level *first, uint32_t begin, uint32_t count, window *out)
{
    window made = {.runs = {begin, count}};
    if (begin + count > first->count) {
        return false;
    }
    for (uint32_t i = begin; i < begin + count; i++) {
        const table_file *one = first->files[i];
        if (one->busy) {
            return false;
        }
        made.bytes += one->facts.file_bytes;
        if (one->facts.file_bytes > made.bytes_largest) {
            made.bytes_largest = one->facts.file_bytes;
        }
    }
    *out = made;
    return true;
}

/* Whether a merge pays: all of it grows much. */
static bool is_even(const window *self)
{
    return 2 * self->bytes >= self->runs.count * self->bytes_largest;
}

/* Whether a merge is better than that all go down. */
static bool is_better_than_many(const window *self, const compaction_options *options)
{
    return self->bytes >= 2 * self->bytes_largest || self->bytes <= options->table_bytes;
}

/* The lightest window; even: only of those of about one size. */
static pykv_status merge_some(version *of, const compaction_options *options, bool even,
                              compaction_plan *out)
{
    const level *first = &of->levels[0];
    window best = {.runs = {0, 0}};
    for (uint32_t i = 0; i < first->count; i++) {
        window one;
        if (!measure(first, i, options->runs_merged, &one) || one.bytes > options->run_bytes_max ||
            (even ? !is_even(&one) : !is_better_than_many(&one, options))) {
            continue;
        }
        if (best.runs.count == 0 || one.bytes < best.bytes) {
            best = one;
        }
    }
    return best.runs.count == 0 ? PYKV_NOT_FOUND
                                : compaction_plan_runs(of, options, 0, best.runs, "runs", out);
}

static bool is_found(pykv_status status)
{
    return status != PYKV_NOT_FOUND && status != PYKV_WOULD_BLOCK;
}

pykv_status compaction_pick_runs(version *of, const compaction_options *options,
                                 const compaction_levels *levels, compaction_plan *out)
{
    pykv_status status = go_down_alone(of, options, levels->base, out);
    if (!is_found(status)) {
        status = go_down(of, options, levels, false, out);
    }
    if (!is_found(status)) {
        status = merge_some(of, options, true, out);
    }
    if (!is_found(status) && of->levels[0].count >= options->runs_max) {
        status = merge_some(of, options, false, out);
    }
    if (!is_found(status)) {
        status = go_down(of, options, levels, true, out);
    }
    return is_found(status) ? status : PYKV_NOT_FOUND;
}
