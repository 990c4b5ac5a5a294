/*
 * block_cache_shrink: walks the queues for blocks of slabs that are vacated.
 */
#include "table/block_cache_shrink.h"

#include <string.h>

#include "table/block_cache.h"
#include "table/block_cache_evict.h"

enum { MOVES_MAX = 256 /* of a queue at a time: the lock of its shard is held for so long */ };

/* A copy in a gap of another slab. NULL: there is no gap, or nobody can move data. */
static cached_block *copy_of(block_cache *self, const cached_block *block)
{
    size_t size = sizeof *block + block->length;
    cached_block *copy = self->moved != NULL ? slab_arena_take_gap(&self->slabs, size) : NULL;
    if (copy == NULL) {
        return NULL;
    }
    *copy = (cached_block){.cache = self,
                           .slot = block->slot,
                           .length = block->length,
                           .reserved = true,
                           .is_in_slab = true};
    atomic_init(&copy->references, 1);
    atomic_init(&copy->use_count, atomic_load_explicit(&block->use_count, memory_order_relaxed));
    memcpy(copy->data, block->data, block->length);
    self->moved(copy->data, block->data);
    return copy;
}

static bool is_hot(const cached_block *block)
{
    return block->place == PLACE_MAIN ||
           atomic_load_explicit(&block->use_count, memory_order_relaxed) > 0;
}

/* Takes a block out of its slab, when readers have left. False: it is hot, is to stay, and there is
 * no gap for it. */
static bool vacate(block_cache *self, block_shard *shard, cached_block *block, bool regard_use)
    REQUIRES(shard->lock)
{
    cached_block *copy = copy_of(self, block);
    if (copy != NULL) {
        atomic_fetch_add_explicit(&self->block_bytes, block_cache_charge(block->length),
                                  memory_order_relaxed);
        block_replace(self, shard, block, copy);
    } else if (regard_use && is_hot(block)) {
        return false;
    } else {
        block_retire(self, shard, block, 0);
        block_count(&self->counters[thread_hint()].evictions);
    }
    return true;
}

static bool is_to_move(const cached_block *block)
{
    bool pinned = atomic_load_explicit(&block->references, memory_order_relaxed) > 1;
    return block->is_in_slab && !pinned && slab_arena_is_vacated(block);
}

/* Returns how many blocks found no gap. */
static uint32_t vacate_queue(block_cache *self, block_shard *shard, const block_queue *queue,
                             bool regard_use) REQUIRES(shard->lock)
{
    uint32_t left = 0;
    cached_block *block = queue->oldest;
    for (uint32_t moves = 0; block != NULL && moves < MOVES_MAX;) {
        cached_block *newer = block->link.queue.newer;
        if (is_to_move(block)) {
            left += vacate(self, shard, block, regard_use) ? 0 : 1;
            moves++;
        }
        block = newer;
    }
    return left;
}

static void shrink_shard(block_cache *self, block_shard *shard, bool regard_use)
{
    uint32_t left = 0;
    mutex_lock(&shard->lock);
    for (size_t place = 0; place < BLOCK_QUEUE_COUNT; place++) {
        left += vacate_queue(self, shard, &shard->queues[place], regard_use);
    }
    mutex_unlock(&shard->lock);
    while (left > 0 && block_shard_evict(self, shard) > 0) {
        left--;
    }
}

void block_cache_shrink(block_cache *self, uint64_t bytes, bool regard_use)
{
    uint64_t limit = memory_budget_limit(self->budget);
    uint64_t wanted = memory_budget_used(self->budget) + bytes;
    if (wanted <= limit || slab_arena_bytes(&self->slabs) == 0) {
        return;
    }
    slab_arena_vacate(&self->slabs, wanted - limit);
    for (uint32_t i = 0; i < self->shard_count; i++) {
        shrink_shard(self, &self->shards[i], regard_use);
    }
    (void)reclaimer_sweep(self->readers);
    slab_arena_vacate(&self->slabs, 0);
}
