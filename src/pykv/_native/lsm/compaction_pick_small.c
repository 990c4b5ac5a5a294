/*
 * compaction_pick_small: what can be compacted where there is little room on the disk.
 */
#include "base/error.h"
#include "base/memory.h"
#include "lsm/compaction_pick.h"

/* A table, with what its compaction would read, and entries of that which may go. */
typedef struct small_one {
    uint8_t level_index;
    uint32_t index;
    uint64_t bytes;
    uint64_t may_go;
} small_one;

/* Every entry of a table may hide one that it overlaps below. */
static small_one measure(const version *of, const compaction_options *options, uint8_t level_index,
                         uint32_t index, uint8_t last)
{
    const table_file *asked = of->levels[level_index].files[index];
    small_one made = {level_index, index, asked->facts.file_bytes,
                      compaction_dead_count(asked, options)};
    if (level_index < last) {
        const level *below = &of->levels[level_index + 1];
        level_run run = level_overlap(below, asked->smallest, asked->largest);
        uint64_t entries = 0;
        for (uint32_t i = run.first; i < run.first + run.count; i++) {
            made.bytes += below->files[i]->facts.file_bytes;
            entries += below->files[i]->facts.entry_count;
        }
        uint64_t own = asked->facts.entry_count;
        made.may_go += entries < own ? entries : own;
    }
    return made;
}

static bool frees_more(const small_one *left, const small_one *right)
{
    return right->bytes == 0 || (double)left->may_go * (double)right->bytes >
                                    (double)right->may_go * (double)left->bytes;
}

static small_one find_best(const version *of, const compaction_options *options, uint8_t last,
                           uint64_t bytes_max)
{
    small_one best = {.bytes = 0};
    for (uint8_t level_index = 1; level_index <= last; level_index++) {
        for (uint32_t i = 0; i < of->levels[level_index].count; i++) {
            small_one one = measure(of, options, level_index, i, last);
            if (one.may_go > 0 && one.bytes <= bytes_max && frees_more(&one, &best)) {
                best = one;
            }
        }
    }
    return best;
}

/* The first table of level 0, from the oldest, that goes with little beside it. */
static pykv_status pick_level0(version *of, const compaction_options *options, uint8_t base,
                               uint64_t bytes_max, compaction_plan *out)
{
    uint32_t count = of->levels[0].count;
    bool *wanted = mem_alloc_zeroed((size_t)count + 1, sizeof(bool));
    pykv_status status = PYKV_NOT_FOUND;
    if (wanted == NULL) {
        return error_set_no_memory(count);
    }
    for (uint32_t i = count; i-- > 0 && status == PYKV_NOT_FOUND;) {
        wanted[i] = true;
        status = compaction_plan_level0(of, options, base, wanted, "room", out);
        wanted[i] = false;
        if (status == PYKV_OK && out->input_bytes > bytes_max && !out->is_trivial_move) {
            compaction_plan_reset(out);
            status = PYKV_NOT_FOUND;
        }
    }
    mem_free(wanted);
    return status;
}

pykv_status compaction_pick_small(version *of, const compaction_options *options,
                                  uint64_t bytes_max, compaction_plan *out)
{
    compaction_levels levels;
    compaction_options single = *options;
    single.input_bytes_max = bytes_max;
    compaction_levels_measure(of, options, &levels);
    small_one best = find_best(of, options, levels.last, bytes_max);
    if (best.bytes == 0) {
        return pick_level0(of, &single, levels.base, bytes_max, out);
    }
    level_run run = {best.index, 1};
    return best.level_index == levels.last
               ? compaction_plan_rewrite(of, &single, levels.last, run, "room", out)
               : compaction_plan_level(of, &single, best.level_index, run, "room", out);
}
