/*
 * compaction: the inputs as a version of their own, whose iterators are merged.
 */
#include "lsm/compaction_run.h"

#include "base/error.h"
#include "base/invariant.h"
#include "base/memory.h"
#include "lsm/merging_iterator.h"
#include "lsm/version_iterate.h"

struct compaction {
    const compaction_plan *plan;
    version *inputs; /* those that are read */
    range_filter hidden;
    iterator *walk;
    uint64_t entry_count; /* of them */
    table_output output;
    bool begun;
    bool done;
};

/* ---- the inputs ---- */

static bool overlaps_output_level(const compaction_plan *plan, const table_file *asked)
{
    for (size_t i = 0; i < plan->input_counts[1]; i++) {
        const table_file *other = plan->inputs[1][i];
        if (slice_compare(other->smallest, asked->largest) <= 0 &&
            slice_compare(asked->smallest, other->largest) <= 0) {
            return true;
        }
    }
    return false;
}

/* Whether a table can be left out: every entry is a tombstone or every one has expired, so that no
 * reader finds anything in it, and no older table has its keys. Those of level 0 are all read. */
static bool is_dead(const compaction_plan *plan, const table_job *job, const table_file *asked,
                    bool of_output_level)
{
    const manifest_table *facts = &asked->facts;
    bool has_expired = facts->deadline_max_us != 0 && facts->deadline_max_us <= job->now_us;
    if (!has_expired && facts->tombstone_count < facts->entry_count) {
        return false;
    }
    if (version_overlaps_below(plan->of, plan->output_level, asked->smallest, asked->largest)) {
        return false;
    }
    return of_output_level || (plan->input_level > 0 && !overlaps_output_level(plan, asked));
}

/* Makes the version of the inputs that are read. */
static pykv_status gather_inputs(compaction *self, const table_job *job)
{
    const compaction_plan *plan = self->plan;
    size_t count = 0;
    size_t room = plan->input_counts[0] + plan->input_counts[1];
    table_file **files = mem_alloc_zeroed(room, sizeof *files);
    uint8_t *levels = mem_alloc_zeroed(room, sizeof *levels);
    if (files == NULL || levels == NULL) {
        mem_free(files);
        mem_free(levels);
        return error_set_no_memory(room * sizeof *files);
    }
    for (size_t side = 0; side < 2; side++) {
        for (size_t i = 0; i < plan->input_counts[side]; i++) {
            table_file *input = plan->inputs[side][i];
            if (!is_dead(plan, job, input, side == 1)) {
                files[count] = input;
                self->entry_count += input->facts.entry_count;
                levels[count++] = side == 0 ? plan->input_level : plan->output_level;
            }
        }
    }
    pykv_status status = version_from_tables(files, levels, count, &self->inputs);
    mem_free(files);
    mem_free(levels);
    return status;
}

static pykv_status merge_inputs(compaction *self)
{
    size_t count = 0;
    size_t room = version_iterator_count(self->inputs);
    iterator **walks = mem_alloc_zeroed(room + 1, sizeof *walks);
    if (walks == NULL) {
        return error_set_no_memory(room * sizeof *walks);
    }
    pykv_status status = version_inputs(self->inputs, &self->hidden, walks, &count);
    if (status == PYKV_OK) {
        status = merging_iterator_new(walks, count, &self->walk);
        for (size_t i = 0; i < count && status != PYKV_OK; i++) {
            iterator_free(walks[i]);
        }
    }
    mem_free(walks);
    return status;
}

/* ---- running ---- */

/* Whether an older table of level 0 that stays may hold key. */
static bool older_run_may_hold(const compaction_plan *plan, slice key)
{
    const level *first = &plan->of->levels[0];
    const table_file *oldest = plan->inputs[0][plan->input_counts[0] - 1];
    for (uint32_t i = first->count; i > 0 && first->files[i - 1] != oldest; i--) {
        const table_file *asked = first->files[i - 1];
        if (slice_compare(asked->smallest, key) <= 0 && slice_compare(key, asked->largest) <= 0) {
            return !PYKV_PLANTED(191);
        }
    }
    return false;
}

/* Whether a table that the plan does not take, and that is older than its inputs, may hold key: of
 * the output level every one that may is an input, and of level 0 where outputs go deeper. */
static bool may_hold(const void *context, slice key)
{
    const compaction_plan *plan = context;
    return version_key_is_below(plan->of, plan->output_level, key) ||
           (plan->output_level == 0 && older_run_may_hold(plan, key));
}

/* What goes to level 0 is one table. */
static table_cut_options cut_of(const compaction_plan *plan, const compaction_options *options)
{
    table_cut_options cut = {.table_bytes = options->table_bytes,
                             .overlap_bytes_max = options->overlap_bytes_max,
                             .grandparents = plan->grandparents,
                             .grandparent_count = plan->grandparent_count};
    if (plan->output_level == 0 && !PYKV_PLANTED(192)) {
        cut.table_bytes = UINT64_MAX;
    }
    return cut;
}

pykv_status compaction_new(const table_job *job, const compaction_options *options,
                           const compaction_plan *plan, compaction **out)
{
    compaction *self = mem_alloc_zeroed(1, sizeof *self);
    if (self == NULL) {
        return error_set_no_memory(sizeof *self);
    }
    table_cut_options cut = cut_of(plan, options);
    older_tables older = {may_hold, plan};
    table_job told = *job;
    told.deletes_through = range_set_sequence_max(plan->of->ranges);
    self->plan = plan;
    self->hidden = (range_filter){PYKV_PLANTED(140) ? NULL : plan->of->ranges, UINT64_MAX};
    table_output_init(&self->output, &told, older, plan->output_level, &cut);
    pykv_status status = gather_inputs(self, job);
    if (status == PYKV_OK) {
        status = merge_inputs(self);
    }
    if (status != PYKV_OK) {
        compaction_free(self);
        return status;
    }
    *out = self;
    return PYKV_OK;
}

pykv_status compaction_step(compaction *self, uint64_t step_bytes, bool *more_out)
{
    bool more = false;
    PYKV_ASSERT(step_bytes > 0);
    if (!self->begun) {
        self->begun = true;
        iterator_seek_first(self->walk);
    }
    pykv_status status =
        self->done ? PYKV_OK : table_output_pull(&self->output, self->walk, step_bytes, &more);
    if (status == PYKV_OK) {
        self->done = !more;
        *more_out = more;
    }
    return status;
}

const manifest_table *compaction_outputs(const compaction *self, size_t *count_out)
{
    PYKV_ASSERT(self->done);
    return table_output_made(&self->output, count_out);
}

const manifest_values *compaction_values(const compaction *self, size_t *count_out)
{
    return table_output_values(&self->output, count_out);
}

void compaction_take(compaction *self)
{
    PYKV_ASSERT(self->done);
    table_output_take(&self->output);
}

double compaction_share_read(const compaction *self)
{
    uint64_t count = self->output.counts.entries_read;
    return count < self->entry_count ? (double)count / (double)self->entry_count : 1;
}

table_output_counts compaction_counts(const compaction *self)
{
    return self->output.counts;
}

void compaction_free(compaction *self)
{
    if (self == NULL) {
        return;
    }
    iterator_free(self->walk);
    table_output_reset(&self->output);
    version_release(self->inputs);
    mem_free(self);
}
