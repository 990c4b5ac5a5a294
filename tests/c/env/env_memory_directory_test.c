/*
 * env_memory_directory_test: which names of a simulated disk are durable, and what may be left of
 * those that are not.
 */
#include "base/memory.h"
#include "env/env_memory.h"
#include "env/files.h"

enum { FILE_BYTES_MAX = 64 << 10, SEED_COUNT = 300 };

static env *disk;
static env_directory *directory;

static void start(void)
{
    disk = NULL;
    directory = NULL;
    CHECK_OK(env_memory_new(check_seed(), FILE_BYTES_MAX, &disk));
    CHECK_OK(env_directory_open(disk, "/d", true, &directory));
}

static void finish(void)
{
    env_directory_close(directory);
    env_memory_free(disk);
}

static void put_synced(const char *name, const char *text)
{
    env_file *file = file_open(directory, name, FILES_CREATE);
    CHECK_OK(file_write_one(file, 0, text, strlen(text)));
    CHECK_OK(env_file_sync(file));
    env_file_close(file);
}

/* The first byte of a file after a crash, '-' if it has none, 0 if there is no such file. */
static char look(env *after, const char *path)
{
    uint8_t *data = NULL;
    uint64_t size = 0;
    pykv_status status = env_memory_file_bytes(after, path, &data, &size);
    if (status == PYKV_PATH_NOT_FOUND) {
        return 0;
    }
    CHECK_EQUAL(PYKV_OK, status);
    return size > 0 ? (char)data[0] : '-';
}

/* Crashes with many seeds; counted[x][y] is how often a looked like x and b like y. */
static unsigned counted[128][128];

static void count_looks(env_crash_policy policy, const char *a, const char *b)
{
    memset(counted, 0, sizeof counted);
    for (uint64_t seed = 0; seed < SEED_COUNT; seed++) {
        env *after = NULL;
        CHECK_OK(env_memory_crash(disk, seed, policy, &after));
        counted[(int)look(after, a)][(int)look(after, b)]++;
        env_memory_free(after);
    }
}

TEST(a_new_name_is_durable_only_after_the_directory_is_synced)
{
    start();
    put_synced("a", "A");
    count_looks(ENV_CRASH_DROP_ALL, "/d/a", "/d/b");
    CHECK_EQUAL(SEED_COUNT, counted[0][0]);
    count_looks(ENV_CRASH_SUBSET, "/d/a", "/d/b");
    CHECK(counted[0][0] > 0 && counted['A'][0] > 0);
    CHECK_EQUAL(SEED_COUNT, counted[0][0] + counted['A'][0]);
    CHECK_OK(env_directory_sync(directory));
    count_looks(ENV_CRASH_TORN_SECTOR, "/d/a", "/d/b");
    CHECK_EQUAL(SEED_COUNT, counted['A'][0]);
    finish();
}

TEST(a_synced_name_says_nothing_of_the_bytes)
{
    start();
    file_put(directory, "a", "A");
    CHECK_OK(env_directory_sync(directory));
    count_looks(ENV_CRASH_DROP_ALL, "/d/a", "/d/b");
    CHECK_EQUAL(SEED_COUNT, counted['-'][0]);
    finish();
}

/* A rename is one step: the file is under the old name or the new one, never lost or doubled. */
TEST(a_rename_happened_or_did_not)
{
    start();
    put_synced("a", "A");
    put_synced("b", "B");
    CHECK_OK(env_directory_sync(directory));
    CHECK_OK(env_rename(directory, "a", "b"));
    count_looks(ENV_CRASH_SUBSET, "/d/a", "/d/b");
    CHECK(counted['A']['B'] > SEED_COUNT / 5);
    CHECK(counted[0]['A'] > SEED_COUNT / 5);
    CHECK_EQUAL(SEED_COUNT, counted['A']['B'] + counted[0]['A']);
    CHECK_OK(env_directory_sync(directory));
    count_looks(ENV_CRASH_SUBSET, "/d/a", "/d/b");
    CHECK_EQUAL(SEED_COUNT, counted[0]['A']);
    finish();
}

/* A pointer file was renamed and the file it had pointed to unlinked, with no sync between: after
 * a crash the old pointer led nowhere. */
TEST(an_unlink_may_persist_before_an_earlier_rename_but_not_under_prefix)
{
    start();
    put_synced("a", "A");
    put_synced("b", "B");
    CHECK_OK(env_directory_sync(directory));
    CHECK_OK(env_rename(directory, "a", "new"));
    CHECK_OK(env_unlink(directory, "b"));
    count_looks(ENV_CRASH_SUBSET, "/d/a", "/d/b");
    CHECK(counted['A'][0] > 0);
    CHECK(counted['A']['B'] > 0 && counted[0][0] > 0 && counted[0]['B'] > 0);
    count_looks(ENV_CRASH_PREFIX, "/d/a", "/d/b");
    CHECK_EQUAL(0, counted['A'][0]);
    CHECK(counted['A']['B'] > 0 && counted[0][0] > 0 && counted[0]['B'] > 0);
    finish();
}

TEST(an_unlinked_file_may_come_back_until_the_directory_is_synced)
{
    start();
    put_synced("a", "A");
    CHECK_OK(env_directory_sync(directory));
    CHECK_OK(env_unlink(directory, "a"));
    count_looks(ENV_CRASH_SUBSET, "/d/a", "/d/b");
    CHECK(counted[0][0] > 0 && counted['A'][0] > 0);
    CHECK_OK(env_directory_sync(directory));
    count_looks(ENV_CRASH_SUBSET, "/d/a", "/d/b");
    CHECK_EQUAL(SEED_COUNT, counted[0][0]);
    finish();
}

TEST(a_replaced_file_comes_back_with_its_own_bytes)
{
    start();
    put_synced("a", "A");
    CHECK_OK(env_directory_sync(directory));
    CHECK_OK(env_unlink(directory, "a"));
    put_synced("a", "B");
    count_looks(ENV_CRASH_SUBSET, "/d/a", "/d/b");
    CHECK(counted[0][0] > 0 && counted['A'][0] > 0 && counted['B'][0] > 0);
    finish();
}

TEST(a_link_survives_or_does_not_and_shares_the_bytes)
{
    start();
    put_synced("a", "A");
    CHECK_OK(env_directory_sync(directory));
    CHECK_OK(env_link(directory, "a", directory, "b"));
    count_looks(ENV_CRASH_SUBSET, "/d/a", "/d/b");
    CHECK(counted['A'][0] > 0 && counted['A']['A'] > 0);
    CHECK_EQUAL(SEED_COUNT, counted['A'][0] + counted['A']['A']);
    env *after = NULL;
    env_directory *again = NULL;
    CHECK_OK(env_directory_sync(directory));
    CHECK_OK(env_memory_crash(disk, 1, ENV_CRASH_SUBSET, &after));
    CHECK_OK(env_directory_open(after, "/d", false, &again));
    file_put(again, "a", "Z");
    file_expect(again, "b", "Z");
    env_directory_close(again);
    env_memory_free(after);
    finish();
}

TEST(what_a_crash_leaves_is_durable)
{
    env *after = NULL;
    env *later = NULL;
    start();
    file_put(directory, "a", "A");
    CHECK_OK(env_memory_crash(disk, 1, ENV_CRASH_KEEP_ALL, &after));
    CHECK_OK(env_memory_crash(after, 2, ENV_CRASH_DROP_ALL, &later));
    CHECK_EQUAL('A', look(later, "/d/a"));
    CHECK_EQUAL(0, env_memory_call_count(later));
    env_memory_free(after);
    env_memory_free(later);
    finish();
}

TEST(opening_with_create_makes_every_parent_durable)
{
    env *after = NULL;
    env_directory *deep = NULL;
    start();
    CHECK_OK(env_directory_open(disk, "/d/x/y", true, &deep));
    env_directory_close(deep);
    CHECK_OK(env_memory_crash(disk, 1, ENV_CRASH_DROP_ALL, &after));
    CHECK_OK(env_directory_open(after, "/d/x/y", false, &deep));
    env_directory_close(deep);
    env_memory_free(after);
    finish();
}

/* Somebody made the directory, pykv filled it and synced it: its own name must be durable too. */
TEST(opening_an_empty_directory_with_create_makes_its_name_durable)
{
    env *after = NULL;
    env_directory *made = NULL;
    start();
    CHECK_OK(env_make_directory(directory, "made"));
    CHECK_OK(env_memory_crash(disk, 1, ENV_CRASH_DROP_ALL, &after));
    CHECK_STATUS(PYKV_PATH_NOT_FOUND, env_directory_open(after, "/d/made", false, &made));
    env_memory_free(after);
    CHECK_OK(env_directory_open(disk, "/d/made/", true, &made));
    env_directory_close(made);
    CHECK_OK(env_memory_crash(disk, 1, ENV_CRASH_DROP_ALL, &after));
    CHECK_OK(env_directory_open(after, "/d/made", false, &made));
    env_directory_close(made);
    env_memory_free(after);
    finish();
}

TEST(files_in_a_directory_that_was_lost_are_lost_with_it)
{
    env *after = NULL;
    env_names names;
    start();
    env_directory *kept = directory;
    CHECK_OK(env_make_directory(directory, "lost"));
    CHECK_OK(env_directory_open(disk, "/d/lost", false, &directory));
    put_synced("a", "A");
    CHECK_OK(env_directory_sync(directory));
    env_directory_close(directory);
    directory = kept;
    CHECK_OK(env_memory_crash(disk, 1, ENV_CRASH_DROP_ALL, &after));
    CHECK_OK(env_memory_paths(after, &names));
    CHECK_EQUAL(0, names.count);
    env_names_free(&names);
    env_memory_free(after);
    finish();
}

TEST(a_removed_directory_may_come_back_until_its_parent_is_synced)
{
    unsigned back = 0;
    env_directory *inner = NULL;
    start();
    CHECK_OK(env_directory_open(disk, "/d/inner", true, &inner));
    env_directory_close(inner);
    CHECK_OK(env_remove_directory(disk, "/d/inner"));
    for (uint64_t seed = 0; seed < SEED_COUNT; seed++) {
        env *after = NULL;
        CHECK_OK(env_memory_crash(disk, seed, ENV_CRASH_SUBSET, &after));
        if (env_directory_open(after, "/d/inner", false, &inner) == PYKV_OK) {
            env_directory_close(inner);
            back++;
        }
        env_memory_free(after);
    }
    CHECK(back > 0 && back < SEED_COUNT);
    finish();
}

TEST(opening_without_memory_makes_nothing_by_half)
{
    pykv_status status = PYKV_NO_MEMORY;
    for (uint64_t at = 1; status != PYKV_OK; at++) {
        env_directory *deep = NULL;
        env *after = NULL;
        int64_t blocks = mem_block_count();
        start();
        (void)mem_fail_at(at, 0);
        status = env_directory_open(disk, "/d/x/y", true, &deep);
        (void)mem_fail_at(0, 0);
        CHECK(status == PYKV_OK || status == PYKV_NO_MEMORY);
        env_directory_close(deep);
        CHECK_OK(env_directory_open(disk, "/d/x/y", true, &deep)); /* a second try works */
        env_directory_close(deep);
        CHECK_OK(env_memory_crash(disk, 1, ENV_CRASH_SUBSET, &after));
        env_memory_free(after);
        finish();
        CHECK_EQUAL(blocks, mem_block_count());
    }
}

TEST(a_change_of_names_at_the_end_of_power_happened_or_did_not)
{
    unsigned done = 0;
    for (uint64_t seed = 0; seed < SEED_COUNT; seed++) {
        env *after = NULL;
        disk = NULL;
        CHECK_OK(env_memory_new(seed, FILE_BYTES_MAX, &disk));
        CHECK_OK(env_directory_open(disk, "/d", true, &directory));
        put_synced("a", "A");
        env_memory_power_off_at(disk, env_memory_call_count(disk) + 1);
        CHECK_STATUS(PYKV_IO_FAILED, env_rename(directory, "a", "b"));
        CHECK_OK(env_memory_crash(disk, 1, ENV_CRASH_KEEP_ALL, &after));
        CHECK((look(after, "/d/a") == 'A') != (look(after, "/d/b") == 'A'));
        done += look(after, "/d/b") == 'A';
        env_memory_free(after);
        finish();
    }
    CHECK(done > SEED_COUNT / 4 && done < SEED_COUNT - SEED_COUNT / 4);
}

TEST(a_directory_sync_at_the_end_of_power_happened_or_did_not)
{
    unsigned done = 0;
    for (uint64_t seed = 0; seed < SEED_COUNT; seed++) {
        env *after = NULL;
        disk = NULL;
        CHECK_OK(env_memory_new(seed, FILE_BYTES_MAX, &disk));
        CHECK_OK(env_directory_open(disk, "/d", true, &directory));
        put_synced("a", "A");
        put_synced("b", "B");
        env_memory_power_off_at(disk, env_memory_call_count(disk) + 1);
        CHECK_STATUS(PYKV_IO_FAILED, env_directory_sync(directory));
        CHECK_OK(env_memory_crash(disk, 1, ENV_CRASH_DROP_ALL, &after));
        CHECK_EQUAL(look(after, "/d/a") == 'A', look(after, "/d/b") == 'B');
        done += look(after, "/d/b") == 'B';
        env_memory_free(after);
        finish();
    }
    CHECK(done > SEED_COUNT / 4 && done < SEED_COUNT - SEED_COUNT / 4);
}

TEST_MAIN(CASE(a_new_name_is_durable_only_after_the_directory_is_synced),
          CASE(a_synced_name_says_nothing_of_the_bytes), CASE(a_rename_happened_or_did_not),
          CASE(an_unlink_may_persist_before_an_earlier_rename_but_not_under_prefix),
          CASE(an_unlinked_file_may_come_back_until_the_directory_is_synced),
          CASE(a_replaced_file_comes_back_with_its_own_bytes),
          CASE(a_link_survives_or_does_not_and_shares_the_bytes),
          CASE(what_a_crash_leaves_is_durable),
          CASE(opening_with_create_makes_every_parent_durable),
          CASE(opening_an_empty_directory_with_create_makes_its_name_durable),
          CASE(files_in_a_directory_that_was_lost_are_lost_with_it),
          CASE(a_removed_directory_may_come_back_until_its_parent_is_synced),
          CASE(opening_without_memory_makes_nothing_by_half),
          CASE(a_change_of_names_at_the_end_of_power_happened_or_did_not),
          CASE(a_directory_sync_at_the_end_of_power_happened_or_did_not))
