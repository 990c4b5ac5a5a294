/*
 * names_test: making and dropping namespaces, and their ids.
 */
#include "lsm_fixture.h"

#include "lsm/names.h"
#include "lsm/space.h"

static slice text(const char *data)
{
    return slice_make(data, strlen(data));
}

static uint32_t make(fixture *self, const char *name)
{
    uint32_t id = 0;
    CHECK_OK(name_book_make(lsm_name_book(self->store), text(name), 0, &id));
    return id;
}

static uint32_t drop(fixture *self, const char *name)
{
    uint32_t id = 0;
    CHECK_OK(name_book_drop(lsm_name_book(self->store), text(name), 0, &id));
    return id;
}

static uint64_t count_in(fixture *self, uint32_t space)
{
    uint64_t count = 0;
    CHECK_OK(lsm_count_in(self->store, space, NULL, NULL, &count));
    return count;
}

static pykv_status put(fixture *self, uint32_t space, const char *key)
{
    return lsm_put_in(self->store, space, text(key), text("value"), 0, 0);
}

TEST(a_name_has_one_id_as_long_as_it_is_there)
{
    fixture self = fixture_new();
    uint32_t id = 0;
    CHECK_STATUS(PYKV_NOT_FOUND, name_book_find(lsm_name_book(self.store), text("users"), &id));
    CHECK_EQUAL(1, make(&self, "users"));
    CHECK_EQUAL(2, make(&self, "items"));
    CHECK_EQUAL(1, make(&self, "users"));
    CHECK_OK(name_book_find(lsm_name_book(self.store), text("items"), &id));
    CHECK_EQUAL(2, id);
    CHECK_EQUAL(1, drop(&self, "users"));
    CHECK_STATUS(PYKV_NOT_FOUND, name_book_drop(lsm_name_book(self.store), text("users"), 0, &id));
    fixture_free(&self);
}

TEST(an_id_is_never_given_again)
{
    fixture self = fixture_new();
    CHECK_EQUAL(1, make(&self, "a"));
    CHECK_EQUAL(1, drop(&self, "a"));
    CHECK_EQUAL(2, make(&self, "a"));
    CHECK_EQUAL(2, drop(&self, "a"));
    fixture_kill(&self);
    CHECK_OK(fixture_open(&self));
    CHECK_EQUAL(3, make(&self, "b"));
    CHECK_OK(lsm_clear_in(self.store, KEY_SPACE_DEFAULT, 0));
    CHECK_OK(lsm_flush(self.store));
    CHECK_OK(lsm_compact(self.store, NULL));
    CHECK_EQUAL(3, drop(&self, "b"));
    CHECK_OK(lsm_compact(self.store, NULL));
    CHECK_OK(lsm_close(self.store, -1));
    lsm_free(self.store);
    CHECK_OK(fixture_open(&self));
    CHECK_EQUAL(4, make(&self, "b"));
    fixture_free(&self);
}

/* Who found a namespace and made none was once refused every write, as if it had been dropped. */
TEST(a_namespace_that_is_found_takes_writes_after_a_reopening)
{
    fixture self = fixture_new();
    uint32_t id = 0;
    uint32_t users = make(&self, "users");
    fixture_kill(&self);
    CHECK_OK(fixture_open(&self));
    CHECK_OK(name_book_find(lsm_name_book(self.store), text("users"), &id));
    CHECK_EQUAL(users, id);
    CHECK_OK(put(&self, users, "a"));
    CHECK_EQUAL(1, count_in(&self, users));
    CHECK_STATUS(PYKV_CLOSED, put(&self, users + 1, "a"));
    fixture_free(&self);
}

TEST(nothing_is_written_behind_a_drop)
{
    fixture self = fixture_new();
    uint32_t users = make(&self, "users");
    uint32_t items = make(&self, "items");
    int32_t swapped = 0;
    CHECK_OK(put(&self, users, "a"));
    CHECK_EQUAL(users, drop(&self, "users"));
    uint64_t sequence = lsm_visible(self.store);
    CHECK_STATUS(PYKV_CLOSED, put(&self, users, "a"));
    CHECK_STATUS(PYKV_CLOSED, lsm_delete_in(self.store, users, text("a"), 0, NULL));
    CHECK_STATUS(PYKV_CLOSED, lsm_clear_in(self.store, users, 0));
    CHECK_STATUS(PYKV_CLOSED,
                 lsm_compare_and_set_in(self.store, users, text("a"), NULL, NULL, 0, 0, &swapped));
    record operations[] = {
        {.kind = RECORD_PUT, .namespace_id = items, .key = text("a"), .value = text("1")},
        {.kind = RECORD_PUT, .namespace_id = users, .key = text("a"), .value = text("1")}};
    CHECK_STATUS(PYKV_CLOSED, lsm_write_in(self.store, operations, 2, 0));
    CHECK_EQUAL(sequence, lsm_visible(self.store));
    CHECK_EQUAL(0, count_in(&self, users));
    CHECK_EQUAL(0, count_in(&self, items));
    CHECK_OK(put(&self, items, "a"));
    fixture_free(&self);
}

/* It was refused from before the write of the drop on, also where that failed then. */
TEST(a_write_is_refused_when_a_drop_stands_before_it_in_the_log)
{
    fixture self = fixture_new();
    uint32_t users = make(&self, "users");
    uint32_t items = make(&self, "items");
    stored_key start;
    stored_key stop;
    CHECK_OK(stored_key_make(users, text(""), &start));
    stored_key_end(users, &stop);
    record operations[] = {{.kind = RECORD_RANGE_DELETE, .key = start.key, .value = stop.key}};
    self.store->options.read_only = 1;
    CHECK_STATUS(PYKV_READ_ONLY, lsm_write(self.store, operations, 1, LSM_DROPS));
    self.store->options.read_only = 0;
    CHECK_OK(put(&self, users, "a"));
    CHECK_OK(lsm_clear_in(self.store, users, 0));
    CHECK_OK(put(&self, users, "a"));
    CHECK_OK(lsm_write(self.store, operations, 1, LSM_DROPS));
    CHECK_STATUS(PYKV_CLOSED, put(&self, users, "a"));
    CHECK_OK(put(&self, items, "a"));
    CHECK_EQUAL(0, count_in(&self, users));
    stored_key_reset(&start);
    fixture_free(&self);
}

TEST(a_clear_leaves_the_other_namespaces)
{
    fixture self = fixture_new();
    uint32_t users = make(&self, "users");
    CHECK_OK(put(&self, KEY_SPACE_DEFAULT, "\xff"));
    CHECK_OK(put(&self, users, "a"));
    CHECK_OK(lsm_clear_in(self.store, KEY_SPACE_DEFAULT, 0));
    CHECK_EQUAL(0, count_in(&self, KEY_SPACE_DEFAULT));
    CHECK_EQUAL(1, count_in(&self, users));
    CHECK_OK(lsm_clear_in(self.store, users, 0));
    CHECK_EQUAL(0, count_in(&self, users));
    CHECK_EQUAL(users, make(&self, "users"));
    fixture_free(&self);
}

TEST(a_drop_gives_the_space_back_unread)
{
    fixture self = fixture_new();
    uint32_t users = make(&self, "users");
    char key[32];
    for (int i = 0; i < 5000; i++) {
        snprintf(key, sizeof key, "key-%06d", i);
        CHECK_OK(put(&self, users, key));
    }
    CHECK_OK(lsm_compact(self.store, NULL));
    uint64_t bytes = version_bytes(lsm_view(self.store)->version);
    pykv_stats before;
    pykv_stats after;
    lsm_stats(self.store, &before);
    CHECK_EQUAL(users, drop(&self, "users"));
    CHECK_OK(lsm_flush(self.store));
    int32_t more = 1;
    while (more != 0) {
        CHECK_OK(lsm_maintain_step(self.store, PYKV_ROLE_DATA, &more));
    }
    lsm_stats(self.store, &after);
    CHECK(version_bytes(lsm_view(self.store)->version) < bytes / 4);
    CHECK(after.compaction_read_bytes - before.compaction_read_bytes < bytes / 4);
    fixture_free(&self);
}

TEST(a_drop_that_is_refused_changes_nothing)
{
    fixture self = fixture_new();
    uint32_t users = make(&self, "users");
    uint32_t id = 0;
    CHECK_OK(put(&self, users, "a"));
    name_book *book = lsm_name_book(self.store);
    self.store->options.read_only = 1;
    book->is_read_only = true;
    CHECK_STATUS(PYKV_READ_ONLY, name_book_drop(book, text("users"), 0, &id));
    CHECK_STATUS(PYKV_NOT_FOUND, name_book_make(book, text("other"), 0, &id));
    self.store->options.read_only = 0;
    book->is_read_only = false;
    CHECK_EQUAL(0, id);
    CHECK_OK(put(&self, users, "b"));
    CHECK_EQUAL(2, count_in(&self, users));
    fixture_free(&self);
}

TEST(many_names_are_listed_in_order)
{
    fixture self = fixture_new();
    lsm_scan *names;
    pykv_rows rows;
    char name[32];
    for (int i = 0; i < 50; i++) {
        snprintf(name, sizeof name, "n%02d", (i * 7) % 50);
        make(&self, name);
    }
    fixture_kill(&self);
    CHECK_OK(fixture_open(&self));
    CHECK_OK(lsm_names_scan(self.store, &names));
    CHECK_OK(lsm_scan_next(names, 0, &rows));
    CHECK_EQUAL(50, rows.count);
    for (size_t i = 0; i < rows.count; i++) {
        snprintf(name, sizeof name, "n%02zu", i);
        CHECK_EQUAL(3, rows.offsets[2 * i + 1] - rows.offsets[2 * i]);
        CHECK_BYTES(name, rows.data + rows.offsets[2 * i], 3);
    }
    lsm_scan_free(self.store, names);
    CHECK_EQUAL(51, make(&self, "more"));
    CHECK_OK(put(&self, 17, "a"));
    fixture_free(&self);
}

TEST_MAIN(CASE(a_name_has_one_id_as_long_as_it_is_there), CASE(an_id_is_never_given_again),
          CASE(a_namespace_that_is_found_takes_writes_after_a_reopening),
          CASE(a_write_is_refused_when_a_drop_stands_before_it_in_the_log),
          CASE(nothing_is_written_behind_a_drop), CASE(a_clear_leaves_the_other_namespaces),
          CASE(a_drop_gives_the_space_back_unread), CASE(a_drop_that_is_refused_changes_nothing),
          CASE(many_names_are_listed_in_order))
