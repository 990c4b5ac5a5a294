/*
 * env_memory_outcome_test: counts the outcomes of many crashes of one small change: each that the
 * policy allows does occur, and no other.
 */
#include "env/env_memory.h"
#include "env/files.h"

enum { FILE_BYTES_MAX = 16 << 10, SECTOR_BYTES = 512, OUTCOME_COUNT = 300 };

static env *disk;
static env_directory *directory;
static env_file *file;

static void start(void)
{
    disk = NULL;
    directory = NULL;
    CHECK_OK(env_memory_new(check_seed(), FILE_BYTES_MAX, &disk));
    CHECK_OK(env_directory_open(disk, "/d", true, &directory));
    file = file_open(directory, "file", FILES_CREATE);
    CHECK_OK(env_directory_sync(directory));
}

static void finish(void)
{
    env_file_close(file);
    env_directory_close(directory);
    env_memory_free(disk);
}

/* ---- outcomes of one sector ---- */

typedef struct outcomes {
    unsigned old;
    unsigned fresh;
    unsigned torn;    /* each byte old or new */
    unsigned garbled; /* garbage where the bytes changed */
    unsigned wrecked; /* garbage elsewhere too */
} outcomes;

static void count_outcome(outcomes *counted, const uint8_t *old, const uint8_t *fresh,
                          const uint8_t *got)
{
    bool mixed = true;
    bool unchanged_kept = true;
    for (size_t i = 0; i < SECTOR_BYTES; i++) {
        mixed = mixed && (got[i] == old[i] || got[i] == fresh[i]);
        unchanged_kept = unchanged_kept && (old[i] != fresh[i] || got[i] == old[i]);
    }
    if (memcmp(got, old, SECTOR_BYTES) == 0) {
        counted->old++;
    } else if (memcmp(got, fresh, SECTOR_BYTES) == 0) {
        counted->fresh++;
    } else if (mixed) {
        counted->torn++;
    } else if (unchanged_kept) {
        counted->garbled++;
    } else {
        counted->wrecked++;
    }
}

/* A sector of 1s in whose middle 2s are written, and beside it one that nothing is written to. */
static outcomes sector_outcomes(env_crash_policy policy)
{
    uint8_t old[2 * SECTOR_BYTES];
    uint8_t fresh[2 * SECTOR_BYTES];
    outcomes counted = {0, 0, 0, 0, 0};
    memset(old, 1, sizeof old);
    memcpy(fresh, old, sizeof old);
    memset(fresh + 100, 2, 200);
    start();
    CHECK_OK(file_write_one(file, 0, old, sizeof old));
    CHECK_OK(env_file_sync(file));
    CHECK_OK(file_write_one(file, 100, fresh + 100, 200));
    for (uint64_t seed = 0; seed < OUTCOME_COUNT; seed++) {
        uint8_t *data;
        uint64_t size;
        env *after = NULL;
        CHECK_OK(env_memory_crash(disk, seed, policy, &after));
        CHECK_OK(env_memory_file_bytes(after, "/d/file", &data, &size));
        CHECK_EQUAL(sizeof old, size);
        CHECK_BYTES(old + SECTOR_BYTES, data + SECTOR_BYTES, SECTOR_BYTES);
        count_outcome(&counted, old, fresh, data);
        env_memory_free(after);
    }
    finish();
    return counted;
}

TEST(drop_all_keeps_the_old_sector_and_keep_all_the_new)
{
    CHECK_EQUAL(OUTCOME_COUNT, sector_outcomes(ENV_CRASH_DROP_ALL).old);
    CHECK_EQUAL(OUTCOME_COUNT, sector_outcomes(ENV_CRASH_KEEP_ALL).fresh);
}

TEST(under_subset_a_sector_is_old_or_new)
{
    outcomes counted = sector_outcomes(ENV_CRASH_SUBSET);
    CHECK(counted.old > OUTCOME_COUNT / 4);
    CHECK(counted.fresh > OUTCOME_COUNT / 4);
    CHECK_EQUAL(OUTCOME_COUNT, counted.old + counted.fresh);
}

TEST(under_torn_a_sector_may_be_torn_or_garbled_where_it_changed)
{
    outcomes counted = sector_outcomes(ENV_CRASH_TORN);
    CHECK(counted.old > 0 && counted.fresh > 0);
    CHECK(counted.torn > OUTCOME_COUNT / 20);
    CHECK(counted.garbled > OUTCOME_COUNT / 20);
    CHECK_EQUAL(0, counted.wrecked);
}

TEST(under_torn_sector_unchanged_bytes_may_go_too)
{
    outcomes counted = sector_outcomes(ENV_CRASH_TORN_SECTOR);
    CHECK(counted.old > 0 && counted.fresh > 0 && counted.torn > 0);
    CHECK(counted.wrecked > OUTCOME_COUNT / 20);
}

/* ---- independence ---- */

/* Two writes to different sectors; counts which of them survived: none, first, second, both. */
static void count_pairs(env_crash_policy policy, unsigned counted[4])
{
    start();
    CHECK_OK(env_file_truncate(file, 2 * SECTOR_BYTES));
    CHECK_OK(env_file_sync(file));
    CHECK_OK(file_write_one(file, 0, "1", 1));
    CHECK_OK(file_write_one(file, SECTOR_BYTES, "2", 1));
    for (uint64_t seed = 0; seed < OUTCOME_COUNT; seed++) {
        uint8_t *data;
        uint64_t size;
        env *after = NULL;
        CHECK_OK(env_memory_crash(disk, seed, policy, &after));
        CHECK_OK(env_memory_file_bytes(after, "/d/file", &data, &size));
        counted[(data[0] == '1' ? 1 : 0) + (data[SECTOR_BYTES] == '2' ? 2 : 0)]++;
        env_memory_free(after);
    }
    finish();
}

TEST(a_later_sector_may_survive_without_an_earlier_one_but_not_under_prefix)
{
    unsigned subset[4] = {0, 0, 0, 0};
    unsigned prefix[4] = {0, 0, 0, 0};
    count_pairs(ENV_CRASH_SUBSET, subset);
    count_pairs(ENV_CRASH_PREFIX, prefix);
    CHECK(subset[0] > 0 && subset[1] > 0 && subset[2] > 0 && subset[3] > 0);
    CHECK(prefix[0] > 0 && prefix[1] > 0 && prefix[3] > 0);
    CHECK_EQUAL(0, prefix[2]);
}

TEST(size_and_bytes_of_an_append_survive_independently)
{
    unsigned empty = 0;
    unsigned zeros = 0;
    unsigned part = 0;
    unsigned whole = 0;
    start();
    CHECK_OK(file_write_one(file, 0, "appended", 8));
    for (uint64_t seed = 0; seed < OUTCOME_COUNT; seed++) {
        uint8_t *data;
        uint64_t size;
        env *after = NULL;
        CHECK_OK(env_memory_crash(disk, seed, ENV_CRASH_SUBSET, &after));
        CHECK_OK(env_memory_file_bytes(after, "/d/file", &data, &size));
        empty += size == 0;
        part += size > 0 && size < 8;
        zeros += size == 8 && data[0] == 0;
        whole += size == 8 && memcmp(data, "appended", 8) == 0;
        CHECK_EQUAL(0, data[size]);
        env_memory_free(after);
    }
    finish();
    CHECK(empty > 0 && zeros > 0 && part > 0 && whole > 0);
}

/* A truncation that did not survive leaves the sectors that it cut off whole as they were. */
TEST(a_sector_that_was_cut_off_keeps_its_bytes_if_the_size_survives)
{
    uint8_t old[2 * SECTOR_BYTES];
    unsigned kept = 0;
    memset(old, 'A', sizeof old);
    start();
    CHECK_OK(file_write_one(file, 0, old, sizeof old));
    CHECK_OK(env_file_sync(file));
    CHECK_OK(env_file_truncate(file, 100));
    for (uint64_t seed = 0; seed < OUTCOME_COUNT; seed++) {
        uint8_t *data;
        uint64_t size;
        env *after = NULL;
        CHECK_OK(env_memory_crash(disk, seed, ENV_CRASH_TORN_SECTOR, &after));
        CHECK_OK(env_memory_file_bytes(after, "/d/file", &data, &size));
        for (uint64_t i = SECTOR_BYTES; i < size; i++) {
            CHECK_EQUAL('A', data[i]);
        }
        kept += size > SECTOR_BYTES;
        env_memory_free(after);
    }
    finish();
    CHECK(kept > OUTCOME_COUNT / 4);
}

/* True if the files that are left are the first few of name_count, but neither none nor all. */
static bool leaves_front(env *after, int name_count)
{
    int present = 0;
    bool in_order = true;
    for (int i = 0; i < name_count; i++) {
        char path[16];
        uint8_t *data;
        uint64_t size;
        snprintf(path, sizeof path, "/d/n%d", i);
        bool found = env_memory_file_bytes(after, path, &data, &size) == PYKV_OK;
        in_order = in_order && (!found || present == i);
        present += found;
    }
    return in_order && present > 0 && present < name_count;
}

/* Independent choices leave the first few of twelve names once in thirty crashes. */
TEST(names_survive_in_their_order_in_a_third_of_the_crashes)
{
    enum { NAME_COUNT = 12 };
    unsigned in_order = 0;
    start();
    for (int i = 0; i < NAME_COUNT; i++) {
        char name[16];
        snprintf(name, sizeof name, "n%d", i);
        file_put(directory, name, "");
    }
    for (uint64_t seed = 0; seed < OUTCOME_COUNT; seed++) {
        env *after = NULL;
        CHECK_OK(env_memory_crash(disk, seed, ENV_CRASH_SUBSET, &after));
        in_order += leaves_front(after, NAME_COUNT);
        env_memory_free(after);
    }
    finish();
    CHECK(in_order > OUTCOME_COUNT / 6 && in_order < OUTCOME_COUNT / 2);
}

/* Pages whose sync failed are clean: nothing writes them any more, and a crash cannot either. */
TEST(bytes_of_a_lost_sync_never_survive)
{
    start();
    CHECK_OK(file_write_one(file, 0, "lost", 4));
    env_memory_sync_lost(file);
    CHECK_OK(env_file_sync(file));
    for (uint64_t seed = 0; seed < OUTCOME_COUNT; seed++) {
        static const env_crash_policy policies[] = {ENV_CRASH_SUBSET, ENV_CRASH_TORN_SECTOR,
                                                    ENV_CRASH_PREFIX};
        uint8_t *data;
        uint64_t size;
        env *after = NULL;
        CHECK_OK(env_memory_crash(disk, seed, policies[seed % 3], &after));
        CHECK_OK(env_memory_file_bytes(after, "/d/file", &data, &size));
        CHECK_EQUAL(4, size);
        CHECK_BYTES("\0\0\0\0", data, 4);
        env_memory_free(after);
    }
    finish();
}

TEST_MAIN(CASE(drop_all_keeps_the_old_sector_and_keep_all_the_new),
          CASE(under_subset_a_sector_is_old_or_new),
          CASE(under_torn_a_sector_may_be_torn_or_garbled_where_it_changed),
          CASE(under_torn_sector_unchanged_bytes_may_go_too),
          CASE(a_later_sector_may_survive_without_an_earlier_one_but_not_under_prefix),
          CASE(size_and_bytes_of_an_append_survive_independently),
          CASE(a_sector_that_was_cut_off_keeps_its_bytes_if_the_size_survives),
          CASE(names_survive_in_their_order_in_a_third_of_the_crashes),
          CASE(bytes_of_a_lost_sync_never_survive))
