/*
 * compaction_pick: the choice among levels and tables. Ranges are in compaction_pick_range.c.
 */
#include "lsm/compaction_pick.h"

#include "base/error.h"
#include "base/invariant.h"
#include "base/memory.h"
#include "lsm/compaction_pick_runs.h"

enum { REAP_SHARE = 4 };

/* ---- tables ---- */

/* Why a table may go before others; higher goes first. */
typedef enum urgency { URGENCY_NONE = 0, URGENCY_TOMBSTONES, URGENCY_EXPIRED } urgency;

typedef struct candidate {
    uint8_t level_index;
    uint32_t index;
    urgency why;
    uint64_t bytes;
    uint64_t overlap_bytes;
} candidate;

typedef struct overlap_facts {
    uint64_t bytes;
    uint64_t entries;
    bool busy;
} overlap_facts;

static overlap_facts measure_overlap(const version *of, uint8_t level_index, const table_file *by)
{
    overlap_facts facts = {0, 0, false};
    if (level_index + 1 == LSM_LEVEL_COUNT) {
        return facts;
    }
    const level *to = &of->levels[level_index + 1];
    level_run run = level_overlap(to, by->smallest, by->largest);
    for (uint32_t i = run.first; i < run.first + run.count; i++) {
        facts.bytes += to->files[i]->facts.file_bytes;
        facts.entries += to->files[i]->facts.entry_count;
        facts.busy |= to->files[i]->busy && !PYKV_PLANTED(87);
    }
    return facts;
}

static uint64_t expired_by(const table_file *asked, uint64_t time_us)
{
    const manifest_table *facts = &asked->facts;
    if (facts->deadline_max_us != 0 && facts->deadline_max_us <= time_us) {
        return facts->entry_count;
    }
    return PYKV_PLANTED(316) ? 0
                             : deadline_eighths_passed(facts->eighths, facts->entry_count, time_us);
}

static uint64_t expired_count(const table_file *asked, const compaction_options *options)
{
    return expired_by(asked, options->now_us);
}

uint64_t compaction_dead_count(const table_file *asked, const compaction_options *options)
{
    return expired_count(asked, options) + asked->facts.tombstone_count;
}

/* Whether much of a table would go, if nothing below were there. Nothing of it is sure to go as
 * long as readers may need what it hides. */
static bool is_dense(const table_file *asked, const compaction_options *options)
{
    return asked->facts.sequence_max <= options->visible_sequence &&
           compaction_dead_count(asked, options) * 4 > asked->facts.entry_count;
}

static urgency urgency_of(const version *of, const compaction_options *options, uint8_t level_index,
                          const table_file *asked, const overlap_facts *overlap)
{
    uint64_t dead = compaction_dead_count(asked, options);
    if (!is_dense(asked, options) || dead * 2 < overlap->entries ||
        (overlap->entries == 0 &&
         version_overlaps_below(of, level_index, asked->smallest, asked->largest))) {
        return URGENCY_NONE;
    }
    return expired_count(asked, options) * 2 > dead ? URGENCY_EXPIRED : URGENCY_TOMBSTONES;
}

/* True if left goes before right. */
static bool goes_before(const candidate *left, const candidate *right)
{
    if (left->why != right->why) {
        return left->why > right->why;
    }
    if (left->why != URGENCY_NONE && left->overlap_bytes != right->overlap_bytes) {
        return left->overlap_bytes > right->overlap_bytes;
    }
    return (double)left->overlap_bytes * (double)right->bytes <
           (double)right->overlap_bytes * (double)left->bytes;
}

/* Looks for the table of a level that goes first, and replaces *best by it if it goes before that.
 * With urgent_only, only a table that goes in any case. */
static void choose_table(const version *of, const compaction_options *options, uint8_t level_index,
                         bool urgent_only, candidate *best)
{
    const level *from = &of->levels[level_index];
    for (uint32_t i = 0; i < from->count; i++) {
        const table_file *asked = from->files[i];
        if (urgent_only && !is_dense(asked, options)) {
            continue;
        }
        overlap_facts overlap = measure_overlap(of, level_index, asked);
        if ((asked->busy && !PYKV_PLANTED(87)) || overlap.busy) {
            continue;
        }
        candidate one = {level_index, i, urgency_of(of, options, level_index, asked, &overlap),
                         asked->facts.file_bytes, overlap.bytes};
        bool counts = !urgent_only || one.why != URGENCY_NONE;
        if (counts && (best->bytes == 0 || goes_before(&one, best))) {
            *best = one;
        }
    }
}

static const char *reason_of(urgency why)
{
    switch (why) {
    case URGENCY_EXPIRED:
        return "expired";
    case URGENCY_TOMBSTONES:
        return "tombstones";
    case URGENCY_NONE:
        break;
    }
    return "size";
}

/* ---- levels ---- */

static pykv_status pick_level0(version *of, const compaction_options *options, uint8_t base,
                               compaction_plan *out)
{
    uint32_t count = of->levels[0].count;
    bool *wanted = mem_alloc_zeroed(count, sizeof(bool));
    if (wanted == NULL) {
        return error_set_no_memory(count);
    }
    wanted[PYKV_PLANTED(83) ? 0 : count - 1] = true;
    pykv_status status = compaction_plan_level0(of, options, base, wanted, "level 0", out);
    mem_free(wanted);
    return status;
}

/* Whether what expired long ago in level 0 is a quarter of all that taking it down would rewrite.
 * Lazy runs are rewritten with their own size alone. */
static bool level0_is_reapable(const version *of, const compaction_options *options, uint8_t base)
{
    uint64_t expired = 0;
    uint64_t entries = 0;
    for (uint32_t i = 0; i < of->levels[0].count; i++) {
        const table_file *asked = of->levels[0].files[i];
        bool may_go = asked->facts.sequence_max <= options->visible_sequence;
        expired += may_go ? expired_by(asked, options->reap_by_us) : 0;
        entries += asked->facts.entry_count;
    }
    for (uint32_t i = 0; i < of->levels[base].count && expired > 0; i++) {
        entries += of->levels[base].files[i]->facts.entry_count;
    }
    return expired > 0 && expired * REAP_SHARE >= entries && options->runs_merged == 0;
}

static pykv_status pick_reapable(version *of, const compaction_options *options,
                                 const compaction_levels *levels, compaction_plan *out)
{
    if (!level0_is_reapable(of, options, levels->base)) {
        return PYKV_NOT_FOUND;
    }
    pykv_status status = pick_level0(of, options, levels->base, out);
    return status == PYKV_WOULD_BLOCK ? PYKV_NOT_FOUND : status;
}

static pykv_status pick_candidate(version *of, const compaction_options *options,
                                  const candidate *chosen, uint8_t last, compaction_plan *out)
{
    level_run run = {chosen->index, 1};
    const char *reason = reason_of(chosen->why);
    return chosen->level_index == last
               ? compaction_plan_rewrite(of, options, last, run, reason, out)
               : compaction_plan_level(of, options, chosen->level_index, run, reason, out);
}

static pykv_status pick_level(version *of, const compaction_options *options,
                              const compaction_levels *levels, uint8_t level_index,
                              compaction_plan *out)
{
    candidate best = {.bytes = 0};
    if (level_index == 0) {
        return pick_level0(of, options, levels->base, out);
    }
    choose_table(of, options, level_index, false, &best);
    return best.bytes == 0 ? PYKV_WOULD_BLOCK
                           : pick_candidate(of, options, &best, levels->last, out);
}

/* The level with the highest score of those that are due and have a bit in levels_left. */
static uint8_t most_due(const compaction_levels *levels, uint32_t levels_left)
{
    uint8_t most = LSM_LEVEL_COUNT;
    for (uint32_t i = 0; i < LSM_LEVEL_COUNT; i++) {
        bool is_left = (levels_left >> i & 1) != 0;
        if (is_left && levels->scores[i] >= 1 &&
            (most == LSM_LEVEL_COUNT || levels->scores[i] > levels->scores[most])) {
            most = (uint8_t)i;
        }
    }
    return most;
}

static pykv_status pick_urgent(version *of, const compaction_options *options,
                               const compaction_levels *levels, uint32_t levels_left,
                               compaction_plan *out)
{
    candidate best = {.bytes = 0};
    for (uint8_t i = 1; i <= levels->last; i++) {
        if ((levels_left >> i & 1) != 0) {
            choose_table(of, options, i, true, &best);
        }
    }
    pykv_status status =
        best.bytes == 0 ? PYKV_NOT_FOUND : pick_candidate(of, options, &best, levels->last, out);
    return status == PYKV_WOULD_BLOCK ? PYKV_NOT_FOUND : status;
}

static pykv_status pick_crowded(version *of, const compaction_options *options,
                                const compaction_levels *levels, uint32_t levels_left,
                                compaction_plan *out)
{
    bool is_lazy = options->runs_merged > 0; /* then level 0 is left for another reason */
    pykv_status status = compaction_pick_crowded(of, options, levels, levels_left | is_lazy, out);
    return status == PYKV_WOULD_BLOCK ? PYKV_NOT_FOUND : status;
}

/* What has turns while a level is due: an urgent table, or one that is crowded. */
static pykv_status pick_turn(version *of, const compaction_options *options,
                             const compaction_levels *levels, uint32_t levels_left,
                             compaction_plan *out)
{
    pykv_status status = PYKV_NOT_FOUND;
    if (options->ranges_first) {
        status = pick_crowded(of, options, levels, levels_left, out);
    }
    if (status == PYKV_NOT_FOUND) {
        status = pick_urgent(of, options, levels, levels_left, out);
    }
    if (status == PYKV_NOT_FOUND && !options->ranges_first) {
        status = pick_crowded(of, options, levels, levels_left, out);
    }
    return status;
}

/* What goes before all levels. */
static pykv_status pick_first(version *of, const compaction_options *options, compaction_plan *out)
{
    pykv_status status = compaction_pick_hidden(of, out);
    if (status == PYKV_NOT_FOUND) {
        status = compaction_pick_neighbours(of, options, UINT32_MAX, COMPACTION_NEIGHBOURS_MANY,
                                            NULL, out);
    }
    return status == PYKV_WOULD_BLOCK ? PYKV_NOT_FOUND : status;
}

/* Of the levels that are due, and have a bit in *levels_left; takes the bits of those that wait. */
static pykv_status pick_due(version *of, const compaction_options *options,
                            const compaction_levels *levels, uint32_t *levels_left,
                            compaction_plan *out)
{
    pykv_status picked = PYKV_NOT_FOUND;
    if (options->runs_merged > 0) {
        *levels_left &= ~1U;
        picked = compaction_pick_runs(of, options, levels, out);
    }
    uint8_t most = most_due(levels, *levels_left);
    while (picked == PYKV_NOT_FOUND && most < LSM_LEVEL_COUNT) {
        pykv_status status = pick_level(of, options, levels, most, out);
        if (status != PYKV_WOULD_BLOCK) {
            return status;
        }
        *levels_left &= ~(1U << most);
        if (most == 0 && !PYKV_PLANTED(128)) {
            *levels_left &= ~((2U << levels->base) - 1);
        }
        most = most_due(levels, *levels_left);
    }
    return picked;
}

/* Replaces the plan of a level that is due by that of a table that has its turn, if there is one.
 */
static pykv_status give_turn(version *of, const compaction_options *options,
                             const compaction_levels *levels, uint32_t levels_left,
                             compaction_plan *plan)
{
    compaction_plan turn;
    pykv_status status = PYKV_PLANTED(289) ? pick_urgent(of, options, levels, levels_left, &turn)
                                           : pick_turn(of, options, levels, levels_left, &turn);
    if (status == PYKV_NOT_FOUND) {
        return PYKV_OK;
    }
    compaction_plan_reset(plan);
    if (status == PYKV_OK) {
        *plan = turn;
    }
    return status;
}

pykv_status compaction_pick(version *of, const compaction_options *options, compaction_plan *out)
{
    compaction_levels levels;
    compaction_plan due;
    pykv_status picked = pick_first(of, options, out);
    if (picked != PYKV_NOT_FOUND) {
        return picked;
    }
    compaction_levels_measure(of, options, &levels);
    uint32_t levels_left = (1U << LSM_LEVEL_COUNT) - 1;
    picked = pick_due(of, options, &levels, &levels_left, &due);
    if (picked == PYKV_OK && options->urgent_first) {
        picked = give_turn(of, options, &levels, levels_left, &due);
    }
    if (picked == PYKV_OK) {
        *out = due;
    }
    if (picked != PYKV_NOT_FOUND) {
        return picked;
    }
    picked = pick_turn(of, options, &levels, levels_left, out);
    if (picked == PYKV_NOT_FOUND) {
        picked = pick_reapable(of, options, &levels, out);
    }
    if (picked == PYKV_NOT_FOUND) {
        picked = compaction_pick_neighbours(of, options, levels_left, COMPACTION_NEIGHBOURS_MIN,
                                            NULL, out);
    }
    return picked == PYKV_WOULD_BLOCK ? PYKV_NOT_FOUND : picked;
}
