/*
 * block_cache: blocks of tables in memory, ready for use, within a byte limit.
 *
 * There is no map: each table handle has an array with one slot a block, and a slot holds the
 * cached block, or nothing. So a hit is one load; it is protected by the reclaimer's epoch, and a
 * reference is taken only by who keeps the block after leaving the epoch. What is evicted is
 * cleared from its slot and freed when the readers of that time have left.
 *
 * Replacement is S3-FIFO: new blocks pass a small queue; those used there, or missed again soon
 * after they left it, enter the main queue, where used ones go round again. A scan passes through
 * the small queue and leaves the main one alone. docs/decisions/0009-block-cache.md says why.
 *
 * A miss:  block_cache_make (room, memory), fill data, block_cache_publish, use, block_unpin.
 *
 * Thread-safe. Lock order: a shard's lock, then the reclaimer's.
 *
 * Invariants: (1) what every block that was made within the budget takes is reserved in it until it
 * is freed, evicted ones that a reader holds included: its bytes, or its whole slab with all gaps;
 * (2) a block is in a queue if and only if its slot holds it; (3) a block found in a slot stays
 * valid until its finder leaves the epoch.
 */
#ifndef PYKV_TABLE_BLOCK_CACHE_H
#define PYKV_TABLE_BLOCK_CACHE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "pykv.h"

#include "base/annotate.h"
#include "base/memory_budget.h"
#include "base/reclaim.h"
#include "base/slab_arena.h"
#include "table/block_pin.h"
#include "table/cached_block.h"

/* Counts since block_cache_new; bytes are those of now. */
typedef struct block_cache_counters {
    uint64_t hit_count;    /* exact for up to THREAD_HINT_COUNT threads */
    uint64_t miss_count;   /* blocks made */
    uint64_t walked_count; /* of both: what block_cache_count_walked told */
    uint64_t insert_count;
    uint64_t evict_count;
    uint64_t refused_count; /* blocks made outside the budget, because no room could be had */
    uint64_t block_bytes;   /* of blocks within the budget, with their overhead */
    uint64_t retired_bytes; /* of these: evicted, and readers of that time may be inside */
    uint64_t refused_bytes; /* of blocks outside the budget; they live as long as their pins */
} block_cache_counters;

/* budget and readers are borrowed, may be shared, and must outlive the cache. PYKV_NO_MEMORY. */
PYKV_NODISCARD pykv_status block_cache_new(memory_budget *budget, reclaimer *readers,
                                           block_cache **cache_out);

/* Requires that every slot was erased, every block unpinned, and no reader is inside. */
void block_cache_free(block_cache *self);

/* Says how to move data, so that slabs with few blocks can go without them. Requires that no other
 * thread knows the cache yet. */
void block_cache_let_move(block_cache *self, block_moved_function *moved);

/* Has slabs made ahead by another thread, which call has call block_cache_prepare: what a thread
 * misses while that is at it is not cached. As above. */
void block_cache_let_prepare(block_cache *self, slab_call *call, void *context);
void block_cache_prepare(block_cache *self);

/* The block in the slot, or NULL. Requires the epoch of readers; valid until it is left, longer
 * with block_pin. marks: counts as a use, which get and seek do, and stepping to the next block of
 * a scan does not. Wait-free. */
cached_block *block_cache_find(block_cache *self, const block_slot *slot, bool marks);

/* Counts a block that a walk looked for. */
void block_cache_count_walked(block_cache *self);

/* A block of length bytes to fill, pinned once, not yet published; evicts to make room for it. Room
 * that readers hold back is not waited for: the block is then outside the budget, is never
 * published and goes with its last pin. So is one larger than a 16th of the limit. Best called
 * outside the epoch. PYKV_NO_MEMORY. */
PYKV_NODISCARD pykv_status block_cache_make(block_cache *self, const block_slot *slot,
                                            uint32_t length, cached_block **block_out);

/* Puts a filled block into its slot. Returns the block to use: this one, or the one that another
 * thread put there first, and then this one is gone. The pin passes on to what is returned. */
cached_block *block_cache_publish(block_cache *self, block_slot *slot, cached_block *block);

/* Empties slots, as of a table that goes. Requires that nobody publishes into them meanwhile. */
void block_cache_erase(block_cache *self, block_slot *slots, size_t slot_count);

/* The budget that the cache was made with. */
memory_budget *block_cache_budget(const block_cache *self);

/* Evicts until the budget's used bytes are within its limit, as far as blocks can do it: after the
 * limit was lowered or bytes were forced. Gives slabs back to that end, and where blocks of
 * more than 32 KiB found no room. Best called now and then, outside the epoch. False if something
 * is still held by readers or pins. */
bool block_cache_trim(block_cache *self);

void block_cache_get_counters(block_cache *self, block_cache_counters *counters_out);

/* Checks the invariants of every shard; for tests. Requires that no other thread is in the cache.
 */
bool block_cache_is_sound(block_cache *self);

#endif
