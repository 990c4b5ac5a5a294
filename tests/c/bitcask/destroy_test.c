/*
 * destroy_test: destroying removes every file of a store and not one of anybody else.
 */
#include "bitcask_fixture.h"

static void put_file(env *disk, const char *name)
{
    env_directory *home;
    env_file *file;
    slice part = slice_make("theirs", 6);
    CHECK_OK(env_directory_open(disk, FIXTURE_PATH, true, &home));
    CHECK_OK(env_file_open(home, name, ENV_WRITE | ENV_CREATE, &file));
    CHECK_OK(env_file_write(file, 0, &part, 1));
    env_file_close(file);
    env_directory_close(home);
}

static size_t count_files(env *disk)
{
    env_names names;
    CHECK_OK(env_memory_paths(disk, &names));
    size_t count = names.count;
    env_names_free(&names);
    return count;
}

/* A closed store with sealed segments, hints, an image and what a crash leaves. */
static fixture closed_store(void)
{
    fixture store = fixture_new();
    fixture_fill(&store, 0, 200, 100);
    fixture_maintain(&store, PYKV_ROLE_DATA, 10);
    fixture_close(&store);
    CHECK(fixture_has(&store, "00000001.hint"));
    CHECK(fixture_has(&store, BITCASK_IMAGE_NAME));
    put_file(store.disk, "0000000a.torn");
    put_file(store.disk, "0000000b.hint.tmp");
    put_file(store.disk, "MANIFEST.tmp");
    put_file(store.disk, "MANIFEST.spare.tmp");
    put_file(store.disk, "KEYDIR.tmp");
    return store;
}

TEST(nothing_is_left_of_a_store_not_even_its_directory)
{
    env_directory *home;
    fixture store = closed_store();
    CHECK_OK(bitcask_destroy(store.disk, FIXTURE_PATH));
    CHECK_EQUAL(0, count_files(store.disk));
    CHECK_STATUS(PYKV_PATH_NOT_FOUND, env_directory_open(store.disk, FIXTURE_PATH, false, &home));
    fixture_free(&store);
}

/* Files used to be taken for ours when their names only began like ours: destroying a directory
 * with another engine's database in it removed that engine's MANIFEST-000001. */
TEST(files_of_others_stay_however_their_names_begin)
{
    static const char *const others[] = {
        "MANIFEST-000001", "KEYDIR.backup", "mine.torn",     "000005.log",           "CURRENT",
        "notes.txt",       "0000000A.log",  "MANIFEST.torn", "0000000a.hint.tmp.txt"};
    size_t count = sizeof others / sizeof others[0];
    fixture store = closed_store();
    for (size_t i = 0; i < count; i++) {
        put_file(store.disk, others[i]);
    }
    CHECK_OK(bitcask_destroy(store.disk, FIXTURE_PATH));
    for (size_t i = 0; i < count; i++) {
        CHECK(fixture_has(&store, others[i]));
    }
    CHECK_EQUAL(count, count_files(store.disk));
    fixture_free(&store);
}

TEST(a_directory_without_a_store_is_left_as_it_is)
{
    fixture store = fixture_new();
    fixture_close(&store);
    CHECK_OK(bitcask_destroy(store.disk, FIXTURE_PATH));
    CHECK_STATUS(PYKV_PATH_NOT_FOUND, bitcask_destroy(store.disk, FIXTURE_PATH));
    put_file(store.disk, "MANIFEST-000001");
    put_file(store.disk, "LOCK");
    CHECK_STATUS(PYKV_FORMAT, bitcask_destroy(store.disk, FIXTURE_PATH));
    CHECK_EQUAL(2, count_files(store.disk));
    uint64_t size;
    CHECK_BYTES("theirs", fixture_bytes(&store, "LOCK", &size), 6);
    fixture_free(&store);
}

TEST(an_open_store_is_not_destroyed)
{
    fixture store = fixture_new();
    fixture_put(&store, "key", "value");
    CHECK_STATUS(PYKV_LOCKED, bitcask_destroy(store.disk, FIXTURE_PATH));
    fixture_expect(&store, "key", "value");
    fixture_reopen(&store);
    fixture_expect(&store, "key", "value");
    fixture_free(&store);
}

TEST(a_store_with_a_damaged_manifest_can_be_destroyed)
{
    uint64_t size;
    fixture store = closed_store();
    fixture_bytes(&store, MANIFEST_NAME, &size)[20] ^= 1;
    CHECK_OK(bitcask_destroy(store.disk, FIXTURE_PATH));
    CHECK_EQUAL(0, count_files(store.disk));
    fixture_free(&store);
}

/* The manifest goes first and durably: what is left of an interrupted destruction is no store with
 * fewer keys. */
TEST(an_interrupted_destruction_leaves_the_store_or_none_and_is_taken_up_again)
{
    fixture store = closed_store();
    env *copy;
    bool off = true;
    for (uint64_t calls = 1; off; calls++) {
        CHECK_OK(env_memory_clone(store.disk, &copy));
        env_memory_power_off_at(copy, env_memory_call_count(copy) + calls);
        pykv_status status = bitcask_destroy(copy, FIXTURE_PATH);
        off = env_memory_is_off(copy);
        CHECK(off || status == PYKV_OK);
        env *after;
        bitcask *opened = NULL;
        CHECK_OK(env_memory_crash(copy, calls, ENV_CRASH_SUBSET, &after));
        pykv_options options = {.must_exist = 1};
        if (bitcask_open(after, FIXTURE_PATH, &options, &opened) == PYKV_OK) {
            CHECK_EQUAL(200, bitcask_count(opened));
            bitcask_free(opened);
        }
        status = bitcask_destroy(after, FIXTURE_PATH);
        CHECK(status == PYKV_OK || status == PYKV_PATH_NOT_FOUND);
        env_memory_free(after);
        env_memory_free(copy);
    }
    fixture_free(&store);
}

TEST_MAIN(CASE(nothing_is_left_of_a_store_not_even_its_directory),
          CASE(files_of_others_stay_however_their_names_begin),
          CASE(a_directory_without_a_store_is_left_as_it_is), CASE(an_open_store_is_not_destroyed),
          CASE(a_store_with_a_damaged_manifest_can_be_destroyed),
          CASE(an_interrupted_destruction_leaves_the_store_or_none_and_is_taken_up_again))
