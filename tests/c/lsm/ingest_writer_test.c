/*
 * ingest_writer_test: rows in order make a table; what is not finished makes none.
 */
#include "ingest_fixture.h"

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

TEST_MAIN(CASE(rows_must_rise_and_a_row_that_does_not_changes_nothing),
          CASE(a_writer_that_ends_without_finish_leaves_no_file),
          CASE(a_path_that_is_taken_or_has_no_directory_is_refused))
