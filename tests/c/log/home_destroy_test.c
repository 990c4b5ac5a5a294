/*
 * home_destroy_test: a store's files go, the manifest first, and nobody else's.
 */
#include "harness/check.h"

#include "env/env_memory.h"
#include "log/home_destroy.h"
#include "log/manifest_file.h"

#define HOME_PATH "/home"

enum { ENGINE = 7 };

static bool owns(const char *name)
{
    size_t length = strlen(name);
    bool part = length > 4 && strcmp(name + length - 4, ".one") == 0;
    return part || strcmp(name, MANIFEST_NAME) == 0;
}

static home_claim claim(const char *name)
{
    return owns(name) ? HOME_CERTAIN : HOME_NOT_MINE;
}

static const home_engine engine = {ENGINE, claim, owns};

static env *new_disk(env_directory **home_out)
{
    env *disk;
    CHECK_OK(env_memory_new(check_seed(), 1 << 16, &disk));
    CHECK_OK(env_directory_open(disk, HOME_PATH, true, home_out));
    return disk;
}

static void put_file(env_directory *home, const char *name, const void *data, size_t size)
{
    env_file *file;
    slice bytes = slice_make(data, size);
    CHECK_OK(env_file_open(home, name, ENV_WRITE | ENV_CREATE, &file));
    CHECK_OK(env_file_write(file, 0, &bytes, 1));
    CHECK_OK(env_file_sync(file));
    env_file_close(file);
}

static void put_manifest(env_directory *home, uint8_t number)
{
    uint8_t head[MANIFEST_HEAD_BYTES] = {0};
    manifest_head fields = {.engine = number};
    manifest_head_encode(&fields, head);
    (void)manifest_head_seal(head);
    put_file(home, MANIFEST_NAME, head, sizeof head);
}

static size_t count_files(env *disk)
{
    env_names names;
    CHECK_OK(env_memory_paths(disk, &names));
    size_t count = names.count;
    env_names_free(&names);
    return count;
}

TEST(nothing_is_left_not_even_the_directory)
{
    env_directory *home;
    env *disk = new_disk(&home);
    put_manifest(home, ENGINE);
    put_file(home, "a.one", "1", 1);
    put_file(home, "b.one", "1", 1);
    env_directory_close(home);
    CHECK_OK(home_destroy(disk, HOME_PATH, &engine));
    CHECK_EQUAL(0, count_files(disk));
    CHECK_STATUS(PYKV_PATH_NOT_FOUND, env_directory_open(disk, HOME_PATH, false, &home));
    CHECK_STATUS(PYKV_PATH_NOT_FOUND, home_destroy(disk, HOME_PATH, &engine));
    env_memory_free(disk);
}

TEST(files_of_others_stay_and_so_does_the_directory)
{
    env_directory *home;
    env *disk = new_disk(&home);
    put_manifest(home, ENGINE);
    put_file(home, "a.one", "1", 1);
    put_file(home, "notes", "1", 1);
    env_directory_close(home);
    CHECK_OK(home_destroy(disk, HOME_PATH, &engine));
    CHECK_EQUAL(1, count_files(disk));
    CHECK_STATUS(PYKV_FORMAT, home_destroy(disk, HOME_PATH, &engine));
    CHECK_EQUAL(1, count_files(disk)); /* no lock was made */
    env_memory_free(disk);
}

TEST(another_engines_store_is_refused)
{
    env_directory *home;
    env *disk = new_disk(&home);
    put_manifest(home, ENGINE + 1);
    put_file(home, "a.one", "1", 1);
    env_directory_close(home);
    CHECK_STATUS(PYKV_FORMAT, home_destroy(disk, HOME_PATH, &engine));
    CHECK_EQUAL(2, count_files(disk));
    env_memory_free(disk);
}

TEST(an_open_store_is_refused)
{
    env_directory *home;
    env_lock *lock;
    env *disk = new_disk(&home);
    put_manifest(home, ENGINE);
    CHECK_OK(env_lock_take(home, HOME_LOCK_NAME, &lock));
    CHECK_STATUS(PYKV_LOCKED, home_destroy(disk, HOME_PATH, &engine));
    CHECK_EQUAL(2, count_files(disk));
    env_lock_release(lock);
    CHECK_OK(home_destroy(disk, HOME_PATH, &engine));
    CHECK_EQUAL(0, count_files(disk));
    env_directory_close(home);
    env_memory_free(disk);
}

/* What is left of a destruction that the power cut short is no store with less in it. */
TEST(the_manifest_goes_first_and_durably)
{
    env_directory *home;
    env *disk = new_disk(&home);
    put_manifest(home, ENGINE);
    put_file(home, "a.one", "1", 1);
    put_file(home, "b.one", "1", 1);
    CHECK_OK(env_directory_sync(home));
    env_directory_close(home);
    bool off = true;
    for (uint64_t calls = 1; off; calls++) {
        env *copy;
        env *after;
        CHECK_OK(env_memory_clone(disk, &copy));
        env_memory_power_off_at(copy, env_memory_call_count(copy) + calls);
        pykv_status status = home_destroy(copy, HOME_PATH, &engine);
        off = env_memory_is_off(copy);
        CHECK(off || status == PYKV_OK);
        CHECK_OK(env_memory_crash(copy, calls, ENV_CRASH_SUBSET, &after));
        if (env_directory_open(after, HOME_PATH, false, &home) == PYKV_OK) {
            int32_t found = PYKV_ENGINE_ANY;
            CHECK_OK(home_manifest_engine(home, &found));
            env_directory_close(home);
            env_names names;
            CHECK_OK(env_memory_paths(after, &names));
            CHECK(found == PYKV_ENGINE_ANY || names.count >= 3);
            env_names_free(&names);
        }
        env_memory_free(after);
        env_memory_free(copy);
    }
    env_memory_free(disk);
}

TEST_MAIN(CASE(nothing_is_left_not_even_the_directory),
          CASE(files_of_others_stay_and_so_does_the_directory),
          CASE(another_engines_store_is_refused), CASE(an_open_store_is_refused),
          CASE(the_manifest_goes_first_and_durably))
