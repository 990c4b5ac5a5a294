/*
 * env_fault_test: which calls the plan counts and fails, on directories, names and locks. Files:
 * env_fault_file_test.c.
 */
#include <errno.h>

#include "base/memory.h"
#include "env/env_fault.h"
#include "env/env_memory.h"
#include "env/files.h"

static env *disk;
static env *wrapper;
static env_directory *directory;

static void start(void)
{
    disk = NULL;
    wrapper = NULL;
    directory = NULL;
    CHECK_OK(env_memory_new(check_seed(), 64 << 10, &disk));
    CHECK_OK(env_fault_new(disk, &wrapper));
    CHECK_OK(env_directory_open(wrapper, "/d", true, &directory));
}

static void finish(void)
{
    env_directory_close(directory);
    env_fault_free(wrapper);
    env_memory_free(disk);
}

static void plan(uint64_t at, bool sticky, int system_errno, uint32_t mask, const char *part)
{
    env_fault_plan wanted = {at, sticky, system_errno, mask, part, check_seed()};
    env_fault_set(wrapper, &wanted);
}

/* One call of every kind, and a second unlink; the first failure. */
static pykv_status call_everything(void)
{
    env_file *file = NULL;
    env_lock *lock = NULL;
    env_directory *inner = NULL;
    env_mapping mapping = {NULL, 0, false, NULL};
    env_names names = {NULL, 0};
    uint64_t size;
    size_t got;
    char data[4];
    pykv_status status = env_directory_open(wrapper, "/d/x", true, &inner);
    status = status != PYKV_OK ? status : env_directory_list(inner, &names);
    status = status != PYKV_OK ? status : env_directory_sync(inner);
    status = status != PYKV_OK ? status : env_file_open(inner, "file", FILES_CREATE, &file);
    status = status != PYKV_OK ? status : env_file_read(file, 0, data, 4, &got);
    status = status != PYKV_OK ? status : file_write_one(file, 0, "text", 4);
    status = status != PYKV_OK ? status : env_file_sync(file);
    status = status != PYKV_OK ? status : env_file_truncate(file, 2);
    status = status != PYKV_OK ? status : env_file_allocate(file, 0, 8);
    status = status != PYKV_OK ? status : env_file_size(file, &size);
    status = status != PYKV_OK ? status : env_file_map(file, 4, true, &mapping);
    status = status != PYKV_OK ? status : env_mapping_written(&mapping, 0, 1);
    status = status != PYKV_OK ? status : env_rename(inner, "file", "moved");
    status = status != PYKV_OK ? status : env_link(inner, "moved", inner, "twin");
    status = status != PYKV_OK ? status : env_unlink(inner, "moved");
    status = status != PYKV_OK ? status : env_make_directory(inner, "made");
    status = status != PYKV_OK ? status : env_remove_directory(wrapper, "/d/x/made");
    status = status != PYKV_OK ? status : env_lock_take(inner, "LOCK", &lock);
    status = status != PYKV_OK ? status : env_random(wrapper, data, 4);
    env_names_free(&names);
    env_lock_release(lock);
    env_unmap(&mapping);
    env_file_close(file);
    env_directory_close(inner);
    return status;
}

enum { EVERY_COUNT = 19 };

TEST(without_a_fault_calls_are_counted_and_pass)
{
    start();
    plan(0, true, EIO, 0, NULL);
    CHECK_OK(call_everything());
    CHECK_EQUAL(EVERY_COUNT, env_fault_seen(wrapper));
    CHECK_EQUAL(0, env_fault_failed(wrapper));
    finish();
}

TEST(every_call_can_be_the_one_that_fails)
{
    for (uint64_t at = 1; at <= EVERY_COUNT; at++) {
        int64_t blocks = mem_block_count();
        start();
        plan(at, false, EMFILE, 0, NULL);
        CHECK_STATUS(PYKV_IO_FAILED, call_everything());
        CHECK_EQUAL(EMFILE, error_last()->system_errno);
        CHECK_EQUAL(at, env_fault_seen(wrapper));
        CHECK_EQUAL(1, env_fault_failed(wrapper));
        finish();
        CHECK_EQUAL(blocks, mem_block_count());
    }
}

TEST(every_kind_of_call_has_its_bit)
{
    /* Reads of a mapping have one too, but give no status. */
    for (int call = ENV_CALL_OPEN_DIRECTORY; call < ENV_CALL_MAPPED_READ; call++) {
        start();
        plan(1, false, ENOSPC, UINT32_C(1) << call, NULL);
        CHECK_STATUS(PYKV_NO_SPACE, call_everything());
        CHECK_EQUAL(1, env_fault_seen(wrapper));
        finish();
    }
}

TEST(a_fault_strikes_once_or_from_then_on)
{
    start();
    plan(2, false, EIO, UINT32_C(1) << ENV_CALL_SYNC_DIRECTORY, NULL);
    CHECK_OK(env_directory_sync(directory));
    CHECK_STATUS(PYKV_IO_FAILED, env_directory_sync(directory));
    CHECK_OK(env_directory_sync(directory));
    plan(2, true, EIO, UINT32_C(1) << ENV_CALL_SYNC_DIRECTORY, NULL);
    CHECK_OK(env_directory_sync(directory));
    CHECK_STATUS(PYKV_IO_FAILED, env_directory_sync(directory));
    CHECK_STATUS(PYKV_IO_FAILED, env_directory_sync(directory));
    CHECK_EQUAL(3, env_fault_seen(wrapper));
    CHECK_EQUAL(2, env_fault_failed(wrapper));
    plan(0, false, EIO, 0, NULL);
    CHECK_OK(env_directory_sync(directory));
    finish();
}

TEST(a_fault_can_be_limited_to_names_that_contain_a_text)
{
    start();
    file_put(directory, "log-1", "");
    file_put(directory, "manifest", "");
    char part[] = "log";
    plan(1, true, EACCES, 0, part);
    part[0] = 'X'; /* the plan keeps a copy */
    CHECK_STATUS(PYKV_NO_PERMISSION, env_rename(directory, "log-1", "other"));
    CHECK(strstr(error_last()->path, "/d/log-1") != NULL);
    CHECK_STATUS(PYKV_NO_PERMISSION, env_rename(directory, "manifest", "log-2"));
    CHECK_OK(env_rename(directory, "manifest", "moved"));
    CHECK_OK(env_directory_sync(directory));
    CHECK_EQUAL(2, env_fault_seen(wrapper));
    CHECK(file_exists(directory, "moved"));
    finish();
}

TEST(a_call_that_fails_does_not_reach_the_inner_environment)
{
    start();
    uint64_t before = env_memory_call_count(disk);
    env_lock *lock = NULL;
    plan(1, true, EIO, 0, NULL);
    CHECK_STATUS(PYKV_IO_FAILED, env_make_directory(directory, "made"));
    CHECK_STATUS(PYKV_IO_FAILED, env_lock_take(directory, "LOCK", &lock));
    CHECK_STATUS(PYKV_IO_FAILED, env_directory_sync(directory));
    CHECK_EQUAL(before, env_memory_call_count(disk));
    CHECK(lock == NULL);
    finish();
}

TEST(failures_of_the_inner_environment_pass)
{
    env_directory *missing = NULL;
    env_lock *lock = NULL;
    env_lock *second = NULL;
    start();
    CHECK_STATUS(PYKV_PATH_NOT_FOUND, env_directory_open(wrapper, "/gone", false, &missing));
    CHECK_STATUS(PYKV_PATH_NOT_FOUND, env_unlink(directory, "gone"));
    CHECK_OK(env_lock_take(directory, "LOCK", &lock));
    CHECK_STATUS(PYKV_LOCKED, env_lock_take(directory, "LOCK", &second));
    env_lock_release(lock);
    CHECK_EQUAL(env_monotonic_us(disk), env_monotonic_us(wrapper));
    CHECK_EQUAL(env_wall_us(disk), env_wall_us(wrapper));
    finish();
}

TEST_MAIN(CASE(without_a_fault_calls_are_counted_and_pass),
          CASE(every_call_can_be_the_one_that_fails), CASE(every_kind_of_call_has_its_bit),
          CASE(a_fault_strikes_once_or_from_then_on),
          CASE(a_fault_can_be_limited_to_names_that_contain_a_text),
          CASE(a_call_that_fails_does_not_reach_the_inner_environment),
          CASE(failures_of_the_inner_environment_pass))
