/*
 * value_pick: the choice among segments and tables.
 */
#include "lsm/value_pick.h"

#include "base/error.h"
#include "base/invariant.h"
#include "base/memory.h"
#include "lsm/value_refs.h"
#include "lsm/version_values.h"

enum {
    SMALL_MIN = 4,        /* small segments that move together where tables are rewritten anyway */
    SMALL_REWRITE_MIN = 8 /* and for which a table is rewritten */
};

/* ---- segments ---- */

/* Bytes of the file that nothing points to, about. */
static double dead_bytes(const version_values *values)
{
    const manifest_values *facts = &values->segment->facts;
    double whole = (double)facts->value_bytes;
    double live = (double)values->live_bytes;
    return whole <= live ? 0 : (double)facts->file_bytes * (whole - live) / whole;
}

static double dead_share(const version_values *values)
{
    return dead_bytes(values) / (double)values->segment->facts.file_bytes;
}

static bool is_moved(const value_job *job, uint32_t number)
{
    for (uint32_t i = 0; i < job->moved_count; i++) {
        if (job->moved[i] == number) {
            return true;
        }
    }
    return false;
}

/* Neither moves nor counts: nothing makes it smaller. */
static bool stays(const version_values *values)
{
    return value_segment_is_unreadable(values->segment) && !PYKV_PLANTED(288);
}

/* Whether a segment is to be emptied before another. */
static bool goes_before(const version_values *asked, const version_values *other, value_moves moves)
{
    return moves == VALUE_MOVES_LEAST ? asked->live_bytes < other->live_bytes
                                      : dead_share(asked) > dead_share(other);
}

/* The segment that goes next, of those that are not taken yet; NULL: there is none with anything
 * dead. */
static const version_values *next_victim(const version *of, const value_job *job, value_moves moves)
{
    const version_values *first = NULL;
    for (uint32_t i = 0; i < of->value_segment_count; i++) {
        const version_values *asked = &of->values[i];
        if (is_moved(job, asked->segment->facts.number) || dead_bytes(asked) <= 0 || stays(asked)) {
            continue;
        }
        if (first == NULL || goes_before(asked, first, moves)) {
            first = asked;
        }
    }
    return first;
}

void value_pick_moved(const version *of, double amplification_max, value_moves moves,
                      value_job *job)
{
    static const uint32_t counts_max[] = {
        [VALUE_MOVES_MANY] = 4,  [VALUE_MOVES_TWO] = 2,  [VALUE_MOVES_ONE] = 1,
        [VALUE_MOVES_LEAST] = 1, [VALUE_MOVES_NONE] = 0,
    };
    uint32_t count_max = counts_max[moves];
    double bytes = 0;
    double dead = 0;
    job->moved_from = of;
    job->moved_count = 0;
    for (uint32_t i = 0; i < of->value_segment_count; i++) {
        if (!stays(&of->values[i])) {
            bytes += (double)of->values[i].segment->facts.file_bytes;
            dead += dead_bytes(&of->values[i]);
        }
    }
    while (bytes > amplification_max * (bytes - dead) && job->moved_count < count_max) {
        const version_values *victim = next_victim(of, job, moves);
        if (victim == NULL) {
            return;
        }
        bytes -= dead_bytes(victim);
        dead -= dead_bytes(victim);
        job->moved[job->moved_count++] = victim->segment->facts.number;
    }
}

/* ---- small segments ---- */

/* What some tables point to in small segments. */
typedef struct small_refs {
    value_ref refs[VALUE_MOVES_MAX];
    uint32_t count;
    uint64_t bytes;
} small_refs;

static bool is_small(const version_values *values, uint64_t small_bytes)
{
    return values->segment->facts.file_bytes < small_bytes && !stays(values);
}

/* What has no place is left for another time. */
static void add_ref(small_refs *self, value_ref entry)
{
    uint32_t at = 0;
    while (at < self->count && self->refs[at].number != entry.number) {
        at++;
    }
    if (at == VALUE_MOVES_MAX) {
        return;
    }
    if (at == self->count) {
        self->refs[self->count++] = (value_ref){.number = entry.number};
    }
    self->refs[at].bytes += entry.bytes;
    self->bytes += entry.bytes;
}

static void add_table(small_refs *self, const version *of, const table_file *file,
                      uint64_t small_bytes, const value_job *job)
{
    slice attached = file->table->properties.attached;
    for (size_t i = 0; i < value_refs_count(attached); i++) {
        value_ref entry = value_refs_at(attached, i);
        const version_values *values = version_find_values(of, entry.number);
        if (!is_moved(job, entry.number) && values != NULL && is_small(values, small_bytes)) {
            add_ref(self, entry);
        }
    }
}

/* Leaves out the largest ones until none has more than the others together, and all if then they
 * are few. */
static void leave_out_large(small_refs *self, uint32_t room, uint32_t count_min)
{
    for (;;) {
        uint32_t largest = 0;
        for (uint32_t i = 1; i < self->count; i++) {
            largest = self->refs[i].bytes > self->refs[largest].bytes ? i : largest;
        }
        if (self->count < count_min || PYKV_PLANTED(269)) {
            self->count = 0;
            return;
        }
        if (self->count <= room && self->refs[largest].bytes <= self->bytes / 2) {
            return;
        }
        self->bytes -= self->refs[largest].bytes;
        self->refs[largest] = self->refs[--self->count];
    }
}

void value_pick_small(const compaction_plan *plan, uint64_t small_bytes, value_job *job)
{
    small_refs found = {.count = 0};
    if (plan->is_trivial_move || plan->is_removal || plan->of->value_segment_count < SMALL_MIN) {
        return;
    }
    for (size_t side = 0; side < 2; side++) {
        for (size_t i = 0; i < plan->input_counts[side]; i++) {
            add_table(&found, plan->of, plan->inputs[side][i], small_bytes, job);
        }
    }
    leave_out_large(&found, VALUE_MOVES_MAX - job->moved_count, SMALL_MIN);
    for (uint32_t i = 0; i < found.count; i++) {
        job->moved[job->moved_count++] = found.refs[i].number;
    }
}

/* ---- tables ---- */

static uint64_t moved_bytes(const value_job *job, const table_file *file)
{
    slice attached = file->table->properties.attached;
    uint64_t bytes = 0;
    for (size_t i = 0; i < value_refs_count(attached); i++) {
        value_ref entry = value_refs_at(attached, i);
        bytes += is_moved(job, entry.number) ? entry.bytes : 0;
    }
    return bytes;
}

uint64_t value_pick_bytes(const compaction_plan *plan, const value_job *job)
{
    uint64_t bytes = 0;
    for (size_t side = 0; side < 2 && !plan->is_trivial_move && !plan->is_removal; side++) {
        for (size_t i = 0; i < plan->input_counts[side]; i++) {
            bytes += moved_bytes(job, plan->inputs[side][i]);
        }
    }
    return bytes;
}

typedef struct chosen_table {
    uint64_t bytes; /* 0: none */
    uint8_t level_index;
    uint32_t index;
} chosen_table;

/* Bytes of values that move when a table is rewritten because it points to small segments. */
static uint64_t small_moved_bytes(const version *of, const table_file *file, uint64_t small_bytes,
                                  const value_job *job)
{
    small_refs found = {.count = 0};
    add_table(&found, of, file, small_bytes, job);
    leave_out_large(&found, VALUE_MOVES_MAX - job->moved_count, SMALL_REWRITE_MIN);
    return found.count == 0 ? 0 : found.bytes;
}

static bool has_many_small(const version *of, uint64_t small_bytes)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < of->value_segment_count; i++) {
        count += is_small(&of->values[i], small_bytes);
    }
    return count >= SMALL_REWRITE_MIN;
}

/* The table that points to most of what moves; else, that has most in small segments. */
static chosen_table choose(const version *of, const value_job *job, bool of_small,
                           uint64_t small_bytes)
{
    chosen_table best = {.bytes = 0};
    for (uint32_t i = 0; i < LSM_LEVEL_COUNT; i++) {
        for (uint32_t j = 0; j < of->levels[i].count; j++) {
            const table_file *asked = of->levels[i].files[j];
            uint64_t bytes =
                of_small ? small_moved_bytes(of, asked, small_bytes, job) : moved_bytes(job, asked);
            if (!asked->busy && bytes > best.bytes) {
                best = (chosen_table){bytes, (uint8_t)i, j};
            }
        }
    }
    return best;
}

static pykv_status plan_level0(version *of, const compaction_options *options, uint32_t index,
                               compaction_plan *out)
{
    compaction_levels levels;
    uint32_t count = of->levels[0].count;
    bool *wanted = mem_alloc_zeroed(count, sizeof(bool));
    if (wanted == NULL) {
        return error_set_no_memory(count);
    }
    wanted[index] = true;
    compaction_levels_measure(of, options, &levels);
    pykv_status status = compaction_plan_level0(of, options, levels.base, wanted, "values", out);
    mem_free(wanted);
    return status;
}

pykv_status value_pick_plan(version *of, const compaction_options *options, const value_job *job,
                            uint64_t small_bytes, compaction_plan *out)
{
    chosen_table best = {.bytes = 0};
    if (job->moved_count > 0) {
        best = choose(of, job, false, small_bytes);
    }
    if (best.bytes == 0 && has_many_small(of, small_bytes)) {
        best = choose(of, job, true, small_bytes);
    }
    if (best.bytes == 0) {
        return PYKV_NOT_FOUND;
    }
    level_run run = {best.index, 1};
    pykv_status status =
        best.level_index == 0
            ? plan_level0(of, options, best.index, out)
            : compaction_plan_rewrite(of, options, best.level_index, run, "values", out);
    return status == PYKV_WOULD_BLOCK ? PYKV_NOT_FOUND : status;
}
