/*
 * extent: the address space of a Bitcask: which segment holds a record address.
 *
 * An address is a number of 8-byte granules in a space of 2^40 granules, cut into extents of 1 MiB.
 * A segment holds a run of extents, from its address base on. See docs/decisions/0004.
 *
 * Thread-safety: extent_segment may be called by readers inside an epoch beside one writer; the
 * others need the store's writer lock. Invariant: an extent leads to a segment from extent_take
 * until extent_give_back, which the owner calls after all readers that might hold such an address
 * left.
 */
#ifndef PYKV_BITCASK_EXTENT_H
#define PYKV_BITCASK_EXTENT_H

#include <stdatomic.h>
#include <stdint.h>

#include "pykv.h"

#include "base/annotate.h"

enum {
    EXTENT_BYTES = 1024 * 1024,
    EXTENT_GRANULES = EXTENT_BYTES / 8,
    EXTENT_LEAF_COUNT = 2048,  /* leaves */
    EXTENT_LEAF_EXTENTS = 4096 /* extents a leaf covers: 4 GiB */
};

struct segment;

typedef struct extent_map {
    _Atomic(struct segment *) *_Atomic leaves[EXTENT_LEAF_COUNT];
    uint64_t search_from; /* extent at which the next search begins */
} extent_map;

void extent_init(extent_map *self);
void extent_reset(extent_map *self);

/* Takes the first free run for bytes, searching on from the last one; sets its base in granules.
 * PYKV_NO_SPACE when 8 TiB are in use, PYKV_NO_MEMORY. */
PYKV_NODISCARD pykv_status extent_take(extent_map *self, struct segment *segment, uint64_t bytes,
                                       uint64_t *base_out);

/* How many of bytes the free run at base holds. */
uint64_t extent_room_at(const extent_map *self, uint64_t base, uint64_t bytes);

/* Takes the run at base (an image's). PYKV_CORRUPTION if it is taken or out of range. */
PYKV_NODISCARD pykv_status extent_take_at(extent_map *self, struct segment *segment, uint64_t bytes,
                                          uint64_t base);

/* Frees the run of bytes at base. */
void extent_give_back(extent_map *self, uint64_t base, uint64_t bytes);

/* The segment of address, or NULL. */
static inline struct segment *extent_segment(const extent_map *self, uint64_t address)
{
    uint64_t extent = address / EXTENT_GRANULES;
    uint64_t leaf_index = extent / EXTENT_LEAF_EXTENTS;
    if (leaf_index >= EXTENT_LEAF_COUNT) {
        return 0;
    }
    _Atomic(struct segment *) *leaf =
        atomic_load_explicit(&self->leaves[leaf_index], memory_order_acquire);
    if (leaf == 0) {
        return 0;
    }
    return atomic_load_explicit(&leaf[extent % EXTENT_LEAF_EXTENTS], memory_order_acquire);
}

#endif
