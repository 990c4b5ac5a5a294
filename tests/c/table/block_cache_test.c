/*
 * block_cache_test: finding, publishing, pinning, erasing; and a random run beside a model.
 */
#include "table/block_cache_fixture.h"
#include "table/block_cache_shard.h"

enum { SMALL_LIMIT = 256 << 10 };

TEST(what_was_published_is_found_and_its_bytes_are_in_the_budget)
{
    cache_fixture *self = fixture_open(SMALL_LIMIT, 4);
    uint64_t before = memory_budget_used(&self->budget);
    CHECK(!fixture_cached(self, 2, true));
    block_unpin(fixture_load(self, 2, 1000));
    CHECK(fixture_cached(self, 2, true));
    CHECK(!fixture_cached(self, 1, true));
    CHECK_EQUAL(before + block_cache_charge(1000), memory_budget_used(&self->budget));
    CHECK(block_cache_charge(1000) >= 1000 + sizeof(cached_block));
    block_cache_counters counters = fixture_counters(self);
    CHECK_EQUAL(1, counters.hit_count);
    CHECK_EQUAL(1, counters.miss_count);
    CHECK_EQUAL(1, counters.insert_count);
    CHECK_EQUAL(block_cache_charge(1000), counters.block_bytes);
    CHECK_EQUAL(0, counters.evict_count + counters.refused_count + counters.retired_bytes);
    fixture_close(self);
}

TEST(the_data_of_a_block_is_aligned_for_any_type)
{
    cache_fixture *self = fixture_open(SMALL_LIMIT, 4);
    for (uint32_t length = 0; length < 4; length++) {
        cached_block *block = fixture_load(self, length, length * 7);
        CHECK_EQUAL(0, (uintptr_t)block->data % 16);
        block_unpin(block);
    }
    fixture_close(self);
}

TEST(of_two_that_load_one_block_the_first_to_publish_wins)
{
    cache_fixture *self = fixture_open(SMALL_LIMIT, 1);
    uint64_t before = memory_budget_used(&self->budget);
    cached_block *first;
    cached_block *second;
    CHECK_OK(block_cache_make(self->cache, &self->slots[0], 100, &first));
    CHECK_OK(block_cache_make(self->cache, &self->slots[0], 100, &second));
    fixture_fill(first, 0);
    fixture_fill(second, 0);
    CHECK(block_cache_publish(self->cache, &self->slots[0], second) == second);
    CHECK(block_cache_publish(self->cache, &self->slots[0], first) == second);
    CHECK_EQUAL(before + block_cache_charge(100), memory_budget_used(&self->budget));
    CHECK_EQUAL(1, fixture_counters(self).insert_count);
    block_unpin(second);
    block_unpin(second);
    CHECK(fixture_cached(self, 0, false));
    fixture_close(self);
}

TEST(a_block_that_is_not_published_goes_with_its_last_pin)
{
    cache_fixture *self = fixture_open(SMALL_LIMIT, 1);
    uint64_t before = memory_budget_used(&self->budget);
    cached_block *block;
    CHECK_OK(block_cache_make(self->cache, &self->slots[0], 100, &block));
    block_pin(block);
    block_unpin(block);
    CHECK(memory_budget_used(&self->budget) > before);
    block_unpin(block);
    CHECK_EQUAL(before, memory_budget_used(&self->budget));
    CHECK(!fixture_cached(self, 0, false));
    fixture_close(self);
}

TEST(an_erased_block_is_gone_at_once_for_those_who_come_after)
{
    cache_fixture *self = fixture_open(SMALL_LIMIT, 8);
    uint64_t before = memory_budget_used(&self->budget);
    for (size_t i = 0; i < 8; i++) {
        block_unpin(fixture_load(self, i, 500));
    }
    block_cache_erase(self->cache, &self->slots[2], 3);
    for (size_t i = 0; i < 8; i++) {
        CHECK(fixture_cached(self, i, false) == (i < 2 || i > 4));
    }
    CHECK_EQUAL(before + 5 * block_cache_charge(500), memory_budget_used(&self->budget));
    CHECK(block_cache_is_sound(self->cache));
    fixture_close(self);
}

TEST(an_erased_block_stays_readable_for_who_is_inside_the_epoch)
{
    cache_fixture *self = fixture_open(SMALL_LIMIT, 1);
    block_unpin(fixture_load(self, 0, 500));
    epoch_token token = epoch_enter(self->readers.readers);
    cached_block *found = block_cache_find(self->cache, &self->slots[0], true);
    block_cache_erase(self->cache, self->slots, 1);
    CHECK(fixture_holds(found, 0));
    CHECK_EQUAL(block_cache_charge(500), fixture_counters(self).retired_bytes);
    epoch_leave(self->readers.readers, token);
    CHECK(!reclaimer_sweep(&self->readers));
    CHECK_EQUAL(0, fixture_counters(self).retired_bytes);
    fixture_close(self);
}

TEST(an_erased_block_stays_readable_and_charged_until_its_last_pin_goes)
{
    cache_fixture *self = fixture_open(SMALL_LIMIT, 1);
    uint64_t before = memory_budget_used(&self->budget);
    cached_block *block = fixture_load(self, 0, 500);
    block_pin(block);
    block_unpin(block);
    block_cache_erase(self->cache, self->slots, 1);
    CHECK(!reclaimer_sweep(&self->readers));
    CHECK(fixture_holds(block, 0));
    CHECK(memory_budget_used(&self->budget) > before);
    block_unpin(block);
    CHECK_EQUAL(before, memory_budget_used(&self->budget));
    fixture_close(self);
}

TEST(a_budget_that_does_not_hold_the_cache_itself_is_refused)
{
    memory_budget budget;
    epoch entered;
    reclaimer readers;
    block_cache *cache = NULL;
    memory_budget_init(&budget, 100);
    epoch_init(&entered);
    reclaimer_init(&readers, &entered);
    CHECK_STATUS(PYKV_NO_MEMORY, block_cache_new(&budget, &readers, &cache));
    CHECK(cache == NULL);
    CHECK_EQUAL(0, memory_budget_used(&budget));
    reclaimer_destroy(&readers);
}

TEST(a_failed_allocation_leaves_the_budget_as_it_was)
{
    memory_budget budget;
    epoch entered;
    reclaimer readers;
    block_cache *cache = NULL;
    memory_budget_init(&budget, SMALL_LIMIT);
    epoch_init(&entered);
    reclaimer_init(&readers, &entered);
    (void)mem_fail_at(1, 0);
    CHECK_STATUS(PYKV_NO_MEMORY, block_cache_new(&budget, &readers, &cache));
    CHECK_EQUAL(0, memory_budget_used(&budget));
    CHECK_OK(block_cache_new(&budget, &readers, &cache));
    uint64_t own = memory_budget_used(&budget);
    block_slot slot = 0;
    cached_block *block = NULL;
    (void)mem_fail_at(1, 1);
    CHECK_STATUS(PYKV_NO_MEMORY, block_cache_make(cache, &slot, 100, &block));
    (void)mem_fail_at(0, 0);
    CHECK(block == NULL);
    CHECK_EQUAL(own, memory_budget_used(&budget));
    block_cache_free(cache);
    reclaimer_destroy(&readers);
}

TEST(a_block_too_large_for_the_cache_is_made_outside_it_and_evicts_nothing)
{
    cache_fixture *self = fixture_open(SMALL_LIMIT, 2);
    block_unpin(fixture_load(self, 0, 1000));
    cached_block *large = fixture_load(self, 1, SMALL_LIMIT / 16);
    CHECK(fixture_holds(large, 1));
    CHECK(fixture_cached(self, 0, false));
    CHECK(!fixture_cached(self, 1, false));
    CHECK_EQUAL(1, fixture_counters(self).refused_count);
    block_unpin(large);
    CHECK_EQUAL(0, fixture_counters(self).refused_bytes);
    fixture_close(self);
}

enum { MANY = 2000, MANY_BYTES = 8000, MANY_LIMIT = 64 << 20 };

TEST(many_blocks_share_slabs_whose_memory_goes_back_with_them)
{
    cache_fixture *self = fixture_open(MANY_LIMIT, MANY);
    int64_t before = mem_block_count();
    for (size_t i = 0; i < MANY; i++) {
        block_unpin(fixture_load(self, i, MANY_BYTES));
    }
    CHECK(mem_block_count() < before + MANY / 3);
    for (size_t i = 0; i < MANY; i++) {
        CHECK(fixture_cached(self, i, false));
    }
    memory_budget_set_limit(&self->budget, MANY_LIMIT / 64);
    CHECK(block_cache_trim(self->cache));
    CHECK(mem_block_count() <= before + MANY_LIMIT / 64 / MANY_BYTES + 2);
    fixture_close(self);
}

TEST(where_no_slab_can_be_had_blocks_come_from_the_heap)
{
    cache_fixture *self = fixture_open(MANY_LIMIT, MANY);
    int64_t before = mem_block_count();
    for (size_t i = 0; i < MANY; i++) {
        bool is_in_slabs = mem_block_count() < before + (int64_t)i;
        (void)mem_fail_at(is_in_slabs ? 1 : 0, 0); /* a slab, or its place in the list */
        block_unpin(fixture_load(self, i, MANY_BYTES));
    }
    (void)mem_fail_at(0, 0);
    CHECK(mem_block_count() > before + MANY / 2);
    for (size_t i = 0; i < MANY; i++) {
        CHECK(fixture_cached(self, i, false));
    }
    fixture_close(self);
}

/* A process near the most mappings that Linux lets it have got no memory for a block, beside a
 * cache that could give some back; and each large cached block was a mapping. */
TEST(where_memory_is_refused_blocks_go_before_a_get_fails)
{
    cache_fixture *self = fixture_open(MANY_LIMIT, MANY);
    for (size_t i = 0; i < 100; i++) {
        block_unpin(fixture_load(self, i, MANY_BYTES));
    }
    (void)mem_fail_at(1, 0);
    block_unpin(fixture_load(self, 100, MANY_BYTES));
    CHECK(fixture_cached(self, 100, false));
    CHECK(fixture_counters(self).evict_count > 0);
    fixture_close(self);
}

TEST(no_more_blocks_are_mappings_than_a_process_can_have)
{
    enum { LARGE = 200 << 10 };
    cache_fixture *self = fixture_open(MANY_LIMIT, 3);
    block_unpin(fixture_load(self, 0, LARGE));
    CHECK_EQUAL(1, atomic_load(&self->cache->mapped_count));
    atomic_store(&self->cache->mapped_count, BLOCK_MAPPED_COUNT_MAX);
    block_unpin(fixture_load(self, 1, LARGE));
    CHECK_EQUAL(BLOCK_MAPPED_COUNT_MAX, atomic_load(&self->cache->mapped_count));
    atomic_store(&self->cache->mapped_count, 1);
    block_cache_erase(self->cache, self->slots, 2);
    CHECK_EQUAL(0, atomic_load(&self->cache->mapped_count));
    fixture_close(self);
}

/* A random run. The model: what each pin holds, and which bytes the test itself reserved. */
enum { MODEL_SLOTS = 300, PIN_MAX = 20, READER_MAX = 3 };

typedef struct model {
    cache_fixture *self;
    uint64_t chance;
    cached_block *pins[PIN_MAX];
    size_t pin_of[PIN_MAX];
    epoch_token readers[READER_MAX];
    bool inside[READER_MAX];
    uint64_t reserved_bytes;
    uint64_t used_before;
} model;

static void model_read(model *run)
{
    size_t index = check_random(&run->chance, 2) == 0 ? check_random(&run->chance, MODEL_SLOTS)
                                                      : check_random(&run->chance, 30);
    if (fixture_cached(run->self, index, check_random(&run->chance, 3) > 0)) {
        return;
    }
    uint32_t length = (uint32_t)check_random(&run->chance, 9000);
    if (check_random(&run->chance, 50) == 0) {
        cached_block *none = NULL;
        (void)mem_fail_at(1, 1);
        CHECK_STATUS(PYKV_NO_MEMORY,
                     block_cache_make(run->self->cache, &run->self->slots[index], length, &none));
        (void)mem_fail_at(0, 0);
        CHECK(none == NULL);
        return;
    }
    cached_block *block = fixture_load(run->self, index, length);
    CHECK(fixture_holds(block, index));
    size_t pin = check_random(&run->chance, PIN_MAX * 4);
    if (pin < PIN_MAX && run->pins[pin] == NULL) {
        run->pins[pin] = block;
        run->pin_of[pin] = index;
    } else {
        block_unpin(block);
    }
}

static void model_unpin(model *run, size_t pin)
{
    if (run->pins[pin] != NULL) {
        CHECK(fixture_holds(run->pins[pin], run->pin_of[pin]));
        block_unpin(run->pins[pin]);
        run->pins[pin] = NULL;
    }
}

static void model_reader(model *run, size_t reader)
{
    epoch *readers = run->self->readers.readers;
    if (run->inside[reader]) {
        epoch_leave(readers, run->readers[reader]);
    } else {
        run->readers[reader] = epoch_enter(readers);
    }
    run->inside[reader] = !run->inside[reader];
}

static void model_reserve(model *run)
{
    uint64_t bytes = check_random(&run->chance, 100000);
    if (run->reserved_bytes > 0) {
        memory_budget_unforce(&run->self->budget, run->reserved_bytes);
        run->reserved_bytes = 0;
    } else if (fixture_reserve(run->self, bytes)) {
        run->reserved_bytes = bytes;
    }
}

static void model_step(model *run)
{
    cache_fixture *self = run->self;
    uint64_t choice = check_random(&run->chance, 200);
    if (choice < 160) {
        model_read(run);
    } else if (choice < 180) {
        model_unpin(run, check_random(&run->chance, PIN_MAX));
    } else if (choice < 190) {
        model_reader(run, check_random(&run->chance, READER_MAX));
    } else if (choice < 194) {
        model_reserve(run);
    } else if (choice < 197) {
        size_t first = check_random(&run->chance, MODEL_SLOTS);
        size_t most = MODEL_SLOTS - first;
        block_cache_erase(self->cache, &self->slots[first], most < 20 ? most : 20);
    } else {
        memory_budget_set_limit(&self->budget, (128 + check_random(&run->chance, 512)) << 10);
        (void)block_cache_trim(self->cache);
    }
}

/* The strict limit: whatever the step, bytes above it never become more. */
static void model_check(model *run)
{
    uint64_t used = memory_budget_used(&run->self->budget);
    uint64_t limit = memory_budget_limit(&run->self->budget);
    CHECK(used <= limit || used <= run->used_before);
    run->used_before = used;
    CHECK(block_cache_is_sound(run->self->cache));
    block_cache_counters counters = fixture_counters(run->self);
    CHECK(counters.block_bytes + run->reserved_bytes <= used);
    CHECK(counters.retired_bytes <= counters.block_bytes);
}

/* While another thread makes a slab, which takes as long as hundreds of reads, nobody waits for it,
 * nor fills the heap with what belongs on large pages. */
TEST(what_is_missed_while_a_slab_is_made_is_not_cached)
{
    enum { BLOCKS = 1000, LENGTH = 8192, LIMIT = 32 << 20 };
    cache_fixture *self = fixture_open(LIMIT, BLOCKS);
    uint32_t at = 0;
    while (slab_arena_bytes(&self->cache->slabs) == 0) {
        block_unpin(fixture_load(self, at++, LENGTH));
    }
    atomic_store(&self->cache->slabs.is_preparing, true);
    while (slab_arena_gap_bytes(&self->cache->slabs) >= 2 * LENGTH) {
        block_unpin(fixture_load(self, at++, LENGTH));
    }
    block_unpin(fixture_load(self, at++, LENGTH));
    block_unpin(fixture_load(self, at, LENGTH));
    block_cache_counters counters = fixture_counters(self);
    CHECK(counters.refused_count > 0 && !fixture_cached(self, at, false));
    CHECK_EQUAL(0, counters.evict_count);
    CHECK_EQUAL(SLAB_BYTES, slab_arena_bytes(&self->cache->slabs));
    atomic_store(&self->cache->slabs.is_preparing, false);
    block_unpin(fixture_load(self, at, LENGTH));
    CHECK(fixture_cached(self, at, false));
    fixture_close(self);
}

TEST(a_random_run_keeps_contents_limit_and_invariants_at_every_step)
{
    model run = {.self = fixture_open(SMALL_LIMIT, MODEL_SLOTS), .chance = check_seed()};
    uint64_t steps = check_count("PYKV_BLOCK_CACHE_STEPS", 20000);
    for (uint64_t step = 0; step < steps; step++) {
        model_step(&run);
        model_check(&run);
    }
    block_cache_counters counters = fixture_counters(run.self);
    CHECK(counters.hit_count > 0 && counters.evict_count > 0 && counters.refused_count > 0);
    for (size_t i = 0; i < PIN_MAX; i++) {
        model_unpin(&run, i);
    }
    for (size_t i = 0; i < READER_MAX; i++) {
        if (run.inside[i]) {
            model_reader(&run, i);
        }
    }
    memory_budget_unforce(&run.self->budget, run.reserved_bytes);
    CHECK(!reclaimer_sweep(&run.self->readers));
    fixture_close(run.self);
}

TEST_MAIN(CASE(what_was_published_is_found_and_its_bytes_are_in_the_budget),
          CASE(the_data_of_a_block_is_aligned_for_any_type),
          CASE(of_two_that_load_one_block_the_first_to_publish_wins),
          CASE(a_block_that_is_not_published_goes_with_its_last_pin),
          CASE(an_erased_block_is_gone_at_once_for_those_who_come_after),
          CASE(an_erased_block_stays_readable_for_who_is_inside_the_epoch),
          CASE(an_erased_block_stays_readable_and_charged_until_its_last_pin_goes),
          CASE(a_budget_that_does_not_hold_the_cache_itself_is_refused),
          CASE(a_failed_allocation_leaves_the_budget_as_it_was),
          CASE(a_block_too_large_for_the_cache_is_made_outside_it_and_evicts_nothing),
          CASE(many_blocks_share_slabs_whose_memory_goes_back_with_them),
          CASE(where_no_slab_can_be_had_blocks_come_from_the_heap),
          CASE(where_memory_is_refused_blocks_go_before_a_get_fails),
          CASE(no_more_blocks_are_mappings_than_a_process_can_have),
          CASE(what_is_missed_while_a_slab_is_made_is_not_cached),
          CASE(a_random_run_keeps_contents_limit_and_invariants_at_every_step))
