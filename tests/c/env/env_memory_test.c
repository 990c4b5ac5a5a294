/*
 * env_memory_test: what env_memory.h promises besides crashes: the count of crash points, power,
 * capacity, clocks, clones, damage, and that one seed gives one history.
 */
#include <errno.h>
#include <pthread.h>

#include "base/memory.h"
#include "env/env_memory.h"
#include "env/files.h"

enum { FILE_BYTES_MAX = 1 << 20 };

static env *disk;
static env_directory *directory;

static void start(void)
{
    disk = NULL;
    directory = NULL;
    CHECK_OK(env_memory_new(check_seed(), FILE_BYTES_MAX, &disk));
    CHECK_OK(env_directory_open(disk, "/base", true, &directory));
}

static void finish(void)
{
    env_directory_close(directory);
    env_memory_free(disk);
}

/* One call of every kind that changes the disk: 12 crash points. */
static pykv_status change_everything(env_directory *base)
{
    env_file *file = NULL;
    env_lock *lock = NULL;
    env_mapping mapping = {NULL, 0, false, NULL};
    pykv_status status = env_file_open(base, "file", FILES_CREATE, &file); /* 1 */
    status = status != PYKV_OK ? status : file_write_one(file, 0, "0123456789", 10);
    status = status != PYKV_OK ? status : env_file_sync(file);
    status = status != PYKV_OK ? status : env_directory_sync(base);
    status = status != PYKV_OK ? status : env_file_truncate(file, 5); /* 5 */
    status = status != PYKV_OK ? status : env_file_allocate(file, 0, 4096);
    status = status != PYKV_OK ? status : env_file_map(file, 4096, true, &mapping);
    if (status == PYKV_OK) {
        memcpy(mapping.base + 100, "mapped", 6);
        status = env_mapping_written(&mapping, 100, 6);
    }
    status = status != PYKV_OK ? status : env_link(base, "file", base, "twin");
    status = status != PYKV_OK ? status : env_rename(base, "file", "new");
    status = status != PYKV_OK ? status : env_unlink(base, "twin"); /* 10 */
    status = status != PYKV_OK ? status : env_make_directory(base, "inner");
    status = status != PYKV_OK ? status : env_lock_take(base, "LOCK", &lock);
    env_unmap(&mapping);
    env_file_close(file);
    env_lock_release(lock);
    return status;
}

TEST(every_change_is_one_crash_point)
{
    start();
    uint64_t before = env_memory_call_count(disk);
    CHECK_OK(change_everything(directory));
    CHECK_EQUAL(12, env_memory_call_count(disk) - before);
    finish();
}

TEST(calls_that_change_nothing_are_no_crash_points)
{
    env_names names;
    env_file *file;
    env_directory *again = NULL;
    env_lock *lock = NULL;
    char data[4];
    uint64_t size;
    size_t got;
    start();
    file_put(directory, "file", "text");
    CHECK_OK(env_lock_take(directory, "LOCK", &lock));
    env_lock_release(lock);
    uint64_t before = env_memory_call_count(disk);
    file = file_open(directory, "file", FILES_CREATE);
    CHECK_OK(env_file_read(file, 0, data, 4, &got));
    CHECK_OK(env_file_size(file, &size));
    CHECK_OK(file_write_one(file, 0, "", 0));
    env_file_write_back(file, 0, 4);
    env_file_will_need(file, 0, 4);
    env_file_close(file);
    CHECK_OK(env_directory_list(directory, &names));
    env_names_free(&names);
    CHECK_OK(env_directory_open(disk, "/base", true, &again));
    env_directory_close(again);
    CHECK_STATUS(PYKV_PATH_NOT_FOUND, env_rename(directory, "gone", "to"));
    CHECK_STATUS(PYKV_PATH_NOT_FOUND, env_unlink(directory, "gone"));
    CHECK_OK(env_rename(directory, "file", "file"));
    CHECK_OK(env_lock_take(directory, "LOCK", &lock));
    env_lock_release(lock);
    CHECK_EQUAL(before, env_memory_call_count(disk));
    finish();
}

TEST(what_will_be_needed_is_counted)
{
    uint64_t count;
    uint64_t bytes;
    start();
    file_put(directory, "file", "text");
    env_file *file = file_open(directory, "file", ENV_READ);
    env_memory_asked(disk, &count, &bytes);
    CHECK_EQUAL(0, count);
    env_file_will_need(file, 1, 3);
    env_file_will_need(file, 100, 50);
    env_memory_asked(disk, &count, &bytes);
    CHECK_EQUAL(2, count);
    CHECK_EQUAL(53, bytes);
    env_file_close(file);
    finish();
}

static void expect_off(void)
{
    env_file *file = NULL;
    env_directory *other = NULL;
    env_names names;
    uint8_t byte;
    CHECK(env_memory_is_off(disk));
    CHECK_STATUS(PYKV_IO_FAILED, env_file_open(directory, "file", ENV_READ, &file));
    CHECK(strstr(error_last()->text, "the power is off") != NULL);
    CHECK_STATUS(PYKV_IO_FAILED, env_directory_open(disk, "/base", true, &other));
    CHECK_STATUS(PYKV_IO_FAILED, env_directory_list(directory, &names));
    CHECK_STATUS(PYKV_IO_FAILED, env_directory_sync(directory));
    CHECK_STATUS(PYKV_IO_FAILED, env_make_directory(directory, "more"));
    CHECK_STATUS(PYKV_IO_FAILED, env_remove_directory(disk, "/base"));
    CHECK_STATUS(PYKV_IO_FAILED, env_random(disk, &byte, 1));
}

TEST(from_the_call_where_the_power_goes_everything_fails)
{
    for (uint64_t at = 1; at <= 12; at++) {
        int64_t blocks = mem_block_count();
        start();
        uint64_t before = env_memory_call_count(disk);
        env_memory_power_off_at(disk, before + at);
        CHECK_STATUS(PYKV_IO_FAILED, change_everything(directory));
        expect_off();
        CHECK_EQUAL(before + at, env_memory_call_count(disk));
        finish();
        CHECK_EQUAL(blocks, mem_block_count());
    }
}

TEST(open_files_and_mappings_fail_without_power)
{
    env_mapping mapping;
    env_mapping other;
    env_file *file;
    uint64_t size;
    size_t got;
    char data[4];
    start();
    file_put(directory, "file", "text");
    file = file_open(directory, "file", ENV_READ | ENV_WRITE);
    CHECK_OK(env_file_map(file, 4, true, &mapping));
    env_memory_power_off_at(disk, env_memory_call_count(disk) + 1);
    CHECK_STATUS(PYKV_IO_FAILED, env_file_sync(file));
    CHECK_STATUS(PYKV_IO_FAILED, env_file_read(file, 0, data, 4, &got));
    CHECK_STATUS(PYKV_IO_FAILED, env_file_size(file, &size));
    CHECK_STATUS(PYKV_IO_FAILED, file_write_one(file, 0, "x", 1));
    CHECK_STATUS(PYKV_IO_FAILED, env_file_truncate(file, 1));
    CHECK_STATUS(PYKV_IO_FAILED, env_file_map(file, 4, false, &other));
    CHECK_STATUS(PYKV_IO_FAILED, env_mapping_written(&mapping, 0, 1));
    env_unmap(&mapping);
    env_file_close(file);
    finish();
}

TEST(one_seed_gives_one_history)
{
    uint8_t first[64];
    uint8_t second[64];
    uint8_t other[64];
    env *disks[3];
    CHECK_OK(env_memory_new(5, FILE_BYTES_MAX, &disks[0]));
    CHECK_OK(env_memory_new(5, FILE_BYTES_MAX, &disks[1]));
    CHECK_OK(env_memory_new(6, FILE_BYTES_MAX, &disks[2]));
    CHECK_OK(env_random(disks[0], first, sizeof first));
    CHECK_OK(env_random(disks[1], second, sizeof second));
    CHECK_OK(env_random(disks[2], other, sizeof other));
    CHECK_BYTES(first, second, sizeof first);
    CHECK(memcmp(first, other, sizeof first) != 0);
    for (int i = 0; i < 3; i++) {
        env_memory_free(disks[i]);
    }
}

TEST(clocks_stand_still_unless_moved)
{
    start();
    uint64_t monotonic = env_monotonic_us(disk);
    uint64_t wall = env_wall_us(disk);
    CHECK_EQUAL(monotonic, env_monotonic_us(disk));
    env_memory_advance(disk, 5, -3);
    CHECK_EQUAL(monotonic + 5, env_monotonic_us(disk));
    CHECK_EQUAL(wall - 3, env_wall_us(disk));
    CHECK_EQUAL(wall - 3, env_wall_tick_us(disk));
    finish();
}

TEST(a_full_disk_takes_a_part_of_the_write_and_heals)
{
    uint8_t data[600] = {1};
    env_file *file;
    start();
    env_memory_set_capacity(disk, 1000);
    file = file_open(directory, "file", FILES_CREATE);
    CHECK_OK(file_write_one(file, 0, data, 600));
    CHECK_STATUS(PYKV_NO_SPACE, file_write_one(file, 600, data, 600));
    CHECK_EQUAL(ENOSPC, error_last()->system_errno);
    CHECK_EQUAL(1000, file_size(file));
    CHECK_OK(file_write_one(file, 0, data, 600)); /* what is there may be overwritten */
    CHECK_STATUS(PYKV_NO_SPACE, env_file_allocate(file, 0, 1001));
    CHECK_STATUS(PYKV_NO_SPACE, env_file_truncate(file, 1001));
    CHECK_OK(env_file_truncate(file, 500));
    CHECK_OK(file_write_one(file, 500, data, 500));
    env_memory_set_capacity(disk, 10);
    CHECK_STATUS(PYKV_NO_SPACE, file_write_one(file, 1000, data, 1));
    CHECK_EQUAL(1000, file_size(file));
    env_memory_set_capacity(disk, 2000);
    CHECK_OK(file_write_one(file, 1000, data, 1));
    env_file_close(file);
    finish();
}

TEST(an_unlinked_file_frees_its_room_when_it_is_closed)
{
    env_file *file;
    env_file *other;
    start();
    env_memory_set_capacity(disk, 4);
    file_put(directory, "file", "text");
    other = file_open(directory, "other", FILES_CREATE);
    file = file_open(directory, "file", ENV_READ);
    CHECK_OK(env_unlink(directory, "file"));
    CHECK_STATUS(PYKV_NO_SPACE, file_write_one(other, 0, "x", 1));
    env_file_close(file);
    CHECK_OK(file_write_one(other, 0, "text", 4));
    env_file_close(other);
    finish();
}

TEST(a_file_ends_at_the_limit_of_the_disk)
{
    env_file *file;
    env_mapping mapping;
    start();
    file = file_open(directory, "file", FILES_CREATE);
    CHECK_OK(file_write_one(file, FILE_BYTES_MAX - 1, "x", 1));
    CHECK_STATUS(PYKV_NO_SPACE, file_write_one(file, FILE_BYTES_MAX, "x", 1));
    CHECK_STATUS(PYKV_NO_SPACE, file_write_one(file, UINT64_MAX, "x", 1));
    CHECK_STATUS(PYKV_NO_SPACE, env_file_truncate(file, FILE_BYTES_MAX + 1));
    CHECK_STATUS(PYKV_NO_SPACE, env_file_allocate(file, UINT64_MAX, 5));
    CHECK_STATUS(PYKV_NO_MEMORY, env_file_map(file, FILE_BYTES_MAX + 1, false, &mapping));
    CHECK_EQUAL(FILE_BYTES_MAX, file_size(file));
    env_file_close(file);
    finish();
}

static uint8_t *bytes_of(env *from, const char *path, uint64_t wanted_size)
{
    uint8_t *data = NULL;
    uint64_t size = 0;
    CHECK_OK(env_memory_file_bytes(from, path, &data, &size));
    CHECK_EQUAL(wanted_size, size);
    return data;
}

TEST(damage_to_a_file_is_on_the_device_too)
{
    env *after = NULL;
    start();
    file_put(directory, "file", "text"); /* never synced: the device has neither bytes nor size */
    CHECK_OK(env_directory_sync(directory));
    bytes_of(disk, "/base/file", 4)[1] = 'X';
    file_expect(directory, "file", "tXxt");
    bytes_of(disk, "/base/file", 4)[2] = 'Y';
    CHECK_OK(env_memory_crash(disk, 1, ENV_CRASH_DROP_ALL, &after));
    CHECK_BYTES("tXYt", bytes_of(after, "/base/file", 4), 4);
    env_memory_free(after);
    uint8_t *data;
    uint64_t size;
    CHECK_STATUS(PYKV_PATH_NOT_FOUND, env_memory_file_bytes(disk, "/base/gone", &data, &size));
    CHECK_STATUS(PYKV_IO_FAILED, env_memory_file_bytes(disk, "/base", &data, &size));
    finish();
}

TEST(paths_lists_the_files_of_all_directories)
{
    env_names names;
    env_directory *deep = NULL;
    start();
    CHECK_OK(env_directory_open(disk, "/base/a/b", true, &deep));
    file_put(deep, "one", "");
    file_put(directory, "two", "");
    CHECK_OK(env_memory_paths(disk, &names));
    CHECK_EQUAL(2, names.count);
    for (size_t i = 0; i < names.count; i++) {
        CHECK(strcmp(names.names[i], "/base/a/b/one") == 0 ||
              strcmp(names.names[i], "/base/two") == 0);
    }
    CHECK(strcmp(names.names[0], names.names[1]) != 0);
    env_names_free(&names);
    env_directory_close(deep);
    finish();
}

TEST(paths_without_memory_leave_nothing)
{
    pykv_status status = PYKV_NO_MEMORY;
    start();
    file_put(directory, "one", "");
    int64_t blocks = mem_block_count();
    for (uint64_t at = 1; status != PYKV_OK; at++) {
        env_names names = {NULL, 0};
        (void)mem_fail_at(at, 0);
        status = env_memory_paths(disk, &names);
        (void)mem_fail_at(0, 0);
        CHECK(status == PYKV_OK || status == PYKV_NO_MEMORY);
        env_names_free(&names);
        CHECK_EQUAL(blocks, mem_block_count());
    }
    finish();
}

enum { WRITER_COUNT = 4, WRITE_COUNT = 200 };

static void *write_and_map(void *argument)
{
    char name[16];
    env_mapping mapping;
    env_file *file = NULL;
    snprintf(name, sizeof name, "f%d", *(int *)argument);
    if (env_file_open(directory, name, FILES_CREATE, &file) != PYKV_OK ||
        env_file_truncate(file, 4096) != PYKV_OK ||
        env_file_map(file, 4096, true, &mapping) != PYKV_OK) {
        return NULL;
    }
    bool fine = true;
    for (int i = 0; i < WRITE_COUNT && fine; i++) {
        mapping.base[i] = (uint8_t)i;
        fine = env_mapping_written(&mapping, (size_t)i, 1) == PYKV_OK &&
               env_file_sync(file) == PYKV_OK && env_directory_sync(directory) == PYKV_OK;
    }
    env_unmap(&mapping);
    env_file_close(file);
    return fine ? argument : NULL;
}

/* Stores of one thread are looked at by the crash of another; the thread sanitizer watches. */
TEST(threads_may_use_one_disk_at_once)
{
    pthread_t threads[WRITER_COUNT];
    int numbers[WRITER_COUNT] = {0, 1, 2, 3};
    start();
    for (int i = 0; i < WRITER_COUNT; i++) {
        CHECK_EQUAL(0, pthread_create(&threads[i], NULL, write_and_map, &numbers[i]));
    }
    for (uint64_t i = 0; i < 50; i++) {
        env *after = NULL;
        CHECK_OK(env_memory_crash(disk, i, ENV_CRASH_TORN, &after));
        env_memory_free(after);
    }
    for (int i = 0; i < WRITER_COUNT; i++) {
        void *result = NULL;
        CHECK_EQUAL(0, pthread_join(threads[i], &result));
        CHECK(result == &numbers[i]);
    }
    finish();
}

TEST_MAIN(CASE(every_change_is_one_crash_point),
          CASE(calls_that_change_nothing_are_no_crash_points), CASE(what_will_be_needed_is_counted),
          CASE(from_the_call_where_the_power_goes_everything_fails),
          CASE(open_files_and_mappings_fail_without_power), CASE(one_seed_gives_one_history),
          CASE(clocks_stand_still_unless_moved),
          CASE(a_full_disk_takes_a_part_of_the_write_and_heals),
          CASE(an_unlinked_file_frees_its_room_when_it_is_closed),
          CASE(a_file_ends_at_the_limit_of_the_disk), CASE(damage_to_a_file_is_on_the_device_too),
          CASE(paths_lists_the_files_of_all_directories), CASE(paths_without_memory_leave_nothing),
          CASE(threads_may_use_one_disk_at_once))
