/*
 * slab_arena_test: blocks that do not meet, gaps that are used again, and slabs that go back.
 */
#include <pthread.h>

#include "harness/check.h"

#include "base/memory.h"
#include "base/slab_arena.h"

enum {
    LIVE_MAX = 1000,
    STEPS = 20000,
    SIZE_MIN = 8200, /* of blocks of tables, about */
    SIZE_RANGE = 900,
    THREADS = 3,
    ROUNDS = 3000
};

/* A block and the byte that fills it. */
typedef struct held {
    uint8_t *data;
    size_t size;
    uint8_t fill;
} held;

static held taken(slab_arena *arena, size_t size, uint8_t fill)
{
    held made = {slab_arena_take(arena, size, 0), size, fill};
    CHECK(made.data != NULL);
    CHECK_EQUAL(0, (uintptr_t)made.data % SLAB_GRANULE_BYTES);
    memset(made.data, fill, size);
    return made;
}

static void given(slab_arena *arena, held *block)
{
    for (size_t i = 0; i < block->size; i++) {
        CHECK_EQUAL(block->fill, block->data[i]);
    }
    slab_arena_give(arena, block->data, block->size);
    block->data = NULL;
}

TEST(blocks_of_all_sizes_keep_their_bytes)
{
    enum { COUNT = 300 };
    slab_arena arena;
    held blocks[COUNT];
    uint64_t random = check_seed();
    slab_arena_init(&arena, NULL);
    for (size_t i = 0; i < COUNT; i++) {
        size_t size = i < 2 ? 1 + i * (SLAB_BLOCK_BYTES_MAX - 1)
                            : 1 + (size_t)check_random(&random, SLAB_BLOCK_BYTES_MAX);
        blocks[i] = taken(&arena, size, (uint8_t)i);
    }
    for (size_t i = 0; i < COUNT; i++) {
        given(&arena, &blocks[i]);
    }
    slab_arena_destroy(&arena);
}

TEST(a_gap_is_taken_again_and_slabs_without_blocks_go_back_but_one)
{
    enum { COUNT = 64, SIZE = 100 * 1024 }; /* 20 a slab */
    slab_arena arena;
    held blocks[COUNT];
    int64_t before = mem_block_count();
    slab_arena_init(&arena, NULL);
    for (size_t i = 0; i < COUNT; i++) {
        blocks[i] = taken(&arena, SIZE, (uint8_t)i);
    }
    uint64_t bytes = slab_arena_bytes(&arena);
    CHECK_EQUAL(4 * SLAB_BYTES, bytes);
    uint8_t *gap = blocks[7].data;
    given(&arena, &blocks[7]);
    held longer = taken(&arena, SIZE + 1, 0xee);
    CHECK(longer.data != gap);
    blocks[7] = taken(&arena, SIZE, 7);
    CHECK(blocks[7].data == gap);
    given(&arena, &longer);
    for (size_t i = 0; i < COUNT; i++) {
        given(&arena, &blocks[i]);
    }
    CHECK_EQUAL(SLAB_BYTES, slab_arena_bytes(&arena));
    CHECK_EQUAL(before + 2, mem_block_count()); /* the slab and the list */
    blocks[0] = taken(&arena, SIZE, 0);
    CHECK_EQUAL(SLAB_BYTES, slab_arena_bytes(&arena));
    given(&arena, &blocks[0]);
    slab_arena_destroy(&arena);
    CHECK_EQUAL(before, mem_block_count());
}

TEST(gaps_between_blocks_of_like_sizes_stay_few)
{
    static held blocks[LIVE_MAX];
    slab_arena arena;
    uint64_t random = check_seed();
    uint64_t bytes = 0;
    slab_arena_init(&arena, NULL);
    memset(blocks, 0, sizeof blocks);
    for (size_t step = 0; step < STEPS; step++) {
        held *one = &blocks[check_random(&random, LIVE_MAX)];
        if (one->data != NULL) {
            bytes -= one->size;
            slab_arena_give(&arena, one->data, one->size);
        }
        one->size = SIZE_MIN + (size_t)check_random(&random, SIZE_RANGE);
        one->data = slab_arena_take(&arena, one->size, 0);
        CHECK(one->data != NULL);
        bytes += one->size;
    }
    CHECK(slab_arena_bytes(&arena) <= bytes + bytes / 6 + SLAB_BYTES);
    for (size_t i = 0; i < LIVE_MAX; i++) {
        if (blocks[i].data != NULL) {
            slab_arena_give(&arena, blocks[i].data, blocks[i].size);
        }
    }
    slab_arena_destroy(&arena);
}

TEST(without_memory_for_a_slab_there_is_no_block_and_nothing_is_lost)
{
    slab_arena arena;
    int64_t before = mem_block_count();
    slab_arena_init(&arena, NULL);
    for (uint64_t k = 1; k <= 2; k++) { /* the list, the slab */
        (void)mem_fail_at(k, 0);
        CHECK(slab_arena_take(&arena, 1000, 0) == NULL);
    }
    (void)mem_fail_at(0, 0);
    held one = taken(&arena, 1000, 1);
    given(&arena, &one);
    slab_arena_destroy(&arena);
    CHECK_EQUAL(before, mem_block_count());
}

/* Gaps were in no budget: blocks of tables that a compaction replaces go from all slabs at once,
 * and a cache of 22 MiB kept 168 MiB of slabs. */
TEST(slabs_count_whole_and_there_is_none_beyond_the_limit)
{
    enum { COUNT = 40, SIZE = 100 * 1024 }; /* 20 a slab */
    slab_arena arena;
    memory_budget budget;
    held blocks[COUNT];
    memory_budget_init(&budget, 2 * SLAB_BYTES);
    slab_arena_init(&arena, &budget);
    for (size_t i = 0; i < COUNT; i++) {
        blocks[i] = taken(&arena, SIZE, (uint8_t)i);
    }
    CHECK_EQUAL(2 * SLAB_BYTES, memory_budget_used(&budget));
    CHECK(slab_arena_take(&arena, SIZE, 0) == NULL);
    uint64_t gaps = slab_arena_gap_bytes(&arena);
    for (size_t i = 0; i < COUNT; i += 2) {
        given(&arena, &blocks[i]);
    }
    CHECK_EQUAL(2 * SLAB_BYTES, memory_budget_used(&budget));
    CHECK_EQUAL(gaps + (uint64_t)COUNT / 2 * SIZE, slab_arena_gap_bytes(&arena));
    for (size_t i = 1; i < COUNT; i += 2) {
        given(&arena, &blocks[i]);
    }
    CHECK_EQUAL(SLAB_BYTES, memory_budget_used(&budget));
    CHECK_EQUAL(SLAB_BYTES, slab_arena_bytes(&arena));
    slab_arena_destroy(&arena);
    CHECK_EQUAL(0, memory_budget_used(&budget));
}

TEST(a_vacated_slab_takes_no_more_blocks_and_goes_with_its_last_one)
{
    enum { COUNT = 60, SIZE = 100 * 1024, FIRST = 20 }; /* 20 a slab */
    slab_arena arena;
    held blocks[COUNT];
    slab_arena_init(&arena, NULL);
    for (size_t i = 0; i < COUNT; i++) {
        blocks[i] = taken(&arena, SIZE, (uint8_t)i);
    }
    for (size_t i = FIRST; i < FIRST + 18; i++) {
        given(&arena, &blocks[i]); /* the second slab is the emptiest */
    }
    given(&arena, &blocks[0]);
    (void)slab_arena_vacate(&arena, 1, SLAB_FIRM);
    CHECK(slab_arena_is_vacated(blocks[FIRST + 18].data));
    CHECK(!slab_arena_is_vacated(blocks[1].data));
    CHECK(slab_arena_gap_bytes(&arena) < 3 * SIZE);
    blocks[0] = taken(&arena, SIZE, 0);
    CHECK(!slab_arena_is_vacated(blocks[0].data));
    CHECK(slab_arena_take_gap(&arena, SIZE) == NULL);
    given(&arena, &blocks[FIRST + 18]);
    CHECK_EQUAL(3 * SLAB_BYTES, slab_arena_bytes(&arena));
    given(&arena, &blocks[FIRST + 19]);
    CHECK_EQUAL(2 * SLAB_BYTES, slab_arena_bytes(&arena));
    (void)slab_arena_vacate(&arena, UINT64_MAX, SLAB_FIRM);
    CHECK(slab_arena_is_vacated(blocks[1].data));
    (void)slab_arena_vacate(&arena, 0, SLAB_FIRM);
    CHECK(!slab_arena_is_vacated(blocks[1].data));
    for (size_t i = 0; i < COUNT; i++) {
        if (blocks[i].data != NULL) {
            given(&arena, &blocks[i]);
        }
    }
    CHECK_EQUAL(SLAB_BYTES, slab_arena_bytes(&arena));
    (void)slab_arena_vacate(&arena, 1, SLAB_FIRM);
    CHECK_EQUAL(0, slab_arena_bytes(&arena));
    CHECK_EQUAL(0, slab_arena_gap_bytes(&arena));
    slab_arena_destroy(&arena);
}

/* The emptiest slabs were chosen again and again, though somebody held the blocks in them. */
TEST(a_slab_that_stays_is_passed_over)
{
    enum { COUNT = 40, SIZE = 100 * 1024, LOOKS_MAX = 1000 }; /* 20 a slab */
    slab_arena arena;
    held blocks[COUNT];
    slab_arena_init(&arena, NULL);
    for (size_t i = 0; i < COUNT; i++) {
        blocks[i] = taken(&arena, SIZE, (uint8_t)i);
    }
    for (size_t i = 2; i < 20; i++) {
        given(&arena, &blocks[i]);
    }
    CHECK_EQUAL(2, slab_arena_vacate(&arena, 1, SLAB_FIRM)); /* the first slab, which stays */
    CHECK(slab_arena_leaving_bytes(&arena) >= (uint64_t)18 * SIZE);
    CHECK_EQUAL(20, slab_arena_vacate(&arena, 1, SLAB_FIRM));
    CHECK(slab_arena_is_vacated(blocks[20].data));
    CHECK_EQUAL(0, slab_arena_vacate(&arena, 1, SLAB_FIRM));
    CHECK_EQUAL(0, slab_arena_leaving_bytes(&arena));
    given(&arena, &blocks[0]);
    CHECK_EQUAL(1, slab_arena_vacate(&arena, 1, SLAB_FIRM));
    CHECK_EQUAL(0, slab_arena_vacate(&arena, 1, SLAB_FIRM));
    size_t looks = 0;
    while (slab_arena_vacate(&arena, 1, SLAB_FIRM) == 0 && looks < LOOKS_MAX) {
        looks++; /* nobody may hold them any more */
    }
    CHECK(looks > 0 && looks < LOOKS_MAX);
    given(&arena, &blocks[1]);
    CHECK_EQUAL(SLAB_BYTES, slab_arena_bytes(&arena));
    for (size_t i = 20; i < COUNT; i++) {
        given(&arena, &blocks[i]);
    }
    CHECK_EQUAL(0, slab_arena_leaving_bytes(&arena));
    slab_arena_destroy(&arena);
}

/* Slabs whose blocks were in use stayed, and then passed for such whose blocks are held: a cache
 * that was to give up all of them kept a slab. */
TEST(a_slab_that_stayed_is_tried_again_with_more_effort)
{
    enum { COUNT = 40, SIZE = 100 * 1024 }; /* 20 a slab */
    slab_arena arena;
    held blocks[COUNT];
    slab_arena_init(&arena, NULL);
    for (size_t i = 0; i < COUNT; i++) {
        blocks[i] = taken(&arena, SIZE, (uint8_t)i);
    }
    CHECK_EQUAL(40, slab_arena_vacate(&arena, UINT64_MAX, SLAB_GENTLE));
    CHECK_EQUAL(0, slab_arena_vacate(&arena, 1, SLAB_GENTLE));
    CHECK_EQUAL(40, slab_arena_vacate(&arena, UINT64_MAX, SLAB_FIRM));
    CHECK_EQUAL(0, slab_arena_vacate(&arena, 1, SLAB_FIRM));
    CHECK_EQUAL(0, slab_arena_vacate(&arena, 1, SLAB_GENTLE));
    for (size_t i = 0; i < COUNT; i++) {
        given(&arena, &blocks[i]);
    }
    slab_arena_destroy(&arena);
}

TEST(a_new_slab_leaves_room_in_the_budget)
{
    slab_arena arena;
    memory_budget budget;
    memory_budget_init(&budget, SLAB_BYTES + 1000);
    slab_arena_init(&arena, &budget);
    CHECK(slab_arena_take(&arena, 100, 1001) == NULL);
    CHECK_EQUAL(0, memory_budget_used(&budget));
    void *block = slab_arena_take(&arena, 100, 1000);
    CHECK(block != NULL);
    slab_arena_give(&arena, block, 100);
    slab_arena_destroy(&arena);
}

static void *take_and_give(void *argument)
{
    held blocks[8] = {{NULL, 0, 0}};
    for (size_t i = 0; i < ROUNDS; i++) {
        held *one = &blocks[i % 8];
        if (one->data != NULL) {
            given(argument, one);
        }
        *one = taken(argument, 1 + i * 37 % 20000, (uint8_t)i);
    }
    for (size_t i = 0; i < 8; i++) {
        given(argument, &blocks[i]);
    }
    return NULL;
}

TEST(threads_share_the_slabs)
{
    slab_arena arena;
    pthread_t threads[THREADS];
    slab_arena_init(&arena, NULL);
    for (size_t i = 0; i < THREADS; i++) {
        CHECK(pthread_create(&threads[i], NULL, take_and_give, &arena) == 0);
    }
    for (size_t i = 0; i < THREADS; i++) {
        CHECK(pthread_join(threads[i], NULL) == 0);
    }
    slab_arena_destroy(&arena);
}

static void count_call(void *context)
{
    ++*(uint32_t *)context;
}

/* Who takes the last empty slab into use has another one made, and finds it when it is needed. */
TEST(a_slab_is_made_ahead_when_the_last_empty_one_is_taken)
{
    enum { BLOCKS = 3 * (SLAB_BYTES / SLAB_BLOCK_BYTES_MAX) };
    slab_arena arena;
    uint32_t calls = 0;
    void *blocks[BLOCKS];
    slab_arena_init(&arena, NULL);
    slab_arena_let_prepare(&arena, count_call, &calls);
    slab_arena_prepare(&arena, 0);
    CHECK_EQUAL(0, slab_arena_bytes(&arena)); /* a cache without slabs is small */
    for (uint32_t i = 0; i < BLOCKS; i++) {
        uint64_t before = slab_arena_bytes(&arena);
        blocks[i] = slab_arena_take(&arena, SLAB_BLOCK_BYTES_MAX, 0);
        CHECK(blocks[i] != NULL);
        CHECK(i == 0 || slab_arena_bytes(&arena) == before);
        slab_arena_prepare(&arena, 0);
        slab_arena_prepare(&arena, 0); /* one is enough */
        CHECK_EQUAL((calls + 1) * (uint64_t)SLAB_BYTES, slab_arena_bytes(&arena));
    }
    CHECK(calls > 1);
    uint32_t before = calls;
    for (uint32_t i = 0; i < BLOCKS; i++) {
        slab_arena_give(&arena, blocks[i], SLAB_BLOCK_BYTES_MAX);
    }
    /* Who vacates slabs holds locks, and wants none. */
    void *moved = slab_arena_take_gap(&arena, SLAB_BLOCK_BYTES_MAX);
    CHECK(moved != NULL);
    CHECK_EQUAL(before, calls);
    slab_arena_give(&arena, moved, SLAB_BLOCK_BYTES_MAX);
    slab_arena_destroy(&arena);
}

TEST(while_a_slab_is_made_ahead_nobody_makes_one)
{
    slab_arena arena;
    slab_arena_init(&arena, NULL);
    void *first = slab_arena_take(&arena, SLAB_BLOCK_BYTES_MAX, 0);
    void *second = slab_arena_take(&arena, SLAB_BLOCK_BYTES_MAX, 0);
    atomic_store(&arena.is_preparing, true);
    slab_arena_give(&arena, second, SLAB_BLOCK_BYTES_MAX);
    second = slab_arena_take(&arena, SLAB_BLOCK_BYTES_MAX, 0); /* in a gap */
    CHECK(second != NULL);
    void *blocks[SLAB_BYTES / SLAB_BLOCK_BYTES_MAX];
    uint32_t count = 0;
    while ((blocks[count] = slab_arena_take(&arena, SLAB_BLOCK_BYTES_MAX, 0)) != NULL) {
        count++;
    }
    CHECK_EQUAL(SLAB_BYTES, slab_arena_bytes(&arena));
    atomic_store(&arena.is_preparing, false);
    blocks[count] = slab_arena_take(&arena, SLAB_BLOCK_BYTES_MAX, 0);
    CHECK(blocks[count] != NULL);
    for (uint32_t i = 0; i <= count; i++) {
        slab_arena_give(&arena, blocks[i], SLAB_BLOCK_BYTES_MAX);
    }
    slab_arena_give(&arena, first, SLAB_BLOCK_BYTES_MAX);
    slab_arena_give(&arena, second, SLAB_BLOCK_BYTES_MAX);
    slab_arena_destroy(&arena);
}

/* Without room in the budget none is made. */
TEST(a_slab_that_is_made_ahead_counts)
{
    slab_arena arena;
    memory_budget budget;
    memory_budget_init(&budget, 2 * (uint64_t)SLAB_BYTES);
    slab_arena_init(&arena, &budget);
    void *block = slab_arena_take(&arena, SLAB_BLOCK_BYTES_MAX, 0);
    slab_arena_prepare(&arena, 0);
    CHECK_EQUAL(2 * (uint64_t)SLAB_BYTES, memory_budget_used(&budget));
    slab_arena_vacate(&arena, SLAB_BYTES, SLAB_FIRM); /* the empty one goes */
    slab_arena_vacate(&arena, 0, SLAB_FIRM);
    CHECK_EQUAL(SLAB_BYTES, memory_budget_used(&budget));
    memory_budget_force(&budget, SLAB_BYTES);
    slab_arena_prepare(&arena, 0);
    CHECK_EQUAL(SLAB_BYTES, slab_arena_bytes(&arena));
    CHECK(!slab_arena_is_preparing(&arena));
    memory_budget_unforce(&budget, SLAB_BYTES);
    slab_arena_give(&arena, block, SLAB_BLOCK_BYTES_MAX);
    slab_arena_destroy(&arena);
    CHECK_EQUAL(0, memory_budget_used(&budget));
}

TEST_MAIN(CASE(a_slab_is_made_ahead_when_the_last_empty_one_is_taken),
          CASE(while_a_slab_is_made_ahead_nobody_makes_one), CASE(a_slab_that_is_made_ahead_counts),
          CASE(blocks_of_all_sizes_keep_their_bytes),
          CASE(a_gap_is_taken_again_and_slabs_without_blocks_go_back_but_one),
          CASE(gaps_between_blocks_of_like_sizes_stay_few),
          CASE(without_memory_for_a_slab_there_is_no_block_and_nothing_is_lost),
          CASE(slabs_count_whole_and_there_is_none_beyond_the_limit),
          CASE(a_vacated_slab_takes_no_more_blocks_and_goes_with_its_last_one),
          CASE(a_slab_that_stays_is_passed_over),
          CASE(a_slab_that_stayed_is_tried_again_with_more_effort),
          CASE(a_new_slab_leaves_room_in_the_budget), CASE(threads_share_the_slabs))
