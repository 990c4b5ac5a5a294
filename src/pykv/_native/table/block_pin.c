/*
 * block_pin: references, and the bytes that go with the last one.
 */
#include "table/block_pin.h"

#include <stddef.h>

#include "base/invariant.h"
#include "base/memory.h"
#include "table/block_cache_shard.h"

enum { HEAP_OVERHEAD = 8 }; /* of the C library, for each allocation */

_Static_assert(offsetof(cached_block, data) == 64 || offsetof(cached_block, data) == 48,
               "the header of a block is small");

uint64_t block_cache_charge(uint32_t length)
{
    uint64_t bytes = (uint64_t)sizeof(cached_block) + length + HEAP_OVERHEAD;
    return (bytes + SLAB_GRANULE_BYTES - 1) / SLAB_GRANULE_BYTES * SLAB_GRANULE_BYTES;
}

void block_pin(cached_block *block)
{
    uint32_t before = atomic_fetch_add_explicit(&block->references, 1, memory_order_relaxed);
    PYKV_ASSERT(before > 0 && before < UINT32_MAX);
}

static void free_of_heap(block_cache *self, cached_block *block)
{
    if (block->is_mapped) {
        mem_free_sized(block, sizeof *block + block->length);
        atomic_fetch_sub_explicit(&self->mapped_count, 1, memory_order_relaxed);
    } else {
        mem_free(block);
    }
}

/* Frees a block that nobody refers to. The bytes are released after the memory is. */
static void free_block(cached_block *block)
{
    block_cache *self = block->cache;
    uint64_t charge = block_cache_charge(block->length);
    bool reserved = block->reserved;
    bool is_in_slab = block->is_in_slab;
    if (is_in_slab) {
        slab_arena_give(&self->slabs, block, sizeof *block + block->length);
    } else {
        free_of_heap(self, block);
    }
    if (!reserved) {
        atomic_fetch_sub_explicit(&self->refused_bytes, charge, memory_order_relaxed);
        return;
    }
    if (!is_in_slab) {
        memory_budget_release(self->budget, charge);
    }
    atomic_fetch_sub_explicit(&self->block_bytes, charge, memory_order_relaxed);
}

void block_unpin(cached_block *block)
{
    uint32_t before = atomic_fetch_sub_explicit(&block->references, 1, memory_order_acq_rel);
    PYKV_ASSERT(before > 0);
    if (before == 1) {
        free_block(block);
    }
}
