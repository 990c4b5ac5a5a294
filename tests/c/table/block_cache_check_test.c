/*
 * block_cache_check_test: a sound cache is called sound, and each kind of damage is seen.
 */
#include "table/block_cache_fixture.h"
#include "table/block_cache_shard.h"

enum { LIMIT = 256 << 10, COUNT = 6 };

static cache_fixture *open_filled(void)
{
    cache_fixture *self = fixture_open(LIMIT, COUNT);
    for (size_t i = 0; i < COUNT; i++) {
        block_unpin(fixture_load(self, i, 100));
    }
    CHECK(block_cache_is_sound(self->cache));
    return self;
}

/* Closes after the damage was put right. */
static void close_sound(cache_fixture *self)
{
    CHECK(block_cache_is_sound(self->cache));
    fixture_close(self);
}

TEST(a_slot_that_lost_its_block_is_seen)
{
    cache_fixture *self = open_filled();
    uintptr_t word = atomic_exchange(&self->slots[3], 0);
    CHECK(!block_cache_is_sound(self->cache));
    atomic_store(&self->slots[3], word);
    close_sound(self);
}

TEST(a_block_without_a_reference_is_seen)
{
    cache_fixture *self = open_filled();
    cached_block *block = block_of_word(atomic_load(&self->slots[1]));
    CHECK(block != NULL);
    uint32_t references = atomic_exchange(&block->references, 0);
    CHECK(!block_cache_is_sound(self->cache));
    atomic_store(&block->references, references);
    close_sound(self);
}

TEST(a_queue_with_a_wrong_sum_is_seen)
{
    cache_fixture *self = open_filled();
    block_queue *small = &self->cache->shards[0].queues[PLACE_SMALL];
    small->bytes++;
    CHECK(!block_cache_is_sound(self->cache));
    small->bytes--;
    small->count++;
    CHECK(!block_cache_is_sound(self->cache));
    small->count--;
    close_sound(self);
}

TEST(a_queue_with_a_broken_link_is_seen)
{
    cache_fixture *self = open_filled();
    block_queue *small = &self->cache->shards[0].queues[PLACE_SMALL];
    cached_block *kept = small->oldest->link.queue.newer;
    small->oldest->link.queue.newer = NULL;
    CHECK(!block_cache_is_sound(self->cache));
    small->oldest->link.queue.newer = kept;
    cached_block *oldest = small->oldest;
    small->oldest = small->newest;
    CHECK(!block_cache_is_sound(self->cache));
    small->oldest = oldest;
    close_sound(self);
}

TEST(blocks_that_the_budget_does_not_know_are_seen)
{
    cache_fixture *self = open_filled();
    memory_budget_release(&self->budget, 1);
    CHECK(!block_cache_is_sound(self->cache));
    memory_budget_force(&self->budget, 1);
    atomic_fetch_add(&self->cache->retired_bytes, 1);
    CHECK(!block_cache_is_sound(self->cache));
    atomic_fetch_sub(&self->cache->retired_bytes, 1);
    close_sound(self);
}

TEST_MAIN(CASE(a_slot_that_lost_its_block_is_seen), CASE(a_block_without_a_reference_is_seen),
          CASE(a_queue_with_a_wrong_sum_is_seen), CASE(a_queue_with_a_broken_link_is_seen),
          CASE(blocks_that_the_budget_does_not_know_are_seen))
