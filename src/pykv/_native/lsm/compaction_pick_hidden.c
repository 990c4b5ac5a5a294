/*
 * compaction_pick_hidden: what range deletes ask for: tables that go unread, since all of them is
 * hidden, and tables that are rewritten so that the deletes themselves may go.
 */
#include "base/error.h"
#include "base/memory.h"
#include "lsm/compaction_pick.h"
#include "lsm/version_ranges.h"

enum {
    RANGES_IN_TABLE = 256, /* that make it worth a compaction of its own */
    /* In a version: any number of them is. */
    RANGES_MANY = VERSION_RANGES_STOP / 4,
    RANGE_BYTES_MANY = VERSION_RANGE_BYTES_STOP / 4
};

/* ---- tables that go ---- */

static size_t gather(const version *of, table_file **files)
{
    size_t count = 0;
    for (uint32_t i = 0; i < LSM_LEVEL_COUNT; i++) {
        for (uint32_t k = 0; k < of->levels[i].count; k++) {
            table_file *asked = of->levels[i].files[k];
            if (!asked->busy && version_hides(of, asked)) {
                files[count++] = asked;
            }
        }
    }
    return count;
}

pykv_status compaction_pick_hidden(version *of, compaction_plan *out)
{
    if (of->ranges == NULL) {
        return PYKV_NOT_FOUND;
    }
    table_file **files = mem_alloc((of->file_count + 1) * sizeof(table_file *));
    if (files == NULL) {
        return error_set_no_memory((of->file_count + 1) * sizeof(table_file *));
    }
    size_t count = gather(of, files);
    if (count == 0) {
        mem_free(files);
        return PYKV_NOT_FOUND;
    }
    *out = (compaction_plan){.of = version_acquire(of),
                             .inputs = {files, NULL},
                             .input_counts = {count, 0},
                             .smallest = files[0]->smallest,
                             .largest = files[0]->largest,
                             .is_removal = true,
                             .reason = "deleted"};
    return PYKV_OK;
}

/* ---- tables that keep range deletes alive ---- */

typedef struct crowded {
    uint8_t level_index;
    uint32_t index;
    uint32_t range_count;
} crowded;

static crowded find_crowded(const version *of, uint32_t levels_wanted)
{
    bool many = of->ranges->count >= RANGES_MANY || of->ranges->key_bytes >= RANGE_BYTES_MANY;
    uint32_t least = many ? 1 : RANGES_IN_TABLE;
    crowded most = {0, 0, 0};
    for (uint32_t i = 0; i < LSM_LEVEL_COUNT; i++) {
        uint32_t count = (levels_wanted >> i & 1) != 0 ? of->levels[i].count : 0;
        for (uint32_t k = 0; k < count; k++) {
            const table_file *asked = of->levels[i].files[k];
            uint32_t range_count = asked->busy ? 0 : version_ranges_in(of, asked);
            if (range_count >= least && range_count > most.range_count) {
                most = (crowded){(uint8_t)i, k, range_count};
            }
        }
    }
    return most;
}

static pykv_status plan_level0(version *of, const compaction_options *options, uint8_t base,
                               uint32_t index, compaction_plan *out)
{
    bool *wanted = mem_alloc_zeroed(of->levels[0].count, sizeof(bool));
    if (wanted == NULL) {
        return error_set_no_memory(of->levels[0].count);
    }
    wanted[index] = true;
    pykv_status status = compaction_plan_level0(of, options, base, wanted, "deleted", out);
    mem_free(wanted);
    return status;
}

pykv_status compaction_pick_crowded(version *of, const compaction_options *options,
                                    const compaction_levels *levels, uint32_t levels_wanted,
                                    compaction_plan *out)
{
    crowded most = of->ranges == NULL ? (crowded){0, 0, 0} : find_crowded(of, levels_wanted);
    level_run run = {most.index, 1};
    if (most.range_count == 0) {
        return PYKV_NOT_FOUND;
    }
    if (most.level_index == 0) {
        return plan_level0(of, options, levels->base, most.index, out);
    }
    return most.level_index == levels->last
               ? compaction_plan_rewrite(of, options, levels->last, run, "deleted", out)
               : compaction_plan_level(of, options, most.level_index, run, "deleted", out);
}
