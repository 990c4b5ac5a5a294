/*
 * env_memory_map_test: mappings of a simulated disk: stores that were and were not told of, and
 * stores in which the power goes.
 */
#include "base/memory.h"
#include "env/env_memory.h"
#include "env/files.h"

enum { FILE_BYTES_MAX = 64 << 10, FILE_BYTES = 8192, SEED_COUNT = 300, STORE_BYTES = 40 };

static env *disk;
static env_directory *directory;
static env_file *file;
static env_mapping mapping;

/* A disk with a mapped, synced file of zeros. */
static void start(uint64_t seed)
{
    disk = NULL;
    directory = NULL;
    CHECK_OK(env_memory_new(seed, FILE_BYTES_MAX, &disk));
    CHECK_OK(env_directory_open(disk, "/d", true, &directory));
    file = file_open(directory, "file", FILES_CREATE);
    CHECK_OK(env_file_allocate(file, 0, FILE_BYTES));
    CHECK_OK(env_file_map(file, FILE_BYTES, true, &mapping));
    CHECK_OK(env_file_sync(file));
    CHECK_OK(env_directory_sync(directory));
}

static void finish(void)
{
    env_unmap(&mapping);
    env_file_close(file);
    env_directory_close(directory);
    env_memory_free(disk);
}

static uint8_t after_crash(env_crash_policy policy, uint64_t seed, size_t at)
{
    env *after = NULL;
    uint8_t *data;
    uint64_t size;
    CHECK_OK(env_memory_crash(disk, seed, policy, &after));
    CHECK_OK(env_memory_file_bytes(after, "/d/file", &data, &size));
    CHECK_EQUAL(FILE_BYTES, size);
    uint8_t result = data[at];
    env_memory_free(after);
    return result;
}

TEST(a_store_that_was_not_told_of_is_unsynced_like_others)
{
    bool lost = false;
    bool kept = false;
    start(1);
    mapping.base[5000] = 'x';
    for (uint64_t seed = 0; seed < SEED_COUNT; seed++) {
        uint8_t got = after_crash(ENV_CRASH_SUBSET, seed, 5000);
        CHECK(got == 0 || got == 'x');
        lost = lost || got == 0;
        kept = kept || got == 'x';
    }
    CHECK(lost && kept);
    CHECK_OK(env_file_sync(file));
    CHECK_EQUAL('x', after_crash(ENV_CRASH_DROP_ALL, 1, 5000));
    finish();
}

TEST(a_store_outlives_the_mapping_it_was_made_through)
{
    start(1);
    mapping.base[5000] = 'x';
    env_unmap(&mapping);
    CHECK_OK(env_file_sync(file));
    CHECK_EQUAL('x', after_crash(ENV_CRASH_DROP_ALL, 1, 5000));
    finish();
}

TEST(a_store_that_was_told_of_takes_part_in_the_order_of_writes)
{
    start(1);
    mapping.base[0] = '1';
    CHECK_OK(env_mapping_written(&mapping, 0, 1));
    CHECK_OK(file_write_one(file, 1, "2", 1));
    mapping.base[2] = '3';
    CHECK_OK(env_mapping_written(&mapping, 2, 1));
    bool seen[4] = {false};
    for (uint64_t seed = 0; seed < SEED_COUNT; seed++) {
        size_t count = 0;
        while (count < 3 && after_crash(ENV_CRASH_PREFIX, seed, count) != 0) {
            count++;
        }
        for (size_t i = count; i < 3; i++) {
            CHECK_EQUAL(0, after_crash(ENV_CRASH_PREFIX, seed, i));
        }
        seen[count] = true;
    }
    CHECK(seen[0] && seen[1] && seen[2] && seen[3]);
    finish();
}

/* Before the store its range held "old" bytes that were written but not synced. */
static void store_and_fail(void)
{
    uint8_t old[STORE_BYTES];
    memset(old, 'o', sizeof old);
    CHECK_OK(file_write_one(file, 100, old, sizeof old));
    env_memory_power_off_at(disk, env_memory_call_count(disk) + 1);
    memset(mapping.base + 100, 'n', STORE_BYTES);
    CHECK_STATUS(PYKV_IO_FAILED, env_mapping_written(&mapping, 100, STORE_BYTES));
}

TEST(a_store_at_the_end_of_power_is_torn_anywhere)
{
    bool head = false;
    bool tail = false;
    bool whole = false;
    bool nothing = false;
    for (uint64_t seed = 0; seed < SEED_COUNT; seed++) {
        env *after = NULL;
        uint8_t *data;
        uint64_t size;
        start(seed);
        store_and_fail();
        CHECK_OK(env_memory_crash(disk, 1, ENV_CRASH_KEEP_ALL, &after));
        CHECK_OK(env_memory_file_bytes(after, "/d/file", &data, &size));
        unsigned changes = 0;
        for (size_t i = 100; i < 100 + STORE_BYTES; i++) {
            CHECK(data[i] == 'o' || data[i] == 'n');
            changes += i > 100 && data[i] != data[i - 1];
        }
        CHECK(changes <= 1);
        CHECK(data[99] == 0 && data[100 + STORE_BYTES] == 0);
        head = head || (changes == 1 && data[100] == 'n');
        tail = tail || (changes == 1 && data[100] == 'o');
        whole = whole || (changes == 0 && data[100] == 'n');
        nothing = nothing || (changes == 0 && data[100] == 'o');
        env_memory_free(after);
        finish();
    }
    CHECK(head && tail && whole && nothing);
}

TEST(a_private_mapping_is_a_copy_and_no_crash_point)
{
    env_mapping copy;
    start(1);
    uint64_t before = env_memory_call_count(disk);
    CHECK_OK(env_file_map_private(file, FILE_BYTES, &copy));
    copy.base[7] = 'x';
    CHECK_OK(env_mapping_written(&copy, 7, 1));
    CHECK_EQUAL(before, env_memory_call_count(disk));
    CHECK_EQUAL(0, mapping.base[7]);
    env_unmap(&copy);
    finish();
}

TEST(a_mapping_without_memory_leaves_nothing)
{
    start(1);
    int64_t blocks = mem_block_count();
    pykv_status status = PYKV_NO_MEMORY;
    for (uint64_t at = 1; status != PYKV_OK; at++) {
        env_mapping other = {NULL, 0, false, NULL};
        (void)mem_fail_at(at, 0);
        status = env_file_map_private(file, FILE_BYTES, &other);
        (void)mem_fail_at(0, 0);
        CHECK(status == PYKV_OK || status == PYKV_NO_MEMORY);
        env_unmap(&other);
        CHECK_EQUAL(blocks, mem_block_count());
    }
    finish();
}

TEST_MAIN(CASE(a_store_that_was_not_told_of_is_unsynced_like_others),
          CASE(a_store_outlives_the_mapping_it_was_made_through),
          CASE(a_store_that_was_told_of_takes_part_in_the_order_of_writes),
          CASE(a_store_at_the_end_of_power_is_torn_anywhere),
          CASE(a_private_mapping_is_a_copy_and_no_crash_point),
          CASE(a_mapping_without_memory_leaves_nothing))
