/*
 * flush_run: from the iterator of a memtable to one output.
 */
#include "lsm/flush_run.h"

#include "base/error.h"
#include "base/invariant.h"
#include "base/memory.h"
#include "lsm/range_iterator.h"

struct flush_run {
    version *older;
    iterator *walk; /* holds the memtable */
    table_output output;
    bool begun;
    bool done;
};

static bool may_hold(const void *context, slice key)
{
    const version *older = context;
    const level *first = &older->levels[0];
    for (uint32_t i = 0; i < first->count; i++) {
        if (slice_compare(first->files[i]->smallest, key) <= 0 &&
            slice_compare(key, first->files[i]->largest) <= 0) {
            return true;
        }
    }
    return version_key_is_below(older, 0, key);
}

pykv_status flush_run_new(const table_job *job, memtable *from, version *older, flush_run **out)
{
    PYKV_ASSERT(memtable_is_sealed(from));
    flush_run *self = mem_alloc_zeroed(1, sizeof *self);
    if (self == NULL) {
        return error_set_no_memory(sizeof *self);
    }
    table_cut_options cut = {.table_bytes = UINT64_MAX, .overlap_bytes_max = UINT64_MAX};
    older_tables tables = {may_hold, older};
    range_filter filter = {memtable_ranges(from), job->visible_sequence};
    range_extent extent = {.hidden_from = UINT64_MAX};
    table_job told = *job;
    told.deletes_through = range_set_sequence_max(filter.deletes);
    PYKV_ASSERT(told.deletes_through <= job->visible_sequence);
    self->older = version_acquire(older);
    table_output_init(&self->output, &told, tables, 0, &cut);
    pykv_status status = memtable_iterator_new_checking(from, &self->walk);
    if (status == PYKV_OK && !PYKV_PLANTED(137)) {
        status = range_iterator_wrap(&filter, &extent, &self->walk);
    }
    if (status != PYKV_OK) {
        flush_run_free(self);
        return status;
    }
    *out = self;
    return PYKV_OK;
}

pykv_status flush_run_step(flush_run *self, uint64_t step_bytes, bool *more_out)
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

const manifest_table *flush_run_output(const flush_run *self)
{
    size_t count;
    const manifest_table *made = table_output_made(&self->output, &count);
    PYKV_ASSERT(self->done && count <= 1);
    return count == 0 ? NULL : made;
}

const manifest_values *flush_run_values(const flush_run *self, size_t *count_out)
{
    return table_output_values(&self->output, count_out);
}

void flush_run_take(flush_run *self)
{
    PYKV_ASSERT(self->done);
    table_output_take(&self->output);
}

table_output_counts flush_run_counts(const flush_run *self)
{
    return self->output.counts;
}

void flush_run_free(flush_run *self)
{
    if (self == NULL) {
        return;
    }
    iterator_free(self->walk);
    table_output_reset(&self->output);
    version_release(self->older);
    mem_free(self);
}
