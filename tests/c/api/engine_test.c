/*
 * engine: which engine a directory gets, by what is asked for and by what it holds.
 */
#include <fcntl.h>
#include <unistd.h>

#include "api_fixture.h"

#include "api/engine.h"
#include "base/crc32c.h"
#include "env/env_posix.h"

enum { HEAD_BYTES = 256 };

static int open_file(const char *directory, const char *name, int flags)
{
    char path[512];
    snprintf(path, sizeof path, "%s/%s", directory, name);
    int file = open(path, flags | O_CLOEXEC, 0600);
    CHECK(file >= 0);
    return file;
}

static void make_file(const char *directory, const char *name)
{
    int file = open_file(directory, name, O_CREAT | O_RDWR);
    CHECK(close(file) == 0);
}

/* Changes the byte of MANIFEST that names the engine; sealed: with a right check. */
static void name_engine(const char *directory, uint8_t engine, bool sealed)
{
    uint8_t head[HEAD_BYTES];
    int file = open_file(directory, "MANIFEST", O_RDWR);
    CHECK(pread(file, head, sizeof head, 0) == HEAD_BYTES);
    head[12] = engine;
    uint32_t crc = crc32c_extend(0, head, HEAD_BYTES - 4);
    if (sealed) {
        memcpy(head + HEAD_BYTES - 4, &crc, sizeof crc);
    }
    CHECK(pwrite(file, head, sizeof head, 0) == HEAD_BYTES);
    CHECK(close(file) == 0);
}

TEST(a_new_directory_gets_what_is_asked_for_or_the_default)
{
    char *path = check_temporary_directory();
    char absent[512];
    const engine_ops *ops = NULL;
    snprintf(absent, sizeof absent, "%s/not/there", path);
    CHECK_OK(engine_choose(env_posix(), path, PYKV_ENGINE_ANY, &ops));
    CHECK(ops == &engine_lsm);
    CHECK_OK(engine_choose(env_posix(), absent, PYKV_ENGINE_ANY, &ops));
    CHECK(ops == &engine_lsm);
    CHECK_OK(engine_choose(env_posix(), absent, PYKV_ENGINE_BITCASK, &ops));
    CHECK(ops == &engine_bitcask);
    CHECK_OK(engine_choose(env_posix(), absent, PYKV_ENGINE_LSM, &ops));
    CHECK(ops == &engine_lsm);
    ops = NULL;
    CHECK_STATUS(PYKV_NOT_SUPPORTED, engine_choose(env_posix(), path, -1, &ops));
    CHECK(ops == NULL);
    CHECK(access(absent, F_OK) != 0);
    free(path);
}

TEST(files_of_somebody_else_are_refused_and_nothing_is_made_beside_them)
{
    char *path = check_temporary_directory();
    pykv_store *store = NULL;
    make_file(path, "data.mdb");
    CHECK_STATUS(PYKV_FORMAT, pykv_open(path, NULL, &store));
    CHECK_STATUS(PYKV_FORMAT, pykv_repair(path, NULL));
    CHECK_STATUS(PYKV_FORMAT, pykv_destroy(path));
    CHECK(strcmp(path, pykv_last_error()->path) == 0);
    CHECK(store == NULL);
    char lock[512];
    snprintf(lock, sizeof lock, "%s/LOCK", path);
    CHECK(access(lock, F_OK) != 0);
    free(path);
}

TEST(a_database_of_an_engine_that_is_not_there_is_refused_by_its_number)
{
    api_fixture f = api_new();
    pykv_store *store = NULL;
    int32_t engine = -1;
    CHECK_OK(pykv_close(f.store, -1));
    name_engine(f.path, 77, true);
    CHECK_OK(pykv_detect(f.path, &engine));
    CHECK_EQUAL(77, engine);
    CHECK_STATUS(PYKV_FORMAT, pykv_open(f.path, NULL, &store));
    CHECK(strstr(pykv_last_error()->text, "number 77") != NULL);
    CHECK_STATUS(PYKV_FORMAT, pykv_repair(f.path, NULL));
    CHECK_STATUS(PYKV_FORMAT, pykv_destroy(f.path));
    f.options.engine = PYKV_ENGINE_BITCASK;
    CHECK_STATUS(PYKV_FORMAT, pykv_open(f.path, &f.options, &store));
    CHECK(strstr(pykv_last_error()->text, "number 77") != NULL);
    name_engine(f.path, PYKV_ENGINE_BITCASK, true);
    CHECK_OK(pykv_open(f.path, NULL, &store));
    pykv_free(store);
    api_free(&f);
}

/* The damage is told by the engine, and repair and destroy find theirs in spite of it. pykv.repair,
 * which asks first, once did not, and sent its user to pykv.repair. */
TEST(where_the_manifest_is_damaged_the_other_files_tell_the_engine)
{
    api_fixture f = api_new();
    pykv_store *store = NULL;
    pykv_report report;
    int32_t engine;
    CHECK_OK(api_put(&f, "a", "1"));
    CHECK_OK(pykv_close(f.store, -1));
    name_engine(f.path, 77, false);
    CHECK_OK(pykv_detect(f.path, &engine));
    CHECK_EQUAL(PYKV_ENGINE_BITCASK, engine);
    CHECK_STATUS(PYKV_CORRUPTION, pykv_open(f.path, NULL, &store));
    CHECK_OK(pykv_repair(f.path, &report));
    CHECK_EQUAL(1, report.kept_record_count);
    CHECK_OK(pykv_open(f.path, NULL, &store));
    CHECK_OK(pykv_contains(store, "a", 1, 0));
    pykv_free(store);
    name_engine(f.path, 77, false);
    CHECK_OK(pykv_destroy(f.path));
    CHECK_OK(pykv_detect(f.path, &engine));
    CHECK_EQUAL(PYKV_ENGINE_ANY, engine);
    api_free(&f);
}

TEST(where_there_is_no_database_there_is_nothing_to_repair_or_destroy)
{
    char *path = check_temporary_directory();
    char absent[512];
    snprintf(absent, sizeof absent, "%s/absent", path);
    CHECK_STATUS(PYKV_PATH_NOT_FOUND, pykv_repair(path, NULL));
    CHECK_STATUS(PYKV_PATH_NOT_FOUND, pykv_destroy(path));
    CHECK_STATUS(PYKV_PATH_NOT_FOUND, pykv_repair(absent, NULL));
    CHECK_STATUS(PYKV_PATH_NOT_FOUND, pykv_destroy(absent));
    free(path);
}

TEST_MAIN(CASE(a_new_directory_gets_what_is_asked_for_or_the_default),
          CASE(files_of_somebody_else_are_refused_and_nothing_is_made_beside_them),
          CASE(a_database_of_an_engine_that_is_not_there_is_refused_by_its_number),
          CASE(where_the_manifest_is_damaged_the_other_files_tell_the_engine),
          CASE(where_there_is_no_database_there_is_nothing_to_repair_or_destroy))
