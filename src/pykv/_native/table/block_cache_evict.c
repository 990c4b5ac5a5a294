/*
 * block_cache_evict: the queues of a shard, which block goes, and making room.
 *
 * Sources: S3-FIFO (Yang, Zhang, Qiu, Yue, Rashmi: FIFO queues are all you need for cache eviction,
 * SOSP 2023). The ghost queue is kept in the slots themselves: a block that left the small queue
 * leaves the number of its departure, and is remembered while that is not longer ago than the
 * shard has blocks.
 */
#include "table/block_cache_evict.h"

#include "base/invariant.h"
#include "table/block_cache.h"
#include "table/block_cache_shrink.h"
#include "table/block_shard_lock.h"

enum {
    SMALL_SHARE = 10, /* the small queue gives first while it has a tenth of the bytes */
    LOOKS_MAX = 256,  /* blocks spared for their use before one goes regardless */
    SPARE_SHARE = 64, /* of the limit is kept free or on its way, up to: */
    SPARE_BYTES_MAX = 4 << 20,
    SWEEP_SHARE = 4, /* of what is spare: retired bytes above it are swept ahead */
    ROUNDS_MAX = 4,
    GAP_SHARE = 32, /* of the slabs stays free as well, so that some gap is long enough, and: */
    GAP_BYTES_MIN = 256 << 10,
    GAP_BLOCKS = 4,            /* evicted where there is room, in gaps that are too short */
    DEBT_BYTES_MAX = 64 << 10, /* evicted for one block, of what is missing beside its own bytes */
    SWEPT_MAX = 16             /* blocks freed for one that is not long, a round */
};

block_shard *block_shard_of(block_cache *self, const block_slot *slot)
{
    uint64_t mixed = ((uint64_t)(uintptr_t)slot >> 3) * UINT64_C(0x9E3779B97F4A7C15);
    return &self->shards[(mixed >> 40) & (self->shard_count - 1)];
}

void block_queue_push(block_shard *shard, cached_block *block, uint8_t place)
{
    block_queue *queue = &shard->queues[place];
    block->place = place;
    block->link.queue.newer = NULL;
    block->link.queue.older = queue->newest;
    if (queue->newest != NULL) {
        queue->newest->link.queue.newer = block;
    } else {
        queue->oldest = block;
    }
    queue->newest = block;
    queue->bytes += block_cache_charge(block->length);
    queue->count++;
}

void block_queue_remove(block_shard *shard, cached_block *block)
{
    block_queue *queue = &shard->queues[block->place];
    cached_block *newer = block->link.queue.newer;
    cached_block *older = block->link.queue.older;
    if (shard->walk_next == block) {
        shard->walk_next = newer;
    }
    if (newer != NULL) {
        newer->link.queue.older = older;
    } else {
        queue->newest = older;
    }
    if (older != NULL) {
        older->link.queue.newer = newer;
    } else {
        queue->oldest = newer;
    }
    PYKV_ASSERT(queue->count > 0);
    queue->bytes -= block_cache_charge(block->length);
    queue->count--;
    block->place = PLACE_NONE;
}

bool block_shard_remembers(const block_shard *shard, uintptr_t word)
{
    if ((word & 1) == 0) {
        return false;
    }
    uint64_t block_count_now = shard->queues[PLACE_SMALL].count + shard->queues[PLACE_MAIN].count;
    uintptr_t age = (uintptr_t)shard->ghost_clock - (word >> 1);
    return age <= block_count_now;
}

/* What pins still hold does not come free by waiting. */
static void drop_reference_of_cache(reclaim_item *item)
{
    cached_block *block = (cached_block *)((char *)item - offsetof(cached_block, link));
    bool is_held = atomic_load_explicit(&block->references, memory_order_relaxed) > 1;
    if (!PYKV_PLANTED(336) || !is_held) {
        atomic_fetch_sub_explicit(&block->cache->retired_bytes, block_cache_charge(block->length),
                                  memory_order_relaxed);
    }
    block_unpin(block);
}

/* Gives a block that is in no queue and no slot to the reclaimer. */
static void retire(block_cache *self, cached_block *block)
{
    block->place = PLACE_NONE;
    atomic_fetch_add_explicit(&self->retired_bytes, block_cache_charge(block->length),
                              memory_order_relaxed);
    reclaimer_retire(self->readers, &block->link.retired, drop_reference_of_cache);
}

void block_retire(block_cache *self, block_shard *shard, cached_block *block, uintptr_t mark)
{
    block_queue_remove(shard, block);
    atomic_store_explicit(block->slot, mark, memory_order_relaxed);
    retire(self, block);
}

void block_replace(block_cache *self, block_shard *shard, cached_block *block, cached_block *copy)
{
    block_queue *queue = &shard->queues[block->place];
    cached_block *newer = block->link.queue.newer;
    cached_block *older = block->link.queue.older;
    copy->place = block->place;
    copy->link.queue.newer = newer;
    copy->link.queue.older = older;
    *(newer != NULL ? &newer->link.queue.older : &queue->newest) = copy;
    *(older != NULL ? &older->link.queue.newer : &queue->oldest) = copy;
    atomic_store_explicit(block->slot, (uintptr_t)copy, memory_order_release);
    retire(self, block);
}

/* True if the block is spared: pinned, or used and regard_use; it goes round then. */
static bool spare(block_shard *shard, cached_block *block, bool regard_use) REQUIRES(shard->lock)
{
    uint8_t place = block->place;
    uint8_t uses = atomic_load_explicit(&block->use_count, memory_order_relaxed);
    bool used = regard_use && uses > 0;
    bool pinned = atomic_load_explicit(&block->references, memory_order_relaxed) > 1;
    if (!used && !pinned) {
        return false;
    }
    block_queue_remove(shard, block);
    if (used) {
        /* What was used in the small queue starts anew in the main one. */
        uint8_t kept = place == PLACE_SMALL ? 0 : (uint8_t)(uses - 1);
        atomic_store_explicit(&block->use_count, kept, memory_order_relaxed);
        place = PLACE_MAIN;
    }
    block_queue_push(shard, block, place);
    return true;
}

/* The queue that gives next. */
static const block_queue *giving_queue(const block_shard *shard) REQUIRES(shard->lock)
{
    const block_queue *small = &shard->queues[PLACE_SMALL];
    const block_queue *large = &shard->queues[PLACE_MAIN];
    bool small_is_full = small->bytes * SMALL_SHARE >= small->bytes + large->bytes;
    return large->count == 0 || (small->count > 0 && small_is_full) ? small : large;
}

/* Evicts the first block that may go; returns its bytes. */
static uint64_t evict_first(block_cache *self, block_shard *shard) REQUIRES(shard->lock)
{
    uint64_t looks = shard->queues[PLACE_SMALL].count + shard->queues[PLACE_MAIN].count;
    looks = looks < LOOKS_MAX ? looks : LOOKS_MAX;
    for (uint64_t look = 0; look < 2 * looks; look++) {
        cached_block *block = giving_queue(shard)->oldest;
        if (spare(shard, block, look < looks)) {
            continue;
        }
        uint64_t bytes = block_cache_charge(block->length);
        uintptr_t mark = 0;
        if (block->place == PLACE_SMALL) {
            mark = (uintptr_t)(++shard->ghost_clock) * 2 + 1;
        }
        block_retire(self, shard, block, mark);
        return bytes;
    }
    return 0;
}

uint64_t block_shard_evict(block_cache *self, block_shard *shard)
{
    block_shard_lock(shard);
    uint64_t bytes = evict_first(self, shard);
    block_shard_unlock(shard);
    if (bytes > 0) {
        block_count(&self->counters[thread_hint()].evictions);
    }
    return bytes;
}

static uint64_t spare_bytes(const block_cache *self)
{
    uint64_t share = memory_budget_limit(self->budget) / SPARE_SHARE;
    return share < SPARE_BYTES_MAX ? share : SPARE_BYTES_MAX;
}

uint64_t block_cache_wanted(const block_cache *self)
{
    return PYKV_PLANTED(298) ? 0 : atomic_load_explicit(&self->wanted_bytes, memory_order_relaxed);
}

uint64_t block_cache_spare(const block_cache *self)
{
    return spare_bytes(self) + block_cache_wanted(self);
}

/* Of gaps, as much as may be in pieces that are too short. */
static uint64_t short_gap_bytes(const block_cache *self)
{
    uint64_t slabs = slab_arena_bytes(&self->slabs);
    return slabs == 0 ? 0 : slabs / GAP_SHARE + GAP_BYTES_MIN;
}

/* How many bytes are missing until bytes fit with some to spare, in the budget or in gaps of slabs,
 * if what is retired comes free. */
static uint64_t missing_bytes(block_cache *self, uint64_t bytes)
{
    uint64_t limit = memory_budget_limit(self->budget);
    uint64_t used = memory_budget_used(self->budget);
    uint64_t coming = atomic_load_explicit(&self->retired_bytes, memory_order_relaxed) +
                      slab_arena_gap_bytes(&self->slabs) + slab_arena_leaving_bytes(&self->slabs);
    uint64_t wanted = used + bytes + block_cache_spare(self) + short_gap_bytes(self);
    return wanted > limit + coming ? wanted - limit - coming : 0;
}

void block_cache_evict(block_cache *self, uint64_t bytes, uint32_t first)
{
    uint32_t barren = 0; /* a bit a shard */
    uint32_t all = (UINT32_C(1) << self->shard_count) - 1;
    for (uint32_t turn = first; bytes > 0 && barren != all; turn++) {
        uint32_t index = turn & (self->shard_count - 1);
        if ((barren >> index & 1) == 0) {
            uint64_t evicted = block_shard_evict(self, &self->shards[index]);
            bytes -= evicted < bytes ? evicted : bytes;
            barren |= evicted == 0 ? UINT32_C(1) << index : 0;
        }
    }
}

void block_cache_evict_for(block_cache *self, uint64_t bytes, uint32_t first)
{
    block_cache_evict(self, missing_bytes(self, bytes), first);
}

/* Sweeps ahead of need: who is inside the epoch cannot free what it evicts, but what others did. */
static void sweep_ahead(block_cache *self)
{
    uint64_t retired = atomic_load_explicit(&self->retired_bytes, memory_order_relaxed);
    if (retired > spare_bytes(self) / SWEEP_SHARE) {
        reclaimer_sweep_some(self->readers, PYKV_PLANTED(357) ? SIZE_MAX : SWEPT_MAX);
    }
}

/* There is room in gaps, but none is long enough: some more, and larger ones. */
static void widen_gaps(block_cache *self, uint64_t bytes, uint32_t first)
{
    uint64_t retired = atomic_load_explicit(&self->retired_bytes, memory_order_relaxed);
    if (retired > spare_bytes(self) || slab_arena_gap_bytes(&self->slabs) < bytes) {
        return;
    }
    for (int i = 0; i < GAP_BLOCKS; i++) {
        (void)block_shard_evict(self, &self->shards[first]);
    }
}

/* Frees blocks for one of so many bytes. */
static void sweep_for(block_cache *self, uint64_t bytes)
{
    if (block_is_long(bytes)) {
        (void)reclaimer_sweep(self->readers);
    } else {
        reclaimer_sweep_some(self->readers, SWEPT_MAX);
    }
}

bool block_cache_make_room(block_cache *self, uint64_t bytes, uint32_t first, uint32_t attempt)
{
    if (attempt % 2 == 1) {
        sweep_for(self, bytes);
        return true;
    }
    if (attempt == 2 * ROUNDS_MAX) {
        return false;
    }
    if (attempt == 0) {
        sweep_ahead(self);
    } else if (!block_is_long(bytes)) {
        widen_gaps(self, bytes, first);
    }
    uint64_t missing = missing_bytes(self, bytes);
    uint64_t most = PYKV_PLANTED(348) ? UINT64_MAX : bytes + DEBT_BYTES_MAX;
    block_cache_evict(self, missing < most ? missing : most, first);
    return true;
}

/* True if the budget is kept, with room for the blocks that found none. */
static bool is_trim(const block_cache *self)
{
    uint64_t used = memory_budget_used(self->budget) + block_cache_wanted(self);
    return used <= memory_budget_limit(self->budget);
}

/* The room that blocks wanted is there and nobody took it, or it could not be had. */
static void want_less(block_cache *self)
{
    uint64_t half = block_cache_wanted(self) / 2;
    atomic_store_explicit(&self->wanted_bytes, half, memory_order_relaxed);
}

bool block_cache_trim(block_cache *self)
{
    if (is_trim(self)) {
        want_less(self);
        return true;
    }
    for (int round = 0; round < ROUNDS_MAX && !is_trim(self); round++) {
        uint32_t first = atomic_fetch_add_explicit(&self->evict_next, 1, memory_order_relaxed);
        block_cache_evict_for(self, 0, first & (self->shard_count - 1));
        (void)reclaimer_sweep(self->readers);
        block_cache_shrink(self, block_cache_wanted(self), round < ROUNDS_MAX - 1);
    }
    if (!is_trim(self)) {
        want_less(self);
    }
    return memory_budget_used(self->budget) <= memory_budget_limit(self->budget);
}
