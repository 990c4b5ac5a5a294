/*
 * iterator: the common way to walk over entries in order: of a memtable, a table, or a merge.
 *
 * Order: keys rise byte by byte, a shorter prefix first; of one key the highest sequence comes
 * first. A place is a key and a sequence: before every entry of that key whose sequence is at most
 * that one. It lies between entries, so both directions seek to it in the same way.
 *
 * An iterator shows a window: a run of entries that are ready, in order, with one of them current.
 * Steps inside the window are loads; only a step out of it, or a seek, calls the implementation. A
 * user that takes many rows takes the rest of the window at once (iterator_rest, iterator_skip).
 *
 * Not thread-safe: one user at a time, who may be another thread at each call.
 *
 * Invariants: (1) the iterator is valid iff index < count; (2) after a failure count is 0 and
 * status says why; (3) what a window borrows stays valid until the next call that leaves it.
 */
#ifndef PYKV_BASE_ITERATOR_H
#define PYKV_BASE_ITERATOR_H

#include <stdbool.h>
#include <stdint.h>

#include "pykv.h"

#include "base/annotate.h"
#include "base/slice.h"

/* One operation on a key. key and value are borrowed. */
typedef struct iterator_entry {
    slice key;
    slice value;
    uint64_t sequence;
    uint64_t deadline_us; /* 0: it does not expire */
    uint32_t body_crc;    /* of the record it came in, computed once at the door */
    uint8_t kind;         /* RECORD_* of log/log_format.h, and those that the engine adds */
} iterator_entry;

typedef struct iterator iterator;

/* What an implementation provides. Each sets the window, or count 0 and status. */
typedef struct iterator_ops {
    /* To the first entry behind the place, or to none. */
    void (*seek)(iterator *self, slice key, uint64_t sequence);

    /* To the last entry before the place, or to none. */
    void (*seek_back)(iterator *self, slice key, uint64_t sequence);

    /* To the last entry of all, or to none. */
    void (*seek_last)(iterator *self);

    /* From the last entry of the window to the one behind it. Called only while valid. */
    void (*advance)(iterator *self);

    /* From the first entry of the window to the one before it. Called only while valid. */
    void (*retreat)(iterator *self);

    void (*free)(iterator *self);
} iterator_ops;

/* The first member of every implementation. */
struct iterator {
    const iterator_ops *ops;
    const iterator_entry *entries; /* the window */
    uint32_t index;
    uint32_t count;
    pykv_status status; /* PYKV_OK at the end as well as on an entry; else why the walk broke off */
};

/* An iterator that stands nowhere: for implementations. */
static inline iterator iterator_make(const iterator_ops *ops)
{
    iterator made = {ops, 0, 0, 0, PYKV_OK};
    return made;
}

static inline bool iterator_valid(const iterator *self)
{
    return self->index < self->count;
}

/* The current entry. Requires iterator_valid. Valid until the next call that leaves the window. */
static inline const iterator_entry *iterator_current(const iterator *self)
{
    return &self->entries[self->index];
}

static inline void iterator_seek(iterator *self, slice key, uint64_t sequence)
{
    self->ops->seek(self, key, sequence);
}

static inline void iterator_seek_back(iterator *self, slice key, uint64_t sequence)
{
    self->ops->seek_back(self, key, sequence);
}

static inline void iterator_seek_first(iterator *self)
{
    self->ops->seek(self, slice_make("", 0), UINT64_MAX);
}

static inline void iterator_seek_last(iterator *self)
{
    self->ops->seek_last(self);
}

/* Requires iterator_valid. */
static inline void iterator_next(iterator *self)
{
    if (PYKV_LIKELY(self->index + 1 < self->count)) {
        self->index++;
    } else {
        self->ops->advance(self);
    }
}

/* Requires iterator_valid. */
static inline void iterator_previous(iterator *self)
{
    if (PYKV_LIKELY(self->index > 0)) {
        self->index--;
    } else {
        self->ops->retreat(self);
    }
}

/* The entries that are ready from the current one on, in order; 0 if it is not valid. */
static inline uint32_t iterator_rest(const iterator *self, const iterator_entry **entries_out)
{
    *entries_out = self->entries + self->index;
    return self->count - self->index;
}

/* Goes count entries ahead. Requires 0 < count <= iterator_rest. */
static inline void iterator_skip(iterator *self, uint32_t count)
{
    self->index += count - 1;
    iterator_next(self);
}

/* NULL is ignored. */
static inline void iterator_free(iterator *self)
{
    if (self != NULL) {
        self->ops->free(self);
    }
}

#endif
