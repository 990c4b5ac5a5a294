/*
 * memtable_internal: what the files of the memtable share. Private to memtable.c, memtable_many.c,
 * memtable_add_many.c, memtable_iterator.c and memtable_ranges.c.
 */
#ifndef PYKV_LSM_MEMTABLE_INTERNAL_H
#define PYKV_LSM_MEMTABLE_INTERNAL_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "lsm/memtable.h"
#include "lsm/memtable_arena.h"
#include "lsm/memtable_filter.h"
#include "lsm/memtable_insert.h"

/* Bounds of the range deletes of one write. */
typedef struct memtable_range_keys {
    struct memtable_range_keys *next;
    uint8_t bytes[];
} memtable_range_keys;

struct memtable {
    memtable_head head; /* stored by the writer */
    /* constant */
    reclaimer *readers;
    memtable_filter filter;
    /* own synchronisation */
    _Atomic uint64_t limit_bytes; /* 0: it was closed early */
    memtable_tree tree;
    _Atomic bool sealed;
    _Atomic uint32_t references;
    uint32_t view_count; /* guarded by the lock of the store's pins */
    /* stored by the writer, loaded by anyone */
    _Alignas(64) _Atomic uint64_t count;
    _Atomic uint64_t delete_count;
    _Atomic uint64_t range_delete_count;
    _Atomic uint64_t range_bytes; /* of range deletes, with their keys */
    _Atomic uint64_t record_bytes;
    _Atomic uint64_t sequence_min;
    _Atomic uint64_t sequence_max;
    _Atomic uint64_t deadline_min_us;
    _Atomic uint64_t range_sequence_min;  /* of range deletes; 0: none */
    _Atomic uint64_t inside_sequence_min; /* of operations behind a range delete of their key here,
                                             or lower; 0: none */
    /* the writer's */
    memtable_arena arena;
    memtable_range_keys *range_keys;
};

/* Counts operations (one at least, in the order of their sequences) that take bytes as records. */
void memtable_count_many(memtable *self, const record *operations, size_t count, uint64_t bytes);
/* For fields that the writer alone stores. */
static inline uint64_t memtable_own(const _Atomic uint64_t *field)
{
    return atomic_load_explicit(field, memory_order_relaxed);
}

static inline void memtable_set(_Atomic uint64_t *field, uint64_t value)
{
    atomic_store_explicit(field, value, memory_order_relaxed);
}

/* Lowers a field that is 0 as long as it has no value. */
static inline void memtable_lower(_Atomic uint64_t *field, uint64_t value)
{
    if (memtable_own(field) == 0 || value < memtable_own(field)) {
        memtable_set(field, value);
    }
}

/* Notes an operation's sequence. */
static inline void memtable_note_sequence(memtable *self, uint64_t sequence)
{
    memtable_lower(&self->sequence_min, sequence);
    if (sequence > memtable_own(&self->sequence_max)) {
        memtable_set(&self->sequence_max, sequence);
    }
}

/* Notes an operation that was added, if a range delete here covers its key. */
void memtable_ranges_note(memtable *self, slice key, uint64_t sequence);

/* Lets go of the range deletes and their keys. */
void memtable_ranges_reset(memtable *self);

#endif
