/*
 * cached_block: a block in the cache, or on its way into it, and the slot that leads to it.
 */
#ifndef PYKV_TABLE_CACHED_BLOCK_H
#define PYKV_TABLE_CACHED_BLOCK_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/reclaim.h"

typedef struct block_cache block_cache;

/* Mends the pointers in the data of a block that were copied from elsewhere to here. */
typedef void block_moved_function(uint8_t *data, const uint8_t *from);

/* One a block, zero at first, owned by the table handle. It stays where it is until erased. It
 * holds the address of a cached_block, or 0, or an odd mark: evicted lately. */
typedef _Atomic uintptr_t block_slot;

typedef struct cached_block {
    block_cache *cache;
    block_slot *slot; /* NULL: not published */
    union {
        struct {
            struct cached_block *newer;
            struct cached_block *older;
        } queue; /* guarded by the shard's lock */
        reclaim_item retired;
    } link;
    uint32_t length;
    _Atomic uint32_t references; /* one of the cache while it is published, one a pin */
    _Atomic uint8_t use_count;   /* since it entered its queue, up to a small limit */
    uint8_t place;               /* which queue; guarded by the shard's lock */
    bool reserved;               /* its bytes are in the budget */
    bool is_in_slab;             /* its memory is of the cache's slabs, else of the heap, or: */
    bool is_mapped;              /* a mapping of its own */
    uint32_t view_count;         /* guarded by the lock of the store's pins */
    _Alignas(16) uint8_t data[];
} cached_block;

#endif
