/*
 * array_iterator: an iterator over a sorted array, which is hard on those who use it: windows are
 * of random size, nothing of them is left once they are, and the call that a test chooses fails.
 */
#ifndef PYKV_TESTS_LSM_ARRAY_ITERATOR_H
#define PYKV_TESTS_LSM_ARRAY_ITERATOR_H

#include "array_window.h"

/* How many entries come before the place. */
static inline size_t array_place(const iterator_entry *all, size_t count, slice key,
                                 uint64_t sequence)
{
    size_t low = 0;
    size_t high = count;
    while (low < high) {
        size_t middle = (low + high) / 2;
        int order = slice_compare(all[middle].key, key);
        if (order < 0 || (order == 0 && all[middle].sequence > sequence)) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

static inline array_iterator *array_of(iterator *base)
{
    return (array_iterator *)(void *)base;
}

static inline void array_seek(iterator *base, slice key, uint64_t sequence)
{
    array_iterator *self = array_of(base);
    size_t index = array_place(self->all, self->count, key, sequence);
    if (array_call(self)) {
        array_from(self, index);
    }
}

static inline void array_seek_back(iterator *base, slice key, uint64_t sequence)
{
    array_iterator *self = array_of(base);
    size_t end = array_place(self->all, self->count, key, sequence);
    if (array_call(self)) {
        array_up_to(self, end);
    }
}

static inline void array_seek_last(iterator *base)
{
    if (array_call(array_of(base))) {
        array_up_to(array_of(base), array_of(base)->count);
    }
}

static inline void array_advance(iterator *base)
{
    array_iterator *self = array_of(base);
    CHECK_EQUAL(base->count, base->index + 1);
    size_t end = self->first + base->count;
    if (array_call(self)) {
        array_from(self, end);
    }
}

static inline void array_retreat(iterator *base)
{
    array_iterator *self = array_of(base);
    CHECK(base->count > 0 && base->index == 0);
    size_t first = self->first;
    if (array_call(self)) {
        array_up_to(self, first);
    }
}

static inline void array_free(iterator *base)
{
    array_drop_window(array_of(base));
    array_of(base)->control->live--;
    free(base);
}

static inline iterator *array_iterator_new(array_control *control, const iterator_entry *all,
                                           size_t count)
{
    static const iterator_ops ops = {array_seek,    array_seek_back, array_seek_last,
                                     array_advance, array_retreat,   array_free};
    array_iterator *self = calloc(1, sizeof *self);
    CHECK(self != NULL);
    self->base = iterator_make(&ops);
    self->control = control;
    self->all = all;
    self->count = count;
    control->live++;
    return &self->base;
}

#endif
