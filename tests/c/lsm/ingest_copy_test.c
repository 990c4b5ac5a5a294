/*
 * ingest_copy_test: rows of a table that come to a namespace.
 */
#include "ingest_fixture.h"

#include "lsm/names.h"
#include "lsm/space.h"

#define A INGEST_DIRECTORY "/a"
#define B INGEST_DIRECTORY "/b"

static const uint64_t far_deadline = UINT64_MAX / 2;

static uint32_t make(fixture *self, const char *name)
{
    uint32_t id = 0;
    CHECK_OK(name_book_make(lsm_name_book(self->store), fixture_text(name), 0, &id));
    return id;
}

/* Rows as the writer of pykv.h stores them: "", "a", which expires, and FF. */
static void write_rows(fixture *self, const char *path)
{
    ingest_writer *writer = ingest_begin(self, path);
    CHECK_OK(ingest_writer_add(writer, slice_make("", 0), fixture_text("empty"), 0));
    CHECK_OK(ingest_writer_add(writer, fixture_text("a"), fixture_text("plain"), far_deadline));
    CHECK_OK(ingest_writer_add(writer, slice_make("\xff\0\xff", 3), fixture_text("marked"), 0));
    CHECK_OK(ingest_writer_finish(writer));
    ingest_writer_free(writer);
}

static void expect_in(fixture *self, uint32_t space, slice key, const char *value)
{
    pykv_pinned pinned = {.owned = NULL};
    epoch_token token = epoch_enter(&self->store->gate.readers);
    CHECK_OK(lsm_get_in(self->store, space, NULL, key, 0, &pinned));
    CHECK_EQUAL(strlen(value), pinned.length);
    CHECK_BYTES(value, pinned.data, pinned.length);
    mem_free(pinned.owned);
    epoch_leave(&self->store->gate.readers, token);
}

static uint64_t count_in(fixture *self, uint32_t space)
{
    uint64_t count = 0;
    CHECK_OK(lsm_count_in(self->store, space, NULL, NULL, &count));
    return count;
}

static void expect_rows(fixture *self, uint32_t space)
{
    uint64_t deadline = 0;
    pykv_report report;
    CHECK_EQUAL(3, count_in(self, space));
    expect_in(self, space, slice_make("", 0), "empty");
    expect_in(self, space, slice_make("\xff", 1), "marked");
    CHECK_OK(lsm_expires_at_in(self->store, space, NULL, fixture_text("a"), 0, &deadline));
    CHECK_EQUAL(far_deadline, deadline);
    CHECK_OK(lsm_verify(self->store, NULL, &report));
    CHECK_EQUAL(0, report.damage_count);
}

TEST(every_row_has_its_key_value_and_deadline_in_the_namespace)
{
    fixture self = fixture_new();
    const char *paths[] = {A};
    uint32_t users = make(&self, "users");
    uint32_t items = make(&self, "items");
    write_rows(&self, A);
    CHECK_OK(lsm_ingest_in(self.store, users, paths, 1, false));
    for (int round = 0; round < 4; round++) {
        expect_rows(&self, users);
        CHECK_EQUAL(0, count_in(&self, items));
        CHECK_EQUAL(0, count_in(&self, KEY_SPACE_DEFAULT));
        if (round == 0) {
            fixture_recover(&self);
        } else if (round == 1) {
            CHECK_OK(lsm_compact(self.store, NULL));
        } else {
            fixture_reopen(&self);
        }
    }
    CHECK_EQUAL(items, make(&self, "items"));
    CHECK_OK(lsm_ingest_in(self.store, items, paths, 1, true));
    expect_rows(&self, users);
    expect_rows(&self, items);
    fixture_free(&self);
}

TEST(they_are_newer_than_what_was_written_and_older_than_what_comes)
{
    fixture self = fixture_new();
    const char *paths[] = {A};
    uint32_t users = make(&self, "users");
    slice key = fixture_text("key-00003");
    CHECK_OK(lsm_put_in(self.store, users, key, fixture_text("old"), 0, 0));
    ingest_write(&self, A, 0, 10, "new");
    CHECK_OK(lsm_ingest_in(self.store, users, paths, 1, false));
    expect_in(&self, users, key, "new");
    CHECK_OK(lsm_put_in(self.store, users, key, fixture_text("newer"), 0, 0));
    expect_in(&self, users, key, "newer");
    fixture_recover(&self);
    expect_in(&self, users, key, "newer");
    CHECK_EQUAL(10, count_in(&self, users));
    fixture_free(&self);
}

TEST(nothing_comes_behind_the_drop_of_the_namespace_and_nothing_is_left)
{
    fixture self = fixture_new();
    const char *paths[] = {A, B};
    uint32_t id;
    uint32_t users = make(&self, "users");
    ingest_write(&self, A, 0, 10, "a");
    ingest_write(&self, B, 10, 20, "b");
    CHECK_OK(lsm_ingest_in(self.store, users, paths, 2, false));
    CHECK_OK(name_book_drop(lsm_name_book(self.store), fixture_text("users"), 0, &id));
    CHECK_STATUS(PYKV_CLOSED, lsm_ingest_in(self.store, users, paths, 2, true));
    CHECK_OK(lsm_compact(self.store, NULL));
    CHECK_EQUAL(0, count_in(&self, users));
    fixture_reopen(&self);
    CHECK_EQUAL(1, fixture_files(&self, ".tbl", NULL));
    fixture_free(&self);
}

TEST_MAIN(CASE(every_row_has_its_key_value_and_deadline_in_the_namespace),
          CASE(they_are_newer_than_what_was_written_and_older_than_what_comes),
          CASE(nothing_comes_behind_the_drop_of_the_namespace_and_nothing_is_left))
