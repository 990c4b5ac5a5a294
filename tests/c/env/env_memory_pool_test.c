/*
 * env_memory_pool_test: reservations come back as zeros and the pool stays small.
 */
#include <sys/mman.h>

#include "base/memory.h"
#include "env/env_memory.h"
#include "env/env_memory_pool.h"
#include "env/files.h"

enum { RESERVATION_BYTES = 2 << 20 };

static bool is_mapped(const uint8_t *reservation)
{
    return msync((void *)(uintptr_t)reservation, 4096, MS_ASYNC) == 0;
}

TEST(a_reservation_is_used_again)
{
    memory_pool *pool = memory_pool_new(RESERVATION_BYTES);
    CHECK(pool != NULL);
    uint8_t *first = memory_pool_take(pool);
    CHECK(first != NULL);
    memory_pool_give(pool, first, 100);
    CHECK(memory_pool_take(pool) == first);
    memory_pool_give(pool, first, MEMORY_POOL_BYTES_MAX + 1);
    CHECK(!is_mapped(first));
    memory_pool_release(pool);
}

TEST(the_pool_keeps_a_bounded_number_and_frees_them_with_its_last_disk)
{
    uint8_t *taken[MEMORY_POOL_COUNT_MAX + 1];
    int64_t blocks = mem_block_count();
    memory_pool *pool = memory_pool_new(RESERVATION_BYTES);
    CHECK(pool != NULL);
    memory_pool_hold(pool);
    for (size_t i = 0; i <= MEMORY_POOL_COUNT_MAX; i++) {
        taken[i] = memory_pool_take(pool);
        CHECK(taken[i] != NULL);
    }
    for (size_t i = 0; i <= MEMORY_POOL_COUNT_MAX; i++) {
        memory_pool_give(pool, taken[i], 0);
        CHECK_EQUAL(i < MEMORY_POOL_COUNT_MAX, is_mapped(taken[i]));
    }
    memory_pool_release(pool);
    CHECK(is_mapped(taken[0]));
    memory_pool_release(pool);
    CHECK(!is_mapped(taken[0]));
    CHECK_EQUAL(blocks, mem_block_count());
}

/* Whatever was done to a file, the next one in its place starts with nothing in it. */
static void use_file(env_directory *directory, int how)
{
    env_mapping mapping;
    uint8_t data[10000];
    memset(data, 'x', sizeof data);
    env_file *file = file_open(directory, "file", FILES_CREATE);
    CHECK_OK(file_write_one(file, 3000, data, sizeof data));
    if (how == 1) {
        env_memory_sync_lost(file);
    } else if (how == 2) {
        CHECK_OK(env_file_truncate(file, 100000));
        CHECK_OK(env_file_map(file, 100000, true, &mapping));
        mapping.base[99999] = 'y';
        env_unmap(&mapping);
    } else if (how == 3) {
        CHECK_OK(env_file_truncate(file, 5));
    }
    env_file_close(file);
}

static void damage_file(env *disk)
{
    uint8_t *data;
    uint64_t size;
    CHECK_OK(env_memory_file_bytes(disk, "/d/file", &data, &size));
    memset(data, 'z', size);
    data[size] = 'z'; /* a careless test */
}

TEST(a_new_file_is_empty_whatever_was_in_its_place)
{
    static uint8_t data[200000];
    for (int how = 0; how < 5; how++) {
        env *disk = NULL;
        env_directory *directory = NULL;
        CHECK_OK(env_memory_new(1, 1 << 20, &disk));
        CHECK_OK(env_directory_open(disk, "/d", true, &directory));
        use_file(directory, how);
        if (how == 4) {
            damage_file(disk);
        }
        CHECK_OK(env_unlink(directory, "file"));
        CHECK_OK(env_directory_sync(directory));
        env_file *file = file_open(directory, "next", FILES_CREATE);
        size_t got = 0;
        CHECK_OK(env_file_truncate(file, sizeof data));
        CHECK_OK(env_file_read(file, 0, data, sizeof data, &got));
        CHECK_EQUAL(sizeof data, got);
        for (size_t i = 0; i < sizeof data; i++) {
            CHECK(data[i] == 0);
        }
        env_file_close(file);
        env_directory_close(directory);
        env_memory_free(disk);
    }
}

TEST(a_crashed_disk_outlives_the_one_it_came_from)
{
    env *disk = NULL;
    env *after = NULL;
    env_directory *directory = NULL;
    CHECK_OK(env_memory_new(1, 1 << 20, &disk));
    CHECK_OK(env_directory_open(disk, "/d", true, &directory));
    file_put(directory, "file", "text");
    CHECK_OK(env_memory_crash(disk, 1, ENV_CRASH_KEEP_ALL, &after));
    env_directory_close(directory);
    env_memory_free(disk);
    CHECK_OK(env_directory_open(after, "/d", false, &directory));
    file_expect(directory, "file", "text");
    file_put(directory, "other", "text");
    env_directory_close(directory);
    env_memory_free(after);
}

TEST_MAIN(CASE(a_reservation_is_used_again),
          CASE(the_pool_keeps_a_bounded_number_and_frees_them_with_its_last_disk),
          CASE(a_new_file_is_empty_whatever_was_in_its_place),
          CASE(a_crashed_disk_outlives_the_one_it_came_from))
