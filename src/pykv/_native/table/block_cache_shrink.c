/*
 * block_cache_shrink: walks the queues for blocks of slabs that are vacated.
 */
#include "table/block_cache_shrink.h"

#include <string.h>

#include "table/block_cache.h"
#include "table/block_cache_evict.h"
#include "table/block_shard_lock.h"

/* For so long a walk holds the lock of a shard while others wait for it, some microseconds: a look
 * takes one step, a block that moves more. */
enum { STEPS_MAX = 32, MOVE_STEPS = 8 };

/* What a walk over all queues is after. */
typedef struct shrink_walk {
    uint64_t block_count; /* in slabs that are vacated, and not met yet */
    uint32_t left_count;  /* of the shard: found no gap */
    bool regard_use;
} shrink_walk;

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

static bool is_pinned(const cached_block *block)
{
    return atomic_load_explicit(&block->references, memory_order_relaxed) > 1;
}

/* Goes on with the walk over a queue, and returns how many blocks it saw. */
static uint64_t walk_some(block_cache *self, block_shard *shard, shrink_walk *walk)
    REQUIRES(shard->lock)
{
    uint64_t looks = 0;
    cached_block *block;
    for (uint32_t steps = 0; steps < STEPS_MAX && (block = shard->walk_next) != NULL; steps++) {
        shard->walk_next = block->link.queue.newer;
        looks++;
        if (!block->is_in_slab || !slab_arena_is_vacated(block)) {
            continue;
        }
        walk->block_count -= walk->block_count > 0 ? 1 : 0;
        if (!is_pinned(block)) {
            walk->left_count += vacate(self, shard, block, walk->regard_use) ? 0 : 1;
            steps += MOVE_STEPS;
        }
    }
    return looks;
}

/* Others get the lock in between, and what goes round then is not met twice. */
static void walk_queue(block_cache *self, block_shard *shard, const block_queue *queue,
                       shrink_walk *walk)
{
    block_shard_lock(shard);
    shard->walk_next = queue->oldest;
    for (uint64_t looks = queue->count; looks > 0 && walk->block_count > 0;) {
        uint64_t some = walk_some(self, shard, walk);
        looks -= some < looks && shard->walk_next != NULL ? some : looks;
        if (!PYKV_PLANTED(358)) {
            block_shard_let_others(shard);
        }
    }
    shard->walk_next = NULL;
    block_shard_unlock(shard);
}

static void shrink_shard(block_cache *self, block_shard *shard, shrink_walk *walk)
{
    walk->left_count = 0;
    for (size_t place = 0; place < BLOCK_QUEUE_COUNT; place++) {
        walk_queue(self, shard, &shard->queues[place], walk);
    }
    for (; walk->left_count > 0 && block_shard_evict(self, shard) > 0; walk->left_count--) {
    }
}

void block_cache_shrink(block_cache *self, uint64_t bytes, bool regard_use)
{
    uint64_t limit = memory_budget_limit(self->budget);
    uint64_t wanted = memory_budget_used(self->budget) + bytes;
    if (wanted <= limit || slab_arena_bytes(&self->slabs) == 0 ||
        !mutex_try_lock(&self->shrink_lock)) {
        return;
    }
    slab_effort effort = regard_use ? SLAB_GENTLE : SLAB_FIRM;
    shrink_walk walk = {slab_arena_vacate(&self->slabs, wanted - limit, effort), 0, regard_use};
    bool has_blocks = walk.block_count > 0;
    for (uint32_t i = 0; i < self->shard_count && walk.block_count > 0; i++) {
        shrink_shard(self, &self->shards[i], &walk);
    }
    if (has_blocks) {
        (void)reclaimer_sweep(self->readers);
        (void)slab_arena_vacate(&self->slabs, 0, effort);
    }
    mutex_unlock(&self->shrink_lock);
}
