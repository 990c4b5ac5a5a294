/*
 * keydir_space: numbers lead to addresses that never change, across growth of the table, small
 * blocks and borrowed memory.
 */
#include "harness/check.h"

#if defined(__linux__)
#include <malloc.h>
#endif

#include "base/memory.h"
#include "bitcask/keydir_space.h"

enum { ITEM_BYTES = 64 };

static uint64_t extend(keydir_space *space, uint64_t item_count)
{
    uint64_t first = UINT64_MAX;
    CHECK_OK(keydir_space_extend(space, item_count, true, &first));
    return first;
}

TEST(items_keep_their_addresses_while_the_space_grows)
{
    keydir_space space;
    uint64_t firsts[200];
    uint8_t *addresses[200];
    keydir_space_init(&space, ITEM_BYTES);
    for (uint64_t i = 0; i < 200; i++) {
        firsts[i] = extend(&space, 1 + i % 130);
        addresses[i] = keydir_space_item(&space, firsts[i], ITEM_BYTES);
        memset(addresses[i], (int)i, (1 + i % 130) * ITEM_BYTES);
    }
    for (uint64_t i = 0; i < 200; i++) {
        for (uint64_t k = 0; k <= i % 130; k++) {
            uint8_t *item = keydir_space_item(&space, firsts[i] + k, ITEM_BYTES);
            CHECK(item == addresses[i] + k * ITEM_BYTES);
            CHECK_EQUAL(i, item[0]);
            CHECK_EQUAL(i, item[ITEM_BYTES - 1]);
        }
    }
    keydir_space_reset(&space);
}

TEST(every_block_begins_a_granule_and_items_are_aligned)
{
    keydir_space space;
    keydir_space_init(&space, ITEM_BYTES);
    CHECK_EQUAL(0, extend(&space, 4));
    CHECK_EQUAL(64, extend(&space, 4));
    CHECK_EQUAL(128, extend(&space, 65));
    CHECK_EQUAL(256, extend(&space, 64));
    CHECK_EQUAL(137, space.item_count);
    CHECK_EQUAL(0, (uintptr_t)keydir_space_item(&space, 64, ITEM_BYTES) % 64);
    keydir_space_reset(&space);
}

/* Blocks of a large space are cut from regions, whose bytes count when they are cut. */
TEST(a_large_space_has_its_blocks_side_by_side)
{
    enum { BLOCK_ITEMS = 4096, ROUNDS = 64 };
    keydir_space space;
    keydir_space_init(&space, ITEM_BYTES);
    uint64_t neighbours = 0;
    uint8_t *before = NULL;
    for (uint64_t i = 0; i < ROUNDS; i++) {
        uint8_t *block = keydir_space_item(&space, extend(&space, BLOCK_ITEMS), ITEM_BYTES);
        CHECK_EQUAL(0, block[BLOCK_ITEMS * ITEM_BYTES - 1]);
        memset(block, (int)i, BLOCK_ITEMS * ITEM_BYTES);
        neighbours += block == before + BLOCK_ITEMS * ITEM_BYTES;
        before = block;
    }
    CHECK(neighbours >= 49);
    CHECK(atomic_load(&space.bytes) < ROUNDS * BLOCK_ITEMS * ITEM_BYTES + 65536);
    for (uint64_t i = 0; i < ROUNDS; i++) {
        uint8_t *item = keydir_space_item(&space, i * BLOCK_ITEMS + 5, ITEM_BYTES);
        CHECK_EQUAL(i, *item);
    }
    keydir_space_reset(&space);
}

/* Bytes of the heap, in use or not; 0 where that is not told. */
static size_t heap_bytes(void)
{
#if defined(__GLIBC__) && __GLIBC_PREREQ(2, 33)
    return mallinfo2().arena;
#else
    return 0;
#endif
}

/* Regions came from the heap once, which left a gap of 2 MiB before each. What the program took and
 * gave back next touched one gap after the other: 20 M keys of 200 MB held 150 MB more. */
TEST(the_heap_does_not_grow_with_a_large_space)
{
    enum { BLOCK_ITEMS = 2048, ROUNDS = 160, LARGE = 24 << 20, GROWTH_MAX = 4 << 20 };
    keydir_space space;
    void *large = mem_alloc(LARGE);
    CHECK(large != NULL);
    mem_free(large); /* From now on the heap serves as much as this by itself. */
    keydir_space_init(&space, ITEM_BYTES);
    while (space.item_count * ITEM_BYTES < MEM_LARGE_PAGE_BYTES) {
        extend(&space, BLOCK_ITEMS);
    }
    size_t before = heap_bytes();
    for (int i = 0; i < ROUNDS; i++) {
        extend(&space, BLOCK_ITEMS);
    }
    CHECK(heap_bytes() <= before + GROWTH_MAX);
    keydir_space_reset(&space);
}

TEST(zeroed_items_are_zero)
{
    keydir_space space;
    uint8_t zeros[ITEM_BYTES] = {0};
    keydir_space_init(&space, ITEM_BYTES);
    extend(&space, 100);
    for (uint64_t i = 0; i < 100; i++) {
        CHECK_BYTES(zeros, keydir_space_item(&space, i, ITEM_BYTES), ITEM_BYTES);
    }
    keydir_space_reset(&space);
}

TEST(blocks_grow_with_the_space_up_to_a_limit)
{
    keydir_space space;
    keydir_space_init(&space, ITEM_BYTES);
    CHECK_EQUAL(4, keydir_space_block_items(&space, 4));
    space.item_count = 32 * 16;
    CHECK_EQUAL(16, keydir_space_block_items(&space, 4));
    space.item_count = 32 * 32 - 1;
    CHECK_EQUAL(16, keydir_space_block_items(&space, 4));
    CHECK_EQUAL(64, keydir_space_block_items(&space, 64));
    space.item_count = UINT64_C(1) << 30;
    CHECK_EQUAL(KEYDIR_BLOCK_ITEMS_MAX, keydir_space_block_items(&space, 4));
    space.item_count = 0;
    keydir_space_reset(&space);
}

TEST(borrowed_memory_is_numbered_like_a_block_and_not_freed)
{
    static uint8_t memory[100 * ITEM_BYTES];
    keydir_space space;
    int64_t blocks = mem_block_count();
    keydir_space_init(&space, ITEM_BYTES);
    CHECK_OK(keydir_space_adopt(&space, memory, 100));
    CHECK_EQUAL(128, extend(&space, 3));
    CHECK(keydir_space_item(&space, 0, ITEM_BYTES) == memory);
    CHECK(keydir_space_item(&space, 99, ITEM_BYTES) == memory + sizeof memory - ITEM_BYTES);
    CHECK_EQUAL(103, space.item_count);
    keydir_space_reset(&space);
    CHECK_EQUAL(blocks, mem_block_count());
}

TEST(bytes_count_blocks_and_tables)
{
    keydir_space space;
    keydir_space_init(&space, ITEM_BYTES);
    extend(&space, 10);
    uint64_t first = atomic_load(&space.bytes);
    CHECK(first >= 10 * ITEM_BYTES && first < 10 * ITEM_BYTES + 256);
    extend(&space, 1000);
    CHECK(atomic_load(&space.bytes) >= 1010 * ITEM_BYTES);
    keydir_space_reset(&space);
    CHECK_EQUAL(0, atomic_load(&space.bytes));
}

TEST(a_failed_allocation_changes_nothing_and_can_be_repeated)
{
    int64_t blocks = mem_block_count();
    for (uint64_t k = 1; k <= 3; k++) {
        keydir_space space;
        uint64_t first = 7;
        keydir_space_init(&space, ITEM_BYTES);
        mem_fail_at(k, 0);
        CHECK_STATUS(PYKV_NO_MEMORY, keydir_space_extend(&space, 10, false, &first));
        mem_fail_at(0, 0);
        CHECK_EQUAL(7, first);
        CHECK_EQUAL(0, space.item_count);
        CHECK_EQUAL(0, extend(&space, 10));
        keydir_space_reset(&space);
        CHECK_EQUAL(blocks, mem_block_count());
    }
}

TEST_MAIN(CASE(items_keep_their_addresses_while_the_space_grows),
          CASE(every_block_begins_a_granule_and_items_are_aligned),
          CASE(a_large_space_has_its_blocks_side_by_side),
          CASE(the_heap_does_not_grow_with_a_large_space), CASE(zeroed_items_are_zero),
          CASE(blocks_grow_with_the_space_up_to_a_limit),
          CASE(borrowed_memory_is_numbered_like_a_block_and_not_freed),
          CASE(bytes_count_blocks_and_tables),
          CASE(a_failed_allocation_changes_nothing_and_can_be_repeated))
