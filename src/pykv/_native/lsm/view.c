/*
 * view: references, lookups in the memtables, and the iterator over everything.
 */
#include "lsm/view.h"

#include <stddef.h>

#include "base/error.h"
#include "base/invariant.h"
#include "base/memory.h"
#include "lsm/memtable_ranges.h"
#include "lsm/merging_iterator.h"
#include "lsm/range_iterator.h"
#include "lsm/version_iterate.h"

pykv_status view_prepare(view **view_out)
{
    view *self = mem_alloc_zeroed(1, sizeof *self);
    if (self == NULL) {
        return error_set_no_memory(sizeof *self);
    }
    *view_out = self;
    return PYKV_OK;
}

void view_fill(view *self, memtable *active, memtable *const *immutables, uint32_t immutable_count,
               version *tables)
{
    PYKV_ASSERT(immutable_count <= VIEW_IMMUTABLES_MAX);
    atomic_init(&self->references, 1);
    self->active = memtable_acquire(active);
    self->has_ranges = tables->ranges != NULL;
    for (uint32_t i = 0; i < immutable_count && i < VIEW_IMMUTABLES_MAX; i++) {
        self->immutables[i] = memtable_acquire(immutables[i]);
        self->has_ranges = self->has_ranges || memtable_ranges(immutables[i]) != NULL;
    }
    self->immutable_count = immutable_count;
    self->version = version_acquire(tables);
}

pykv_status view_new(memtable *active, memtable *const *immutables, uint32_t immutable_count,
                     version *tables, view **view_out)
{
    view *self = NULL;
    pykv_status status = view_prepare(&self);
    if (status != PYKV_OK || self == NULL) {
        return status;
    }
    view_fill(self, active, immutables, immutable_count, tables);
    *view_out = self;
    return PYKV_OK;
}

view *view_acquire(view *self)
{
    atomic_fetch_add_explicit(&self->references, 1, memory_order_relaxed);
    return self;
}

void view_release(view *self)
{
    if (self == NULL ||
        atomic_fetch_sub_explicit(&self->references, 1, memory_order_acq_rel) != 1) {
        return;
    }
    memtable_release(self->active);
    for (uint32_t i = 0; i < self->immutable_count; i++) {
        memtable_release(self->immutables[i]);
    }
    version_release(self->version);
    mem_free(self);
}

static void release_retired(reclaim_item *item)
{
    view_release((view *)((char *)item - offsetof(view, retired)));
}

void view_retire(view *self, reclaimer *readers)
{
    reclaimer_retire(readers, &self->retired, release_retired);
}

memtable *view_find(const view *self, slice key, uint64_t hash, uint64_t sequence,
                    iterator_entry *entry_out)
{
    if (memtable_get(self->active, key, hash, sequence, entry_out)) {
        return self->active;
    }
    for (uint32_t i = 0; i < self->immutable_count; i++) {
        if (memtable_get(self->immutables[i], key, hash, sequence, entry_out)) {
            return self->immutables[i];
        }
    }
    return NULL;
}

size_t view_find_many(const view *self, const slice *keys, const uint64_t *hashes, size_t count,
                      uint64_t sequence, bool *found, iterator_entry *entries)
{
    size_t found_count =
        memtable_get_many(self->active, keys, hashes, count, sequence, found, entries);
    for (uint32_t i = 0; i < self->immutable_count && found_count < count; i++) {
        found_count +=
            memtable_get_many(self->immutables[i], keys, hashes, count, sequence, found, entries);
    }
    return found_count;
}

/* Appends the iterator of a memtable. */
static pykv_status add_memtable(memtable *from, const range_filter *filter, iterator **children,
                                size_t *count)
{
    memtable_stats stats;
    pykv_status status = memtable_iterator_new(from, &children[*count]);
    if (status != PYKV_OK || filter == NULL) {
        *count += status == PYKV_OK;
        return status;
    }
    memtable_stats_read(from, &stats);
    if (stats.count == 0) {
        (*count)++;
        return PYKV_OK;
    }
    range_extent extent = {.hidden_from =
                               memtable_ranges_hide_from(from, filter->snapshot_sequence)};
    size_t at = (*count)++;
    return range_iterator_wrap(filter, &extent, &children[at]);
}

/* Makes the iterators of the memtables; count_out tells how many there are, also on failure. */
static pykv_status add_memtables(const view *self, const range_filter *filter, iterator **children,
                                 size_t *count_out)
{
    pykv_status status = add_memtable(self->active, filter, children, count_out);
    for (uint32_t i = 0; status == PYKV_OK && i < self->immutable_count && i < VIEW_IMMUTABLES_MAX;
         i++) {
        status = add_memtable(self->immutables[i], filter, children, count_out);
    }
    return status;
}

static void free_all(iterator **children, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        iterator_free(children[i]);
    }
}

pykv_status view_iterator_new(const view *self, block_source *source, const key_range *range,
                              const range_filter *filter, iterator **iterator_out)
{
    size_t room = 1 + self->immutable_count + version_iterator_count(self->version);
    iterator **children = mem_alloc(room * sizeof(iterator *));
    if (children == NULL) {
        return error_set_no_memory(room * sizeof(iterator *));
    }
    size_t count = 0;
    size_t table_count = 0;
    pykv_status status = add_memtables(self, filter, children, &count);
    if (status == PYKV_OK) {
        status =
            version_filtered(self->version, source, range, filter, children + count, &table_count);
    }
    count += status == PYKV_OK ? table_count : 0;
    if (status == PYKV_OK) {
        status = merging_iterator_new(children, count, iterator_out);
    }
    if (status != PYKV_OK) {
        free_all(children, count);
    }
    mem_free(children);
    return status;
}
