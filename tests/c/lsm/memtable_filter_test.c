/*
 * memtable_filter: no key is ever denied, and few absent ones are let through.
 */
#include "harness/check.h"

#include "base/hash.h"
#include "base/memory.h"
#include "lsm/memtable_filter.h"

static uint64_t hash_of(uint64_t number)
{
    return hash_murmur3(&number, sizeof number, 5, 7).low;
}

/* Adds keys and returns how many of a million absent ones are let through. */
static uint64_t passed_of_a_million(uint64_t limit_bytes, uint64_t key_count)
{
    memtable_filter filter;
    uint64_t passed = 0;
    CHECK_OK(memtable_filter_init(&filter, NULL, limit_bytes));
    for (uint64_t i = 0; i < key_count; i++) {
        memtable_filter_add(&filter, hash_of(i));
    }
    for (uint64_t i = 0; i < key_count; i++) {
        CHECK(memtable_filter_may_hold(&filter, hash_of(i)));
    }
    for (uint64_t i = 0; i < 1000000; i++) {
        passed += memtable_filter_may_hold(&filter, hash_of(UINT64_MAX - i));
    }
    memtable_filter_reset(&filter);
    return passed;
}

TEST(an_empty_filter_holds_nothing)
{
    CHECK_EQUAL(0, passed_of_a_million(1 << 20, 0));
}

TEST(a_full_memtable_of_small_records_passes_one_absent_key_in_thirty)
{
    CHECK(passed_of_a_million(8 << 20, (8 << 20) / 64) < 33000);
}

TEST(a_full_memtable_of_common_records_passes_one_absent_key_in_a_thousand)
{
    CHECK(passed_of_a_million(8 << 20, (8 << 20) / 168) < 1000);
}

TEST(the_smallest_filter_has_a_block)
{
    memtable_filter filter;
    CHECK_OK(memtable_filter_init(&filter, NULL, 0));
    CHECK_EQUAL(MEMTABLE_FILTER_BLOCK_BYTES, memtable_filter_bytes(&filter));
    memtable_filter_add(&filter, UINT64_MAX);
    memtable_filter_prefetch(&filter, UINT64_MAX);
    CHECK(memtable_filter_may_hold(&filter, UINT64_MAX));
    CHECK(!memtable_filter_may_hold(&filter, hash_of(1)));
    memtable_filter_reset(&filter);
}

TEST(a_filter_takes_a_sixty_fourth_of_the_limit_in_whole_lines)
{
    memtable_filter filter;
    CHECK_OK(memtable_filter_init(&filter, NULL, 64 << 20));
    CHECK_EQUAL(1 << 20, memtable_filter_bytes(&filter));
    CHECK_EQUAL(0, (uintptr_t)filter.words % MEMTABLE_FILTER_BLOCK_BYTES);
    memtable_filter_reset(&filter);
    CHECK_EQUAL(0, memtable_filter_bytes(&filter));
}

TEST(a_filter_without_memory_is_not_made)
{
    memtable_filter filter;
    int64_t blocks = mem_block_count();
    mem_fail_at(1, 0);
    CHECK_STATUS(PYKV_NO_MEMORY, memtable_filter_init(&filter, NULL, 1 << 20));
    mem_fail_at(0, 0);
    CHECK_EQUAL(blocks, mem_block_count());
}

TEST_MAIN(CASE(an_empty_filter_holds_nothing),
          CASE(a_full_memtable_of_small_records_passes_one_absent_key_in_thirty),
          CASE(a_full_memtable_of_common_records_passes_one_absent_key_in_a_thousand),
          CASE(the_smallest_filter_has_a_block),
          CASE(a_filter_takes_a_sixty_fourth_of_the_limit_in_whole_lines),
          CASE(a_filter_without_memory_is_not_made))
