/*
 * block_cache_fixture: a cache over one array of slots, whose blocks tell which slot they are of.
 */
#ifndef PYKV_TESTS_TABLE_BLOCK_CACHE_FIXTURE_H
#define PYKV_TESTS_TABLE_BLOCK_CACHE_FIXTURE_H

#include "harness/check.h"

#include "base/memory.h"
#include "table/block_cache.h"

enum { FIXTURE_BLOCK_BYTES = 4000 };

typedef struct cache_fixture {
    memory_budget budget;
    epoch entered;
    reclaimer readers;
    block_cache *cache;
    block_slot *slots;
    size_t slot_count;
    int64_t blocks_before; /* allocated before the fixture was */
} cache_fixture;

/* A cache of limit bytes and slot_count empty slots. */
static inline cache_fixture *fixture_open(uint64_t limit_bytes, size_t slot_count)
{
    int64_t before = mem_block_count();
    cache_fixture *self = mem_alloc_aligned(64, sizeof *self);
    CHECK(self != NULL);
    self->blocks_before = before;
    memory_budget_init(&self->budget, limit_bytes);
    epoch_init(&self->entered);
    reclaimer_init(&self->readers, &self->entered);
    CHECK_OK(block_cache_new(&self->budget, &self->readers, &self->cache));
    self->slots = mem_alloc_zeroed(slot_count, sizeof *self->slots);
    CHECK(self->slots != NULL);
    self->slot_count = slot_count;
    return self;
}

/* Erases and frees everything; nothing may be pinned. Nothing is left behind. */
static inline void fixture_close(cache_fixture *self)
{
    block_cache_erase(self->cache, self->slots, self->slot_count);
    block_cache_free(self->cache);
    CHECK_EQUAL(0, memory_budget_used(&self->budget));
    reclaimer_destroy(&self->readers);
    mem_free(self->slots);
    int64_t before = self->blocks_before;
    mem_free(self);
    CHECK_EQUAL(before, mem_block_count());
}

static inline void fixture_fill(cached_block *block, size_t index)
{
    memset(block->data, (int)(index % 251), block->length);
    if (block->length >= sizeof index) {
        memcpy(block->data, &index, sizeof index);
    }
}

/* True if the block is one that fixture_fill made for the slot. */
static inline bool fixture_holds(const cached_block *block, size_t index)
{
    size_t found = index;
    if (block->length >= sizeof index) {
        memcpy(&found, block->data, sizeof index);
    }
    bool filled =
        block->length <= sizeof index || block->data[block->length - 1] == (uint8_t)(index % 251);
    return found == index && filled;
}

/* A miss: makes, fills and publishes. The returned block is pinned. */
static inline cached_block *fixture_load(cache_fixture *self, size_t index, uint32_t length)
{
    cached_block *block;
    CHECK_OK(block_cache_make(self->cache, &self->slots[index], length, &block));
    fixture_fill(block, index);
    return block_cache_publish(self->cache, &self->slots[index], block);
}

/* True if the slot's block is cached now; counts a use if marks. */
static inline bool fixture_cached(cache_fixture *self, size_t index, bool marks)
{
    epoch_token token = epoch_enter(self->readers.readers);
    cached_block *found = block_cache_find(self->cache, &self->slots[index], marks);
    bool good = found == NULL || fixture_holds(found, index);
    epoch_leave(self->readers.readers, token);
    CHECK(good);
    return found != NULL;
}

/* Reads a block as a get does: finds it, or loads it. True if it was cached. */
static inline bool fixture_get(cache_fixture *self, size_t index)
{
    if (fixture_cached(self, index, true)) {
        return true;
    }
    block_unpin(fixture_load(self, index, FIXTURE_BLOCK_BYTES));
    return false;
}

/* Takes bytes of the budget, as memtables do. False: nothing is taken, what is pinned leaves no
 * room. Give back with memory_budget_unforce. */
static inline bool fixture_reserve(cache_fixture *self, uint64_t bytes)
{
    memory_budget_force(&self->budget, bytes);
    bool given = block_cache_trim(self->cache);
    if (!given) {
        memory_budget_unforce(&self->budget, bytes);
    }
    return given;
}

static inline block_cache_counters fixture_counters(cache_fixture *self)
{
    block_cache_counters counters;
    block_cache_get_counters(self->cache, &counters);
    return counters;
}

#endif
