/*
 * repair_swap_test: whenever the power goes, the next swap finishes, and a manifest never lists
 * files that are not there.
 */
#include <errno.h>

#include "harness/check.h"

#include "base/memory.h"
#include "env/env_fault.h"
#include "env/env_memory.h"
#include "log/log_file.h"
#include "log/manifest_file.h"
#include "log/repair_swap.h"

#define HOME "/store"

/* 208 bytes: three of them are more than a message has room for. */
#define LONG_PART    "/aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define LONG_QUARTER LONG_PART LONG_PART LONG_PART LONG_PART
#define LONG_HOME    LONG_QUARTER LONG_QUARTER LONG_QUARTER
#define LONG_NAME                                                                                  \
    "a name that is longer than those of a store and that somebody gave to a file that is not "    \
    "one of its own"

enum { FIRST_NEW = 5, KEPT = 42 };

static home_claim claim(const char *name)
{
    return log_file_number(name) != 0 ? HOME_CERTAIN : HOME_NOT_MINE;
}

static bool owns(const char *name)
{
    return log_file_number(name) != 0 || strcmp(name, MANIFEST_NAME) == 0;
}

static const home_engine engine = {PYKV_ENGINE_LSM, claim, owns};

static void make_file(env_directory *home, const char *name, const char *text)
{
    env_file *file;
    slice bytes = slice_make(text, strlen(text));
    CHECK_OK(env_file_open(home, name, ENV_WRITE | ENV_CREATE, &file));
    CHECK_OK(env_file_write(file, 0, &bytes, 1));
    CHECK_OK(env_file_sync(file));
    env_file_close(file);
}

/* A damaged store at path, and a repaired one that waits in repairing/. */
static env *waiting_at(const char *path, env_directory **home_out)
{
    env *disk;
    env_directory *home;
    env_directory *fresh;
    char *below;
    pykv_report report = {.kept_record_count = KEPT, .damage_count = 2};
    CHECK_OK(env_memory_new(1, 1 << 20, &disk));
    CHECK_OK(env_directory_open(disk, path, true, &home));
    make_file(home, MANIFEST_NAME, "old");
    make_file(home, "00000001.log", "old");
    make_file(home, "notes.txt", "not ours");
    CHECK_OK(repair_path(home, &below));
    CHECK_OK(env_directory_open(disk, below, true, &fresh));
    mem_free(below);
    make_file(fresh, MANIFEST_NAME, "new");
    make_file(fresh, "00000005.log", "new");
    make_file(fresh, LONG_NAME, "not ours");
    CHECK_OK(repair_mark_done(home, FIRST_NEW, &report));
    CHECK_OK(env_directory_sync(fresh));
    CHECK_OK(env_directory_sync(home));
    env_directory_close(fresh);
    *home_out = home;
    return disk;
}

static env *waiting(env_directory **home_out)
{
    return waiting_at(HOME, home_out);
}

static bool holds(env *disk, const char *path, const char *text)
{
    uint8_t *data;
    uint64_t size;
    return env_memory_file_bytes(disk, path, &data, &size) == PYKV_OK && size == strlen(text) &&
           memcmp(data, text, size) == 0;
}

/* The manifest that is there has its log beside it. */
static void check_between(env *disk)
{
    CHECK(!holds(disk, HOME "/MANIFEST", "old") || holds(disk, HOME "/00000001.log", "old"));
    CHECK(!holds(disk, HOME "/MANIFEST", "new") || holds(disk, HOME "/00000005.log", "new"));
}

static void check_swapped(env *disk)
{
    CHECK(holds(disk, HOME "/MANIFEST", "new"));
    CHECK(holds(disk, HOME "/00000005.log", "new"));
    CHECK(holds(disk, HOME "/notes.txt", "not ours"));
    CHECK(holds(disk, HOME "/" LONG_NAME, "not ours"));
    CHECK(holds(disk, HOME "/damaged-1/MANIFEST", "old"));
    CHECK(holds(disk, HOME "/damaged-1/00000001.log", "old") ||
          holds(disk, HOME "/damaged-2/00000001.log", "old"));
}

/* Goes on from where the power went. */
static void finish(env *disk)
{
    env_directory *home;
    repair_stage stage;
    pykv_report report = {0};
    CHECK_OK(env_directory_open(disk, HOME, false, &home));
    CHECK_OK(repair_find_stage(home, &stage));
    if (stage == REPAIR_MOVING) {
        CHECK_OK(repair_swap(disk, home, &engine, &report));
        CHECK_EQUAL(KEPT, report.kept_record_count);
        CHECK_EQUAL(2, report.damage_count);
    } else if (stage == REPAIR_SWAPPED) {
        CHECK_OK(repair_clean(disk, home));
    } else if (holds(disk, HOME "/MANIFEST", "old")) {
        CHECK_OK(repair_swap(disk, home, &engine, NULL));
    }
    env_directory_close(home);
}

/* True if the swap was over before that call. */
static bool cut_at(uint64_t call, env_crash_policy policy)
{
    env *after;
    env_directory *home;
    env *disk = waiting(&home);
    env_memory_power_off_at(disk, env_memory_call_count(disk) + call);
    bool over = repair_swap(disk, home, &engine, NULL) == PYKV_OK;
    CHECK_OK(env_memory_crash(disk, call, policy, &after));
    check_between(after);
    finish(after);
    if (holds(after, HOME "/damaged-1/MANIFEST", "old")) {
        check_swapped(after);
    } else {
        /* The cut left an empty damaged-1 behind. */
        CHECK(holds(after, HOME "/MANIFEST", "new") && holds(after, HOME "/00000005.log", "new"));
        CHECK(holds(after, HOME "/damaged-2/MANIFEST", "old"));
    }
    env_directory_close(home);
    env_memory_free(after);
    env_memory_free(disk);
    return over;
}

TEST(a_swap_puts_the_new_files_in_place_and_keeps_the_old_ones)
{
    env_directory *home;
    env *disk = waiting(&home);
    CHECK_OK(repair_swap(disk, home, &engine, NULL));
    check_swapped(disk);
    CHECK(!holds(disk, HOME "/" REPAIR_DIRECTORY "/" REPAIR_DONE_NAME, ""));
    env_directory_close(home);
    env_memory_free(disk);
}

TEST(a_swap_that_the_power_cut_short_is_finished_by_the_next)
{
    uint64_t call = 1;
    while (!cut_at(call, ENV_CRASH_DROP_ALL)) {
        (void)cut_at(call, ENV_CRASH_KEEP_ALL);
        (void)cut_at(call, ENV_CRASH_PREFIX);
        (void)cut_at(call, ENV_CRASH_SUBSET);
        call++;
    }
    CHECK(call > 8);
}

/* Swaps with all renames from number at on failing; true if one did. */
static bool interrupted(env *disk, uint64_t at)
{
    env *faulty;
    env_directory *home;
    env_fault_plan plan = {
        .at = at, .sticky = true, .system_errno = EIO, .call_mask = 1U << ENV_CALL_RENAME};
    CHECK_OK(env_fault_new(disk, &faulty));
    env_fault_set(faulty, &plan);
    CHECK_OK(env_directory_open(faulty, LONG_HOME, false, &home));
    bool failed = repair_swap(faulty, home, &engine, NULL) != PYKV_OK;
    env_directory_close(home);
    env_fault_free(faulty);
    return failed;
}

/* The path of repairing/ was once cut, and with it that of the directory that was emptied. */
TEST(a_swap_in_a_store_with_a_long_path_is_finished_after_any_interruption)
{
    bool failed = true;
    for (uint64_t at = 1; failed; at++) {
        env_directory *home;
        env_directory *gone;
        env *disk = waiting_at(LONG_HOME, &home);
        failed = interrupted(disk, at);
        if (failed) {
            CHECK_OK(repair_swap(disk, home, &engine, NULL));
        }
        CHECK(holds(disk, LONG_HOME "/MANIFEST", "new"));
        CHECK(holds(disk, LONG_HOME "/00000005.log", "new"));
        CHECK(holds(disk, LONG_HOME "/" LONG_NAME, "not ours"));
        CHECK_STATUS(PYKV_PATH_NOT_FOUND,
                     env_directory_open(disk, LONG_HOME "/" REPAIR_DIRECTORY, false, &gone));
        env_directory_close(home);
        env_memory_free(disk);
        CHECK(at < 10);
    }
}

TEST(without_memory_for_the_path_nothing_is_cleaned)
{
    env_directory *home;
    env *disk = waiting_at(LONG_HOME, &home);
    (void)mem_fail_at(1, 0);
    CHECK_STATUS(PYKV_NO_MEMORY, repair_clean(disk, home));
    (void)mem_fail_at(0, 0);
    CHECK(holds(disk, LONG_HOME "/" REPAIR_DIRECTORY "/MANIFEST", "new"));
    env_directory_close(home);
    env_memory_free(disk);
}

TEST_MAIN(CASE(a_swap_puts_the_new_files_in_place_and_keeps_the_old_ones),
          CASE(a_swap_that_the_power_cut_short_is_finished_by_the_next),
          CASE(a_swap_in_a_store_with_a_long_path_is_finished_after_any_interruption),
          CASE(without_memory_for_the_path_nothing_is_cleaned))
