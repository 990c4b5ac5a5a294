/*
 * range_iterator: runs of entries that are not hidden, and jumps between them.
 *
 * The window is a run inside that of the iterator within, from its entry window_first on. A step
 * out of it brings that iterator to the same entry and goes on from there.
 */
#include "lsm/range_iterator.h"

#include "base/error.h"
#include "base/invariant.h"
#include "base/memory.h"

typedef struct range_iterator {
    iterator base;
    iterator *inner;
    const range_set *deletes;
    uint64_t snapshot_sequence;
    range_extent extent;
    uint32_t window_first;
} range_iterator;

/* A jump over what a delete hides. */
typedef struct jump {
    bool is_known; /* false: the walk goes on step by step */
    bool to_end;
    slice key;
    uint64_t sequence;
} jump;

static range_iterator *of(iterator *base)
{
    return (range_iterator *)(void *)base;
}

static uint64_t cover_of(const range_iterator *self, uint32_t index)
{
    return range_fragment_cover(self->deletes, index, self->snapshot_sequence);
}

static bool is_newer(const table_file *file, uint64_t cover)
{
    return file->facts.sequence_max > cover && !PYKV_PLANTED(138);
}

/* ---- forward ---- */

/* How to leave a fragment that key lies in, all of what is older than cover being hidden there. */
static jump jump_ahead(const range_iterator *self, uint32_t index, uint64_t cover, slice key)
{
    const level *row = &self->extent.row;
    slice stop = self->deletes->fragments[index].stop;
    jump out = {true, stop.size == 0, stop, UINT64_MAX};
    if (row->count == 0) {
        out.is_known = cover >= self->extent.hidden_from;
        return out;
    }
    uint32_t first = level_find(row, key);
    uint32_t at = first;
    while (at < row->count && range_is_before(row->files[at]->smallest, stop) &&
           !is_newer(row->files[at], cover)) {
        at++;
    }
    if (at < row->count && range_is_before(row->files[at]->smallest, stop)) {
        out.is_known = slice_compare(key, row->files[at]->smallest) < 0;
        out.to_end = false;
        out.key = row->files[at]->smallest;
    }
    return out;
}

/* The end of the run of entries that are shown from the current one on, all in the fragment with
 * that cover or, cover 0, in front of it. */
static uint32_t end_of_run(const range_iterator *self, slice limit, bool has_limit, uint64_t cover)
{
    const iterator *inner = self->inner;
    if (cover == 0 &&
        (!has_limit || slice_compare(inner->entries[inner->count - 1].key, limit) < 0)) {
        return inner->count;
    }
    uint32_t end = inner->index + 1;
    while (end < inner->count && inner->entries[end].sequence > cover &&
           (!has_limit || slice_compare(inner->entries[end].key, limit) < 0)) {
        end++;
    }
    return end;
}

static void show(range_iterator *self, uint32_t begin, uint32_t end)
{
    self->window_first = begin;
    self->base.entries = self->inner->entries + begin;
    self->base.index = self->inner->index - begin;
    self->base.count = end - begin;
    self->base.status = PYKV_OK;
}

static void show_nothing(range_iterator *self)
{
    self->base.index = 0;
    self->base.count = 0;
    self->base.status = self->inner->status;
}

static void show_end(range_iterator *self)
{
    self->base.index = 0;
    self->base.count = 0;
    self->base.status = PYKV_OK;
}

/* Shows the first entry from where the iterator within stands on that is not hidden. */
static void settle_ahead(range_iterator *self)
{
    iterator *inner = self->inner;
    while (iterator_valid(inner)) {
        const iterator_entry *entry = iterator_current(inner);
        uint32_t index = range_set_find(self->deletes, entry->key);
        bool has_next = index < self->deletes->count;
        const range_fragment *next = &self->deletes->fragments[index];
        if (!has_next || slice_compare(entry->key, next->start) < 0) {
            slice limit = has_next ? next->start : slice_make(NULL, 0);
            show(self, inner->index, end_of_run(self, limit, has_next, 0));
            return;
        }
        uint64_t cover = cover_of(self, index);
        if (entry->sequence > cover) {
            show(self, inner->index, end_of_run(self, next->stop, next->stop.size != 0, cover));
            return;
        }
        jump ahead = jump_ahead(self, index, cover, entry->key);
        if (!ahead.is_known) {
            iterator_next(inner);
        } else if (ahead.to_end) {
            show_end(self);
            return;
        } else {
            iterator_seek(inner, ahead.key, ahead.sequence);
        }
    }
    show_nothing(self);
}

static void seek(iterator *base, slice key, uint64_t sequence)
{
    range_iterator *self = of(base);
    uint32_t index = range_set_find(self->deletes, key);
    if (index < self->deletes->count &&
        slice_compare(self->deletes->fragments[index].start, key) <= 0) {
        jump ahead = jump_ahead(self, index, cover_of(self, index), key);
        if (ahead.is_known && ahead.to_end) {
            show_end(self);
            return;
        }
        if (ahead.is_known) {
            key = ahead.key;
            sequence = ahead.sequence;
        }
    }
    iterator_seek(self->inner, key, sequence);
    settle_ahead(self);
}

static void advance(iterator *base)
{
    range_iterator *self = of(base);
    self->inner->index = self->window_first + self->base.count - 1;
    iterator_next(self->inner);
    settle_ahead(self);
}

/* ---- backward ---- */

/* How to leave a fragment backward from key, which lies in it or, with at_stop, is its end. */
static jump jump_back(const range_iterator *self, uint32_t index, uint64_t cover, slice key)
{
    const level *row = &self->extent.row;
    slice start = self->deletes->fragments[index].start;
    jump out = {true, start.size == 0, start, UINT64_MAX};
    if (row->count == 0) {
        out.is_known = cover >= self->extent.hidden_from;
        return out;
    }
    uint32_t at = level_find(row, key);
    at = at < row->count && slice_compare(row->files[at]->smallest, key) <= 0 ? at + 1 : at;
    while (at > 0 && slice_compare(row->files[at - 1]->largest, start) >= 0 &&
           !is_newer(row->files[at - 1], cover)) {
        at--;
    }
    if (at > 0 && slice_compare(row->files[at - 1]->largest, start) >= 0) {
        out.is_known = slice_compare(row->files[at - 1]->largest, key) < 0;
        out.to_end = false;
        out.key = row->files[at - 1]->largest;
        out.sequence = 0;
    }
    return out;
}

/* The beginning of the run of entries that are shown up to the current one, all from limit on. */
static uint32_t begin_of_run(const range_iterator *self, slice limit, uint64_t cover)
{
    const iterator *inner = self->inner;
    if (cover == 0 && slice_compare(inner->entries[0].key, limit) >= 0) {
        return 0;
    }
    uint32_t begin = inner->index;
    while (begin > 0 && inner->entries[begin - 1].sequence > cover &&
           slice_compare(inner->entries[begin - 1].key, limit) >= 0) {
        begin--;
    }
    return begin;
}

static void settle_back(range_iterator *self)
{
    iterator *inner = self->inner;
    while (iterator_valid(inner)) {
        const iterator_entry *entry = iterator_current(inner);
        uint32_t index = range_set_find(self->deletes, entry->key);
        const range_fragment *next = &self->deletes->fragments[index];
        if (index == self->deletes->count || slice_compare(entry->key, next->start) < 0) {
            slice limit = index == 0 ? slice_make("", 0) : next[-1].stop;
            show(self, begin_of_run(self, limit, 0), inner->index + 1);
            return;
        }
        uint64_t cover = cover_of(self, index);
        if (entry->sequence > cover) {
            show(self, begin_of_run(self, next->start, cover), inner->index + 1);
            return;
        }
        jump back = jump_back(self, index, cover, entry->key);
        if (!back.is_known) {
            iterator_previous(inner);
        } else if (back.to_end) {
            show_end(self);
            return;
        } else {
            iterator_seek_back(inner, back.key, back.sequence);
        }
    }
    show_nothing(self);
}

/* The fragment that the keys below key lie in, or count. */
static uint32_t fragment_below(const range_set *deletes, slice key)
{
    uint32_t index = range_set_find(deletes, key);
    if (index > 0 && slice_equal(deletes->fragments[index - 1].stop, key)) {
        return index - 1;
    }
    bool is_inside =
        index < deletes->count && slice_compare(deletes->fragments[index].start, key) < 0;
    return is_inside ? index : deletes->count;
}

static void seek_back(iterator *base, slice key, uint64_t sequence)
{
    range_iterator *self = of(base);
    uint32_t index =
        sequence == UINT64_MAX ? fragment_below(self->deletes, key) : self->deletes->count;
    if (index < self->deletes->count) {
        jump back = jump_back(self, index, cover_of(self, index), key);
        if (back.is_known && back.to_end) {
            show_end(self);
            return;
        }
        if (back.is_known) {
            key = back.key;
            sequence = back.sequence;
        }
    }
    iterator_seek_back(self->inner, key, sequence);
    settle_back(self);
}

static void seek_last(iterator *base)
{
    iterator_seek_last(of(base)->inner);
    settle_back(of(base));
}

static void retreat(iterator *base)
{
    range_iterator *self = of(base);
    self->inner->index = self->window_first;
    iterator_previous(self->inner);
    settle_back(self);
}

/* ---- making ---- */

static void free_iterator(iterator *base)
{
    iterator_free(of(base)->inner);
    range_set_release(of(base)->deletes);
    mem_free(of(base));
}

static const iterator_ops operations = {seek,    seek_back, seek_last,
                                        advance, retreat,   free_iterator};

/* True if no fragment has a key of the tables. */
static bool is_beside(const range_set *deletes, const level *row)
{
    if (row->count == 0) {
        return false;
    }
    uint32_t index = range_set_find(deletes, row->files[0]->smallest);
    return index == deletes->count ||
           slice_compare(row->files[row->count - 1]->largest, deletes->fragments[index].start) < 0;
}

pykv_status range_iterator_wrap(const range_filter *filter, const range_extent *extent,
                                iterator **shown)
{
    if (filter == NULL || filter->deletes == NULL || is_beside(filter->deletes, &extent->row)) {
        return PYKV_OK;
    }
    range_iterator *self = mem_alloc_zeroed(1, sizeof *self);
    if (self == NULL) {
        return error_set_no_memory(sizeof *self);
    }
    self->base = iterator_make(&operations);
    self->inner = *shown;
    self->deletes = range_set_acquire(filter->deletes);
    self->snapshot_sequence = filter->snapshot_sequence;
    self->extent = *extent;
    *shown = &self->base;
    return PYKV_OK;
}
