/*
 * env_memory_node_test: the bytes of a file of the simulated disk: what a sync writes, what a lost
 * sync leaves behind, and that only bytes in use are looked at.
 */
#include "env/env_memory_node.h"
#include "env/env_memory_parts.h"
#include "env/env_memory_reference.h"
#include "env/files.h"

enum { FILE_BYTES_MAX = 1 << 20, PAGE = MEMORY_PAGE_BYTES };

static memory_disk *disk;
static memory_node *node;

static void start(void)
{
    disk = NULL;
    CHECK_OK(memory_disk_new(1, FILE_BYTES_MAX, &disk));
    node = memory_node_new(disk, false);
    CHECK(node != NULL);
    memory_node_hold(disk, node, true);
}

static void finish(void)
{
    memory_node_release(disk, node, true);
    memory_disk_free(disk);
}

static void store(uint64_t offset, const char *text)
{
    memory_node_store(disk, node, offset, text, strlen(text));
}

static void expect_device(uint64_t offset, const char *text, size_t size)
{
    uint8_t page[PAGE];
    memory_node_device_page(node, offset / PAGE, page);
    CHECK_BYTES(text, page + offset % PAGE, size);
}

static void expect_cache(uint64_t offset, const char *text, size_t size)
{
    uint8_t page[PAGE];
    memory_node_cache_page(node, offset / PAGE, page);
    CHECK_BYTES(text, page + offset % PAGE, size);
}

TEST(a_sync_writes_dirty_pages_and_size)
{
    start();
    store(10, "abc");
    store(3 * PAGE, "def");
    CHECK_EQUAL(0, node->dirty_low);
    CHECK_EQUAL(4 * PAGE, node->dirty_high);
    expect_device(10, "\0\0\0", 3);
    memory_node_sync(disk, node);
    expect_device(10, "abc", 3);
    expect_device(3 * PAGE, "def", 3);
    CHECK_EQUAL(3 * PAGE + 3, node->device_size);
    CHECK_EQUAL(node->dirty_low, node->dirty_high);
    finish();
}

TEST(extent_counts_bytes_in_use_not_the_size)
{
    start();
    memory_node_resize(disk, node, FILE_BYTES_MAX);
    CHECK_EQUAL(0, memory_node_extent(node));
    store(100, "abc");
    CHECK_EQUAL(103, memory_node_extent(node));
    memory_node_sync(disk, node);
    CHECK_EQUAL(103, node->device_extent);
    node->stored = true;
    node->bytes[5 * PAGE + 1] = 1; /* as a mapping does */
    CHECK_EQUAL(6 * PAGE, memory_node_extent(node));
    memory_node_resize(disk, node, 5 * PAGE + 1);
    CHECK_EQUAL(0, node->bytes[5 * PAGE + 1]);
    finish();
}

TEST(cutting_zeros_the_tail_in_the_cache_and_at_the_next_sync_on_the_device)
{
    start();
    store(0, "abcdef");
    memory_node_sync(disk, node);
    memory_node_resize(disk, node, 2);
    memory_node_resize(disk, node, 6);
    expect_cache(0, "ab\0\0\0\0", 6);
    expect_device(0, "abcdef", 6);
    memory_node_sync(disk, node);
    expect_device(0, "ab\0\0\0\0", 6);
    finish();
}

/* Linux marks the pages of a failed fsync clean: the next one succeeds without writing them, and
 * what a program reads back until they are evicted was never stored. */
TEST(lost_pages_are_clean_and_unwritten)
{
    start();
    store(0, "old");
    memory_node_sync(disk, node);
    store(0, "new");
    store(PAGE, "next");
    memory_node_lose(disk, node);
    CHECK(memory_node_is_lost(node, 0) && memory_node_is_lost(node, 1));
    CHECK(!memory_node_is_lost(node, 2));
    memory_node_sync(disk, node);
    expect_cache(0, "new", 3);
    expect_device(0, "old", 3);
    expect_device(PAGE, "\0\0\0\0", 4);
    CHECK_EQUAL(PAGE + 4, node->device_size);
    memory_node_drop_cache(disk, node);
    expect_cache(0, "old", 3);
    expect_cache(PAGE, "\0\0\0\0", 4);
    CHECK(!node->has_lost);
    finish();
}

TEST(a_lost_page_that_is_written_again_is_written_whole)
{
    start();
    store(0, "aa");
    store(PAGE, "bb");
    memory_node_lose(disk, node);
    store(1, "X");
    memory_node_sync(disk, node);
    expect_device(0, "aX", 2);
    expect_device(PAGE, "\0\0", 2);
    memory_node_drop_cache(disk, node);
    expect_cache(0, "aX", 2);
    finish();
}

TEST(dropping_the_cache_keeps_dirty_pages)
{
    start();
    store(0, "dirty");
    memory_node_drop_cache(disk, node);
    expect_cache(0, "dirty", 5);
    finish();
}

TEST(settling_makes_what_a_test_changed_durable)
{
    start();
    store(0, "abc");
    memory_node_lose(disk, node);
    memory_node_settle(disk, node);
    expect_device(0, "\0\0\0", 3); /* nothing was said of changes */
    node->direct = true;
    node->bytes[1] = 'X';
    memory_node_settle(disk, node);
    CHECK(!node->direct && !node->has_lost);
    expect_device(0, "aXc", 3);
    finish();
}

TEST(a_node_counts_against_the_capacity_while_something_live_holds_it)
{
    start();
    memory_node_resize(disk, node, 100);
    CHECK_EQUAL(100, disk->held_bytes);
    memory_node_hold(disk, node, false);
    memory_node_release(disk, node, true);
    CHECK_EQUAL(0, disk->held_bytes);
    memory_node_hold(disk, node, true);
    CHECK_EQUAL(100, disk->held_bytes);
    memory_node_release(disk, node, false);
    memory_node_resize(disk, node, 40);
    CHECK_EQUAL(40, disk->held_bytes);
    finish();
}

TEST_MAIN(CASE(a_sync_writes_dirty_pages_and_size), CASE(extent_counts_bytes_in_use_not_the_size),
          CASE(cutting_zeros_the_tail_in_the_cache_and_at_the_next_sync_on_the_device),
          CASE(lost_pages_are_clean_and_unwritten),
          CASE(a_lost_page_that_is_written_again_is_written_whole),
          CASE(dropping_the_cache_keeps_dirty_pages),
          CASE(settling_makes_what_a_test_changed_durable),
          CASE(a_node_counts_against_the_capacity_while_something_live_holds_it))
