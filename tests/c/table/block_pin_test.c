/*
 * block_pin_test: a block lives as long as somebody refers to it, and is charged for so long.
 */
#include "base/slab_arena.h"
#include "table/block_cache_fixture.h"
#include "table/block_pin.h"

enum { LIMIT = 256 << 10, LENGTH = 1000 };

TEST(a_block_that_left_the_cache_lives_until_its_last_pin_is_gone)
{
    cache_fixture *self = fixture_open(LIMIT, 1);
    uint64_t before = memory_budget_used(&self->budget);
    cached_block *block = fixture_load(self, 0, LENGTH);
    block_pin(block);
    block_cache_erase(self->cache, self->slots, 1);
    (void)block_cache_trim(self->cache);
    block_unpin(block);
    CHECK(fixture_holds(block, 0));
    CHECK(memory_budget_used(&self->budget) > before);
    block_unpin(block);
    for (int i = 0; i < 8; i++) {
        (void)reclaimer_sweep(&self->readers);
    }
    CHECK_EQUAL(before, memory_budget_used(&self->budget));
    fixture_close(self);
}

TEST(a_block_that_was_never_published_goes_with_its_pin)
{
    cache_fixture *self = fixture_open(LIMIT, 1);
    uint64_t before = memory_budget_used(&self->budget);
    int64_t allocated = mem_block_count();
    cached_block *block;
    CHECK_OK(block_cache_make(self->cache, &self->slots[0], LENGTH, &block));
    CHECK_EQUAL(before + block_cache_charge(LENGTH), memory_budget_used(&self->budget));
    block_unpin(block);
    CHECK_EQUAL(before, memory_budget_used(&self->budget));
    CHECK_EQUAL(allocated, mem_block_count());
    fixture_close(self);
}

TEST(the_charge_covers_the_block_and_what_heap_and_slabs_add)
{
    for (uint32_t length = 0; length < 100; length++) {
        CHECK(block_cache_charge(length) > sizeof(cached_block) + length);
        CHECK(block_cache_charge(length) < sizeof(cached_block) + length + 8 + SLAB_GRANULE_BYTES);
        CHECK_EQUAL(0, block_cache_charge(length) % SLAB_GRANULE_BYTES);
    }
}

TEST_MAIN(CASE(a_block_that_left_the_cache_lives_until_its_last_pin_is_gone),
          CASE(a_block_that_was_never_published_goes_with_its_pin),
          CASE(the_charge_covers_the_block_and_what_heap_and_slabs_add))
