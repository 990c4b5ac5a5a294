/*
 * compaction_pick_neighbours: the longest run of small neighbours.
 *
 * A table that overlaps nothing goes down as it is, however small, and no level below its target,
 * nor the last one, is due. So the tables would be as many as the flushes were.
 */
#include "base/invariant.h"
#include "lsm/compaction_pick.h"

enum { NEIGHBOURS_MAX = 256 }; /* that one compaction takes */

static bool may_take(const table_file *asked, const compaction_wish *wish)
{
    return !asked->busy && (wish == NULL || (compaction_is_within(asked, &wish->range) &&
                                             asked->facts.number < wish->number_before));
}

/* Whether an output would have to end early because of what lies below: then a run would not become
 * shorter. */
static bool reaches_far(const version *of, const compaction_options *options, uint8_t level_index,
                        const table_file *first, const table_file *end)
{
    if (level_index + 1 == LSM_LEVEL_COUNT) {
        return false;
    }
    const level *below = &of->levels[level_index + 1];
    level_run run = level_overlap(below, first->smallest, end->largest);
    return level_run_bytes(below, run) > options->overlap_bytes_max;
}

/* The longest run that begins at a table; count 0: there is none. Unless it was asked for, none of
 * the run weighs more than all others together, so that a row is written once for each time that
 * its table grows to the double. */
static level_run run_from(const version *of, const compaction_options *options, uint8_t level_index,
                          const compaction_wish *wish, uint32_t first)
{
    const level *at = &of->levels[level_index];
    level_run longest = {first, 0};
    uint64_t bytes = 0;
    uint64_t bytes_largest = 0;
    for (uint32_t i = first; i < at->count && i - first < NEIGHBOURS_MAX; i++) {
        const table_file *next = at->files[i];
        bytes += next->facts.file_bytes;
        if (bytes > options->table_bytes || !may_take(next, wish)) {
            break;
        }
        if (next->facts.file_bytes > bytes_largest) {
            bytes_largest = next->facts.file_bytes;
        }
        if (i + 1 - first < COMPACTION_NEIGHBOURS_MIN ||
            (wish == NULL && bytes_largest > bytes / 2)) {
            continue;
        }
        if (reaches_far(of, options, level_index, at->files[first], next)) {
            break;
        }
        longest.count = i + 1 - first;
    }
    return longest;
}

pykv_status compaction_pick_neighbours(version *of, const compaction_options *options,
                                       uint32_t levels_wanted, uint32_t count_min,
                                       const compaction_wish *wish, compaction_plan *out)
{
    level_run longest = {0, 0};
    uint8_t level_index = 0;
    for (uint32_t i = 1; i < LSM_LEVEL_COUNT; i++) {
        bool is_wanted = (levels_wanted >> i & 1) != 0;
        for (uint32_t k = 0; is_wanted && k < of->levels[i].count; k++) {
            level_run run = run_from(of, options, (uint8_t)i, wish, k);
            if (run.count > longest.count) {
                longest = run;
                level_index = (uint8_t)i;
            }
        }
    }
    if (longest.count < count_min || PYKV_PLANTED(268)) {
        return PYKV_NOT_FOUND;
    }
    return compaction_plan_rewrite(of, options, level_index, longest, "small", out);
}
