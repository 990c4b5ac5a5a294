/*
 * checking_iterator: the windows of a table_iterator, each looked at when it comes.
 */
#include "table/checking_iterator.h"

#include <stdbool.h>

#include "base/buffer.h"
#include "base/error.h"
#include "base/invariant.h"
#include "base/memory.h"
#include "table/table_entry.h"
#include "table/table_iterator.h"
#include "table/table_reader.h"

typedef struct checking_iterator {
    iterator base;
    const table *from;
    iterator *inner;
    buffer last_key; /* the place that what comes next stands behind */
    uint64_t last_sequence;
    bool is_after; /* it is that of an entry that was shown */
} checking_iterator;

static checking_iterator *of(iterator *base)
{
    return (checking_iterator *)base;
}

static table_position last_position(const checking_iterator *self)
{
    return table_position_make(slice_make(self->last_key.data, self->last_key.size),
                               self->last_sequence);
}

static pykv_status keep_last(checking_iterator *self, table_position place, bool is_after)
{
    self->last_sequence = place.sequence;
    self->is_after = is_after;
    buffer_clear(&self->last_key);
    return buffer_append(&self->last_key, place.key.data, place.key.size);
}

/* ---- what is looked at ---- */

static pykv_status refuse_entry(const checking_iterator *self, const iterator_entry *entry,
                                const char *what, uint64_t expected)
{
    const table_index *index = &self->from->index;
    table_position position = table_position_make(entry->key, entry->sequence);
    uint64_t offset = index->offsets[table_index_find(index, position)];
    return error_set_corruption(env_file_path(self->from->file), offset, what, expected,
                                entry->sequence);
}

static pykv_status check_entry(const checking_iterator *self, const iterator_entry *entry,
                               table_position before, bool is_after)
{
    const table_properties *says = &self->from->properties;
    table_position position = table_position_make(entry->key, entry->sequence);
    int order = table_position_compare(before, position);
    if ((order > 0 || (order == 0 && is_after)) && !PYKV_PLANTED(404)) {
        return refuse_entry(self, entry, "the entries of a table do not rise", before.sequence);
    }
    if (entry->sequence > says->sequence_max) {
        return refuse_entry(self, entry, "an entry is newer than its table", says->sequence_max);
    }
    if (entry->sequence < says->sequence_min) {
        return refuse_entry(self, entry, "an entry is older than its table", says->sequence_min);
    }
    return PYKV_OK;
}

/* The keys of a window that rises. */
static pykv_status check_bounds(const checking_iterator *self)
{
    const iterator_entry *first = iterator_current(self->inner);
    const iterator_entry *last = &self->inner->entries[self->inner->count - 1];
    if (slice_compare(first->key, self->from->properties.first_key) < 0) {
        return refuse_entry(self, first, "an entry stands before the first of its table", 0);
    }
    if (slice_compare(last->key, self->from->properties.last_key) > 0) {
        return refuse_entry(self, last, "an entry stands behind the last of its table", 0);
    }
    return PYKV_OK;
}

static pykv_status check_window(checking_iterator *self)
{
    const iterator *inner = self->inner;
    table_position before = last_position(self);
    bool is_after = self->is_after;
    for (uint32_t i = inner->index; i < inner->count; i++) {
        const iterator_entry *entry = &inner->entries[i];
        pykv_status status = check_entry(self, entry, before, is_after);
        if (status != PYKV_OK) {
            return status;
        }
        before = table_position_make(entry->key, entry->sequence);
        is_after = true;
    }
    pykv_status status = check_bounds(self);
    return status == PYKV_OK ? keep_last(self, before, true) : status;
}

/* ---- the operations ---- */

static void show_nothing(checking_iterator *self, pykv_status status)
{
    self->base.index = 0;
    self->base.count = 0;
    self->base.status = status;
}

static void show_inner(checking_iterator *self)
{
    pykv_status status = iterator_valid(self->inner) ? check_window(self) : self->inner->status;
    if (status != PYKV_OK) {
        show_nothing(self, status);
        return;
    }
    self->base.entries = self->inner->entries;
    self->base.index = self->inner->index;
    self->base.count = self->inner->count;
    self->base.status = PYKV_OK;
}

static void seek(iterator *base, slice key, uint64_t sequence)
{
    checking_iterator *self = of(base);
    pykv_status status = keep_last(self, table_position_make(key, sequence), false);
    if (status != PYKV_OK) {
        show_nothing(self, status);
        return;
    }
    iterator_seek(self->inner, key, sequence);
    show_inner(self);
}

static void advance(iterator *base)
{
    checking_iterator *self = of(base);
    self->inner->index = self->inner->count - 1;
    iterator_next(self->inner);
    show_inner(self);
}

static void refuse(iterator *base)
{
    show_nothing(of(base), error_set(PYKV_INTERNAL, "a walk that checks goes forward only"));
}

static void refuse_seek(iterator *base, slice key, uint64_t sequence)
{
    (void)key;
    (void)sequence;
    refuse(base);
}

static void free_iterator(iterator *base)
{
    checking_iterator *self = of(base);
    iterator_free(self->inner);
    buffer_reset(&self->last_key);
    mem_free(self);
}

static const iterator_ops operations = {seek, refuse_seek, refuse, advance, refuse, free_iterator};

pykv_status checking_iterator_new(table *from, block_source *source, iterator **iterator_out)
{
    checking_iterator *self = mem_alloc_zeroed(1, sizeof *self);
    if (self == NULL) {
        return error_set_no_memory(sizeof *self);
    }
    pykv_status status = table_iterator_new(from, source, &self->inner);
    if (status != PYKV_OK) {
        mem_free(self);
        return status;
    }
    self->base = iterator_make(&operations);
    self->from = from;
    *iterator_out = &self->base;
    return PYKV_OK;
}
