/*
 * block_cache_shard: the cache in memory: its shards and their queues. Private to block_cache*.c.
 *
 * A slot's word is the address of its block, or 0, or 2 n + 1: the block left the small queue of
 * its shard as the n-th.
 */
#ifndef PYKV_TABLE_BLOCK_CACHE_SHARD_H
#define PYKV_TABLE_BLOCK_CACHE_SHARD_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/invariant.h"
#include "base/memory_budget.h"
#include "base/mutex.h"
#include "base/slab_arena.h"
#include "base/thread_hint.h"
#include "table/cached_block.h"

enum { BLOCK_SHARD_COUNT_MAX = 16, BLOCK_QUEUE_COUNT = 2 };

/* Of blocks that are mappings of their own, a quarter of what Linux lets a process have of them;
 * where there are more, it has no memory however much is free. More blocks are the heap's. */
enum { BLOCK_MAPPED_COUNT_MAX = 16 << 10 };

/* Longer blocks are long. */
enum { BLOCK_LONG_BYTES = 32 << 10 };

/* Places of a block. */
enum { PLACE_SMALL = 0, PLACE_MAIN = 1, PLACE_NONE = 2 };

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
    cached_block *walk_next GUARDED_BY(lock); /* where a walk over a queue goes on; NULL: nowhere */
    _Atomic uint32_t waiting_count; /* threads that found it locked, and have it not yet */
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
    block_moved_function *moved; /* NULL: blocks stay where they are */
    /* own synchronisation */
    slab_arena slabs; /* counted in the budget */
    _Atomic uint64_t block_bytes;
    _Atomic uint64_t retired_bytes; /* of those that readers may be at, pinned or not */
    _Atomic uint64_t refused_bytes;
    _Atomic uint64_t wanted_bytes; /* by refused blocks that are long */
    _Atomic uint32_t mapped_count; /* of blocks that are mappings of their own */
    _Atomic uint32_t evict_next;   /* shard to begin with where no slot says one */
    mutex shrink_lock;             /* of who vacates slabs */
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

/* True if a block finds a gap of a slab among others by chance, if at all: room beside the slabs is
 * kept for it. */
static inline bool block_is_long(uint64_t size)
{
    return size > (PYKV_PLANTED(339) ? (uint64_t)SLAB_BLOCK_BYTES_MAX : BLOCK_LONG_BYTES);
}

/* The block of a slot's word, or NULL. */
static inline cached_block *block_of_word(uintptr_t word)
{
    return (word & 1) != 0 ? NULL : (cached_block *)word;
}

#endif
