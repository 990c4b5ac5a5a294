/*
 * home: which directories a Bitcask takes for its own, which are free, whose the others are.
 */
#include "bitcask/bitcask_fixture.h"
#include "bitcask/home.h"

enum { NAMES_MAX = 8 };

/* What a directory with files of these names is taken for. */
static pykv_status look_at(const char *const names[NAMES_MAX], int32_t *engine_out)
{
    fixture f = {0};
    env_directory *home;
    int32_t engine = -1;
    CHECK_OK(env_memory_new(check_seed(), FIXTURE_FILE_MAX, &f.disk));
    CHECK_OK(env_directory_open(f.disk, FIXTURE_PATH, true, &home));
    for (size_t i = 0; i < NAMES_MAX && names[i] != NULL; i++) {
        fixture_make_file(&f, names[i], "bytes");
    }
    pykv_status status = bitcask_detect(home, &engine);
    CHECK_EQUAL(status, bitcask_check_home(home));
    *engine_out = engine;
    env_directory_close(home);
    env_memory_free(f.disk);
    return status;
}

TEST(a_directory_is_free_with_nothing_in_it_or_nothing_that_means_anything)
{
    static const char *const free_ones[][NAMES_MAX] = {
        {NULL},
        {".gitkeep", ".DS_Store", "lost+found"},
        {"LOCK", "MANIFEST.tmp", "MANIFEST.spare.tmp", "KEYDIR", "0000000a.torn", "damaged-1"},
    };
    for (size_t i = 0; i < sizeof free_ones / sizeof free_ones[0]; i++) {
        int32_t engine;
        CHECK_OK(look_at(free_ones[i], &engine));
        CHECK_EQUAL(PYKV_ENGINE_ANY, engine);
    }
}

TEST(a_store_without_its_manifest_is_one_whatever_else_is_there)
{
    static const char *const stores[][NAMES_MAX] = {
        {"00000001.log"}, {"notes.txt", "0000000a.hint"}, {"repairing", ".hidden"}};
    for (size_t i = 0; i < sizeof stores / sizeof stores[0]; i++) {
        int32_t engine;
        CHECK_OK(look_at(stores[i], &engine));
        CHECK_EQUAL(PYKV_ENGINE_BITCASK, engine);
    }
}

/* Such directories were once called free. */
TEST(what_belongs_to_somebody_else_is_named_with_what_to_do)
{
    static const struct {
        const char *names[NAMES_MAX];
        const char *says;
    } cases[] = {
        {{"data.mdb", "lock.mdb"}, "LMDB"},
        {{"000003.log", "CURRENT", "LOCK", "LOG", "MANIFEST-000002"}, "LevelDB"},
        {{"CURRENT", "IDENTITY", "MANIFEST-000005", "OPTIONS-000007"}, "RocksDB"},
        {{"MANIFEST-000005"}, "RocksDB"},
        {{"cache.db", "cache.db-wal"}, "diskcache"},
        {{"app.sqlite3"}, "SQLite"},
        {{"app.db", "readme.txt"}, "SQLite"},
        {{"1.bitcask.data"}, "Bitcask"},
        {{".hidden", "report.txt"}, "report.txt"},
        {{"KEYDIR.backup"}, "KEYDIR.backup"},
        {{"000005.log"}, "000005.log"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        int32_t engine;
        CHECK_STATUS(PYKV_FORMAT, look_at(cases[i].names, &engine));
        CHECK_EQUAL(-1, engine);
        CHECK(strcmp(FIXTURE_PATH, error_last()->path) == 0);
        CHECK(strstr(error_last()->text, cases[i].says) != NULL);
        CHECK(strstr(error_last()->text, "choose another") != NULL);
    }
}

TEST(a_file_is_ours_by_its_whole_name)
{
    static const char *const ours[] = {"MANIFEST",         "MANIFEST.tmp", "MANIFEST.spare.tmp",
                                       "KEYDIR",           "00000001.log", "0000000a.torn",
                                       "00000001.hint.tmp"};
    static const char *const others[] = {"MANIFEST-1",   "LOCK",        "1.log",
                                         "0000000A.log", "KEYDIR.torn", "MANIFEST.spare"};
    for (size_t i = 0; i < sizeof ours / sizeof ours[0]; i++) {
        CHECK(home_is_ours(ours[i]));
    }
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++) {
        CHECK(!home_is_ours(others[i]));
    }
}

TEST_MAIN(CASE(a_directory_is_free_with_nothing_in_it_or_nothing_that_means_anything),
          CASE(a_store_without_its_manifest_is_one_whatever_else_is_there),
          CASE(what_belongs_to_somebody_else_is_named_with_what_to_do),
          CASE(a_file_is_ours_by_its_whole_name))
