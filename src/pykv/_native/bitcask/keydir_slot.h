/*
 * keydir_slot: what an insert, an overwrite and a delete store, with the books of the bucket.
 * Private to keydir*.c; for the holder of the writer lock.
 */
#ifndef PYKV_BITCASK_KEYDIR_SLOT_H
#define PYKV_BITCASK_KEYDIR_SLOT_H

#include "base/invariant.h"
#include "bitcask/keydir_layout.h"

/* Adds to a number that only the writer changes. Who sees the sum sees what was stored before. */
static inline void keydir_add(_Atomic uint64_t *number, uint64_t difference)
{
    uint64_t before = atomic_load_explicit(number, memory_order_relaxed);
    atomic_store_explicit(number, before + difference, memory_order_release);
}

/* Fills a slot that has no entry, with a full tag, and counts it. */
static inline void keydir_fill_slot(keydir *self, keydir_bucket *bucket, keydir_slot *slot,
                                    uint64_t want, uint64_t address)
{
    bool was_empty = atomic_load_explicit(slot, memory_order_relaxed) == KEYDIR_EMPTY;
    bucket->used = (uint16_t)(bucket->used + was_empty);
    bucket->live++;
    keydir_add(&self->count, 1);
    atomic_store_explicit(slot, keydir_word(address, keydir_full_tag(want)), memory_order_release);
    keydir_add(&self->insert_count, 1);
}

/* Points the slot of a key to address, with a full tag. Inserts and removes move no slots, so the
 * depth is still the one of the walk that found it. */
static inline void keydir_point_slot(keydir *self, keydir_slot *slot, uint64_t hash,
                                     uint64_t address)
{
    uint64_t shape = atomic_load_explicit(&self->shape, memory_order_relaxed);
    uint64_t word = keydir_word(address, keydir_full_tag(keydir_locate(shape, hash).want));
    PYKV_ASSERT(address <= KEYDIR_ADDRESS_MAX);
    atomic_store_explicit(slot, word, memory_order_release);
}

/* The line that a slot stands in: lines are cache lines. */
static inline keydir_slot *keydir_line_of(keydir_slot *slot)
{
    return (keydir_slot *)((uintptr_t)slot & ~(uintptr_t)(sizeof *slot * KEYDIR_LINE_SLOTS - 1));
}

/* Takes the entry out of a slot. One of a line whose last slot is empty becomes empty, as no walk
 * goes past that line; any other becomes deleted, and is used again by an insert or goes when the
 * bucket is laid out anew. */
static inline void keydir_clear_slot(keydir *self, keydir_bucket *bucket, keydir_slot *slot)
{
    keydir_slot *last = &keydir_line_of(slot)[KEYDIR_LINE_SLOTS - 1];
    bool leaves_empty =
        atomic_load_explicit(last, memory_order_relaxed) == KEYDIR_EMPTY || PYKV_PLANTED(41);
    PYKV_ASSERT(bucket->live > 0);
    bucket->used = (uint16_t)(bucket->used - leaves_empty);
    bucket->live--;
    keydir_add(&self->count, UINT64_MAX);
    atomic_store_explicit(slot, leaves_empty ? KEYDIR_EMPTY : KEYDIR_DELETED, memory_order_release);
}

#endif
