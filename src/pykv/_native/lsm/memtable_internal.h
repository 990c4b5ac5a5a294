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

/* Notes an operation's sequence. */
static inline void memtable_note_sequence(memtable *self, uint64_t sequence)
{
    if (memtable_own(&self->sequence_min) == 0 || sequence < memtable_own(&self->sequence_min)) {
        memtable_set(&self->sequence_min, sequence);
    }
    if (sequence > memtable_own(&self->sequence_max)) {
        memtable_set(&self->sequence_max, sequence);
    }
}

/* Lets go of the range deletes and their keys. */
void memtable_ranges_reset(memtable *self);

#endif
