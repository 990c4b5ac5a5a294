/*
 * kept_memory_test: what is kept, for whom, how much of it, and when it goes.
 */
#include <pthread.h>

#include "harness/check.h"

#include "base/kept_memory.h"
#include "base/memory.h"

enum { BLOCK_BYTES = 4096, THREADS = 3, ROUNDS = 2000 };

static void *taken(kept_memory *self, size_t size)
{
    void *block = kept_memory_take(self, size);
    CHECK(block != NULL);
    CHECK_EQUAL(0, (uintptr_t)block % KEPT_MEMORY_ALIGNMENT);
    memset(block, 0xa5, size);
    return block;
}

TEST(who_wants_as_many_bytes_gets_a_block_that_was_given_back)
{
    kept_memory memory;
    int64_t before = mem_block_count();
    kept_memory_init(&memory, 10 * BLOCK_BYTES, NULL);
    void *first = taken(&memory, BLOCK_BYTES);
    kept_memory_give(&memory, first, BLOCK_BYTES);
    CHECK_EQUAL(BLOCK_BYTES, kept_memory_bytes(&memory));
    void *other = taken(&memory, 2 * BLOCK_BYTES);
    CHECK(other != first);
    CHECK(taken(&memory, BLOCK_BYTES) == first);
    CHECK_EQUAL(0, kept_memory_bytes(&memory));
    void *another = taken(&memory, BLOCK_BYTES);
    CHECK(another != first);
    mem_free(another);
    kept_memory_give(&memory, first, BLOCK_BYTES);
    kept_memory_give(&memory, other, 2 * BLOCK_BYTES);
    CHECK_EQUAL(before + 2, mem_block_count());
    kept_memory_destroy(&memory);
    CHECK_EQUAL(before, mem_block_count());
}

TEST(the_oldest_go_when_more_is_given_than_may_be_kept)
{
    kept_memory memory;
    void *blocks[4];
    int64_t before = mem_block_count();
    kept_memory_init(&memory, 3 * BLOCK_BYTES, NULL);
    for (size_t i = 0; i < 4; i++) {
        blocks[i] = taken(&memory, BLOCK_BYTES);
    }
    for (size_t i = 0; i < 4; i++) {
        kept_memory_give(&memory, blocks[i], BLOCK_BYTES);
    }
    CHECK_EQUAL(3 * BLOCK_BYTES, kept_memory_bytes(&memory));
    CHECK_EQUAL(before + 3, mem_block_count());
    for (size_t i = 3; i > 0; i--) {
        CHECK(taken(&memory, BLOCK_BYTES) == blocks[i]);
    }
    for (size_t i = 1; i < 4; i++) {
        kept_memory_give(&memory, blocks[i], BLOCK_BYTES);
    }
    void *large = taken(&memory, 4 * BLOCK_BYTES);
    kept_memory_give(&memory, large, 4 * BLOCK_BYTES);
    CHECK_EQUAL(0, kept_memory_bytes(&memory));
    kept_memory_destroy(&memory);
    CHECK_EQUAL(before, mem_block_count());
}

TEST(what_nobody_used_for_a_while_goes)
{
    kept_memory memory;
    uint64_t now = 1000;
    int64_t before = mem_block_count();
    kept_memory_init(&memory, 10 * BLOCK_BYTES, NULL);
    kept_memory_give(&memory, taken(&memory, BLOCK_BYTES), BLOCK_BYTES);
    kept_memory_age(&memory, now);
    kept_memory_age(&memory, now + KEPT_MEMORY_IDLE_US - 1);
    CHECK_EQUAL(BLOCK_BYTES, kept_memory_bytes(&memory));
    kept_memory_give(&memory, taken(&memory, BLOCK_BYTES), BLOCK_BYTES);
    now += KEPT_MEMORY_IDLE_US;
    kept_memory_age(&memory, now);
    CHECK_EQUAL(BLOCK_BYTES, kept_memory_bytes(&memory));
    kept_memory_age(&memory, now + KEPT_MEMORY_IDLE_US);
    CHECK_EQUAL(0, kept_memory_bytes(&memory));
    CHECK_EQUAL(before, mem_block_count());
    kept_memory_destroy(&memory);
}

TEST(what_was_wanted_is_made_ahead_and_one_of_it)
{
    enum { LARGE = KEPT_MEMORY_PREPARED_BYTES_MIN, LARGER = 2 * LARGE };
    kept_memory memory;
    int64_t before = mem_block_count();
    kept_memory_init(&memory, 4 * LARGE, NULL);
    kept_memory_prepare(&memory);
    CHECK_EQUAL(0, kept_memory_bytes(&memory));
    void *small = taken(&memory, LARGE - 1);
    void *large = taken(&memory, LARGE);
    kept_memory_prepare(&memory);
    kept_memory_prepare(&memory);
    CHECK_EQUAL(LARGE, kept_memory_bytes(&memory));
    void *another = taken(&memory, LARGE);
    CHECK(another != large);
    void *larger = taken(&memory, LARGER);
    mem_fail_at(1, 1);
    kept_memory_prepare(&memory);
    mem_fail_at(0, 0);
    CHECK_EQUAL(0, kept_memory_bytes(&memory));
    kept_memory_prepare(&memory);
    CHECK_EQUAL(LARGE + LARGER, kept_memory_bytes(&memory));
    kept_memory_give(&memory, small, LARGE - 1);
    kept_memory_give(&memory, large, LARGE);
    kept_memory_give(&memory, another, LARGE);
    kept_memory_give(&memory, larger, LARGER);
    kept_memory_age(&memory, 1);
    kept_memory_age(&memory, 1 + KEPT_MEMORY_IDLE_US);
    kept_memory_prepare(&memory);
    CHECK_EQUAL(0, kept_memory_bytes(&memory));
    kept_memory_destroy(&memory);
    CHECK_EQUAL(before, mem_block_count());
}

TEST(what_is_made_ahead_fits_into_what_may_be_kept)
{
    enum { LARGE = KEPT_MEMORY_PREPARED_BYTES_MIN };
    kept_memory memory;
    kept_memory_init(&memory, LARGE - 1, NULL);
    void *large = taken(&memory, LARGE);
    kept_memory_prepare(&memory);
    CHECK_EQUAL(0, kept_memory_bytes(&memory));
    kept_memory_give(&memory, large, LARGE);
    kept_memory_destroy(&memory);
}

TEST(after_its_end_nothing_is_kept)
{
    kept_memory memory;
    int64_t before = mem_block_count();
    kept_memory_init(&memory, 10 * BLOCK_BYTES, NULL);
    void *late = taken(&memory, BLOCK_BYTES);
    kept_memory_give(&memory, taken(&memory, BLOCK_BYTES), BLOCK_BYTES);
    kept_memory_end(&memory);
    CHECK_EQUAL(before + 1, mem_block_count());
    kept_memory_give(&memory, late, BLOCK_BYTES);
    CHECK_EQUAL(before, mem_block_count());
    kept_memory_destroy(&memory);
}

TEST(without_a_keeper_it_is_the_heap)
{
    int64_t before = mem_block_count();
    void *block = taken(NULL, BLOCK_BYTES);
    CHECK_EQUAL(before + 1, mem_block_count());
    kept_memory_give(NULL, block, BLOCK_BYTES);
    kept_memory_give(NULL, NULL, BLOCK_BYTES);
    CHECK_EQUAL(before, mem_block_count());
}

TEST(a_heap_that_gives_nothing_is_seen_only_where_nothing_is_kept)
{
    kept_memory memory;
    kept_memory_init(&memory, 10 * BLOCK_BYTES, NULL);
    kept_memory_give(&memory, taken(&memory, BLOCK_BYTES), BLOCK_BYTES);
    mem_fail_at(1, 1);
    void *kept = kept_memory_take(&memory, BLOCK_BYTES);
    void *fresh = kept_memory_take(&memory, BLOCK_BYTES);
    mem_fail_at(0, 0);
    CHECK(kept != NULL && fresh == NULL);
    kept_memory_give(&memory, kept, BLOCK_BYTES);
    kept_memory_destroy(&memory);
}

TEST(a_budget_counts_what_is_taken_and_what_is_kept_or_announced)
{
    kept_memory memory;
    memory_budget budget;
    memory_budget_init(&budget, 1);
    kept_memory_init(&memory, 2 * BLOCK_BYTES, &budget);
    kept_memory_announce(&memory, 3 * BLOCK_BYTES);
    CHECK_EQUAL(3 * BLOCK_BYTES, memory_budget_used(&budget));
    void *small = taken(&memory, BLOCK_BYTES);
    CHECK_EQUAL(3 * BLOCK_BYTES, memory_budget_used(&budget));
    void *large = taken(&memory, 4 * BLOCK_BYTES);
    CHECK_EQUAL(5 * BLOCK_BYTES, memory_budget_used(&budget));
    kept_memory_give(&memory, large, 4 * BLOCK_BYTES);
    CHECK_EQUAL(BLOCK_BYTES, memory_budget_used(&budget));
    kept_memory_give(&memory, small, BLOCK_BYTES);
    CHECK_EQUAL(BLOCK_BYTES, memory_budget_used(&budget));
    kept_memory_announce(&memory, BLOCK_BYTES);
    CHECK_EQUAL(BLOCK_BYTES, memory_budget_used(&budget));
    kept_memory_count(&memory, 0, 100);
    CHECK_EQUAL(BLOCK_BYTES + 100, memory_budget_used(&budget));
    mem_fail_at(1, 1);
    CHECK(kept_memory_take(&memory, 2 * BLOCK_BYTES) == NULL);
    mem_fail_at(0, 0);
    CHECK_EQUAL(BLOCK_BYTES + 100, memory_budget_used(&budget));
    kept_memory_end(&memory);
    CHECK_EQUAL(100, memory_budget_used(&budget));
    kept_memory_count(&memory, 100, 0);
    CHECK_EQUAL(0, memory_budget_used(&budget));
    kept_memory_destroy(&memory);
}

TEST(what_is_made_ahead_counts_within_what_is_announced)
{
    enum { LARGE = KEPT_MEMORY_PREPARED_BYTES_MIN };
    kept_memory memory;
    memory_budget budget;
    memory_budget_init(&budget, 1);
    kept_memory_init(&memory, 4 * LARGE, &budget);
    kept_memory_announce(&memory, LARGE + LARGE / 2);
    void *large = taken(&memory, LARGE);
    kept_memory_prepare(&memory);
    CHECK_EQUAL(LARGE, kept_memory_bytes(&memory));
    CHECK_EQUAL(2 * LARGE, memory_budget_used(&budget));
    kept_memory_give(&memory, large, LARGE);
    CHECK_EQUAL(2 * LARGE, memory_budget_used(&budget));
    kept_memory_age(&memory, 1);
    kept_memory_age(&memory, 1 + KEPT_MEMORY_IDLE_US);
    CHECK_EQUAL(LARGE / 2, memory_budget_used(&budget));
    kept_memory_destroy(&memory);
    CHECK_EQUAL(0, memory_budget_used(&budget));
}

typedef struct worker {
    pthread_t thread;
    kept_memory *memory;
    uint8_t mark;
} worker;

/* Writes all over the blocks it has, so that a block that two threads have at once shows. */
static void *take_and_give(void *context)
{
    const worker *self = context;
    for (size_t i = 0; i < ROUNDS; i++) {
        size_t size = (1 + i % 3) * 256;
        uint8_t *block = taken(self->memory, size);
        memset(block, self->mark, size);
        CHECK(block[0] == self->mark && block[size - 1] == self->mark);
        kept_memory_give(self->memory, block, size);
        if (i % 64 == 0) {
            kept_memory_prepare(self->memory);
            kept_memory_age(self->memory, i * KEPT_MEMORY_IDLE_US);
        }
    }
    return NULL;
}

TEST(threads_share_what_is_kept)
{
    kept_memory memory;
    worker workers[THREADS];
    int64_t before = mem_block_count();
    kept_memory_init(&memory, 1024, NULL);
    for (size_t i = 0; i < THREADS; i++) {
        workers[i] = (worker){.memory = &memory, .mark = (uint8_t)(i + 1)};
        CHECK(pthread_create(&workers[i].thread, NULL, take_and_give, &workers[i]) == 0);
    }
    for (size_t i = 0; i < THREADS; i++) {
        CHECK(pthread_join(workers[i].thread, NULL) == 0);
    }
    kept_memory_destroy(&memory);
    CHECK_EQUAL(before, mem_block_count());
}

TEST_MAIN(CASE(who_wants_as_many_bytes_gets_a_block_that_was_given_back),
          CASE(the_oldest_go_when_more_is_given_than_may_be_kept),
          CASE(what_nobody_used_for_a_while_goes),
          CASE(what_was_wanted_is_made_ahead_and_one_of_it),
          CASE(what_is_made_ahead_fits_into_what_may_be_kept), CASE(after_its_end_nothing_is_kept),
          CASE(without_a_keeper_it_is_the_heap),
          CASE(a_heap_that_gives_nothing_is_seen_only_where_nothing_is_kept),
          CASE(a_budget_counts_what_is_taken_and_what_is_kept_or_announced),
          CASE(what_is_made_ahead_counts_within_what_is_announced),
          CASE(threads_share_what_is_kept))
