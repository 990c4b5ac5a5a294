/*
 * block_cache_evict: the queues of a shard, which block goes, and making room.
 */
#ifndef PYKV_TABLE_BLOCK_CACHE_EVICT_H
#define PYKV_TABLE_BLOCK_CACHE_EVICT_H

#include "table/block_cache_shard.h"

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

/* Puts a copy of a block in its place, in queue and slot, and gives the block to the reclaimer. */
void block_replace(block_cache *self, block_shard *shard, cached_block *block, cached_block *copy)
    REQUIRES(shard->lock);

/* Evicts one block of a shard; returns its bytes, 0 if all are pinned or none is there. */
uint64_t block_shard_evict(block_cache *self, block_shard *shard) EXCLUDES(shard->lock);

/* Of the budget, what no new slab is to take: long blocks need it. */
uint64_t block_cache_spare(const block_cache *self);

/* Of these, what long blocks that found no room wanted; others leave it to them. */
uint64_t block_cache_wanted(const block_cache *self);

/* Evicts blocks of so many bytes, from shard first on, from each in turn; fewer if the rest is
 * pinned. */
void block_cache_evict(block_cache *self, uint64_t bytes, uint32_t first);

/* Evicts until bytes would fit with some to spare, counting what is retired as on its way. */
void block_cache_evict_for(block_cache *self, uint64_t bytes, uint32_t first);

/* Makes room for a block of so many bytes, from shard first on, a little more with each attempt
 * from 0 on, to be made where the one before was not enough. Of what is missing beside, which
 * others took, it makes up a part, so that a get that needs a block is soon done. False: this
 * attempt would be one too many. */
PYKV_NODISCARD bool block_cache_make_room(block_cache *self, uint64_t bytes, uint32_t first,
                                          uint32_t attempt);

#endif
