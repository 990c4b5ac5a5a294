/*
 * memory_test: what is counted, what fails on demand, and what a failure leaves alone.
 */
#include <pthread.h>
#include <stdio.h>
#include <sys/mman.h>

#include "harness/check.h"

#include "base/memory.h"

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
enum { SANITIZED = 1 }; /* memory of the sanitizer is resident too */
#else
enum { SANITIZED = 0 };
#endif

TEST(a_block_is_counted_until_it_is_freed)
{
    int64_t before = mem_block_count();
    void *plain = mem_alloc(10);
    void *zeroed = mem_alloc_zeroed(3, 4);
    void *aligned = mem_alloc_aligned(64, 100);
    CHECK(plain != NULL && zeroed != NULL && aligned != NULL);
    CHECK_EQUAL(before + 3, mem_block_count());
    mem_free(plain);
    mem_free(zeroed);
    mem_free(aligned);
    CHECK_EQUAL(before, mem_block_count());
}

TEST(freeing_null_counts_nothing)
{
    int64_t before = mem_block_count();
    mem_free(NULL);
    CHECK_EQUAL(before, mem_block_count());
}

TEST(resizing_keeps_the_bytes_and_the_count)
{
    int64_t before = mem_block_count();
    uint8_t *block = mem_resize(NULL, 3);
    CHECK(block != NULL);
    memcpy(block, "abc", 3);
    CHECK_EQUAL(before + 1, mem_block_count());
    block = mem_resize(block, 100000);
    CHECK(block != NULL);
    CHECK_BYTES("abc", block, 3);
    CHECK_EQUAL(before + 1, mem_block_count());
    mem_free(block);
    CHECK_EQUAL(before, mem_block_count());
}

TEST(a_size_of_zero_gives_a_block)
{
    void *blocks[4] = {mem_alloc(0), mem_alloc_zeroed(0, 8), mem_alloc_zeroed(8, 0),
                       mem_alloc_aligned(16, 0)};
    for (size_t i = 0; i < 4; i++) {
        CHECK(blocks[i] != NULL);
        mem_free(blocks[i]);
    }
    void *shrunk = mem_resize(mem_alloc(8), 0);
    CHECK(shrunk != NULL);
    mem_free(shrunk);
}

TEST(zeroed_memory_is_zero)
{
    uint8_t zeros[1000] = {0};
    uint8_t *block = mem_alloc_zeroed(100, 10);
    CHECK(block != NULL);
    CHECK_BYTES(zeros, block, sizeof zeros);
    mem_free(block);
}

TEST(an_overflowing_product_fails)
{
    int64_t before = mem_block_count();
    volatile size_t half = SIZE_MAX / 2;
    CHECK(mem_alloc_zeroed(half, 3) == NULL);
    CHECK_EQUAL(before, mem_block_count());
}

TEST(aligned_memory_is_aligned)
{
    for (size_t alignment = 1; alignment <= 4096; alignment *= 2) {
        void *block = mem_alloc_aligned(alignment, 24);
        CHECK(block != NULL);
        CHECK_EQUAL(0, (uintptr_t)block % alignment);
        mem_free(block);
    }
}

TEST(the_chosen_request_fails_and_no_other)
{
    int64_t before = mem_block_count();
    mem_fail_at(3, 0);
    void *first = mem_alloc(1);
    void *second = mem_alloc_zeroed(1, 1);
    void *third = mem_alloc_aligned(64, 64);
    void *fourth = mem_alloc(1);
    mem_fail_at(0, 0);
    CHECK(first != NULL && second != NULL && third == NULL && fourth != NULL);
    CHECK_EQUAL(before + 3, mem_block_count());
    mem_free(first);
    mem_free(second);
    mem_free(fourth);
}

TEST(sticky_failing_goes_on_until_switched_off)
{
    mem_fail_at(2, 1);
    void *first = mem_alloc(1);
    CHECK(first != NULL);
    for (int i = 0; i < 5; i++) {
        CHECK(mem_alloc(1) == NULL);
        CHECK(mem_alloc_zeroed(1, 1) == NULL);
        CHECK(mem_alloc_aligned(64, 1) == NULL);
    }
    mem_fail_at(0, 0);
    void *last = mem_alloc(1);
    CHECK(last != NULL);
    mem_free(first);
    mem_free(last);
}

TEST(a_failed_resize_leaves_the_block_with_its_owner)
{
    int64_t before = mem_block_count();
    uint8_t *block = mem_alloc(4);
    CHECK(block != NULL);
    memcpy(block, "kept", 4);
    mem_fail_at(1, 0);
    CHECK(mem_resize(block, 1000) == NULL);
    mem_fail_at(0, 0);
    CHECK_BYTES("kept", block, 4);
    CHECK_EQUAL(before + 1, mem_block_count());
    mem_free(block);
    CHECK_EQUAL(before, mem_block_count());
}

TEST(mapped_memory_is_aligned_zero_counted_and_can_fail)
{
    enum { SIZE = 2 * MEM_LARGE_PAGE_BYTES };
    int64_t before = mem_block_count();
    uint8_t *block = mem_map(SIZE, true);
    CHECK(block != NULL);
    CHECK_EQUAL(0, (uintptr_t)block % MEM_LARGE_PAGE_BYTES);
    CHECK(block[0] == 0 && block[SIZE - 1] == 0);
    memset(block, 1, SIZE);
    CHECK_EQUAL(before + 1, mem_block_count());
    mem_fail_at(1, 0);
    CHECK(mem_map(SIZE, true) == NULL);
    mem_fail_at(0, 0);
    mem_unmap(block, SIZE);
    mem_unmap(NULL, SIZE);
    CHECK_EQUAL(before, mem_block_count());
}

TEST(memory_that_the_system_refuses_to_map_is_no_memory)
{
    int64_t before = mem_block_count();
    CHECK(mem_map(SIZE_MAX / 4 / MEM_LARGE_PAGE_BYTES * MEM_LARGE_PAGE_BYTES, false) == NULL);
    CHECK_EQUAL(before, mem_block_count());
}

enum { SIZED = 4 * MEM_SIZED_MAPPED_BYTES_MIN };

TEST(blocks_of_known_size_grow_and_shrink_with_their_bytes_from_heap_to_mapping_and_back)
{
    static const size_t sizes[] = {10,
                                   1000,
                                   MEM_SIZED_MAPPED_BYTES_MIN - 1,
                                   MEM_SIZED_MAPPED_BYTES_MIN,
                                   SIZED,
                                   SIZED + 1,
                                   200000,
                                   500,
                                   20};
    int64_t before = mem_block_count();
    uint8_t *block = NULL;
    size_t size = 0;
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        uint8_t *moved = mem_resize_sized(block, size, sizes[i]);
        CHECK(moved != NULL);
        for (size_t at = 0; at < size && at < sizes[i]; at++) {
            CHECK_EQUAL((uint8_t)(at * 7), moved[at]);
        }
        block = moved;
        size = sizes[i];
        for (size_t at = 0; at < size; at++) {
            block[at] = (uint8_t)(at * 7);
        }
        CHECK_EQUAL(before + 1, mem_block_count());
    }
    mem_free_sized(block, size);
    mem_free_sized(NULL, 0);
    mem_free_sized(NULL, SIZED);
    CHECK_EQUAL(before, mem_block_count());
}

TEST(a_block_of_known_size_is_aligned_and_can_fail)
{
    int64_t before = mem_block_count();
    for (size_t size = 1; size <= SIZED; size = size * 3 + 1) {
        uint8_t *block = mem_alloc_sized(size);
        CHECK(block != NULL);
        CHECK_EQUAL(0, (uintptr_t)block % MEM_SIZED_ALIGNMENT);
        memset(block, 1, size);
        mem_fail_at(1, 0);
        CHECK(mem_alloc_sized(size) == NULL);
        mem_fail_at(1, 0);
        CHECK(mem_resize_sized(block, size, 4 * size) == NULL);
        mem_fail_at(0, 0);
        CHECK_EQUAL(1, block[size - 1]);
        CHECK_EQUAL(before + 1, mem_block_count());
        mem_free_sized(block, size);
    }
    CHECK_EQUAL(before, mem_block_count());
}

/* Bytes of memory of its own that the process has. */
static uint64_t resident_bytes(void)
{
    unsigned long long all = 0;
    unsigned long long resident = 0;
    unsigned long long shared = 0;
    FILE *file = fopen("/proc/self/statm", "r");
    CHECK(file != NULL);
    CHECK_EQUAL(3, fscanf(file, "%llu %llu %llu", &all, &resident, &shared));
    fclose(file);
    return (resident - shared) * 4096;
}

/* The memory of memtables and tables went to the heap, of which each thread has a part. It gives
 * back what lies behind all that is in use, so one small block kept hundreds of MiB that were free
 * and that no budget counted. */
TEST(large_blocks_that_were_freed_are_not_resident_whatever_lies_behind_them)
{
    enum { COUNT = 64 };
    void *blocks[COUNT];
    void *behind[COUNT];
    mem_free(mem_alloc(SIZED + 1)); /* the heap keeps blocks of such sizes from now on */
    uint64_t before = resident_bytes();
    for (size_t i = 0; i < COUNT; i++) {
        blocks[i] = mem_alloc_sized(SIZED);
        behind[i] = mem_alloc(100);
        CHECK(blocks[i] != NULL && behind[i] != NULL);
        memset(blocks[i], 1, SIZED);
    }
    CHECK(resident_bytes() >= before + (uint64_t)COUNT * SIZED * 7 / 8);
    for (size_t i = 0; i < COUNT; i++) {
        mem_free_sized(blocks[i], SIZED);
    }
    CHECK(SANITIZED || resident_bytes() <= before + (uint64_t)COUNT * SIZED / 8);
    for (size_t i = 0; i < COUNT; i++) {
        mem_free(behind[i]);
    }
}

/* Splits a region into as many mappings as the process may have. Returns its bytes. */
static size_t exhaust_mappings(uint8_t *region, size_t page_count)
{
    size_t page = 0;
    while (page < page_count && mprotect(region + page * 4096, 4096, PROT_READ) == 0) {
        page += 2;
    }
    return page;
}

/* Adjacent blocks are one mapping to the system. Where the process has as many as it may, one that
 * lies within cannot be unmapped: its pages stayed. */
TEST(pages_go_also_where_a_mapping_cannot_be_split)
{
    enum { COUNT = 9, PAGES = 1 << 18 };
    size_t size = 1 << 20;
    uint8_t *blocks[COUNT];
    uint8_t *region = mmap(NULL, (size_t)PAGES * 4096, PROT_NONE,
                           MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    CHECK(region != MAP_FAILED);
    for (size_t i = 0; i < COUNT; i++) {
        blocks[i] = mem_alloc_sized(size);
        CHECK(blocks[i] != NULL);
        memset(blocks[i], 1, size);
    }
    bool is_exhausted = !SANITIZED && exhaust_mappings(region, PAGES) < PAGES;
    uint64_t before = resident_bytes();
    for (size_t i = 1; i < COUNT; i += 2) {
        mem_free_sized(blocks[i], size);
    }
    uint64_t after = resident_bytes();
    CHECK(munmap(region, (size_t)PAGES * 4096) == 0);
    CHECK(!is_exhausted || after + COUNT / 2 * size * 7 / 8 <= before);
    for (size_t i = 0; i < COUNT; i += 2) {
        mem_free_sized(blocks[i], size);
    }
}

TEST(requests_since_the_last_call_are_told)
{
    mem_fail_at(0, 0);
    void *block = mem_alloc(1);
    block = mem_resize(block, 2);
    mem_free(block);
    CHECK_EQUAL(2, mem_fail_at(1, 0));
    CHECK(mem_alloc(1) == NULL);
    CHECK_EQUAL(1, mem_fail_at(0, 0));
    CHECK_EQUAL(0, mem_fail_at(0, 0));
}

enum { THREAD_COUNT = 8, ROUND_COUNT = 2000 };

static void *allocate_and_hand_over(void *argument)
{
    void **kept = argument;
    for (int i = 0; i < ROUND_COUNT; i++) {
        mem_free(mem_alloc(16));
    }
    *kept = mem_alloc(16);
    return NULL;
}

TEST(blocks_freed_by_another_thread_balance)
{
    int64_t before = mem_block_count();
    mem_fail_at(0, 0);
    pthread_t threads[THREAD_COUNT];
    void *kept[THREAD_COUNT] = {NULL};
    for (size_t i = 0; i < THREAD_COUNT; i++) {
        CHECK(pthread_create(&threads[i], NULL, allocate_and_hand_over, &kept[i]) == 0);
    }
    for (size_t i = 0; i < THREAD_COUNT; i++) {
        CHECK(pthread_join(threads[i], NULL) == 0);
    }
    CHECK_EQUAL(before + THREAD_COUNT, mem_block_count());
    CHECK_EQUAL(THREAD_COUNT * (ROUND_COUNT + 1), mem_fail_at(0, 0));
    for (size_t i = 0; i < THREAD_COUNT; i++) {
        mem_free(kept[i]);
    }
    CHECK_EQUAL(before, mem_block_count());
}

TEST(what_a_thread_keeps_is_not_counted)
{
    int64_t blocks = mem_block_count();
    (void)mem_fail_at(1, 0);
    void *block = mem_alloc_of_thread(1000);
    CHECK(block != NULL);
    CHECK_EQUAL(blocks, mem_block_count());
    mem_free_of_thread(block);
    CHECK_EQUAL(blocks, mem_block_count());
    CHECK(mem_alloc(1) == NULL); /* the failure was left for it */
    CHECK_EQUAL(1, mem_fail_at(0, 0));
}

TEST(what_a_thread_keeps_finds_no_memory_where_nothing_does)
{
    (void)mem_fail_at(1, 1);
    void *before = mem_alloc_of_thread(1);
    CHECK(before != NULL);
    CHECK(mem_alloc(1) == NULL);
    CHECK(mem_alloc_of_thread(1) == NULL);
    (void)mem_fail_at(0, 0);
    mem_free_of_thread(before);
}

TEST_MAIN(CASE(a_block_is_counted_until_it_is_freed), CASE(freeing_null_counts_nothing),
          CASE(resizing_keeps_the_bytes_and_the_count), CASE(a_size_of_zero_gives_a_block),
          CASE(zeroed_memory_is_zero), CASE(an_overflowing_product_fails),
          CASE(aligned_memory_is_aligned), CASE(the_chosen_request_fails_and_no_other),
          CASE(sticky_failing_goes_on_until_switched_off),
          CASE(a_failed_resize_leaves_the_block_with_its_owner),
          CASE(mapped_memory_is_aligned_zero_counted_and_can_fail),
          CASE(memory_that_the_system_refuses_to_map_is_no_memory),
          CASE(blocks_of_known_size_grow_and_shrink_with_their_bytes_from_heap_to_mapping_and_back),
          CASE(a_block_of_known_size_is_aligned_and_can_fail),
          CASE(large_blocks_that_were_freed_are_not_resident_whatever_lies_behind_them),
          CASE(pages_go_also_where_a_mapping_cannot_be_split),
          CASE(requests_since_the_last_call_are_told), CASE(blocks_freed_by_another_thread_balance),
          CASE(what_a_thread_keeps_is_not_counted),
          CASE(what_a_thread_keeps_finds_no_memory_where_nothing_does))
