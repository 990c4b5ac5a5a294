/*
 * compaction_plan: from the tables that are wanted to all that must come along.
 */
#include "lsm/compaction_plan.h"

#include "base/error.h"
#include "base/invariant.h"
#include "base/memory.h"

/* ---- ranges ---- */

typedef struct bounds {
    slice smallest;
    slice largest;
} bounds;

static void widen(bounds *self, const table_file *by)
{
    if (slice_compare(by->smallest, self->smallest) < 0) {
        self->smallest = by->smallest;
    }
    if (slice_compare(by->largest, self->largest) > 0) {
        self->largest = by->largest;
    }
}

static bool overlaps(const bounds *self, slice smallest, slice largest)
{
    return slice_compare(self->smallest, largest) <= 0 &&
           slice_compare(smallest, self->largest) <= 0;
}

level_run level_overlap(const level *self, slice smallest, slice largest)
{
    level_run run = {level_find(self, smallest), 0};
    uint32_t end = level_find(self, largest);
    if (end < self->count && slice_compare(self->files[end]->smallest, largest) <= 0) {
        end++;
    }
    run.count = end > run.first ? end - run.first : 0;
    return run;
}

uint64_t level_run_bytes(const level *self, level_run run)
{
    uint64_t bytes = 0;
    for (uint32_t i = run.first; i < run.first + run.count; i++) {
        bytes += self->files[i]->facts.file_bytes;
    }
    return bytes;
}

bool version_overlaps_below(const version *self, uint8_t level_index, slice smallest, slice largest)
{
    for (uint32_t i = (uint32_t)level_index + 1; i < LSM_LEVEL_COUNT; i++) {
        if (level_overlap(&self->levels[i], smallest, largest).count > 0) {
            return true;
        }
    }
    return false;
}

static bounds bounds_of_run(const level *self, level_run run)
{
    bounds made = {self->files[run.first]->smallest,
                   self->files[run.first + run.count - 1]->largest};
    return made;
}

static void widen_by_run(bounds *self, const level *by, level_run run)
{
    if (run.count > 0) {
        widen(self, by->files[run.first]);
        widen(self, by->files[run.first + run.count - 1]);
    }
}

static level_run overlap_of(const level *self, const bounds *range)
{
    return level_overlap(self, range->smallest, range->largest);
}

static bool any_is_busy(const level *self, level_run run)
{
    for (uint32_t i = run.first; i < run.first + run.count; i++) {
        if (self->files[i]->busy && !PYKV_PLANTED(87)) {
            return true;
        }
    }
    return false;
}

/* ---- the plan ---- */

/* True if a running compaction may put tables where this one does. */
static bool meets_running(const compaction_options *options, uint8_t output_level,
                          const bounds *range)
{
    for (size_t i = 0; i < options->running_count; i++) {
        const compaction_plan *other = options->running[i];
        if (other->output_level == output_level && !PYKV_PLANTED(87) &&
            overlaps(range, other->smallest, other->largest)) {
            return true;
        }
    }
    return false;
}

static void copy_run(table_file **out, const level *from, level_run run)
{
    for (uint32_t i = 0; i < run.count; i++) {
        out[i] = from->files[run.first + i];
    }
}

static uint64_t bytes_of(table_file *const *files, size_t count)
{
    uint64_t bytes = 0;
    for (size_t i = 0; i < count; i++) {
        bytes += files[i]->facts.file_bytes;
    }
    return bytes;
}

/* Fills in a plan whose levels and reason are set, but for the inputs of the input level, of which
 * there are count: the caller enters them. range is that of these and of below, the inputs of the
 * output level. */
static pykv_status allocate(version *of, const bounds *range, size_t count, level_run below,
                            compaction_plan *self)
{
    const level *output = &of->levels[self->output_level];
    level_run behind = {0, 0};
    if (self->output_level > 0 && self->output_level + 1 < LSM_LEVEL_COUNT) {
        behind = overlap_of(&of->levels[self->output_level + 1], range);
    }
    table_file **files = mem_alloc_zeroed(count + below.count + behind.count, sizeof(table_file *));
    if (files == NULL) {
        (void)error_set_no_memory((count + below.count + behind.count) * sizeof(table_file *));
        return PYKV_NO_MEMORY;
    }
    self->of = version_acquire(of);
    self->smallest = range->smallest;
    self->largest = range->largest;
    self->inputs[0] = files;
    self->input_counts[0] = count;
    self->inputs[1] = files + count;
    self->input_counts[1] = below.count;
    self->grandparents = files + count + below.count;
    self->grandparent_count = behind.count;
    copy_run(self->inputs[1], output, below);
    if (behind.count > 0) {
        copy_run(self->grandparents, &of->levels[self->output_level + 1], behind);
    }
    return PYKV_OK;
}

static bool becomes_smaller(const compaction_plan *self, const compaction_options *options)
{
    return self->input_level < options->level_compressed_min &&
           self->output_level >= options->level_compressed_min;
}

/* A table that stands in the way of nothing is moved, unless rewriting it there would compress it
 * better, or drop what hides nothing any more. */
static bool is_trivial(const compaction_plan *self, const compaction_options *options)
{
    const table_file *only = self->inputs[0][0];
    if (self->input_counts[0] != 1 || self->input_counts[1] != 0 ||
        self->input_level == self->output_level || becomes_smaller(self, options) ||
        bytes_of(self->grandparents, self->grandparent_count) > options->overlap_bytes_max) {
        return false;
    }
    bool has_dead =
        only->facts.tombstone_count > 0 ||
        (only->facts.deadline_min_us != 0 && only->facts.deadline_min_us <= options->now_us);
    return !has_dead ||
           version_overlaps_below(self->of, self->output_level, self->smallest, self->largest);
}

static void complete(compaction_plan *self, const compaction_options *options)
{
    self->input_bytes = bytes_of(self->inputs[0], self->input_counts[0]) +
                        bytes_of(self->inputs[1], self->input_counts[1]);
    self->is_trivial_move = is_trivial(self, options);
}

/* ---- deeper levels ---- */

/* More neighbours of the input level, as long as they bring no further table of the output level
 * along. */
static level_run grow(const version *of, const compaction_options *options, uint8_t level_index,
                      level_run run)
{
    const level *from = &of->levels[level_index];
    const level *to = &of->levels[level_index + 1];
    bounds range = bounds_of_run(from, run);
    level_run below = overlap_of(to, &range);
    widen_by_run(&range, to, below);
    level_run wider = overlap_of(from, &range);
    bounds wider_range = bounds_of_run(from, wider);
    uint64_t bytes = level_run_bytes(from, wider) + level_run_bytes(to, below);
    bool is_free = overlap_of(to, &wider_range).count == below.count &&
                   bytes <= options->input_bytes_max && !any_is_busy(from, wider);
    return is_free ? wider : run;
}

pykv_status compaction_plan_level(version *of, const compaction_options *options,
                                  uint8_t level_index, level_run run, const char *reason,
                                  compaction_plan *out)
{
    PYKV_ASSERT(level_index > 0 && run.count > 0);
    if (level_index + 1 >= LSM_LEVEL_COUNT) {
        return error_set(PYKV_INVALID_ARGUMENT, "there is no level below level %u", level_index);
    }
    const level *from = &of->levels[level_index];
    const level *to = &of->levels[level_index + 1];
    compaction_plan made = {
        .input_level = level_index, .output_level = (uint8_t)(level_index + 1), .reason = reason};
    run = grow(of, options, level_index, run);
    bounds range = bounds_of_run(from, run);
    level_run below = overlap_of(to, &range);
    widen_by_run(&range, to, below);
    if (any_is_busy(from, run) || any_is_busy(to, below) ||
        meets_running(options, made.output_level, &range)) {
        return PYKV_WOULD_BLOCK;
    }
    pykv_status status = allocate(of, &range, run.count, below, &made);
    if (status == PYKV_OK) {
        copy_run(made.inputs[0], from, run);
        complete(&made, options);
        *out = made;
    }
    return status;
}

pykv_status compaction_plan_rewrite(version *of, const compaction_options *options,
                                    uint8_t level_index, level_run run, const char *reason,
                                    compaction_plan *out)
{
    PYKV_ASSERT(level_index > 0 && run.count > 0);
    const level *at = &of->levels[level_index];
    level_run none = {0, 0};
    compaction_plan made = {
        .input_level = level_index, .output_level = level_index, .reason = reason};
    bounds range = bounds_of_run(at, run);
    if (any_is_busy(at, run) || meets_running(options, level_index, &range)) {
        return PYKV_WOULD_BLOCK;
    }
    pykv_status status = allocate(of, &range, run.count, none, &made);
    if (status == PYKV_OK) {
        copy_run(made.inputs[0], at, run);
        complete(&made, options);
        *out = made;
    }
    return status;
}

/* ---- level 0 ---- */

/* Tables of level 0, a flag each, and the range of those that are set. */
typedef struct level0_set {
    bool *members;
    uint32_t count;
    bounds range;
} level0_set;

static bool overlaps_member(const level0_set *self, const level *first, uint32_t index)
{
    const table_file *asked = first->files[index];
    for (uint32_t i = 0; i < first->count; i++) {
        bounds range = {first->files[i]->smallest, first->files[i]->largest};
        if (self->members[i] && overlaps(&range, asked->smallest, asked->largest)) {
            return true;
        }
    }
    return false;
}

/* Adds every table that overlaps a member, older ones because they must, newer ones because they
 * are better gone too, until there is none; then counts and measures. */
static void close_set(level0_set *self, const level *first)
{
    bool grows = !PYKV_PLANTED(83);
    while (grows) {
        grows = false;
        for (uint32_t i = 0; i < first->count; i++) {
            if (!self->members[i] && overlaps_member(self, first, i)) {
                self->members[i] = true;
                grows = true;
            }
        }
    }
    self->count = 0;
    for (uint32_t i = 0; i < first->count; i++) {
        if (self->members[i] && self->count++ == 0) {
            self->range.smallest = first->files[i]->smallest;
            self->range.largest = first->files[i]->largest;
        } else if (self->members[i]) {
            widen(&self->range, first->files[i]);
        }
    }
}

/* Adds the tables that lie within what the plan rewrites anyway, if then it still does not take
 * more of the output level. wider has room for as many flags. */
static void grow_set(level0_set *self, level0_set *wider, const level *first, const level *to)
{
    level_run below = overlap_of(to, &self->range);
    bounds range = self->range;
    widen_by_run(&range, to, below);
    for (uint32_t i = 0; i < first->count; i++) {
        wider->members[i] = self->members[i] ||
                            overlaps(&range, first->files[i]->smallest, first->files[i]->largest);
    }
    close_set(wider, first);
    if (overlap_of(to, &wider->range).count == below.count) {
        bool *members = self->members;
        *self = *wider;
        wider->members = members;
    }
}

/* As compaction_plan_level0, from a closed set. */
static pykv_status plan_set(version *of, const compaction_options *options, const level0_set *set,
                            compaction_plan *self)
{
    const level *first = &of->levels[0];
    const level *to = &of->levels[self->output_level];
    bounds range = set->range;
    level_run below = overlap_of(to, &range);
    widen_by_run(&range, to, below);
    level_run all = {0, first->count};
    if (any_is_busy(first, all) || any_is_busy(to, below) ||
        meets_running(options, self->output_level, &range)) {
        return PYKV_WOULD_BLOCK;
    }
    pykv_status status = allocate(of, &range, set->count, below, self);
    if (status != PYKV_OK) {
        return status;
    }
    size_t entered = 0;
    for (uint32_t i = 0; i < first->count; i++) {
        if (set->members[i]) {
            self->inputs[0][entered++] = first->files[i];
        }
    }
    complete(self, options);
    return PYKV_OK;
}

pykv_status compaction_plan_level0(version *of, const compaction_options *options,
                                   uint8_t output_level, const bool *wanted, const char *reason,
                                   compaction_plan *out)
{
    const level *first = &of->levels[0];
    compaction_plan made = {.output_level = output_level, .reason = reason};
    PYKV_ASSERT(output_level > 0 && first->count > 0);
    for (uint8_t i = 1; i < output_level; i++) {
        PYKV_ASSERT(of->levels[i].count == 0);
    }
    bool *flags = mem_alloc_zeroed(2 * (size_t)first->count, sizeof(bool));
    if (flags == NULL) {
        return error_set_no_memory(2 * (size_t)first->count);
    }
    level0_set set = {.members = flags};
    level0_set wider = {.members = flags + first->count};
    memcpy(set.members, wanted, first->count * sizeof(bool));
    close_set(&set, first);
    grow_set(&set, &wider, first, &of->levels[output_level]);
    PYKV_ASSERT(set.count > 0);
    pykv_status status = plan_set(of, options, &set, &made);
    mem_free(flags);
    if (status == PYKV_OK) {
        *out = made;
    }
    return status;
}

static bounds bounds_of_runs(const level *first, level_run run)
{
    bounds range = {first->files[run.first]->smallest, first->files[run.first]->largest};
    for (uint32_t i = 1; i < run.count; i++) {
        widen(&range, first->files[run.first + i]);
    }
    return range;
}

pykv_status compaction_plan_runs(version *of, const compaction_options *options,
                                 uint8_t output_level, level_run run, const char *reason,
                                 compaction_plan *out)
{
    const level *first = &of->levels[0];
    const level *to = &of->levels[output_level];
    compaction_plan made = {.output_level = output_level, .reason = reason};
    PYKV_ASSERT(run.count > 0 && run.first + run.count <= first->count);
    PYKV_ASSERT(output_level == 0 || run.first + run.count == first->count);
    bounds range = bounds_of_runs(first, run);
    level_run below = {0, 0};
    if (output_level > 0) {
        below = overlap_of(to, &range);
        widen_by_run(&range, to, below);
    }
    if (any_is_busy(first, run) || any_is_busy(to, below) ||
        (output_level > 0 && meets_running(options, output_level, &range))) {
        return PYKV_WOULD_BLOCK;
    }
    pykv_status status = allocate(of, &range, run.count, below, &made);
    if (status == PYKV_OK) {
        copy_run(made.inputs[0], first, run);
        complete(&made, options);
        *out = made;
    }
    return status;
}

/* ---- marks and end ---- */

static void mark(const compaction_plan *self, bool busy)
{
    for (size_t side = 0; side < 2; side++) {
        for (size_t i = 0; i < self->input_counts[side]; i++) {
            PYKV_ASSERT(self->inputs[side][i]->busy != busy || PYKV_PLANTED(87));
            self->inputs[side][i]->busy = busy;
        }
    }
}

void compaction_plan_begin(const compaction_plan *self)
{
    mark(self, true);
}

void compaction_plan_end(const compaction_plan *self)
{
    mark(self, false);
}

void compaction_plan_reset(compaction_plan *self)
{
    mem_free(self->inputs[0]);
    version_release(self->of);
    *self = (compaction_plan){.input_level = 0};
}
