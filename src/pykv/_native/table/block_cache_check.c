/*
 * block_cache_check: the invariants of the cache, looked up one by one.
 */
#include "table/block_cache.h"
#include "table/block_cache_shard.h"

/* What the walk over a queue saw. */
typedef struct queue_sum {
    uint64_t bytes;
    uint64_t count;
} queue_sum;

static bool block_is_sound(const block_cache *self, const cached_block *block, uint8_t place)
{
    uintptr_t word = atomic_load_explicit(block->slot, memory_order_relaxed);
    return block->cache == self && block->reserved && block->place == place &&
           block_of_word(word) == block && atomic_load(&block->references) > 0;
}

static bool queue_is_sound(const block_cache *self, const block_queue *queue, uint8_t place,
                           queue_sum *sum)
{
    const cached_block *newer = NULL;
    uint64_t bytes = 0;
    uint64_t count = 0;
    for (const cached_block *block = queue->newest; block != NULL;
         block = block->link.queue.older) {
        if (!block_is_sound(self, block, place) || block->link.queue.newer != newer) {
            return false;
        }
        bytes += block_cache_charge(block->length);
        count++;
        newer = block;
    }
    sum->bytes += bytes;
    sum->count += count;
    return queue->oldest == newer && queue->bytes == bytes && queue->count == count;
}

bool block_cache_is_sound(block_cache *self)
{
    queue_sum sum = {0, 0};
    bool sound = true;
    for (uint32_t i = 0; i < self->shard_count; i++) {
        block_shard *shard = &self->shards[i];
        mutex_lock(&shard->lock);
        sound = sound && queue_is_sound(self, &shard->queues[PLACE_SMALL], PLACE_SMALL, &sum) &&
                queue_is_sound(self, &shard->queues[PLACE_MAIN], PLACE_MAIN, &sum);
        mutex_unlock(&shard->lock);
    }
    uint64_t block_bytes = atomic_load(&self->block_bytes);
    uint64_t retired_bytes = atomic_load(&self->retired_bytes);
    return sound && sum.bytes + retired_bytes <= block_bytes &&
           block_bytes + self->own_bytes <= memory_budget_used(self->budget) &&
           slab_arena_bytes(&self->slabs) + self->own_bytes <= memory_budget_used(self->budget);
}
