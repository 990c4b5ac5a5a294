/*
 * block_cache_internal: the parts of the cache, for the files that make it.
 *
 * A slot's word is the address of its block, or 0, or 2 n + 1: the block left the small queue of
 * its shard as the n-th.
 */
#ifndef PYKV_TABLE_BLOCK_CACHE_INTERNAL_H
#define PYKV_TABLE_BLOCK_CACHE_INTERNAL_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/mutex.h"
#include "base/thread_hint.h"
#include "table/block_cache.h"

enum { BLOCK_SHARD_COUNT_MAX = 16, BLOCK_QUEUE_COUNT = 2 };

/* Places of a block. */
enum { PLACE_SMALL = 0, PLACE_MAIN = 1, PLACE_NONE = 2, PLACE_RETIRED = 3 };

typedef struct block_queue {
    cached_block *newest;
    cached_block *oldest;
    uint64_t bytes;
    uint64_t count;
} block_queue;

typedef struct block_shard {
    _Alignas(64) mutex lock;
    block_queue queues[BLOCK_QUEUE_COUNT] GUARDED_BY(lock); /* by place */
    uint64_t ghost_clock GUARDED_BY(lock);                  /* blocks that left the small queue */
} block_shard;

typedef struct block_counter_line {
    _Alignas(64) _Atomic uint64_t hits;
    _Atomic uint64_t misses;
    _Atomic uint64_t inserts;
    _Atomic uint64_t evictions;
    _Atomic uint64_t refusals;
    _Atomic uint64_t walked;
} block_counter_line;

struct block_cache {
    /* constant */
    memory_budget *budget;
    reclaimer *readers;
    uint32_t shard_count; /* a power of two */
    uint64_t own_bytes;
    /* own synchronisation */
    _Atomic uint64_t block_bytes;
    _Atomic uint64_t retired_bytes;
    _Atomic uint64_t refused_bytes;
    _Atomic uint32_t evict_next; /* shard to begin with where no slot says one */
    block_counter_line counters[THREAD_HINT_COUNT];
    block_shard shards[];
};

static inline void block_count(_Atomic uint64_t *counter)
{
    atomic_fetch_add_explicit(counter, 1, memory_order_relaxed);
}

/*
 * Counts a hit without a locked operation, which would cost half of the hit. Where two threads
 * share a line, which takes more than THREAD_HINT_COUNT of them, a count may be lost.
 */
static inline void block_count_hit(block_counter_line *line)
{
    uint64_t hits = atomic_load_explicit(&line->hits, memory_order_relaxed);
    atomic_store_explicit(&line->hits, hits + 1, memory_order_relaxed);
}

/* The block of a slot's word, or NULL. */
static inline cached_block *block_of_word(uintptr_t word)
{
    return (word & 1) != 0 ? NULL : (cached_block *)word;
}

/* The shard of a slot. */
block_shard *block_shard_of(block_cache *self, const block_slot *slot);

/* Puts a block at the new end of a queue, and takes one out of its queue. */
void block_queue_push(block_shard *shard, cached_block *block, uint8_t place) REQUIRES(shard->lock);
void block_queue_remove(block_shard *shard, cached_block *block) REQUIRES(shard->lock);

/* True if a block with this word in its slot left the small queue so lately that it belongs to the
 * main one. */
bool block_shard_remembers(const block_shard *shard, uintptr_t word) REQUIRES(shard->lock);

/* Clears a block from its slot and queue and gives it to the reclaimer. mark is left in the slot.
 */
void block_retire(block_cache *self, block_shard *shard, cached_block *block, uintptr_t mark)
    REQUIRES(shard->lock);

/* Evicts one block of a shard; returns its bytes, 0 if all are pinned or none is there. */
uint64_t block_shard_evict(block_cache *self, block_shard *shard) EXCLUDES(shard->lock);

/* Evicts until bytes would fit with some to spare, counting what is retired as on its way; begins
 * with shard first. */
void block_cache_evict_for(block_cache *self, uint64_t bytes, uint32_t first);

/* As block_cache_reserve, taking room from shard first. */
PYKV_NODISCARD bool block_cache_make_room(block_cache *self, uint64_t bytes, uint32_t first);

#endif
