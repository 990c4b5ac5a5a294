/*
 * level_iterator: hands the calls on to the iterator of one table after the other.
 *
 * A step inside a window moves only the index of the outer iterator, so the inner one is first
 * brought to the end of its window from which a call leaves it.
 */
#include "lsm/level_iterator.h"

#include "base/error.h"
#include "base/invariant.h"
#include "base/memory.h"
#include "table/checking_iterator.h"
#include "table/table_iterator.h"

typedef struct level_iterator {
    iterator base;
    level row;
    block_source *source;
    iterator *inner; /* NULL: no table is open */
    uint32_t index;  /* of its table */
    bool checks;     /* as checking_iterator does */
} level_iterator;

static level_iterator *of(iterator *base)
{
    return (level_iterator *)base;
}

static void show_nothing(level_iterator *self, pykv_status status)
{
    self->base.index = 0;
    self->base.count = 0;
    self->base.status = status;
}

/* Shows what the inner iterator shows. */
static void show_inner(level_iterator *self)
{
    self->base.entries = self->inner->entries;
    self->base.index = self->inner->index;
    self->base.count = self->inner->count;
    self->base.status = self->inner->status;
}

/* Makes the inner iterator one of a table. False: it shows why not. */
static bool open_table(level_iterator *self, uint32_t index)
{
    if (self->inner != NULL && self->index == index) {
        return true;
    }
    iterator_free(self->inner);
    self->inner = NULL;
    self->index = index;
    table *from = self->row.files[index]->table;
    pykv_status status = self->checks ? checking_iterator_new(from, self->source, &self->inner)
                                      : table_iterator_new(from, self->source, &self->inner);
    if (status != PYKV_OK) {
        show_nothing(self, status);
        return false;
    }
    return true;
}

/* True if the walk has to go on in a neighbour: the table is at its end, and nothing failed. */
static bool is_exhausted(const level_iterator *self)
{
    return self->base.count == 0 && self->base.status == PYKV_OK;
}

/* To the first entry of a table, or to none behind the last table. */
static void go_to_first_of(level_iterator *self, uint32_t index)
{
    if (index >= self->row.count) {
        show_nothing(self, PYKV_OK);
    } else if (open_table(self, index)) {
        iterator_seek_first(self->inner);
        show_inner(self);
    }
}

/* To the last entry before a table, or to none before the first one. */
static void go_to_last_before(level_iterator *self, uint32_t index)
{
    if (index == 0) {
        show_nothing(self, PYKV_OK);
    } else if (open_table(self, index - 1)) {
        iterator_seek_last(self->inner);
        show_inner(self);
    }
}

/* ---- the operations ---- */

static void seek(iterator *base, slice key, uint64_t sequence)
{
    level_iterator *self = of(base);
    uint32_t index = level_find(&self->row, key);
    show_nothing(self, PYKV_OK);
    if (index < self->row.count && open_table(self, index)) {
        iterator_seek(self->inner, key, sequence);
        show_inner(self);
        if (is_exhausted(self)) {
            go_to_first_of(self, index + 1);
        }
    }
}

static void seek_back(iterator *base, slice key, uint64_t sequence)
{
    level_iterator *self = of(base);
    uint32_t index = level_find(&self->row, key);
    show_nothing(self, PYKV_OK);
    if (index == self->row.count) {
        go_to_last_before(self, index);
    } else if (open_table(self, index)) {
        iterator_seek_back(self->inner, key, sequence);
        show_inner(self);
        if (is_exhausted(self)) {
            go_to_last_before(self, index);
        }
    }
}

static void seek_last(iterator *base)
{
    go_to_last_before(of(base), of(base)->row.count);
}

static void advance(iterator *base)
{
    level_iterator *self = of(base);
    self->inner->index = self->inner->count - 1;
    iterator_next(self->inner);
    show_inner(self);
    if (is_exhausted(self)) {
        go_to_first_of(self, self->index + 1);
    }
}

static void retreat(iterator *base)
{
    level_iterator *self = of(base);
    self->inner->index = 0;
    iterator_previous(self->inner);
    show_inner(self);
    if (is_exhausted(self)) {
        go_to_last_before(self, self->index);
    }
}

static void free_iterator(iterator *base)
{
    level_iterator *self = of(base);
    iterator_free(self->inner);
    mem_free(self);
}

static const iterator_ops operations = {seek,    seek_back, seek_last,
                                        advance, retreat,   free_iterator};

static pykv_status make(const level *row, block_source *source, bool checks,
                        iterator **iterator_out)
{
    level_iterator *self = mem_alloc_zeroed(1, sizeof *self);
    if (self == NULL) {
        return error_set_no_memory(sizeof *self);
    }
    self->base = iterator_make(&operations);
    self->row = *row;
    self->source = source;
    self->checks = checks;
    *iterator_out = &self->base;
    return PYKV_OK;
}

pykv_status level_iterator_new(const level *row, block_source *source, iterator **iterator_out)
{
    return make(row, source, false, iterator_out);
}

pykv_status level_iterator_new_checking(const level *row, block_source *source,
                                        iterator **iterator_out)
{
    return make(row, source, true, iterator_out);
}
