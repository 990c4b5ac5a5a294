/*
 * env_memory_copy_test: a clone of a simulated disk is the same disk: what is un-synced in one is
 * un-synced in the other, and neither sees the other's later changes.
 */
#include "base/memory.h"
#include "env/env_memory.h"
#include "env/files.h"

enum { FILE_BYTES_MAX = 64 << 10 };

static env *disk;
static env_directory *directory;

/* A disk with synced and un-synced bytes, sizes and names, a lost page and a file in no directory.
 */
static env_file *start(void)
{
    disk = NULL;
    directory = NULL;
    CHECK_OK(env_memory_new(check_seed(), FILE_BYTES_MAX, &disk));
    CHECK_OK(env_directory_open(disk, "/d/inner", true, &directory));
    env_file *lost = file_open(directory, "lost", FILES_CREATE);
    CHECK_OK(file_write_one(lost, 0, "lost", 4));
    env_memory_sync_lost(lost);
    CHECK_OK(env_file_sync(lost));
    env_file_close(lost);
    env_file *file = file_open(directory, "file", FILES_CREATE);
    CHECK_OK(file_write_one(file, 0, "synced", 6));
    CHECK_OK(env_file_sync(file));
    CHECK_OK(env_directory_sync(directory));
    CHECK_OK(file_write_one(file, 0, "dirty", 5));
    CHECK_OK(env_file_truncate(file, 9000));
    CHECK_OK(env_link(directory, "file", directory, "twin"));
    CHECK_OK(env_rename(directory, "file", "moved"));
    file_put(directory, "gone", "gone");
    env_file *unlinked = file_open(directory, "gone", ENV_READ);
    CHECK_OK(env_unlink(directory, "gone"));
    env_file_close(file);
    return unlinked;
}

static void finish(env_file *unlinked)
{
    env_file_close(unlinked);
    env_directory_close(directory);
    env_memory_free(disk);
}

static int compare_names(const void *left, const void *right)
{
    return strcmp(*(char *const *)left, *(char *const *)right);
}

/* Fails the case unless both disks have the same files with the same bytes. */
static void expect_equal(env *left, env *right)
{
    env_names names[2];
    CHECK_OK(env_memory_paths(left, &names[0]));
    CHECK_OK(env_memory_paths(right, &names[1]));
    CHECK_EQUAL(names[0].count, names[1].count);
    for (int i = 0; i < 2; i++) {
        qsort(names[i].names, names[i].count, sizeof(char *), compare_names);
    }
    for (size_t i = 0; i < names[0].count; i++) {
        uint8_t *data[2];
        uint64_t size[2];
        CHECK_EQUAL(0, strcmp(names[0].names[i], names[1].names[i]));
        CHECK_OK(env_memory_file_bytes(left, names[0].names[i], &data[0], &size[0]));
        CHECK_OK(env_memory_file_bytes(right, names[0].names[i], &data[1], &size[1]));
        CHECK_EQUAL(size[0], size[1]);
        CHECK_BYTES(data[0], data[1], size[0]);
    }
    env_names_free(&names[0]);
    env_names_free(&names[1]);
}

TEST(a_clone_crashes_as_its_source_does)
{
    static const env_crash_policy exact[] = {ENV_CRASH_DROP_ALL, ENV_CRASH_KEEP_ALL};
    env *twin = NULL;
    env_file *unlinked = start();
    CHECK_OK(env_memory_clone(disk, &twin));
    for (int i = 0; i < 2; i++) {
        env *after[2] = {NULL, NULL};
        CHECK_OK(env_memory_crash(disk, 1, exact[i], &after[0]));
        CHECK_OK(env_memory_crash(twin, 1, exact[i], &after[1]));
        expect_equal(after[0], after[1]);
        env_memory_free(after[0]);
        env_memory_free(after[1]);
    }
    env_memory_drop_cache(disk);
    env_memory_drop_cache(twin);
    expect_equal(disk, twin);
    env_memory_free(twin);
    finish(unlinked);
}

/* A prefix of the order of changes: the journal was cloned too. */
TEST(a_clone_keeps_the_order_of_changes)
{
    bool seen[3] = {false};
    env *twin = NULL;
    env_file *unlinked = start();
    CHECK_OK(env_memory_clone(disk, &twin));
    for (uint64_t seed = 0; seed < 200; seed++) {
        env *after = NULL;
        uint8_t *data;
        uint64_t size;
        CHECK_OK(env_memory_crash(twin, seed, ENV_CRASH_PREFIX, &after));
        bool moved = env_memory_file_bytes(after, "/d/inner/moved", &data, &size) == PYKV_OK;
        bool linked = env_memory_file_bytes(after, "/d/inner/twin", &data, &size) == PYKV_OK;
        CHECK(!moved || linked);
        CHECK(!linked || (size == 9000 && memcmp(data, "dirtyd", 6) == 0));
        seen[moved + linked] = true;
        env_memory_free(after);
    }
    CHECK(seen[0] && seen[1] && seen[2]);
    env_memory_free(twin);
    finish(unlinked);
}

/* Syncs a file of a clone; true if its bytes at offset then survive a crash. */
static bool survives_sync(const char *name, uint64_t offset, const char *text)
{
    env *twin = NULL;
    env *after = NULL;
    env_directory *other = NULL;
    uint8_t *data;
    uint64_t size;
    char path[64];
    CHECK_OK(env_memory_clone(disk, &twin));
    CHECK_OK(env_directory_open(twin, "/d/inner", false, &other));
    CHECK_OK(env_directory_sync(other));
    env_file *file = file_open(other, name, ENV_READ | ENV_WRITE);
    CHECK_OK(env_file_sync(file));
    env_file_close(file);
    env_directory_close(other);
    CHECK_OK(env_memory_crash(twin, 1, ENV_CRASH_DROP_ALL, &after));
    snprintf(path, sizeof path, "/d/inner/%s", name);
    CHECK_OK(env_memory_file_bytes(after, path, &data, &size));
    bool same = size >= offset + strlen(text) && memcmp(data + offset, text, strlen(text)) == 0;
    env_memory_free(after);
    env_memory_free(twin);
    return same;
}

TEST(what_was_dirty_in_the_source_is_synced_in_the_clone)
{
    env_mapping mapping;
    env_file *unlinked = start();
    CHECK(survives_sync("moved", 0, "dirty"));
    CHECK(!survives_sync("lost", 0, "lost"));
    env_file *file = file_open(directory, "moved", ENV_READ | ENV_WRITE);
    CHECK_OK(env_file_sync(file));
    CHECK_OK(env_file_map(file, 9000, true, &mapping));
    memcpy(mapping.base + 8990, "untold", 6);
    env_unmap(&mapping);
    env_file_close(file);
    CHECK(survives_sync("moved", 8990, "untold"));
    finish(unlinked);
}

TEST(a_clone_goes_its_own_way_without_locks)
{
    env *twin = NULL;
    env_directory *other = NULL;
    env_lock *locks[2];
    uint8_t random[2][16];
    env_file *unlinked = start();
    CHECK_OK(env_lock_take(directory, "LOCK", &locks[0]));
    env_memory_set_capacity(disk, 20000);
    env_memory_advance(disk, 1, 2);
    CHECK_OK(env_memory_clone(disk, &twin));
    CHECK_EQUAL(env_memory_call_count(disk), env_memory_call_count(twin));
    CHECK_EQUAL(env_wall_us(disk), env_wall_us(twin));
    CHECK_EQUAL(env_monotonic_us(disk), env_monotonic_us(twin));
    CHECK_OK(env_random(disk, random[0], 16));
    CHECK_OK(env_random(twin, random[1], 16));
    CHECK_BYTES(random[0], random[1], 16);
    CHECK_OK(env_directory_open(twin, "/d/inner", false, &other));
    CHECK_OK(env_lock_take(other, "LOCK", &locks[1]));
    env_lock_release(locks[0]);
    env_lock_release(locks[1]);
    file_put(other, "moved", "other text");
    CHECK_OK(env_unlink(other, "lost"));
    file_expect(directory, "lost", "lost");
    env_file *big = file_open(other, "big", FILES_CREATE);
    CHECK_STATUS(PYKV_NO_SPACE, env_file_truncate(big, 30000)); /* the capacity was cloned */
    env_file_close(big);
    env_directory_close(other);
    env_memory_free(twin);
    finish(unlinked);
}

TEST(a_disk_without_power_is_cloned_with_power)
{
    env *twin = NULL;
    env_directory *other = NULL;
    env_file *unlinked = start();
    env_memory_power_off_at(disk, env_memory_call_count(disk) + 1);
    CHECK_STATUS(PYKV_IO_FAILED, env_directory_sync(directory));
    CHECK_OK(env_memory_clone(disk, &twin));
    CHECK(!env_memory_is_off(twin));
    CHECK_OK(env_directory_open(twin, "/d/inner", false, &other));
    env_directory_close(other);
    env_memory_free(twin);
    finish(unlinked);
}

TEST(a_clone_can_run_out_of_memory_and_leaves_nothing)
{
    env_file *unlinked = start();
    int64_t blocks = mem_block_count();
    pykv_status status = PYKV_NO_MEMORY;
    for (uint64_t at = 1; status != PYKV_OK; at++) {
        env *twin = NULL;
        (void)mem_fail_at(at, 0);
        status = env_memory_clone(disk, &twin);
        (void)mem_fail_at(0, 0);
        CHECK(status == PYKV_OK || (status == PYKV_NO_MEMORY && twin == NULL));
        env_memory_free(twin);
        CHECK_EQUAL(blocks, mem_block_count());
    }
    finish(unlinked);
}

TEST_MAIN(CASE(a_clone_crashes_as_its_source_does), CASE(a_clone_keeps_the_order_of_changes),
          CASE(what_was_dirty_in_the_source_is_synced_in_the_clone),
          CASE(a_clone_goes_its_own_way_without_locks),
          CASE(a_disk_without_power_is_cloned_with_power),
          CASE(a_clone_can_run_out_of_memory_and_leaves_nothing))
