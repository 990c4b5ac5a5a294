/*
 * names_test: namespaces of a Bitcask: made, listed, dropped, and what is there after a reopening,
 * a kill and a merge.
 */
#include "bitcask/bitcask_fixture.h"
#include "bitcask/merge_fixture.h"
#include "bitcask/named_fixture.h"
#include "bitcask/operation_fixture.h"

static void expect_names(fixture *self, const char *joined)
{
    scan *walk;
    pykv_rows rows;
    CHECK_OK(bitcask_names_scan(self->store, &walk));
    CHECK_OK(scan_next(walk, 0, &rows));
    uint64_t bytes = rows.offsets[2 * rows.count];
    CHECK_EQUAL(strlen(joined), bytes);
    CHECK_BYTES(joined, rows.data, bytes);
    CHECK_OK(scan_next(walk, 0, &rows));
    CHECK_EQUAL(0, rows.count);
    scan_free(walk);
}

TEST(each_namespace_has_keys_of_its_own_and_names_are_listed_in_order)
{
    fixture self = fixture_new();
    expect_names(&self, "");
    space *users = named_make(&self, "users");
    space *items = named_make(&self, "items");
    fixture_put(&self, "a", "1");
    named_put(&self, users, "a", "2");
    named_put(&self, items, "", "3");
    fixture_expect(&self, "a", "1");
    fixture_expect(&self, "", NULL);
    named_expect(&self, users, "a", "2");
    named_expect(&self, items, "a", NULL);
    named_expect(&self, items, "", "3");
    CHECK_EQUAL(1, bitcask_count(self.store));
    CHECK_EQUAL(1, bitcask_count_in(users));
    expect_names(&self, "itemsusers");
    fixture_expect_exact_books(&self);
    named_let_go(&self, users);
    named_let_go(&self, items);
    fixture_free(&self);
}

TEST(what_is_in_a_namespace_outlives_a_close_and_a_kill)
{
    fixture self = fixture_new();
    for (int round = 0; round < 6; round++) {
        space *users = named_make(&self, "users");
        CHECK_EQUAL(1, users->id);
        CHECK_EQUAL((uint64_t)round * 100, bitcask_count_in(users));
        named_fill(&self, users, (uint32_t)round * 100, (uint32_t)round * 100 + 100, 40);
        fixture_put(&self, "a", "1");
        named_let_go(&self, users);
        fixture_expect_exact_books(&self);
        if (round % 2 == 0) {
            fixture_reopen(&self);
        } else {
            CHECK_OK(bitcask_sync(self.store));
            fixture_kill(&self);
            CHECK_OK(fixture_open(&self));
        }
        CHECK_EQUAL(1, bitcask_count(self.store));
        expect_names(&self, "users");
    }
    fixture_free(&self);
}

TEST(a_drop_takes_the_bytes_and_the_keys_and_its_id_never_comes_back)
{
    fixture self = fixture_new();
    space *users = named_make(&self, "users");
    named_fill(&self, users, 0, 200, 100);
    fixture_put(&self, "a", "1");
    uint64_t before = fixture_stats(&self).live_bytes;
    uint64_t named = named_live_bytes(&self, users);
    CHECK(named > 200 * 100);
    named_drop(&self, "users");
    CHECK_EQUAL(0, named_live_bytes(&self, users));
    CHECK_EQUAL(before, fixture_stats(&self).live_bytes);
    named_expect(&self, users, "key-1", NULL);
    CHECK_STATUS(PYKV_CLOSED,
                 bitcask_put_in(self.store, users, fixture_text("a"), fixture_text("b"), 0, 0));
    CHECK_STATUS(PYKV_CLOSED, bitcask_clear_in(self.store, users, 0));
    space *again = named_make(&self, "users");
    CHECK_EQUAL(2, again->id);
    CHECK_EQUAL(0, bitcask_count_in(again));
    named_put(&self, again, "key-1", "new");
    fixture_expect_exact_books(&self);
    named_let_go(&self, users);
    named_let_go(&self, again);
    fixture_kill(&self);
    CHECK_OK(fixture_open(&self));
    again = named_make(&self, "users");
    CHECK_EQUAL(1, bitcask_count_in(again));
    named_expect(&self, again, "key-1", "new");
    named_let_go(&self, again);
    fixture_free(&self);
}

/* It was refused from before the write of the drop on, also where that failed then. */
TEST(a_write_is_refused_when_a_drop_stands_before_it_in_the_log)
{
    fixture self = fixture_new();
    space *users = named_make(&self, "users");
    operation writes[2] = {operation_make(RECORD_DELETE, "users", NULL),
                           operation_make(RECORD_CLEAR, "", NULL)};
    writes[0].record.namespace_id = NAMESPACE_NAMES;
    writes[1].record.namespace_id = users->id;
    self.store->options.read_only = 1;
    CHECK_STATUS(PYKV_READ_ONLY, bitcask_write(self.store, writes, 2, 0));
    self.store->options.read_only = 0;
    named_put(&self, users, "a", "1");
    CHECK_OK(bitcask_write(self.store, writes, 2, 0));
    CHECK_STATUS(PYKV_CLOSED,
                 bitcask_put_in(self.store, users, fixture_text("a"), fixture_text("b"), 0, 0));
    CHECK_EQUAL(0, bitcask_count_in(users));
    named_let_go(&self, users);
    fixture_free(&self);
}

TEST(merging_gives_the_space_of_a_dropped_namespace_back_and_nothing_comes_back)
{
    fixture self = fixture_new();
    space *users = named_make(&self, "users");
    space *kept = named_make(&self, "kept");
    fixture_fill(&self, 0, 20, 100);
    for (uint32_t i = 0; i < 300; i += 10) {
        named_fill(&self, users, i, i + 10, 200);
        named_fill(&self, kept, i, i + 2, 50);
    }
    uint64_t full = fixture_stats(&self).disk_bytes;
    named_drop(&self, "users");
    CHECK_OK(bitcask_compact(self.store, NULL));
    CHECK(fixture_stats(&self).disk_bytes < full / 3);
    fixture_expect_exact_books(&self);
    named_let_go(&self, users);
    CHECK_EQUAL(60, bitcask_count_in(kept));
    named_let_go(&self, kept);
    fixture_kill(&self);
    CHECK_OK(fixture_open(&self));
    expect_names(&self, "kept");
    kept = named_make(&self, "kept");
    CHECK_EQUAL(60, bitcask_count_in(kept));
    CHECK_EQUAL(20, bitcask_count(self.store));
    named_let_go(&self, kept);
    fixture_free(&self);
}

TEST(a_clear_is_of_one_namespace_whatever_order_segments_are_read_in)
{
    fixture self = fixture_new();
    space *users = named_make(&self, "users");
    named_fill(&self, users, 0, 100, 100);
    fixture_fill(&self, 0, 10, 100);
    CHECK_OK(bitcask_clear_in(self.store, users, 0));
    CHECK_EQUAL(0, bitcask_count_in(users));
    CHECK_EQUAL(10, bitcask_count(self.store));
    named_fill(&self, users, 50, 60, 100);
    fixture_expect_exact_books(&self);
    CHECK_OK(bitcask_flush(self.store));
    CHECK_OK(bitcask_clear(self.store, 0));
    CHECK_EQUAL(10, bitcask_count_in(users));
    fixture_expect_exact_books(&self);
    named_let_go(&self, users);
    fixture_kill(&self);
    CHECK_OK(fixture_open(&self));
    users = named_make(&self, "users");
    CHECK_EQUAL(10, bitcask_count_in(users));
    named_expect(&self, users, "key-1", NULL);
    CHECK_EQUAL(0, bitcask_count(self.store));
    named_let_go(&self, users);
    fixture_free(&self);
}

/* The clear alone is merged, while what it hides stays in an older segment. */
TEST(the_clear_of_a_namespace_stays_as_long_as_older_segments_do)
{
    fixture self = fixture_new();
    segment *inputs[1];
    space *users = named_make(&self, "users");
    named_fill(&self, users, 0, 10, 100);
    CHECK_OK(bitcask_flush(self.store));
    fixture_put(&self, "a", "1");
    CHECK_OK(bitcask_clear_in(self.store, users, 0));
    named_put(&self, users, "key-1", "new");
    CHECK_OK(bitcask_flush(self.store));
    mutex_lock(&self.store->merge_lock);
    mutex_lock(&self.store->writer);
    CHECK_EQUAL(2, self.store->segment_count);
    inputs[0] = self.store->segments[1];
    mutex_unlock(&self.store->writer);
    CHECK_OK(merge_begin(self.store, inputs, 1));
    mutex_unlock(&self.store->merge_lock);
    merge_fixture_finish(&self);
    named_let_go(&self, users);
    merge_fixture_kill_and_reopen(&self);
    users = named_make(&self, "users");
    CHECK_EQUAL(1, bitcask_count_in(users));
    named_expect(&self, users, "key-1", "new");
    named_expect(&self, users, "key-2", NULL);
    fixture_expect(&self, "a", "1");
    named_let_go(&self, users);
    fixture_free(&self);
}

TEST(a_batch_goes_across_namespaces_or_nowhere)
{
    fixture self = fixture_new();
    space *users = named_make(&self, "users");
    space *items = named_make(&self, "items");
    operation writes[4] = {
        operation_make(RECORD_PUT, "a", "1"), operation_make(RECORD_PUT, "a", "2"),
        operation_make(RECORD_PUT, "a", "3"), operation_make(RECORD_DELETE, "a", NULL)};
    writes[1].record.namespace_id = users->id;
    writes[2].record.namespace_id = items->id;
    writes[3].record.namespace_id = items->id;
    CHECK_OK(bitcask_write(self.store, writes, 4, 0));
    fixture_expect(&self, "a", "1");
    named_expect(&self, users, "a", "2");
    named_expect(&self, items, "a", NULL);
    fixture_expect_exact_books(&self);
    named_drop(&self, "items");
    writes[0] = operation_make(RECORD_PUT, "b", "1");
    writes[1] = operation_make(RECORD_PUT, "b", "2");
    writes[1].record.namespace_id = items->id;
    CHECK_STATUS(PYKV_CLOSED, bitcask_write(self.store, writes, 2, 0));
    fixture_expect(&self, "b", NULL);
    named_let_go(&self, users);
    named_let_go(&self, items);
    fixture_free(&self);
}

TEST(a_store_that_is_open_read_only_makes_none_and_finds_those_that_are_there)
{
    fixture self = fixture_new();
    uint32_t id = 0;
    named_let_go(&self, named_make(&self, "users"));
    fixture_close(&self);
    self.options.read_only = 1;
    CHECK_OK(fixture_open(&self));
    CHECK_OK(name_book_find(bitcask_name_book(self.store), fixture_text("users"), &id));
    CHECK_EQUAL(1, id);
    CHECK_STATUS(PYKV_NOT_FOUND,
                 name_book_make(bitcask_name_book(self.store), fixture_text("b"), 0, &id));
    CHECK_STATUS(PYKV_READ_ONLY,
                 name_book_drop(bitcask_name_book(self.store), fixture_text("users"), 0, &id));
    expect_names(&self, "users");
    fixture_free(&self);
}

/* It scanned the segments that names stand in: the first namespace of a session took as long as
 * reading them, and damage in another row of them hid all names. */
TEST(to_list_names_is_to_read_names_alone)
{
    fixture self = fixture_new();
    space *users = named_make(&self, "users");
    fixture_fill(&self, 0, 5, 10);
    named_put(&self, users, "a", "1");
    named_let_go(&self, users);
    fixture_close(&self);
    (void)fixture_damage(&self, "key-3v");
    CHECK_OK(fixture_open(&self));
    expect_names(&self, "users");
    users = named_make(&self, "users");
    named_expect(&self, users, "a", "1");
    named_let_go(&self, users);
    fixture_free(&self);
}

/* An open made a directory for each id that it met, and kept those of namespaces that had been
 * dropped: 200 of them took a hundred times the memory of before the close. */
TEST(dropped_namespaces_take_no_memory_after_an_open)
{
    fixture self = fixture_new();
    for (int i = 0; i < 30; i++) {
        space *made = named_make(&self, "job");
        named_put(&self, made, "a", "1");
        named_let_go(&self, made);
        named_drop(&self, "job");
    }
    uint64_t before = fixture_stats(&self).keydir_bytes;
    fixture_reopen(&self);
    CHECK(fixture_stats(&self).keydir_bytes <= before);
    fixture_kill(&self);
    fixture_unlink(&self, BITCASK_IMAGE_NAME);
    CHECK_OK(fixture_open(&self));
    CHECK(!self.store->recovered_from_image);
    CHECK_EQUAL(before, fixture_stats(&self).keydir_bytes);
    space *next = named_make(&self, "job");
    CHECK_EQUAL(31, next->id);
    named_let_go(&self, next);
    fixture_free(&self);
}

/* Its directory goes at an open, since it is empty, with what it knew of the clear: whether the
 * open finds an image or goes by the records. */
TEST(a_namespace_that_was_cleared_takes_writes_after_an_open_and_shows_nothing_of_before)
{
    fixture self = fixture_new();
    space *users = named_make(&self, "users");
    named_fill(&self, users, 0, 100, 100);
    CHECK_OK(bitcask_clear_in(self.store, users, 0));
    for (uint64_t round = 0; round < 4; round++) {
        scan *walk;
        pykv_rows rows;
        named_let_go(&self, users);
        fixture_close(&self);
        if (round % 2 == 0) {
            fixture_unlink(&self, BITCASK_IMAGE_NAME);
        }
        CHECK_OK(fixture_open(&self));
        CHECK(self.store->recovered_from_image == (round % 2 == 1));
        users = named_make(&self, "users");
        CHECK_EQUAL(1, users->id);
        CHECK_EQUAL(round, bitcask_count_in(users));
        named_expect(&self, users, "key-1", NULL);
        CHECK_OK(scan_open_in(self.store, users, false, &walk));
        CHECK_OK(scan_next(walk, 0, &rows));
        CHECK_EQUAL(round, rows.count);
        scan_free(walk);
        named_fill(&self, users, 100 + (uint32_t)round, 101 + (uint32_t)round, 10);
        fixture_expect_exact_books(&self);
    }
    named_let_go(&self, users);
    fixture_free(&self);
}

TEST_MAIN(CASE(each_namespace_has_keys_of_its_own_and_names_are_listed_in_order),
          CASE(what_is_in_a_namespace_outlives_a_close_and_a_kill),
          CASE(a_drop_takes_the_bytes_and_the_keys_and_its_id_never_comes_back),
          CASE(a_write_is_refused_when_a_drop_stands_before_it_in_the_log),
          CASE(merging_gives_the_space_of_a_dropped_namespace_back_and_nothing_comes_back),
          CASE(a_clear_is_of_one_namespace_whatever_order_segments_are_read_in),
          CASE(the_clear_of_a_namespace_stays_as_long_as_older_segments_do),
          CASE(a_batch_goes_across_namespaces_or_nowhere),
          CASE(a_store_that_is_open_read_only_makes_none_and_finds_those_that_are_there),
          CASE(to_list_names_is_to_read_names_alone),
          CASE(dropped_namespaces_take_no_memory_after_an_open),
          CASE(a_namespace_that_was_cleared_takes_writes_after_an_open_and_shows_nothing_of_before))
