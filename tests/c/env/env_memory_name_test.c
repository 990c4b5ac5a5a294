/*
 * env_memory_name_test: the rules of names and locks on a simulated disk.
 */
#include <errno.h>
#include <unistd.h>

#include "base/memory.h"
#include "env/env_memory.h"
#include "env/files.h"

static env *disk;
static env_directory *directory;

static void start(void)
{
    disk = NULL;
    directory = NULL;
    CHECK_OK(env_memory_new(check_seed(), 64 << 10, &disk));
    CHECK_OK(env_directory_open(disk, "/d", true, &directory));
    file_put(directory, "file", "text");
    CHECK_OK(env_make_directory(directory, "inner"));
}

static void finish(void)
{
    env_directory_close(directory);
    env_memory_free(disk);
}

static void expect_failure(int system_errno, pykv_status status)
{
    CHECK(status != PYKV_OK);
    CHECK_EQUAL(system_errno, error_last()->system_errno);
}

TEST(files_and_directories_do_not_take_each_others_place)
{
    env_file *file = NULL;
    start();
    expect_failure(EISDIR, env_rename(directory, "file", "inner"));
    expect_failure(ENOTDIR, env_rename(directory, "inner", "file"));
    expect_failure(EISDIR, env_unlink(directory, "inner"));
    expect_failure(EPERM, env_link(directory, "inner", directory, "twin"));
    expect_failure(EISDIR, env_file_open(directory, "inner", ENV_READ | ENV_WRITE, &file));
    expect_failure(ENOTDIR, env_remove_directory(disk, "/d/file"));
    expect_failure(EEXIST, env_make_directory(directory, "file"));
    expect_failure(EBUSY, env_remove_directory(disk, "/"));
    finish();
}

TEST(a_directory_renamed_over_an_empty_one_takes_its_place)
{
    env_directory *replaced = NULL;
    env_file *file = NULL;
    start();
    CHECK_OK(env_directory_open(disk, "/d/inner", false, &replaced));
    CHECK_OK(env_make_directory(directory, "other"));
    CHECK_OK(env_rename(directory, "other", "inner"));
    CHECK_STATUS(PYKV_PATH_NOT_FOUND, env_file_open(replaced, "file", FILES_CREATE, &file));
    env_directory_close(replaced);
    CHECK_OK(env_directory_open(disk, "/d/inner", false, &replaced));
    file_put(replaced, "file", "text");
    CHECK_OK(env_make_directory(directory, "other"));
    expect_failure(ENOTEMPTY, env_rename(directory, "other", "inner"));
    env_directory_close(replaced);
    finish();
}

TEST(a_name_is_a_path_below_its_directory)
{
    env_file *file = NULL;
    start();
    expect_failure(EINVAL, env_file_open(directory, "", FILES_CREATE, &file));
    expect_failure(EINVAL, env_rename(directory, "file", ""));
    expect_failure(EINVAL, env_rename(directory, "file", "inner/"));
    expect_failure(ENOTDIR, env_file_open(directory, "file/a", FILES_CREATE, &file));
    expect_failure(ENOENT, env_file_open(directory, "none/a", FILES_CREATE, &file));
    expect_failure(EISDIR, env_file_open(directory, "inner/", ENV_READ, &file));
    CHECK_OK(env_link(directory, "file", directory, "inner/file"));
    file_expect(directory, "inner/file", "text");
    finish();
}

TEST(a_rename_between_directories_survives_any_crash_with_the_names_before_it)
{
    for (env_crash_policy policy = ENV_CRASH_DROP_ALL; policy < ENV_CRASH_POLICY_COUNT; policy++) {
        env *after;
        env_directory *found;
        start();
        CHECK_OK(env_rename(directory, "file", "inner/moved"));
        CHECK_OK(env_memory_crash(disk, check_seed(), policy, &after));
        CHECK_OK(env_directory_open(after, "/d", false, &found));
        CHECK_STATUS(PYKV_PATH_NOT_FOUND, env_unlink(found, "file"));
        CHECK_OK(env_unlink(found, "inner/moved"));
        env_directory_close(found);
        env_memory_free(after);
        finish();
    }
}

TEST(the_power_may_fail_before_or_after_a_rename_between_directories)
{
    enum { TRIES = 40 };
    int moved_count = 0;
    for (uint64_t seed = 1; seed <= TRIES; seed++) {
        env *first;
        env_directory *home;
        CHECK_OK(env_memory_new(seed, 64 << 10, &first));
        CHECK_OK(env_directory_open(first, "/d/inner", true, &home));
        env_directory_close(home);
        CHECK_OK(env_directory_open(first, "/d", false, &home));
        file_put(home, "file", "text");
        env_memory_power_off_at(first, env_memory_call_count(first) + 1);
        expect_failure(EIO, env_rename(home, "file", "inner/moved"));
        env_directory_close(home);
        CHECK_OK(env_memory_crash(first, seed, ENV_CRASH_KEEP_ALL, &disk));
        CHECK_OK(env_directory_open(disk, "/d", false, &directory));
        bool moved = env_unlink(directory, "inner/moved") == PYKV_OK;
        CHECK(moved || env_unlink(directory, "file") == PYKV_OK);
        moved_count += moved;
        env_memory_free(first);
        finish();
    }
    CHECK(moved_count > 0 && moved_count < TRIES);
}

TEST(a_lock_holds_one_directory_not_others)
{
    env_directory *inner = NULL;
    env_lock *lock = NULL;
    env_lock *other = NULL;
    start();
    CHECK_OK(env_directory_open(disk, "/d/inner", false, &inner));
    CHECK_OK(env_lock_take(directory, "LOCK", &lock));
    CHECK_STATUS(PYKV_LOCKED, env_lock_take(directory, "OTHER", &other));
    CHECK_EQUAL(getpid(), error_last()->owner_pid);
    CHECK_OK(env_lock_take(inner, "LOCK", &other));
    env_lock_release(other);
    env_lock_release(lock);
    CHECK(!file_exists(directory, "OTHER"));
    env_directory_close(inner);
    finish();
}

TEST(two_disks_lock_apart)
{
    env *second = NULL;
    env_directory *other = NULL;
    env_lock *locks[2];
    uint64_t pair[4];
    start();
    CHECK_OK(env_memory_new(1, 64 << 10, &second));
    CHECK_OK(env_directory_open(second, "/d", true, &other));
    CHECK_OK(env_directory_identity(directory, &pair[0], &pair[1]));
    CHECK_OK(env_directory_identity(other, &pair[2], &pair[3]));
    CHECK(pair[0] != pair[2]);
    CHECK_OK(env_lock_take(directory, "LOCK", &locks[0]));
    CHECK_OK(env_lock_take(other, "LOCK", &locks[1]));
    env_lock_release(locks[0]);
    env_lock_release(locks[1]);
    env_directory_close(other);
    env_memory_free(second);
    finish();
}

/* Each call once with each of its allocations failing: it says so, and nothing was done by half. */
static pykv_status call_number(int number)
{
    env_lock *lock = NULL;
    switch (number) {
    case 0:
        return env_rename(directory, "file", "renamed");
    case 1:
        return env_link(directory, "file", directory, "twin");
    case 2:
        return env_make_directory(directory, "made");
    case 3:
        return env_unlink(directory, "file");
    default: {
        pykv_status status = env_lock_take(directory, "LOCK", &lock);
        env_lock_release(lock);
        return status;
    }
    }
}

TEST(a_call_without_memory_changes_no_name)
{
    for (int number = 0; number < 5; number++) {
        pykv_status status = PYKV_NO_MEMORY;
        for (uint64_t at = 1; status != PYKV_OK; at++) {
            env_names names;
            env *after = NULL;
            start();
            (void)mem_fail_at(at, 0);
            status = call_number(number);
            (void)mem_fail_at(0, 0);
            CHECK(status == PYKV_OK || status == PYKV_NO_MEMORY);
            CHECK_OK(env_directory_list(directory, &names));
            CHECK(status == PYKV_OK || names.count == 2);
            env_names_free(&names);
            CHECK_OK(
                env_memory_crash(disk, 1, ENV_CRASH_PREFIX, &after)); /* the journal is whole */
            env_memory_free(after);
            finish();
        }
    }
}

TEST_MAIN(CASE(files_and_directories_do_not_take_each_others_place),
          CASE(a_directory_renamed_over_an_empty_one_takes_its_place),
          CASE(a_name_is_a_path_below_its_directory),
          CASE(a_rename_between_directories_survives_any_crash_with_the_names_before_it),
          CASE(the_power_may_fail_before_or_after_a_rename_between_directories),
          CASE(a_lock_holds_one_directory_not_others), CASE(two_disks_lock_apart),
          CASE(a_call_without_memory_changes_no_name))
