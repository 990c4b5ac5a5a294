/*
 * checkpoint: second names or copies behind a mark, and nothing left of what failed.
 */
#include <errno.h>

#include "harness/check.h"

#include "base/error.h"
#include "base/memory.h"
#include "env/env_fault.h"
#include "env/env_memory.h"
#include "log/checkpoint.h"
#include "log/home.h"
#include "log/manifest_file.h"

#define COPY_PATH "/made/copy"

enum { FILE_BYTES = 600 * 1024, CUTS_A_CALL = 8, CRASHES_A_CUT = 4 };

static env *disk;
static env *wrapper; /* over disk; calls of it may fail */
static env_directory *home;

static void put_file(env_directory *directory, const char *name, size_t size)
{
    env_file *file;
    uint8_t *bytes = mem_alloc(size);
    CHECK(bytes != NULL);
    for (size_t i = 0; i < size; i++) {
        bytes[i] = (uint8_t)(i * 31 + i / 256);
    }
    slice whole = slice_make(bytes, size);
    CHECK_OK(env_file_open(directory, name, ENV_WRITE | ENV_CREATE, &file));
    CHECK_OK(env_file_write(file, 0, &whole, 1));
    CHECK_OK(env_file_sync(file));
    env_file_close(file);
    mem_free(bytes);
}

static void start_with(uint64_t seed)
{
    CHECK_OK(env_memory_new(seed, 1 << 20, &disk));
    CHECK_OK(env_fault_new(disk, &wrapper));
    CHECK_OK(env_directory_open(wrapper, "/home", true, &home));
    put_file(home, "first", FILE_BYTES);
    put_file(home, "second", 10);
    CHECK_OK(env_directory_sync(home));
}

static void start(void)
{
    start_with(check_seed());
}

static void finish(void)
{
    env_directory_close(home);
    env_fault_free(wrapper);
    env_memory_free(disk);
}

static void fail_links(int system_errno)
{
    env_fault_plan plan = {
        .at = 1, .sticky = true, .system_errno = system_errno, .call_mask = 1U << ENV_CALL_LINK};
    env_fault_set(wrapper, &plan);
}

/* A whole checkpoint with a manifest that is one file more. */
static pykv_status make(const char *path)
{
    checkpoint *copy;
    pykv_status status = checkpoint_begin(wrapper, path, &copy);
    if (status != PYKV_OK) {
        return status;
    }
    status = checkpoint_add(copy, home, "first");
    if (status == PYKV_OK) {
        status = checkpoint_add(copy, home, "second");
    }
    if (status == PYKV_OK) {
        static const buffer manifest = {.data = (uint8_t *)"text", .size = 4};
        status = manifest_file_place(checkpoint_home(copy), &manifest);
    }
    return checkpoint_end(copy, status);
}

static size_t count_names(env *of, const char *path)
{
    env_directory *directory;
    env_names names;
    if (env_directory_open(of, path, false, &directory) != PYKV_OK) {
        return 0;
    }
    CHECK_OK(env_directory_list(directory, &names));
    size_t count = names.count;
    env_names_free(&names);
    env_directory_close(directory);
    return count;
}

static void expect_equal_files(const char *name)
{
    char path[64];
    uint8_t *one;
    uint8_t *other;
    uint64_t size;
    uint64_t other_size;
    snprintf(path, sizeof path, "/home/%s", name);
    CHECK_OK(env_memory_file_bytes(disk, path, &one, &size));
    snprintf(path, sizeof path, "%s/%s", COPY_PATH, name);
    CHECK_OK(env_memory_file_bytes(disk, path, &other, &other_size));
    CHECK_EQUAL(size, other_size);
    CHECK_BYTES(one, other, size);
}

TEST(files_come_under_second_names_behind_which_the_mark_goes)
{
    start();
    CHECK_OK(make(COPY_PATH));
    CHECK_EQUAL(3, count_names(disk, COPY_PATH));
    CHECK_OK(env_unlink(home, "first")); /* the copy has it all the same */
    put_file(home, "first", FILE_BYTES);
    expect_equal_files("first");
    expect_equal_files("second");
    finish();
}

TEST(where_there_are_no_second_names_the_bytes_are_copied)
{
    static const int refusals[] = {EXDEV, EOPNOTSUPP, EPERM, EMLINK};
    for (size_t i = 0; i < sizeof refusals / sizeof refusals[0]; i++) {
        start();
        fail_links(refusals[i]);
        CHECK_OK(make(COPY_PATH));
        CHECK_EQUAL(2, env_fault_failed(wrapper));
        expect_equal_files("first");
        expect_equal_files("second");
        finish();
    }
}

TEST(there_must_be_nothing_at_the_path)
{
    start();
    CHECK_OK(env_make_directory(home, "empty"));
    CHECK_STATUS(PYKV_PATH_EXISTS, make("/home/empty"));
    CHECK_STATUS(PYKV_PATH_EXISTS, make("/home/first/"));
    CHECK_STATUS(PYKV_PATH_EXISTS, make("/home"));
    CHECK_STATUS(PYKV_PATH_EXISTS, make("/"));
    CHECK_STATUS(PYKV_INVALID_ARGUMENT, make(""));
    CHECK_EQUAL(0, count_names(disk, "/home/empty"));
    CHECK_OK(make("relative"));
    CHECK_EQUAL(3, count_names(disk, "/relative"));
    finish();
}

TEST(whatever_call_fails_nothing_stays_but_what_was_there)
{
    bool failed = true;
    for (uint64_t at = 1; failed; at++) {
        start();
        env_fault_plan plan = {.at = at, .system_errno = EIO};
        env_fault_set(wrapper, &plan);
        pykv_status status = make(COPY_PATH);
        failed = env_fault_failed(wrapper) > 0;
        if (status != PYKV_OK) {
            CHECK_STATUS(PYKV_IO_FAILED, status);
            CHECK_EQUAL(PYKV_IO_FAILED, error_last()->status);
            CHECK_EQUAL(0, count_names(disk, COPY_PATH));
        } else if (failed) {
            CHECK_EQUAL(4, count_names(disk, COPY_PATH)); /* the mark could not go */
        }
        CHECK_EQUAL(2, count_names(disk, "/home"));
        CHECK(count_names(disk, "/made") == (status == PYKV_OK ? 1 : 0));
        finish();
        CHECK(at < 100);
    }
}

static bool has_name(env *of, const char *path, const char *name)
{
    env_directory *directory;
    env_file *file;
    CHECK_OK(env_directory_open(of, path, false, &directory));
    bool has = env_file_open(directory, name, ENV_READ, &file) == PYKV_OK;
    if (has) {
        env_file_close(file);
    }
    env_directory_close(directory);
    return has;
}

/* A directory that is there has the mark in it from the beginning: an open takes an empty one for
 * a place to make a store in. */
static void check_never_empty(env *after)
{
    env_directory *directory;
    if (env_directory_open(after, COPY_PATH, false, &directory) == PYKV_OK) {
        env_directory_close(directory);
        CHECK(count_names(after, COPY_PATH) > 0);
    }
}

/* The mark, or the manifest with every file, or nothing. */
static void check_remnant(env *after)
{
    size_t count = count_names(after, COPY_PATH);
    if (count > 0 && has_name(after, COPY_PATH, MANIFEST_NAME)) {
        CHECK(has_name(after, COPY_PATH, "first"));
        CHECK(has_name(after, COPY_PATH, "second"));
    } else if (count > 0) {
        CHECK(has_name(after, COPY_PATH, HOME_UNFINISHED_NAME));
    }
    CHECK_EQUAL(2, count_names(after, "/home"));
}

/* What a power cut now leaves, by all policies. status: what the checkpoint has told. */
static void check_crashes(uint64_t chance, pykv_status status)
{
    for (int policy = ENV_CRASH_DROP_ALL; policy <= ENV_CRASH_TORN; policy++) {
        env *after;
        CHECK_OK(env_memory_crash(disk, chance, (env_crash_policy)policy, &after));
        check_remnant(after);
        if (policy == ENV_CRASH_KEEP_ALL || policy == ENV_CRASH_PREFIX) {
            check_never_empty(after);
        }
        CHECK(status != PYKV_OK || has_name(after, COPY_PATH, MANIFEST_NAME));
        env_memory_free(after);
    }
}

/* Cuts the power at one call of a checkpoint. True: there is such a call. */
static bool cut_at(uint64_t call, uint64_t seed)
{
    start_with(seed);
    env_memory_power_off_at(disk, env_memory_call_count(disk) + 1 + call);
    pykv_status status = make(COPY_PATH);
    bool cut = env_memory_is_off(disk);
    for (uint64_t chance = 0; chance < CRASHES_A_CUT; chance++) {
        check_crashes(seed + chance, status);
    }
    finish();
    return cut;
}

/* Half of the calls that the power fails in are done all the same: each is cut several times. */
TEST(a_power_cut_at_any_call_leaves_the_mark_or_all_of_it)
{
    bool cut = true;
    for (uint64_t call = 0; cut; call++) {
        for (uint64_t i = 0; i < CUTS_A_CALL; i++) {
            cut = cut_at(call, check_seed() + (call * CUTS_A_CALL + i) * CRASHES_A_CUT);
        }
        CHECK(call < 100);
    }
}

TEST_MAIN(CASE(files_come_under_second_names_behind_which_the_mark_goes),
          CASE(where_there_are_no_second_names_the_bytes_are_copied),
          CASE(there_must_be_nothing_at_the_path),
          CASE(whatever_call_fails_nothing_stays_but_what_was_there),
          CASE(a_power_cut_at_any_call_leaves_the_mark_or_all_of_it))
