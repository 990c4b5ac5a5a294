/*
 * home: whose a directory is, asked for two engines at once.
 */
#include "harness/check.h"

#include "base/coding.h"
#include "base/crc32c.h"
#include "env/env_memory.h"
#include "log/home.h"

#define HOME_PATH "/home"

enum { NAMES_MAX = 6, HEAD_BYTES = 256, FIRST = 7, SECOND = 9 };

/* Both engines have files *.log; *.one and *.two are those of one of them, and so is MARK. */
static bool ends(const char *name, const char *end)
{
    size_t length = strlen(name);
    return length > strlen(end) && strcmp(name + length - strlen(end), end) == 0;
}

static home_claim claim_first(const char *name)
{
    if (ends(name, ".one")) {
        return HOME_CERTAIN;
    }
    return ends(name, ".log") ? HOME_LIKELY : ends(name, ".tmp") ? HOME_LEFT : HOME_NOT_MINE;
}

static home_claim claim_second(const char *name)
{
    if (strcmp(name, "MARK") == 0) {
        return HOME_DECIDES;
    }
    if (ends(name, ".two")) {
        return HOME_CERTAIN;
    }
    return ends(name, ".log") ? HOME_LIKELY : HOME_NOT_MINE;
}

static const home_engine first = {FIRST, claim_first, NULL};
static const home_engine second = {SECOND, claim_second, NULL};
static const home_engine *const both[] = {&first, &second};

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
    CHECK_OK(env_file_open(home, name, ENV_WRITE | ENV_CREATE | ENV_TRUNCATE, &file));
    CHECK_OK(env_file_write(file, 0, &bytes, 1));
    env_file_close(file);
}

static void free_disk(env *disk, env_directory *home)
{
    env_directory_close(home);
    env_memory_free(disk);
}

/* What both engines say of a directory with files of these names. */
static pykv_status look_at(const char *const names[NAMES_MAX], int32_t *engine_out)
{
    env_directory *home;
    env *disk = new_disk(&home);
    int32_t by_names = -1;
    for (size_t i = 0; i < NAMES_MAX && names[i] != NULL; i++) {
        put_file(home, names[i], "x", 1);
    }
    pykv_status status = home_detect(home, both, 2, engine_out);
    CHECK_EQUAL(status, home_detect_by_names(home, both, 2, &by_names));
    CHECK(status != PYKV_OK || by_names == *engine_out);
    free_disk(disk, home);
    return status;
}

TEST(names_tell_the_engine_of_a_store_without_its_manifest)
{
    static const struct {
        const char *names[NAMES_MAX];
        int32_t engine;
    } cases[] = {
        {{NULL}, PYKV_ENGINE_ANY},
        {{"LOCK", ".hidden", "lost+found", "damaged-3", "a.tmp"}, PYKV_ENGINE_ANY},
        {{"a.log"}, FIRST},
        {{"a.log", "b.one"}, FIRST},
        {{"a.log", "b.two"}, SECOND},
        {{"MARK"}, PYKV_ENGINE_ANY},
        {{"MARK", "a.log"}, SECOND},
        {{"MARK", "a.log", "b.one"}, FIRST},
        {{"MARK", "a.log", "CURRENT"}, SECOND},
        {{"a.log", "b.one", "CURRENT"}, FIRST},
        {{"b.two", "notes.txt"}, SECOND},
        {{"a.two", "b.one"}, SECOND}, /* the first name in the directory with the best claim */
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        int32_t engine = -1;
        CHECK_OK(look_at(cases[i].names, &engine));
        CHECK_EQUAL(cases[i].engine, engine);
    }
}

TEST(files_of_nobody_and_of_other_software_are_refused_by_name)
{
    static const struct {
        const char *names[NAMES_MAX];
        const char *says;
    } cases[] = {
        {{"a.tmp", "report.txt"}, "report.txt"},
        {{"a.tmp", "data.mdb"}, "LMDB"},
        {{"CURRENT", "MANIFEST-000002"}, "LevelDB"},
        {{"app.sqlite3"}, "SQLite"},
        /* Those of a LevelDB and a RocksDB that have made 10,000,000 files were a Bitcask's. */
        {{"a.log", "CURRENT", "MANIFEST-000002"}, "LevelDB"},
        {{"a.log", "CURRENT", "IDENTITY"}, "RocksDB"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        int32_t engine = -1;
        CHECK_STATUS(PYKV_FORMAT, look_at(cases[i].names, &engine));
        CHECK_EQUAL(-1, engine);
        CHECK(strstr(error_last()->text, cases[i].says) != NULL);
        CHECK(strcmp(HOME_PATH, error_last()->path) == 0);
    }
}

/* The head of a manifest, with a right check. */
static void make_head(uint8_t head[HEAD_BYTES], uint32_t version, uint8_t engine)
{
    memset(head, 0, HEAD_BYTES);
    memcpy(head, "PYKVMAN\n", 8);
    store_u32(head + 8, version);
    head[12] = engine;
    store_u32(head + HEAD_BYTES - 4, crc32c_extend(0, head, HEAD_BYTES - 4));
}

TEST(the_manifest_tells_before_any_name_also_an_engine_that_nobody_knows)
{
    env_directory *home;
    env *disk = new_disk(&home);
    uint8_t head[HEAD_BYTES];
    int32_t engine = -1;
    CHECK_OK(home_manifest_engine(home, &engine));
    CHECK_EQUAL(PYKV_ENGINE_ANY, engine);
    put_file(home, "a.one", "x", 1);
    put_file(home, "data.mdb", "x", 1);
    for (uint8_t named = SECOND; named < SECOND + 2; named++) {
        make_head(head, 1, named);
        put_file(home, "MANIFEST", head, sizeof head);
        CHECK_OK(home_manifest_engine(home, &engine));
        CHECK_EQUAL(named, engine);
        CHECK_OK(home_detect(home, both, 2, &engine));
        CHECK_EQUAL(named, engine);
    }
    CHECK_OK(home_detect_by_names(home, both, 2, &engine));
    CHECK_EQUAL(FIRST, engine);
    free_disk(disk, home);
}

TEST(a_damaged_head_of_the_manifest_is_told_wherever_the_damage_is)
{
    env_directory *home;
    env *disk = new_disk(&home);
    uint8_t head[HEAD_BYTES];
    int32_t engine = -1;
    for (size_t at = 0; at < HEAD_BYTES; at++) {
        make_head(head, 1, FIRST);
        head[at] ^= 0x10;
        put_file(home, "MANIFEST", head, sizeof head);
        CHECK_STATUS(PYKV_CORRUPTION, home_detect(home, both, 2, &engine));
        CHECK(strstr(error_last()->path, "MANIFEST") != NULL);
    }
    make_head(head, 1, FIRST);
    put_file(home, "MANIFEST", head, HEAD_BYTES - 1);
    CHECK_STATUS(PYKV_CORRUPTION, home_manifest_engine(home, &engine));
    make_head(head, 2, FIRST);
    put_file(home, "MANIFEST", head, HEAD_BYTES);
    CHECK_STATUS(PYKV_FORMAT, home_manifest_engine(home, &engine));
    CHECK(strstr(error_last()->text, "version 2") != NULL);
    CHECK_EQUAL(-1, engine);
    free_disk(disk, home);
}

TEST(a_check_passes_with_a_manifest_or_nothing_of_others)
{
    env_directory *home;
    env *disk = new_disk(&home);
    CHECK_OK(home_check(home, &second));
    put_file(home, "a.tmp", "x", 1); /* what the first engine leaves is nothing to the second */
    CHECK_OK(home_check(home, &first));
    CHECK_STATUS(PYKV_FORMAT, home_check(home, &second));
    put_file(home, "MANIFEST", "x", 1);
    CHECK_OK(home_check(home, &second));
    free_disk(disk, home);
}

TEST_MAIN(CASE(names_tell_the_engine_of_a_store_without_its_manifest),
          CASE(files_of_nobody_and_of_other_software_are_refused_by_name),
          CASE(the_manifest_tells_before_any_name_also_an_engine_that_nobody_knows),
          CASE(a_damaged_head_of_the_manifest_is_told_wherever_the_damage_is),
          CASE(a_check_passes_with_a_manifest_or_nothing_of_others))
