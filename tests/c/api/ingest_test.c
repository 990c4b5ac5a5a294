/*
 * ingest_test: tables as a C program writes them and adds them to a store.
 */
#include <sys/wait.h>
#include <unistd.h>

#include "api_fixture.h"

enum { PATH_BYTES = 512 };

static api_fixture new_store(int32_t engine)
{
    api_fixture self = {.options = {.engine = engine}};
    self.path = check_temporary_directory();
    CHECK_OK(api_open(&self));
    return self;
}

/* The path of a file that is not there. */
static void name_in_new_directory(char out[PATH_BYTES])
{
    char *directory = check_temporary_directory();
    snprintf(out, PATH_BYTES, "%s/table", directory);
    free(directory);
}

static pykv_status add(pykv_table_writer *writer, const char *key, uint64_t deadline_us)
{
    const void *keys[] = {key};
    const void *values[] = {"value"};
    const size_t key_lengths[] = {strlen(key)};
    const size_t value_lengths[] = {5};
    return pykv_table_writer_add(writer, 1, keys, key_lengths, values, value_lengths, &deadline_us);
}

TEST(a_table_is_written_and_ingested)
{
    api_fixture f = new_store(PYKV_ENGINE_LSM);
    char file[PATH_BYTES];
    const char *paths[] = {file};
    pykv_table_writer *writer;
    uint64_t deadline = 0;
    name_in_new_directory(file);
    CHECK_OK(pykv_table_writer_open(file, NULL, &writer));
    CHECK_OK(add(writer, "a", 0));
    CHECK_OK(add(writer, "b", UINT64_MAX));
    CHECK_STATUS(PYKV_INVALID_ARGUMENT, add(writer, "a", 0));
    CHECK_EQUAL(2, pykv_table_writer_count(writer));
    CHECK_OK(pykv_table_writer_finish(writer));
    pykv_table_writer_free(writer);
    CHECK_OK(pykv_ingest(f.store, 1, paths, 1));
    CHECK_OK(pykv_contains(f.store, "a", 1, 0));
    CHECK_OK(pykv_expires_at(f.store, "b", 1, 0, &deadline));
    CHECK_EQUAL(UINT64_MAX, deadline);
    CHECK_STATUS(PYKV_PATH_NOT_FOUND, pykv_ingest(f.store, 1, paths, 1));
    api_free(&f);
}

TEST(lengths_are_checked_and_a_writer_may_be_given_up)
{
    char file[PATH_BYTES];
    static char key[PYKV_KEY_BYTES_MAX + 1];
    const void *keys[] = {key};
    const size_t too_long[] = {sizeof key};
    const size_t none[] = {0};
    pykv_table_writer *writer;
    name_in_new_directory(file);
    CHECK_OK(pykv_table_writer_open(file, NULL, &writer));
    CHECK_STATUS(PYKV_PATH_EXISTS, pykv_table_writer_open(file, NULL, &writer));
    CHECK_STATUS(PYKV_KEY_TOO_LARGE,
                 pykv_table_writer_add(writer, 1, keys, too_long, keys, none, NULL));
    CHECK_OK(pykv_table_writer_add(writer, 1, keys, none, keys, none, NULL));
    pykv_table_writer_free(writer);
    CHECK(access(file, F_OK) != 0);
    pykv_table_writer_free(NULL);
}

TEST(a_bitcask_has_no_tables_to_add_to)
{
    api_fixture f = new_store(PYKV_ENGINE_BITCASK);
    const char *paths[] = {"/none"};
    CHECK_STATUS(PYKV_NOT_SUPPORTED, pykv_ingest(f.store, 1, paths, 0));
    api_free(&f);
}

TEST(into_a_namespace_the_rows_are_written_again)
{
    api_fixture f = new_store(PYKV_ENGINE_LSM);
    char file[PATH_BYTES];
    const char *paths[] = {file};
    pykv_table_writer *writer;
    pykv_store *named;
    name_in_new_directory(file);
    CHECK_OK(pykv_namespace_open(f.store, "users", 5, 1, 0, &named));
    CHECK_OK(pykv_table_writer_open(file, NULL, &writer));
    CHECK_OK(add(writer, "a", 0));
    CHECK_OK(pykv_table_writer_finish(writer));
    pykv_table_writer_free(writer);
    CHECK_OK(pykv_ingest(named, 1, paths, 0));
    CHECK_OK(pykv_contains(named, "a", 1, 0));
    CHECK_STATUS(PYKV_NOT_FOUND, pykv_contains(f.store, "a", 1, 0));
    CHECK_OK(pykv_namespace_drop(f.store, "users", 5, 0));
    CHECK_STATUS(PYKV_CLOSED, pykv_ingest(named, 1, paths, 0));
    CHECK_EQUAL(0, access(file, F_OK));
    pykv_free(named);
    api_free(&f);
}

TEST(a_forked_child_leaves_the_writer_of_its_parent_alone)
{
    char file[PATH_BYTES];
    pykv_table_writer *writer;
    name_in_new_directory(file);
    CHECK_OK(pykv_table_writer_open(file, NULL, &writer));
    CHECK_OK(add(writer, "a", 0));
    pid_t child = fork();
    if (child == 0) {
        bool refused =
            add(writer, "b", 0) == PYKV_FORKED && pykv_table_writer_finish(writer) == PYKV_FORKED;
        pykv_table_writer_free(writer);
        _exit(refused && access(file, F_OK) == 0 ? 0 : 1);
    }
    int ended = 1;
    CHECK_EQUAL(child, waitpid(child, &ended, 0));
    CHECK_EQUAL(0, ended);
    CHECK_OK(pykv_table_writer_finish(writer));
    pykv_table_writer_free(writer);
    CHECK_EQUAL(0, unlink(file));
}

TEST_MAIN(CASE(a_table_is_written_and_ingested),
          CASE(lengths_are_checked_and_a_writer_may_be_given_up),
          CASE(a_bitcask_has_no_tables_to_add_to),
          CASE(into_a_namespace_the_rows_are_written_again),
          CASE(a_forked_child_leaves_the_writer_of_its_parent_alone))
