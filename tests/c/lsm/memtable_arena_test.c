/*
 * memtable_arena: what is reserved can be taken, in any pieces, and is counted.
 */
#include "harness/check.h"

#include "base/memory.h"
#include "lsm/memtable_arena.h"

TEST(what_is_reserved_is_served_in_any_pieces)
{
    memtable_arena arena;
    uint64_t seed = check_seed();
    int64_t blocks = mem_block_count();
    memtable_arena_init(&arena, NULL, 4 << 20);
    for (uint32_t round = 0; round < 2000; round++) {
        uint64_t left = 8 * (1 + check_random(&seed, round % 50 == 0 ? 100000 : 500));
        CHECK_OK(memtable_arena_reserve(&arena, left));
        mem_fail_at(1, 1);
        while (left > 0) {
            uint64_t size = 8 * (1 + check_random(&seed, left / 8));
            uint8_t *piece = memtable_arena_take(&arena, size);
            CHECK_EQUAL(0, (uintptr_t)piece % 8);
            memset(piece, (int)round, size);
            left -= size;
        }
        mem_fail_at(0, 0);
    }
    memtable_arena_reset(&arena);
    CHECK_EQUAL(blocks, mem_block_count());
}

TEST(pieces_keep_their_place_and_bytes)
{
    enum { PIECES = 5000 };
    static uint8_t *pieces[PIECES];
    memtable_arena arena;
    memtable_arena_init(&arena, NULL, 1 << 20);
    for (uint32_t i = 0; i < PIECES; i++) {
        CHECK_OK(memtable_arena_reserve(&arena, 104));
        pieces[i] = memtable_arena_take(&arena, 104);
        memset(pieces[i], (int)(i % 256), 104);
    }
    for (uint32_t i = 0; i < PIECES; i++) {
        CHECK(pieces[i][0] == i % 256 && pieces[i][103] == i % 256);
    }
    memtable_arena_reset(&arena);
}

TEST(a_small_arena_stays_small_and_chunks_grow)
{
    memtable_arena arena;
    memtable_arena_init(&arena, NULL, 64 << 20);
    CHECK_EQUAL(0, memtable_arena_allocated(&arena));
    uint64_t taken = 0;
    while (taken < 32 << 20) {
        CHECK_OK(memtable_arena_reserve(&arena, 1000));
        (void)memtable_arena_take(&arena, 1000);
        taken += 1000;
        uint64_t allocated = memtable_arena_allocated(&arena);
        CHECK(allocated >= taken);
        CHECK(allocated <= 2 * taken + 128 * 1024 && allocated <= taken + (4 << 20) + 128 * 1024);
    }
    memtable_arena_reset(&arena);
}

TEST(a_failed_reserve_changes_nothing)
{
    memtable_arena arena;
    memtable_arena_init(&arena, NULL, 1 << 20);
    CHECK_OK(memtable_arena_reserve(&arena, 64));
    uint64_t allocated = memtable_arena_allocated(&arena);
    mem_fail_at(1, 0);
    CHECK_STATUS(PYKV_NO_MEMORY, memtable_arena_reserve(&arena, 10 << 20));
    mem_fail_at(0, 0);
    CHECK_EQUAL(allocated, memtable_arena_allocated(&arena));
    CHECK(memtable_arena_take(&arena, 64) != NULL);
    memtable_arena_reset(&arena);
}

TEST(a_spare_chunk_that_is_too_small_is_replaced)
{
    memtable_arena arena;
    int64_t blocks = mem_block_count();
    memtable_arena_init(&arena, NULL, 1 << 20);
    CHECK_OK(memtable_arena_reserve(&arena, 64));
    CHECK_OK(memtable_arena_reserve(&arena, 1 << 20));
    CHECK_EQUAL(blocks + 1, mem_block_count());
    CHECK(memtable_arena_allocated(&arena) < (1 << 20) + 64 * 1024);
    memtable_arena_reset(&arena);
    CHECK_EQUAL(blocks, mem_block_count());
}

TEST_MAIN(CASE(what_is_reserved_is_served_in_any_pieces), CASE(pieces_keep_their_place_and_bytes),
          CASE(a_small_arena_stays_small_and_chunks_grow), CASE(a_failed_reserve_changes_nothing),
          CASE(a_spare_chunk_that_is_too_small_is_replaced))
