/*
 * ingest_writer_test: rows in order make a table; what is not finished makes none.
 */
#include <errno.h>

#include "ingest_fixture.h"

#include "env/env_fault.h"

#define PATH INGEST_DIRECTORY "/a.tbl"

TEST(rows_must_rise_and_a_row_that_does_not_changes_nothing)
{
    fixture self = fixture_new();
    ingest_writer *writer = ingest_begin(&self, PATH);
    CHECK_OK(ingest_writer_add(writer, fixture_text("b"), fixture_text("1"), 0));
    CHECK_STATUS(PYKV_INVALID_ARGUMENT,
                 ingest_writer_add(writer, fixture_text("b"), fixture_text("2"), 0));
    CHECK(strstr(error_last()->text, "sorted") != NULL);
    CHECK_STATUS(PYKV_INVALID_ARGUMENT,
                 ingest_writer_add(writer, fixture_text("a"), fixture_text("2"), 0));
    CHECK_OK(ingest_writer_add(writer, fixture_text("c"), fixture_text("3"), 0));
    CHECK_EQUAL(2, ingest_writer_count(writer));
    CHECK_OK(ingest_writer_finish(writer));
    CHECK_STATUS(PYKV_CLOSED, ingest_writer_add(writer, fixture_text("d"), fixture_text("4"), 0));
    ingest_writer_free(writer);
    CHECK_OK(ingest_one(&self, PATH));
    fixture_expect(&self, "b", "1");
    fixture_expect(&self, "c", "3");
    fixture_free(&self);
}

TEST(a_writer_that_ends_without_finish_leaves_no_file)
{
    fixture self = fixture_new();
    ingest_writer *writer = ingest_begin(&self, PATH);
    CHECK_STATUS(PYKV_INVALID_ARGUMENT, ingest_writer_finish(writer));
    CHECK_OK(ingest_writer_add(writer, fixture_text("b"), fixture_text("1"), 0));
    ingest_writer_free(writer);
    CHECK_EQUAL(0, fixture_files(&self, "a.tbl", NULL));
    CHECK_STATUS(PYKV_PATH_NOT_FOUND, ingest_one(&self, PATH));
    fixture_free(&self);
}

TEST(a_path_that_is_taken_or_has_no_directory_is_refused)
{
    fixture self = fixture_new();
    ingest_writer *writer;
    ingest_write(&self, PATH, 0, 3, "1");
    CHECK_STATUS(PYKV_PATH_EXISTS, ingest_writer_open(self.disk, PATH, &self.options, &writer));
    CHECK_EQUAL(1, fixture_files(&self, "a.tbl", NULL));
    CHECK_STATUS(PYKV_PATH_NOT_FOUND,
                 ingest_writer_open(self.disk, "/none/a", &self.options, &writer));
    self.options.block_bytes = 1;
    CHECK_STATUS(PYKV_INVALID_ARGUMENT,
                 ingest_writer_open(self.disk, INGEST_DIRECTORY "/b", &self.options, &writer));
    fixture_free(&self);
}

enum { ROW_COUNT = 1500, ROW_BYTES = 1000 };

static pykv_status add_rows(ingest_writer *writer)
{
    static const char value[ROW_BYTES] = {1};
    char key[16];
    pykv_status first = PYKV_OK;
    for (uint32_t i = 0; i < ROW_COUNT; i++) {
        pykv_status status =
            ingest_writer_add(writer, fixture_key(i, key), slice_make(value, sizeof value), 0);
        CHECK(first == PYKV_OK || status == first);
        first = status;
    }
    return first;
}

/* Half a block stayed gathered, later rows were taken and the table was called durable: only an
 * ingest, perhaps elsewhere and much later, told that it is damaged. */
TEST(what_failed_is_told_until_the_file_is_gone)
{
    fixture self = fixture_blank();
    fixture inner = {.disk = self.disk};
    env_fault_plan plan = {.system_errno = EIO,
                           .call_mask = 1u << ENV_CALL_WRITE | 1u << ENV_CALL_SYNC |
                                        1u << ENV_CALL_SYNC_DIRECTORY,
                           .name_part = INGEST_DIRECTORY};
    CHECK_OK(env_fault_new(inner.disk, &self.disk));
    CHECK_OK(fixture_open(&self));
    bool has_failed = true;
    for (plan.at = 1; has_failed; plan.at++) {
        ingest_writer *writer = ingest_begin(&self, PATH);
        env_fault_set(self.disk, &plan);
        pykv_status status = add_rows(writer);
        CHECK_EQUAL(env_fault_failed(self.disk) > 0, status == PYKV_IO_FAILED);
        pykv_status ended = ingest_writer_finish(writer);
        has_failed = env_fault_failed(self.disk) > 0;
        CHECK_STATUS(has_failed ? PYKV_IO_FAILED : PYKV_OK, ended);
        CHECK_STATUS(ended, ingest_writer_finish(writer));
        CHECK(!has_failed || strstr(error_last()->text, "written anew") != NULL);
        ingest_writer_free(writer);
        CHECK_EQUAL(has_failed ? 0 : 1, fixture_files(&inner, "a.tbl", NULL));
    }
    CHECK(plan.at > ROW_COUNT * ROW_BYTES / (128 * 1024));
    CHECK_OK(ingest_one(&self, PATH));
    CHECK_EQUAL(ROW_COUNT, fixture_count(&self));
    fixture_kill(&self);
    env_fault_free(self.disk);
    env_memory_free(inner.disk);
}

TEST_MAIN(CASE(rows_must_rise_and_a_row_that_does_not_changes_nothing),
          CASE(a_writer_that_ends_without_finish_leaves_no_file),
          CASE(what_failed_is_told_until_the_file_is_gone),
          CASE(a_path_that_is_taken_or_has_no_directory_is_refused))
