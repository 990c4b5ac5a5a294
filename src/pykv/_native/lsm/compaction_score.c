/*
 * compaction_score: targets, scores and debt.
 */
#include "lsm/compaction_score.h"

#include "base/invariant.h"

enum {
    TABLES_OF_BASE = 2,
    TABLES_OVERLAPPED_MAX = 10,
    TABLES_OF_INPUTS_MAX = 25,
    MULTIPLIER_DEFAULT = 10,
    LEVEL0_TRIGGER_DEFAULT = 4,
    LEVEL0_TRIGGER_MAX_DEFAULT = 8,
    RUNS_MERGED_DEFAULT = 8,
    RUNS_MAX_DEFAULT = 20,
    TABLES_OF_RUN_MAX = 64,
    DESCENT_COST = 8, /* bytes read and written for each that goes down, about */
    RUNS_SHARE = 2    /* level 0 goes down when it weighs this part of the last level */
};

compaction_options compaction_options_make(uint64_t table_bytes)
{
    compaction_options made = {.table_bytes = table_bytes,
                               .level_bytes_base = TABLES_OF_BASE * table_bytes,
                               .level_multiplier = MULTIPLIER_DEFAULT,
                               .level0_trigger = LEVEL0_TRIGGER_DEFAULT,
                               .level0_trigger_max = LEVEL0_TRIGGER_MAX_DEFAULT,
                               .overlap_bytes_max = TABLES_OVERLAPPED_MAX * table_bytes,
                               .input_bytes_max = TABLES_OF_INPUTS_MAX * table_bytes};
    return made;
}

compaction_options compaction_options_make_lazy(uint64_t table_bytes)
{
    compaction_options made = compaction_options_make(table_bytes);
    made.runs_merged = RUNS_MERGED_DEFAULT;
    made.runs_max = RUNS_MAX_DEFAULT;
    made.run_bytes_max = TABLES_OF_RUN_MAX * table_bytes;
    return made;
}

/* ---- targets ---- */

static uint8_t last_level(const version *of)
{
    uint8_t last = LSM_LEVEL_COUNT - 1;
    while (last > 1 && of->levels[last].count == 0) {
        last--;
    }
    return of->levels[last].count == 0 ? LSM_LEVEL_COUNT - 1 : last;
}

static uint8_t first_level_with_tables(const version *of, uint8_t last)
{
    uint8_t first = 1;
    while (first < last && of->levels[first].count == 0) {
        first++;
    }
    return first;
}

/* Where level 0 is rewritten with all of the last level, and where with nothing. */
static uint8_t lazy_base(const version *of, const compaction_options *options, uint8_t last)
{
    uint64_t bytes = of->levels[0].bytes + of->levels[last].bytes;
    return bytes > options->input_bytes_max && last > 1 ? (uint8_t)(last - 1) : last;
}

static void set_targets(const version *of, const compaction_options *options,
                        compaction_levels *out)
{
    uint8_t top = out->last;
    uint64_t bytes = of->levels[top].bytes;
    bool is_lazy = options->runs_merged > 0;
    out->targets[top] = bytes > 0 ? bytes : options->level_bytes_base;
    while (!is_lazy && top > 1 && bytes / options->level_multiplier >= options->level_bytes_base) {
        bytes /= options->level_multiplier;
        top--;
        out->targets[top] = bytes;
    }
    top = is_lazy ? lazy_base(of, options, out->last) : top;
    uint8_t first = first_level_with_tables(of, out->last);
    out->base = first < top ? first : top;
}

/* ---- scores ---- */

static uint32_t busy_count(const level *self, uint64_t *bytes_out)
{
    uint32_t count = 0;
    *bytes_out = 0;
    for (uint32_t i = 0; i < self->count; i++) {
        if (self->files[i]->busy) {
            count++;
            *bytes_out += self->files[i]->facts.file_bytes;
        }
    }
    return count;
}

/* Tables of level 0 at which it is due. */
static uint32_t level0_trigger(const version *of, const compaction_options *options,
                               const compaction_levels *levels)
{
    const level *first = &of->levels[0];
    uint64_t base_bytes = of->levels[levels->base].bytes;
    uint64_t target = levels->targets[levels->base];
    uint64_t weight = base_bytes < target || PYKV_PLANTED(114) ? base_bytes : target;
    double tables =
        first->bytes == 0 ? 0 : (double)weight * (double)first->count / (double)first->bytes;
    if (tables >= (double)options->level0_trigger_max) {
        return options->level0_trigger_max;
    }
    return tables > (double)options->level0_trigger ? (uint32_t)tables : options->level0_trigger;
}

uint64_t compaction_runs_allowed(const version *of, const compaction_levels *levels)
{
    return of->levels[levels->last].bytes / RUNS_SHARE;
}

static double score_of_runs(const version *of, const compaction_options *options,
                            const compaction_levels *levels, uint32_t count, uint64_t bytes)
{
    uint64_t allowed = compaction_runs_allowed(of, levels);
    double by_count = (double)count / (double)options->runs_max;
    double by_bytes = allowed == 0 ? 1 : (double)bytes / (double)allowed;
    return count >= options->runs_merged && by_bytes > by_count ? by_bytes : by_count;
}

static double score_of(const version *of, const compaction_options *options,
                       const compaction_levels *levels, uint32_t index)
{
    uint64_t busy_bytes;
    const level *self = &of->levels[index];
    uint32_t busy = busy_count(self, &busy_bytes);
    if (index == 0 && options->runs_merged > 0) {
        return score_of_runs(of, options, levels, self->count - busy, self->bytes - busy_bytes);
    }
    if (index == 0) {
        return (double)(self->count - busy) / level0_trigger(of, options, levels);
    }
    if (index == levels->last || self->count == busy) {
        return 0;
    }
    double bytes = (double)(self->bytes - busy_bytes);
    return levels->targets[index] > 0 ? bytes / (double)levels->targets[index]
                                      : 1 + bytes / (double)options->level_bytes_base;
}

void compaction_levels_measure(const version *of, const compaction_options *options,
                               compaction_levels *out)
{
    PYKV_ASSERT(options->level_multiplier > 1 && options->level_bytes_base > 0);
    PYKV_ASSERT(options->level0_trigger > 0);
    PYKV_ASSERT(options->level0_trigger_max >= options->level0_trigger);
    PYKV_ASSERT(options->runs_merged != 1);
    compaction_levels made = {.last = last_level(of)};
    set_targets(of, options, &made);
    for (uint32_t index = 0; index < LSM_LEVEL_COUNT; index++) {
        made.scores[index] = score_of(of, options, &made, index);
    }
    *out = made;
}

/* ---- debt ---- */

/* Reading and writing bytes of a level together with the part of the next that they overlap. */
static uint64_t cost_of_moving(uint64_t bytes, uint64_t level_bytes, uint64_t next_bytes)
{
    double overlap = (double)next_bytes / (double)level_bytes;
    return bytes + (uint64_t)((double)bytes * overlap);
}

/* The next runs may gather while those before them go down, but not faster: a quarter of that work
 * is to take them out of level 0, and the rest to take them on. */
static uint64_t lazy_debt(const version *of, const compaction_options *options,
                          const compaction_levels *levels)
{
    uint64_t going;
    uint64_t allowed = compaction_runs_allowed(of, levels);
    uint64_t allowed_min = options->runs_merged * options->table_bytes;
    (void)busy_count(&of->levels[0], &going);
    uint64_t weight = of->levels[0].bytes - going;
    for (uint8_t index = 1; index < levels->last; index++) {
        going += of->levels[index].bytes;
    }
    weight += going / 4 * 3;
    allowed = allowed > allowed_min ? allowed : allowed_min;
    return weight > allowed ? DESCENT_COST * (weight - allowed) : 0;
}

uint64_t compaction_debt(const version *of, const compaction_options *options)
{
    compaction_levels levels;
    compaction_levels_measure(of, options, &levels);
    const level *first = &of->levels[0];
    if (options->runs_merged > 0) {
        return lazy_debt(of, options, &levels);
    }
    uint64_t coming = 0; /* bytes that the level gets from above */
    uint64_t debt = 0;
    if (first->count >= level0_trigger(of, options, &levels)) {
        coming = first->bytes;
        debt = first->bytes + of->levels[levels.base].bytes;
    }
    for (uint8_t index = levels.base; index < levels.last; index++) {
        uint64_t bytes = of->levels[index].bytes + coming;
        uint64_t target = levels.targets[index];
        coming = bytes > target ? bytes - target : 0;
        if (coming > 0) {
            debt += cost_of_moving(coming, bytes, of->levels[index + 1].bytes);
        }
    }
    return debt;
}
