/*
 * env_memory_file_test: calls on files of a simulated disk in which the power goes, and opens.
 */
#include <errno.h>

#include "env/env_memory.h"
#include "env/files.h"

enum { FILE_BYTES_MAX = 64 << 10, SEED_COUNT = 300 };

static env *disk;
static env_directory *directory;
static env_file *file;

/* A disk with a synced file of ten zeros (as digits), whose power goes at the next change. */
static void start_failing(uint64_t seed)
{
    disk = NULL;
    directory = NULL;
    CHECK_OK(env_memory_new(seed, FILE_BYTES_MAX, &disk));
    CHECK_OK(env_directory_open(disk, "/d", true, &directory));
    file = file_open(directory, "file", FILES_CREATE);
    CHECK_OK(file_write_one(file, 0, "0000000000", 10));
    CHECK_OK(env_file_sync(file));
    CHECK_OK(env_directory_sync(directory));
}

static void fail_next(void)
{
    env_memory_power_off_at(disk, env_memory_call_count(disk) + 1);
}

static void finish(void)
{
    env_file_close(file);
    env_directory_close(directory);
    env_memory_free(disk);
}

/* The file after a crash; data_out is good until the disk is freed. */
static env *crash(env_crash_policy policy, uint8_t **data_out, uint64_t *size_out)
{
    env *after = NULL;
    CHECK_OK(env_memory_crash(disk, 1, policy, &after));
    CHECK_OK(env_memory_file_bytes(after, "/d/file", data_out, size_out));
    return after;
}

TEST(a_write_at_the_end_of_power_did_a_prefix)
{
    bool seen[11] = {false};
    for (uint64_t seed = 0; seed < SEED_COUNT; seed++) {
        uint8_t *data;
        uint64_t size;
        slice parts[2] = {slice_make("12345", 5), slice_make("67890", 5)};
        start_failing(seed);
        fail_next();
        CHECK_STATUS(PYKV_IO_FAILED, env_file_write(file, 0, parts, 2));
        env *after = crash(ENV_CRASH_KEEP_ALL, &data, &size);
        size_t done = 0;
        while (done < 10 && data[done] == "1234567890"[done]) {
            done++;
        }
        for (size_t i = done; i < 9; i++) {
            CHECK_EQUAL('0', data[i]);
        }
        seen[done] = true;
        env_memory_free(after);
        finish();
    }
    CHECK(seen[0] && seen[1] && seen[5] && seen[8] && seen[10]);
}

TEST(a_sync_at_the_end_of_power_happened_or_did_not)
{
    unsigned done = 0;
    for (uint64_t seed = 0; seed < SEED_COUNT; seed++) {
        uint8_t *data;
        uint64_t size;
        start_failing(seed);
        CHECK_OK(file_write_one(file, 0, "1", 1));
        fail_next();
        CHECK_STATUS(PYKV_IO_FAILED, env_file_sync(file));
        env *after = crash(ENV_CRASH_DROP_ALL, &data, &size);
        done += data[0] == '1';
        env_memory_free(after);
        finish();
    }
    CHECK(done > SEED_COUNT / 6 && done < SEED_COUNT - SEED_COUNT / 6);
}

TEST(a_truncation_at_the_end_of_power_happened_or_did_not)
{
    unsigned done = 0;
    for (uint64_t seed = 0; seed < SEED_COUNT; seed++) {
        uint8_t *data;
        uint64_t size;
        start_failing(seed);
        fail_next();
        CHECK_STATUS(PYKV_IO_FAILED, env_file_truncate(file, 4));
        env *after = crash(ENV_CRASH_KEEP_ALL, &data, &size);
        CHECK(size == 4 || size == 10);
        done += size == 4;
        env_memory_free(after);
        finish();
    }
    CHECK(done > SEED_COUNT / 4 && done < SEED_COUNT - SEED_COUNT / 4);
}

TEST(a_file_made_at_the_end_of_power_is_there_or_not)
{
    unsigned made = 0;
    for (uint64_t seed = 0; seed < SEED_COUNT; seed++) {
        env *after = NULL;
        env_file *other = NULL;
        uint8_t *data;
        uint64_t size;
        start_failing(seed);
        fail_next();
        CHECK_STATUS(PYKV_IO_FAILED, env_file_open(directory, "other", FILES_CREATE, &other));
        CHECK(other == NULL);
        CHECK_OK(env_memory_crash(disk, 1, ENV_CRASH_KEEP_ALL, &after));
        made += env_memory_file_bytes(after, "/d/other", &data, &size) == PYKV_OK;
        env_memory_free(after);
        finish();
    }
    CHECK(made > SEED_COUNT / 4 && made < SEED_COUNT - SEED_COUNT / 4);
}

TEST(an_unsynced_cut_may_leave_the_old_tail_or_zeros_but_no_more)
{
    bool seen_old = false;
    bool seen_cut = false;
    start_failing(1);
    CHECK_OK(env_file_truncate(file, 4));
    for (uint64_t seed = 0; seed < SEED_COUNT; seed++) {
        env *after = NULL;
        uint8_t *data;
        uint64_t size;
        CHECK_OK(env_memory_crash(disk, seed, ENV_CRASH_SUBSET, &after));
        CHECK_OK(env_memory_file_bytes(after, "/d/file", &data, &size));
        CHECK(size >= 4 && size <= 10);
        CHECK_BYTES("0000", data, 4);
        seen_cut = seen_cut || size == 4;
        seen_old = seen_old || (size == 10 && data[9] == '0');
        env_memory_free(after);
    }
    CHECK(seen_cut && seen_old);
    CHECK_OK(env_file_sync(file));
    uint8_t *data;
    uint64_t size;
    env *after = crash(ENV_CRASH_TORN_SECTOR, &data, &size);
    CHECK_EQUAL(4, size);
    env_memory_free(after);
    finish();
}

/* A file cut and grown again before any sync must not get its old bytes back by that sync. */
TEST(a_file_cut_and_grown_again_is_zero_on_the_device_too)
{
    uint8_t *data;
    uint64_t size;
    start_failing(1);
    CHECK_OK(env_file_truncate(file, 0));
    CHECK_OK(env_file_truncate(file, 10));
    CHECK_OK(env_file_sync(file));
    env *after = crash(ENV_CRASH_DROP_ALL, &data, &size);
    CHECK_EQUAL(10, size);
    CHECK_BYTES("\0\0\0\0\0\0\0\0\0\0", data, 10);
    env_memory_free(after);
    finish();
}

TEST(a_file_is_used_as_it_was_opened)
{
    char data[1];
    size_t got;
    start_failing(1);
    env_file *reader = file_open(directory, "file", ENV_READ);
    env_file *writer = file_open(directory, "file", ENV_WRITE);
    CHECK_STATUS(PYKV_IO_FAILED, file_write_one(reader, 0, "x", 1));
    CHECK_EQUAL(EBADF, error_last()->system_errno);
    CHECK_STATUS(PYKV_IO_FAILED, env_file_truncate(reader, 0));
    CHECK_STATUS(PYKV_IO_FAILED, env_file_allocate(reader, 0, 1));
    CHECK_STATUS(PYKV_IO_FAILED, env_file_read(writer, 0, data, 1, &got));
    CHECK_STATUS(PYKV_IO_FAILED, env_file_allocate(writer, 0, 0));
    CHECK_OK(file_write_one(writer, 0, "x", 1));
    env_file_close(reader);
    env_file_close(writer);
    finish();
}

TEST_MAIN(CASE(a_write_at_the_end_of_power_did_a_prefix),
          CASE(a_sync_at_the_end_of_power_happened_or_did_not),
          CASE(a_truncation_at_the_end_of_power_happened_or_did_not),
          CASE(a_file_made_at_the_end_of_power_is_there_or_not),
          CASE(an_unsynced_cut_may_leave_the_old_tail_or_zeros_but_no_more),
          CASE(a_file_cut_and_grown_again_is_zero_on_the_device_too),
          CASE(a_file_is_used_as_it_was_opened))
