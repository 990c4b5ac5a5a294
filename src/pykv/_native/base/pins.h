/*
 * pins: what views of values keep from being freed, and values that are kept.
 *
 * A view shows a value where it stands: in a mapped file, in a cached block, in a memtable. What it
 * stands in is an object that stays as a whole for as long as somebody views a part of it, and
 * counts once, however many do. Where objects together would exceed the limit, values are copied
 * instead: a copy costs its owner what a get costs him.
 *
 * Thread-safe. The lock is a leaf.
 *
 * Invariant: pinned_bytes is the sum of the bytes of all objects whose view count is not 0.
 */
#ifndef PYKV_BASE_PINS_H
#define PYKV_BASE_PINS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "pykv.h"

#include "base/annotate.h"
#include "base/mutex.h"
#include "base/slice.h"

typedef struct pins {
    mutex lock;
    uint64_t limit_bytes; /* constant; of pinned_bytes */
    uint64_t view_count GUARDED_BY(lock);
    uint64_t pinned_bytes GUARDED_BY(lock);
    uint64_t copy_count GUARDED_BY(lock); /* values that were copied, since pins_init */
} pins;

/* A value that is kept: data is valid until held_value_release, on any thread. */
typedef struct held_value {
    const uint8_t *data;
    size_t length;
    pins *from;
    void *keeper; /* the object, or the memory of a copy */
    uint64_t object_bytes;
    uint32_t own_views;                       /* of an object that no other view can be of */
    void (*release)(struct held_value *self); /* NULL: a copy */
} held_value;

void pins_init(pins *self, uint64_t limit_bytes);
void pins_destroy(pins *self);

/* Counts a view of an object, which has its own count of views, begun with 0 and changed here
 * alone. False: there is no room for it, and nothing changed. */
PYKV_NODISCARD bool pins_take(pins *self, uint32_t *object_views, uint64_t object_bytes);
void pins_give_back(pins *self, uint32_t *object_views, uint64_t object_bytes);

/* Sets what pykv_stats tells of views. */
void pins_report(pins *self, pykv_stats *out);

/* Holds a copy of value. PYKV_NO_MEMORY. */
PYKV_NODISCARD pykv_status held_value_copy(pins *from, slice value, held_value *out);

/* Holds a value that was read into memory of its own, which is taken over. */
void held_value_take_over(pins *from, slice value, void *memory, held_value *out);

static inline bool held_value_is_copy(const held_value *self)
{
    return self->release == NULL;
}

void held_value_release(held_value *self);

#endif
