/*
 * array_window: the windows of array_iterator.h: copies of random size, overwritten and freed as
 * soon as they are left.
 */
#ifndef PYKV_TESTS_LSM_ARRAY_WINDOW_H
#define PYKV_TESTS_LSM_ARRAY_WINDOW_H

#include "harness/check.h"

#include "base/iterator.h"

/* What the iterators of a test share. */
typedef struct array_control {
    uint64_t seed;
    uint64_t calls;      /* that may fail, so far */
    uint64_t fail_at;    /* the call that fails; 0: none */
    uint32_t window_max; /* entries; 0: as many as there are */
    uint32_t live;       /* iterators not freed yet */
} array_control;

typedef struct array_iterator {
    iterator base;
    array_control *control;
    const iterator_entry *all; /* sorted; borrowed */
    size_t count;
    size_t first;         /* the window's first entry in all */
    iterator_entry *copy; /* the window; NULL: none */
    uint8_t *bytes;       /* its keys and values */
    size_t byte_count;
} array_iterator;

static inline void array_drop_window(array_iterator *self)
{
    if (self->copy != NULL) {
        memset(self->bytes, 0xEE, self->byte_count);
        memset(self->copy, 0xEE, self->base.count * sizeof *self->copy);
        free(self->bytes);
        free(self->copy);
    }
    self->copy = NULL;
    self->base.count = 0;
    self->base.index = 0;
}

static inline slice array_copy(uint8_t **out, slice from)
{
    slice copy = slice_make(*out, from.size);
    if (from.size > 0) {
        memcpy(*out, from.data, from.size);
    }
    *out += from.size;
    return copy;
}

/* Shows entries first .. end, of which the one at current (all counted in all) is current. */
static inline void array_show(array_iterator *self, size_t first, size_t end, size_t current)
{
    array_drop_window(self);
    self->byte_count = 1;
    for (size_t i = first; i < end; i++) {
        self->byte_count += self->all[i].key.size + self->all[i].value.size;
    }
    self->copy = malloc((end - first) * sizeof *self->copy);
    self->bytes = malloc(self->byte_count);
    CHECK(self->copy != NULL && self->bytes != NULL);
    uint8_t *out = self->bytes;
    for (size_t i = first; i < end; i++) {
        self->copy[i - first] = self->all[i];
        self->copy[i - first].key = array_copy(&out, self->all[i].key);
        self->copy[i - first].value = array_copy(&out, self->all[i].value);
    }
    self->first = first;
    self->base.entries = self->copy;
    self->base.count = (uint32_t)(end - first);
    self->base.index = (uint32_t)(current - first);
}

static inline size_t array_window(array_iterator *self, size_t most)
{
    uint32_t window_max = self->control->window_max;
    size_t wanted = window_max == 0 ? most : 1 + check_random(&self->control->seed, window_max);
    return wanted < most ? wanted : most;
}

/* True if the call is to go on; else it has failed. */
static inline bool array_call(array_iterator *self)
{
    self->base.status = PYKV_OK;
    if (++self->control->calls != self->control->fail_at) {
        return true;
    }
    array_drop_window(self);
    self->base.status = error_set(PYKV_IO_FAILED, "call %" PRIu64, self->control->calls);
    return false;
}

static inline void array_from(array_iterator *self, size_t index)
{
    if (index == self->count) {
        array_drop_window(self);
    } else {
        array_show(self, index, index + array_window(self, self->count - index), index);
    }
}

static inline void array_up_to(array_iterator *self, size_t end)
{
    if (end == 0) {
        array_drop_window(self);
    } else {
        array_show(self, end - array_window(self, end), end, end - 1);
    }
}

#endif
