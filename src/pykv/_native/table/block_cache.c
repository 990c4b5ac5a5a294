/*
 * block_cache: finding, making, publishing and erasing blocks, and their lives.
 *
 * Why a reader may take a reference without a lock: it found the block inside the epoch, and the
 * cache's own reference is dropped by the reclaimer, after that epoch.
 */
#include "table/block_cache.h"

#include <stdatomic.h>
#include <string.h>

#include "base/error.h"
#include "base/invariant.h"
#include "base/memory.h"
#include "table/block_cache_evict.h"
#include "table/block_cache_shard.h"
#include "table/block_shard_lock.h"

enum {
    USE_COUNT_MAX = 3,
    SHARD_BYTES_MIN = 8 << 20,
    SLABS_FROM_BYTES = 2 * SLAB_BYTES, /* of blocks: the first ones come from the heap */
    LARGE_SHARE = 16 /* of the limit: a larger block would push out too many others */
};

memory_budget *block_cache_budget(const block_cache *self)
{
    return self->budget;
}

/* More shards let more threads insert at once; too small ones cannot tell hot from cold. */
static uint32_t shards_for(uint64_t limit_bytes)
{
    uint32_t count = 1;
    while (count < BLOCK_SHARD_COUNT_MAX && limit_bytes / SHARD_BYTES_MIN >= 2 * (uint64_t)count) {
        count *= 2;
    }
    return count;
}

static void shard_init(block_shard *shard) SINGLE_THREADED
{
    mutex_init(&shard->lock);
    for (size_t i = 0; i < BLOCK_QUEUE_COUNT; i++) {
        shard->queues[i] = (block_queue){NULL, NULL, 0, 0};
    }
    shard->ghost_clock = 0;
}

pykv_status block_cache_new(memory_budget *budget, reclaimer *readers, block_cache **cache_out)
{
    uint32_t shard_count = shards_for(memory_budget_limit(budget));
    size_t size = sizeof(block_cache) + shard_count * sizeof(block_shard);
    if (!memory_budget_reserve(budget, size)) {
        return error_set(PYKV_NO_MEMORY, "the memory budget is too small for a block cache");
    }
    block_cache *self = mem_alloc_aligned(_Alignof(block_cache), size);
    if (self == NULL) {
        memory_budget_release(budget, size);
        return error_set_no_memory(size);
    }
    memset(self, 0, size);
    self->budget = budget;
    self->readers = readers;
    self->shard_count = shard_count;
    self->own_bytes = size;
    mutex_init(&self->shrink_lock);
    slab_arena_init(&self->slabs, budget);
    for (uint32_t i = 0; i < shard_count; i++) {
        shard_init(&self->shards[i]);
    }
    *cache_out = self;
    return PYKV_OK;
}

void block_cache_free(block_cache *self) SINGLE_THREADED
{
    if (self == NULL) {
        return;
    }
    (void)reclaimer_sweep(self->readers);
    PYKV_ASSERT(atomic_load(&self->block_bytes) == 0 && atomic_load(&self->refused_bytes) == 0);
    for (uint32_t i = 0; i < self->shard_count; i++) {
        PYKV_ASSERT(self->shards[i].queues[PLACE_SMALL].count == 0);
        PYKV_ASSERT(self->shards[i].queues[PLACE_MAIN].count == 0);
        mutex_destroy(&self->shards[i].lock);
    }
    slab_arena_destroy(&self->slabs);
    mutex_destroy(&self->shrink_lock);
    memory_budget_release(self->budget, self->own_bytes);
    mem_free(self);
}

static block_counter_line *counters_of(block_cache *self)
{
    return &self->counters[thread_hint()];
}

cached_block *block_cache_find(block_cache *self, const block_slot *slot, bool marks)
{
    cached_block *found = block_of_word(atomic_load_explicit(slot, memory_order_acquire));
    if (found == NULL) {
        return NULL;
    }
    block_count_hit(counters_of(self));
    if (marks) {
        uint8_t uses = atomic_load_explicit(&found->use_count, memory_order_relaxed);
        if (uses < USE_COUNT_MAX) {
            atomic_store_explicit(&found->use_count, (uint8_t)(uses + 1), memory_order_relaxed);
        }
    }
    return found;
}

void block_cache_count_walked(block_cache *self)
{
    block_count(&counters_of(self)->walked);
}

void block_cache_let_move(block_cache *self, block_moved_function *moved)
{
    self->moved = moved;
}

void block_cache_let_prepare(block_cache *self, slab_call *call, void *context)
{
    slab_arena_let_prepare(&self->slabs, call, context);
}

void block_cache_prepare(block_cache *self)
{
    slab_arena_prepare(&self->slabs, block_cache_spare(self));
}

/* A cache with few blocks has no use for large pages. */
static bool wants_slab(const block_cache *self, size_t size)
{
    uint64_t bytes = atomic_load_explicit(&self->block_bytes, memory_order_relaxed);
    bool has_slabs = bytes >= SLABS_FROM_BYTES || slab_arena_gap_bytes(&self->slabs) > 0;
    return has_slabs && size <= SLAB_BLOCK_BYTES_MAX;
}

/* Blocks of slabs are in the budget with their slab. */
static cached_block *take_in_slab(block_cache *self, size_t size)
{
    cached_block *block = slab_arena_take(&self->slabs, size, block_cache_spare(self));
    if (block != NULL) {
        *block = (cached_block){.cache = self, .reserved = true, .is_in_slab = true};
    }
    return block;
}

/* True if a slab for blocks of that size is being made. */
static bool awaits_slab(const block_cache *self, size_t size)
{
    return size <= SLAB_BLOCK_BYTES_MAX && slab_arena_is_preparing(&self->slabs) &&
           !PYKV_PLANTED(301);
}

static cached_block *take_of_heap(block_cache *self, size_t size, bool reserved)
{
    uint32_t mapped = atomic_load_explicit(&self->mapped_count, memory_order_relaxed);
    bool is_mapped = size >= MEM_SIZED_MAPPED_BYTES_MIN && mapped < BLOCK_MAPPED_COUNT_MAX;
    cached_block *block =
        is_mapped ? mem_alloc_sized(size) : mem_alloc_aligned(MEM_SIZED_ALIGNMENT, size);
    if (block != NULL) {
        *block = (cached_block){.cache = self, .reserved = reserved, .is_mapped = is_mapped};
    }
    if (block != NULL && is_mapped) {
        atomic_fetch_add_explicit(&self->mapped_count, 1, memory_order_relaxed);
    }
    return block;
}

/* False: there is no room in the budget now. *block_out NULL: there is no memory. */
static bool take_memory(block_cache *self, size_t size, uint64_t charge, cached_block **block_out)
{
    bool is_slabs = wants_slab(self, size);
    *block_out = is_slabs ? take_in_slab(self, size) : NULL;
    if (*block_out != NULL) {
        return true;
    }
    uint64_t kept = block_is_long(size) ? 0 : block_cache_wanted(self);
    if (is_slabs && (awaits_slab(self, size) || memory_budget_left(self->budget) < charge + kept)) {
        return false;
    }
    if (!memory_budget_reserve(self->budget, charge)) {
        return false;
    }
    *block_out = take_of_heap(self, size, true);
    if (*block_out == NULL) {
        memory_budget_release(self->budget, charge);
    }
    return true;
}

/* Tells slabs how much to leave to long blocks: more if one was refused. */
static void note_long(block_cache *self, uint64_t charge, bool taken)
{
    uint64_t most = memory_budget_limit(self->budget) / LARGE_SHARE;
    uint64_t wanted = atomic_load_explicit(&self->wanted_bytes, memory_order_relaxed);
    if (taken) {
        wanted -= charge < wanted ? charge : wanted;
    } else if (slab_arena_bytes(&self->slabs) > 0) {
        wanted = wanted + charge < most ? wanted + charge : most;
    }
    atomic_store_explicit(&self->wanted_bytes, wanted, memory_order_relaxed);
}

/* The same, evicting blocks to that end. */
static bool take_in_budget(block_cache *self, size_t size, uint64_t charge, uint32_t first,
                           cached_block **block_out)
{
    bool taken = false;
    if (charge > memory_budget_limit(self->budget) / LARGE_SHARE) {
        return false;
    }
    bool waits = false; /* for a slab, which no evicted block makes up for */
    for (uint32_t attempt = 0;
         !taken && !waits && block_cache_make_room(self, charge, first, attempt); attempt++) {
        taken = take_memory(self, size, charge, block_out);
        waits = awaits_slab(self, size);
    }
    if (block_is_long(size) && !waits) {
        note_long(self, charge, taken);
    }
    return taken;
}

/* Where the system has no memory: what blocks that go leave of it. */
static cached_block *take_of_evicted(block_cache *self, size_t size, uint64_t charge,
                                     uint32_t first)
{
    cached_block *block = NULL;
    block_cache_evict(self, charge, first);
    (void)reclaimer_sweep(self->readers);
    bool taken = take_memory(self, size, charge, &block);
    return taken ? block : take_of_heap(self, size, false);
}

pykv_status block_cache_make(block_cache *self, const block_slot *slot, uint32_t length,
                             cached_block **block_out)
{
    uint64_t charge = block_cache_charge(length);
    uint32_t first = (uint32_t)(block_shard_of(self, slot) - self->shards);
    cached_block *block = NULL;
    if (!take_in_budget(self, sizeof *block + length, charge, first, &block)) {
        block = take_of_heap(self, sizeof *block + length, false);
    }
    if (block == NULL) {
        block = take_of_evicted(self, sizeof *block + length, charge, first);
    }
    if (block == NULL) {
        return error_set_no_memory(charge);
    }
    block->length = length;
    block->place = PLACE_NONE;
    atomic_init(&block->references, 1);
    block_count(&counters_of(self)->misses);
    if (block->reserved) {
        atomic_fetch_add_explicit(&self->block_bytes, charge, memory_order_relaxed);
    } else {
        atomic_fetch_add_explicit(&self->refused_bytes, charge, memory_order_relaxed);
        block_count(&counters_of(self)->refusals);
    }
    *block_out = block;
    return PYKV_OK;
}

cached_block *block_cache_publish(block_cache *self, block_slot *slot, cached_block *block)
{
    PYKV_ASSERT(block->place == PLACE_NONE && block->slot == NULL);
    block_shard *shard = block_shard_of(self, slot);
    block_shard_lock(shard);
    uintptr_t word = atomic_load_explicit(slot, memory_order_relaxed);
    cached_block *winner = block_of_word(word);
    if (winner == NULL && block->reserved) {
        block->slot = slot;
        block_pin(block);
        bool wanted_before = block_shard_remembers(shard, word);
        block_queue_push(shard, block, wanted_before ? PLACE_MAIN : PLACE_SMALL);
        atomic_store_explicit(slot, (uintptr_t)block, memory_order_release);
    } else if (winner != NULL) {
        block_pin(winner);
    }
    block_shard_unlock(shard);
    if (winner != NULL) {
        block_unpin(block);
        return winner;
    }
    if (block->reserved) {
        block_count(&counters_of(self)->inserts);
    }
    return block;
}

void block_cache_erase(block_cache *self, block_slot *slots, size_t slot_count)
{
    for (size_t i = 0; i < slot_count; i++) {
        if (atomic_load_explicit(&slots[i], memory_order_relaxed) == 0) {
            continue;
        }
        block_shard *shard = block_shard_of(self, &slots[i]);
        block_shard_lock(shard);
        cached_block *block = block_of_word(atomic_load_explicit(&slots[i], memory_order_relaxed));
        if (block != NULL) {
            block_retire(self, shard, block, 0);
        } else {
            atomic_store_explicit(&slots[i], 0, memory_order_relaxed);
        }
        block_shard_unlock(shard);
    }
    (void)reclaimer_sweep(self->readers);
}

void block_cache_get_counters(block_cache *self, block_cache_counters *counters_out)
{
    block_cache_counters sum = {
        .block_bytes = atomic_load_explicit(&self->block_bytes, memory_order_relaxed),
        .retired_bytes = atomic_load_explicit(&self->retired_bytes, memory_order_relaxed),
        .refused_bytes = atomic_load_explicit(&self->refused_bytes, memory_order_relaxed),
    };
    for (size_t i = 0; i < THREAD_HINT_COUNT; i++) {
        block_counter_line *line = &self->counters[i];
        sum.hit_count += atomic_load_explicit(&line->hits, memory_order_relaxed);
        sum.miss_count += atomic_load_explicit(&line->misses, memory_order_relaxed);
        sum.walked_count += atomic_load_explicit(&line->walked, memory_order_relaxed);
        sum.insert_count += atomic_load_explicit(&line->inserts, memory_order_relaxed);
        sum.evict_count += atomic_load_explicit(&line->evictions, memory_order_relaxed);
        sum.refused_count += atomic_load_explicit(&line->refusals, memory_order_relaxed);
    }
    *counters_out = sum;
}
