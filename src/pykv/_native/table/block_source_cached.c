/*
 * block_source_cached: finds a block in the table's slots, or loads it and puts it there.
 *
 * A hold's owner is NULL where the epoch alone protects the block. A table's block begins where the
 * data of its cached block do, so one is found from the other.
 */
#include "table/block_source_cached.h"

#include <stdatomic.h>
#include <stddef.h>

#include "base/error.h"
#include "base/invariant.h"
#include "table/table_ahead.h"
#include "table/table_reader.h"

_Static_assert((int)BLOCK_ALIGNMENT <= 16, "the data of a cached block are aligned enough");

static cached_block *cached_of(const block *loaded)
{
    return (cached_block *)((uintptr_t)loaded - offsetof(cached_block, data));
}

/* What a block takes that is not in the memory of the system, and what its bytes take to be checked
 * and decompressed, at most. */
enum { DEVICE_US_MIN = 30, BYTES_A_US_MIN = 512 };

/* Reads and checks a block. */
static pykv_status read_block(block_source_cached *self, table *from, uint32_t block_index,
                              uint8_t *room, const block **loaded_out)
{
    uint64_t began = env_monotonic_us(self->env);
    pykv_status status = table_load_block(from, block_index, room, loaded_out);
    uint64_t took = env_monotonic_us(self->env) - began;
    atomic_fetch_add_explicit(&self->loading_us, took, memory_order_relaxed);
    if (took >= DEVICE_US_MIN + table_block_bytes(from, block_index) / BYTES_A_US_MIN) {
        atomic_fetch_add_explicit(&self->waited_us, took, memory_order_relaxed);
    }
    return status;
}

/* Loads a block that is not cached. Where two threads do, both use the first one's. */
static pykv_status load(block_source_cached *self, table *from, uint32_t block_index, block_use use,
                        block_hold *hold_out)
{
    block_slot *slot = &from->slots[block_index];
    uint64_t bytes = table_block_bytes(from, block_index);
    if (bytes > UINT32_MAX) {
        return error_set(PYKV_CORRUPTION, "block %u has %llu bytes", block_index,
                         (unsigned long long)bytes);
    }
    cached_block *made;
    const block *loaded = NULL;
    pykv_status status = block_cache_make(self->cache, slot, (uint32_t)bytes, &made);
    if (status != PYKV_OK) {
        return status;
    }
    if (use == BLOCK_FOR_STEP) {
        table_ahead_step(from, block_index);
    }
    status = read_block(self, from, block_index, made->data, &loaded);
    if (status != PYKV_OK) {
        block_unpin(made);
        return status;
    }
    PYKV_ASSERT(cached_of(loaded) == made);
    made = block_cache_publish(self->cache, slot, made);
    *hold_out = (block_hold){(const block *)(const void *)made->data, made};
    return PYKV_OK;
}

static pykv_status acquire(block_source *face, table *from, uint32_t block_index, block_use use,
                           block_hold *hold_out)
{
    block_source_cached *self = (block_source_cached *)face;
    const block_slot *slot = &from->slots[block_index];
    cached_block *found;
    if (use == BLOCK_FOR_GET) {
        found = block_cache_find(self->cache, slot, true);
        if (PYKV_LIKELY(found != NULL)) {
            *hold_out = (block_hold){(const block *)(const void *)found->data, NULL};
            return PYKV_OK;
        }
        return load(self, from, block_index, use, hold_out);
    }
    epoch_token token = epoch_enter(self->readers);
    found = block_cache_find(self->cache, slot, use == BLOCK_FOR_SEEK);
    if (found != NULL) {
        block_pin(found);
    }
    epoch_leave(self->readers, token);
    block_cache_count_walked(self->cache);
    if (found == NULL) {
        return load(self, from, block_index, use, hold_out);
    }
    *hold_out = (block_hold){(const block *)(const void *)found->data, found};
    return PYKV_OK;
}

static pykv_status acquire_resident(block_source *resident, table *from, uint32_t block_index,
                                    block_use use, block_hold *hold_out)
{
    block_source_cached *self =
        (block_source_cached *)((char *)resident - offsetof(block_source_cached, resident));
    PYKV_ASSERT(use == BLOCK_FOR_GET);
    cached_block *found = block_cache_find(self->cache, &from->slots[block_index], true);
    if (PYKV_UNLIKELY(found == NULL)) {
        return PYKV_WOULD_BLOCK;
    }
    *hold_out = (block_hold){(const block *)(const void *)found->data, NULL};
    return PYKV_OK;
}

static block_hold share(block_source *face, block_hold hold)
{
    (void)face;
    cached_block *held = cached_of(hold.block);
    block_pin(held);
    return (block_hold){hold.block, held};
}

static void release(block_source *face, block_hold hold)
{
    (void)face;
    if (hold.owner != NULL) {
        block_unpin(hold.owner);
    }
}

void block_source_cached_init(block_source_cached *self, block_cache *cache, epoch *readers,
                              env *environment)
{
    *self = (block_source_cached){.face = {acquire, share, release, true},
                                  .resident = {acquire_resident, share, release, false},
                                  .cache = cache,
                                  .readers = readers,
                                  .env = environment};
}

void block_source_cached_count_opened(block_source_cached *self, const table *opened)
{
    uint64_t bytes = table_memory_bytes(opened);
    memory_budget_force(block_cache_budget(self->cache), bytes);
    atomic_fetch_add_explicit(&self->table_bytes, bytes, memory_order_relaxed);
}

void block_source_cached_count_closed(block_source_cached *self, const table *closed)
{
    uint64_t bytes = table_memory_bytes(closed);
    atomic_fetch_sub_explicit(&self->table_bytes, bytes, memory_order_relaxed);
    memory_budget_unforce(block_cache_budget(self->cache), bytes);
}

uint64_t block_source_cached_table_bytes(const block_source_cached *self)
{
    return atomic_load_explicit(&self->table_bytes, memory_order_relaxed);
}

uint64_t block_source_cached_waited_us(const block_source_cached *self)
{
    return atomic_load_explicit(&self->waited_us, memory_order_relaxed);
}

uint64_t block_source_cached_loading_us(const block_source_cached *self)
{
    return atomic_load_explicit(&self->loading_us, memory_order_relaxed);
}

void block_source_cached_forget(block_source_cached *self, table *from)
{
    block_cache_erase(self->cache, from->slots, from->index.block_count);
}
