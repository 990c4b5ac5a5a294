/*
 * env_fault_file_test: failing writes, syncs and mappings of the fault wrapper.
 */
#include <errno.h>

#include "base/memory.h"
#include "env/env_fault.h"
#include "env/env_memory.h"
#include "env/files.h"

static env *disk;
static env *wrapper;
static env_directory *directory;
static env_file *file;

static void start(env *inner)
{
    disk = NULL;
    wrapper = NULL;
    directory = NULL;
    CHECK_OK(env_memory_new(check_seed(), 64 << 10, &disk));
    CHECK_OK(env_fault_new(inner != NULL ? inner : disk, &wrapper));
    char *path = inner != NULL ? check_temporary_directory() : NULL;
    CHECK_OK(env_directory_open(wrapper, path != NULL ? path : "/d", true, &directory));
    free(path);
    file = file_open(directory, "file", FILES_CREATE);
    CHECK_OK(env_directory_sync(directory));
}

static void finish(void)
{
    env_file_close(file);
    env_directory_close(directory);
    env_fault_free(wrapper);
    env_memory_free(disk);
}

static void plan(uint64_t at, env_call call, int system_errno, uint64_t seed)
{
    env_fault_plan wanted = {at, false, system_errno, UINT32_C(1) << call, NULL, seed};
    env_fault_set(wrapper, &wanted);
}

TEST(a_failing_write_wrote_a_random_part_of_its_front_but_not_all)
{
    bool seen[10] = {false};
    slice parts[3] = {slice_make("0123", 4), slice_make(NULL, 0), slice_make("456789", 6)};
    for (uint64_t seed = 0; seed < 200; seed++) {
        char data[10];
        size_t got;
        start(NULL);
        plan(1, ENV_CALL_WRITE, ENOSPC, seed);
        CHECK_STATUS(PYKV_NO_SPACE, env_file_write(file, 0, parts, 3));
        CHECK_EQUAL(ENOSPC, error_last()->system_errno);
        CHECK(strstr(error_last()->path, "/d/file") != NULL);
        CHECK_OK(env_file_read(file, 0, data, 10, &got));
        CHECK(got < 10);
        CHECK_BYTES("0123456789", data, got);
        seen[got] = true;
        finish();
    }
    for (size_t i = 0; i < 10; i++) {
        CHECK(seen[i]);
    }
}

/* A sync that failed once and was tried again "worked", and the bytes were lost. */
TEST(after_a_failed_sync_the_next_one_succeeds_without_the_bytes)
{
    env *after = NULL;
    uint8_t *data;
    uint64_t size;
    char back[4];
    size_t got;
    start(NULL);
    CHECK_OK(file_write_one(file, 0, "lost", 4));
    plan(1, ENV_CALL_SYNC, EIO, 1);
    CHECK_STATUS(PYKV_IO_FAILED, env_file_sync(file));
    CHECK_OK(env_file_sync(file));
    CHECK_OK(env_file_read(file, 0, back, 4, &got));
    CHECK_BYTES("lost", back, 4);
    CHECK_OK(env_memory_crash(disk, 1, ENV_CRASH_DROP_ALL, &after));
    CHECK_OK(env_memory_file_bytes(after, "/d/file", &data, &size));
    CHECK_EQUAL(4, size);
    CHECK_BYTES("\0\0\0\0", data, 4);
    env_memory_free(after);
    env_memory_drop_cache(disk);
    CHECK_OK(env_file_read(file, 0, back, 4, &got));
    CHECK_BYTES("\0\0\0\0", back, 4);
    finish();
}

TEST(bytes_of_a_failed_sync_that_are_written_to_a_new_file_survive)
{
    env *after = NULL;
    uint8_t *data;
    uint64_t size;
    start(NULL);
    CHECK_OK(file_write_one(file, 0, "lost", 4));
    plan(1, ENV_CALL_SYNC, EIO, 1);
    CHECK_STATUS(PYKV_IO_FAILED, env_file_sync(file));
    env_file *second = file_open(directory, "second", FILES_CREATE);
    CHECK_OK(file_write_one(second, 0, "lost", 4));
    CHECK_OK(env_file_sync(second));
    env_file_close(second);
    CHECK_OK(env_directory_sync(directory));
    CHECK_OK(env_memory_crash(disk, 1, ENV_CRASH_DROP_ALL, &after));
    CHECK_OK(env_memory_file_bytes(after, "/d/second", &data, &size));
    CHECK_BYTES("lost", data, 4);
    env_memory_free(after);
    finish();
}

TEST(over_the_real_environment_a_failed_sync_is_only_an_error)
{
    start(env_posix());
    CHECK_OK(file_write_one(file, 0, "text", 4));
    plan(1, ENV_CALL_SYNC, EIO, 1);
    CHECK_STATUS(PYKV_IO_FAILED, env_file_sync(file));
    CHECK_OK(env_file_sync(file));
    CHECK_OK(env_file_close_on_fork(file));
    file_expect(directory, "file", "text");
    finish();
}

TEST(a_failing_store_is_no_crash_point_of_the_inner_disk)
{
    env_mapping mapping;
    start(NULL);
    CHECK_OK(env_file_truncate(file, 4096));
    CHECK_OK(env_file_map(file, 4096, true, &mapping));
    uint64_t before = env_memory_call_count(disk);
    plan(1, ENV_CALL_MAPPED_WRITE, EIO, 1);
    CHECK_STATUS(PYKV_IO_FAILED, env_mapping_written(&mapping, 0, 1));
    CHECK_EQUAL(before, env_memory_call_count(disk));
    CHECK_OK(env_mapping_written(&mapping, 0, 1));
    CHECK_EQUAL(before + 1, env_memory_call_count(disk));
    CHECK_EQUAL(0, env_mapping_faults(&mapping));
    plan(1, ENV_CALL_MAPPED_READ, EIO, 1);
    CHECK_EQUAL(1, env_mapping_faults(&mapping));
    CHECK_EQUAL(0, env_mapping_faults(&mapping));
    env_unmap(&mapping);
    finish();
}

TEST(a_hint_passes_whatever_fails)
{
    uint64_t count;
    uint64_t bytes;
    start(NULL);
    env_fault_plan all = {1, true, EIO, 0, NULL, 1};
    env_fault_set(wrapper, &all);
    env_file_will_need(file, 0, 4096);
    env_memory_asked(disk, &count, &bytes);
    CHECK_EQUAL(1, count);
    CHECK_EQUAL(4096, bytes);
    CHECK_EQUAL(0, env_fault_seen(wrapper));
    finish();
}

TEST(a_wrapper_without_memory_leaves_nothing)
{
    start(NULL);
    int64_t blocks = mem_block_count();
    pykv_status status = PYKV_NO_MEMORY;
    for (uint64_t at = 1; status != PYKV_OK; at++) {
        env_file *other = NULL;
        env_mapping mapping = {NULL, 0, false, NULL};
        (void)mem_fail_at(at, 0);
        status = env_file_open(directory, "file", ENV_READ, &other);
        if (status == PYKV_OK) {
            status = env_file_map_private(other, 10, &mapping);
        }
        (void)mem_fail_at(0, 0);
        CHECK(status == PYKV_OK || status == PYKV_NO_MEMORY);
        env_unmap(&mapping);
        env_file_close(other);
        CHECK_EQUAL(blocks, mem_block_count());
    }
    finish();
}

TEST_MAIN(CASE(a_failing_write_wrote_a_random_part_of_its_front_but_not_all),
          CASE(after_a_failed_sync_the_next_one_succeeds_without_the_bytes),
          CASE(bytes_of_a_failed_sync_that_are_written_to_a_new_file_survive),
          CASE(over_the_real_environment_a_failed_sync_is_only_an_error),
          CASE(a_failing_store_is_no_crash_point_of_the_inner_disk),
          CASE(a_hint_passes_whatever_fails), CASE(a_wrapper_without_memory_leaves_nothing))
