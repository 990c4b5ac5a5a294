/*
 * refresh_test: what a store that is open read-only shows of another that writes the same files.
 */
#include "bitcask_fixture.h"

#include "bitcask/directory.h"
#include "bitcask/named_fixture.h"
#include "bitcask/refresh.h"
#include "bitcask/snapshot.h"

#define REFRESH bitcask_refresh
#define DESTROY bitcask_destroy
#include "log/refresh_checks.h"

TEST(a_store_that_writes_tells_its_last_sequence_and_nothing_else_happens)
{
    fixture self = fixture_new();
    const directory *before = directory_now(&self.store->spaces.main.directory);
    fixture_put(&self, "key", "value");
    CHECK_EQUAL(1, refresh(&self));
    CHECK(before == directory_now(&self.store->spaces.main.directory));
    fixture_free(&self);
}

TEST(a_reader_shows_what_was_written_only_after_a_refresh)
{
    fixture self = fixture_new();
    check_that_it_shows_what_was_written(&self);
    fixture_free(&self);
}

TEST(where_nothing_is_new_the_directory_stays)
{
    fixture self = fixture_new();
    fixture_fill(&self, 0, 100, 200);
    fixture reader = reader_new(&self);
    const directory *before = directory_now(&reader.store->spaces.main.directory);
    for (int i = 0; i < 3; i++) {
        CHECK_EQUAL(100, refresh(&reader));
        CHECK(before == directory_now(&reader.store->spaces.main.directory));
    }
    fixture_kill(&reader);
    fixture_free(&self);
}

TEST(segments_that_roll_and_merge_show_with_their_books)
{
    fixture self = fixture_new();
    fixture_fill(&self, 0, 100, 200);
    fixture reader = reader_new(&self);
    for (uint32_t round = 1; round < 8; round++) {
        fixture_fill(&self, 0, 20 * round, 100 + round);
        if (round % 3 == 0) {
            CHECK_OK(bitcask_compact(self.store, NULL));
        }
        (void)refresh(&reader);
        expect_same_books(&self, &reader);
        CHECK_EQUAL(fixture_stats(&self).disk_bytes, fixture_stats(&reader).disk_bytes);
    }
    fixture_kill(&reader);
    fixture_free(&self);
}

TEST(a_snapshot_stays_while_its_files_are_gone_and_the_reader_went_on)
{
    fixture self = fixture_new();
    fixture_fill(&self, 0, 100, 200);
    fixture_put(&self, "key", "old");
    fixture reader = reader_new(&self);
    store_moment *kept;
    pykv_pinned pinned = {0};
    uint64_t count = 0;
    CHECK_OK(bitcask_snapshot_new(reader.store, &kept));
    fixture_fill(&self, 0, 50, 100);
    fixture_put(&self, "key", "new");
    CHECK_OK(bitcask_compact(self.store, NULL));
    (void)refresh(&reader);
    CHECK_OK(bitcask_clear(self.store, 0));
    CHECK_OK(bitcask_compact(self.store, NULL));
    (void)refresh(&reader);
    fixture_expect(&reader, "key", NULL);
    CHECK_EQUAL(0, fixture_stats(&reader).key_count);
    CHECK_OK(bitcask_count_at(kept, &count));
    CHECK_EQUAL(101, count);
    CHECK_OK(bitcask_get_at(kept, fixture_text("key"), 0, &pinned));
    CHECK_EQUAL(3, pinned.length);
    CHECK_BYTES("old", pinned.data, 3);
    mem_free(pinned.owned);
    bitcask_snapshot_free(kept);
    fixture_kill(&reader);
    fixture_free(&self);
}

TEST(a_reader_goes_on_when_the_writer_died_and_when_the_next_one_came)
{
    fixture self = fixture_new();
    check_that_it_goes_on_with_the_next_writer(&self);
    fixture_free(&self);
}

TEST(a_reader_shows_the_pins_that_there_are_now)
{
    fixture self = fixture_new();
    check_that_it_shows_the_pins(&self);
    fixture_free(&self);
}

static void expect_same_history(fixture *self, fixture *reader)
{
    pykv_stats a = fixture_stats(self);
    pykv_stats b = fixture_stats(reader);
    CHECK_EQUAL(a.history_bytes, b.history_bytes);
    CHECK_EQUAL(a.history_floor, b.history_floor);
}

static void expect_sound(fixture *self)
{
    pykv_report report;
    CHECK_OK(bitcask_verify(self->store, NULL, &report));
    CHECK_EQUAL(0, report.damage_count);
}

static void turn_over(fixture *self)
{
    fixture_fill(self, 0, 60, 100);
    CHECK_OK(bitcask_compact(self->store, NULL));
}

/* It kept the list that it was opened with: verify told that files of it are missing when the
 * writer had let them go, and stats told their bytes. */
TEST(a_reader_shows_the_history_that_there_is_now)
{
    fixture self = fixture_new();
    self.options.history_bytes = 1 << 20;
    fixture_reopen(&self);
    turn_over(&self);
    turn_over(&self);
    CHECK(fixture_stats(&self).history_bytes > 0);
    fixture reader = reader_new(&self);
    expect_same_history(&self, &reader);
    turn_over(&self);
    fixture_kill(&self); /* so that a new epoch begins */
    CHECK_OK(fixture_open(&self));
    (void)refresh(&reader);
    CHECK_EQUAL(self.store->epochs.count, reader.store->epochs.count);
    CHECK_EQUAL(1, reader.store->epochs.count);
    expect_same_history(&self, &reader);
    expect_sound(&reader);
    self.options.history_bytes = 0;
    fixture_reopen(&self);
    turn_over(&self);
    CHECK_EQUAL(0, fixture_stats(&self).history_bytes);
    expect_sound(&reader); /* it does not know it yet */
    (void)refresh(&reader);
    expect_same_history(&self, &reader);
    expect_sound(&reader);
    fixture_kill(&reader);
    fixture_free(&self);
}

TEST(another_database_or_none_in_the_directory_is_refused_and_the_old_moment_stays)
{
    fixture self = fixture_new();
    fixture_fill(&self, 0, 100, 200);
    check_that_it_refuses_another_database(&self, 100);
    fixture_free(&self);
}

/* Every allocation fails once: what was shown stays, and the next refresh goes on. */
TEST(a_refresh_that_fails_changes_nothing)
{
    fixture self = fixture_new();
    fixture_fill(&self, 0, 100, 200);
    fixture reader = reader_new(&self);
    bool failed = true;
    for (uint64_t at = 1; failed; at++) {
        uint64_t sequence = 0;
        fixture_fill(&self, 0, 30, 300);
        CHECK_OK(bitcask_compact(self.store, NULL));
        pykv_stats before = fixture_stats(&reader);
        (void)mem_fail_at(at, false);
        pykv_status status = try_refresh(&reader, &sequence);
        (void)mem_fail_at(0, false);
        failed = status != PYKV_OK;
        pykv_stats after = fixture_stats(&reader);
        if (failed) {
            CHECK_EQUAL(PYKV_NO_MEMORY, status);
            CHECK_EQUAL(before.last_sequence, after.last_sequence);
            CHECK_EQUAL(before.live_bytes, after.live_bytes);
            CHECK_EQUAL(before.segment_count, after.segment_count);
            (void)refresh(&reader);
        }
        expect_same_books(&self, &reader);
        CHECK(at < 1000);
    }
    fixture_kill(&reader);
    fixture_free(&self);
}

/* Who opened it while a refresh was under way read the new row of its name by the book of before,
 * and held a namespace that was on no list: the book was loaded again, and rows went to another
 * one of that id. */
TEST(a_namespace_that_is_held_before_it_has_rows_shows_them_later)
{
    fixture self = fixture_new();
    named_let_go(&self, named_make(&self, "seed"));
    fixture reader = reader_new(&self);
    space *made = named_make(&self, "users");
    (void)refresh(&reader);
    space *held;
    uint32_t id = 0;
    CHECK_OK(bitcask_hold_space(reader.store, made->id, &held));
    CHECK_OK(name_book_find(bitcask_name_book(reader.store), fixture_text("users"), &id));
    CHECK_EQUAL(made->id, id);
    named_put(&self, made, "a", "1");
    (void)refresh(&reader);
    named_expect(&reader, held, "a", "1");
    named_let_go(&reader, held);
    named_let_go(&self, made);
    fixture_kill(&reader);
    fixture_free(&self);
}

/* Each id that a refresh met stayed with a directory of its own, also when its namespace was
 * dropped: 50 of them took a reader to fifty times its memory. */
TEST(dropped_namespaces_take_no_memory_in_a_reader)
{
    fixture self = fixture_new();
    named_let_go(&self, named_make(&self, "seed"));
    fixture reader = reader_new(&self);
    uint64_t before = fixture_stats(&reader).keydir_bytes;
    for (int i = 0; i < 50; i++) {
        space *made = named_make(&self, "job");
        uint32_t id = 0;
        named_put(&self, made, "a", "1");
        named_let_go(&self, made);
        (void)refresh(&reader);
        CHECK_OK(name_book_find(bitcask_name_book(reader.store), fixture_text("job"), &id));
        named_drop(&self, "job");
    }
    (void)refresh(&reader);
    CHECK_EQUAL(before, fixture_stats(&reader).keydir_bytes);
    fixture_kill(&reader);
    fixture_free(&self);
}

TEST(what_is_held_of_a_namespace_outlives_the_refresh_that_shows_it_dropped)
{
    fixture self = fixture_new();
    store_moment at;
    uint64_t count = 0;
    space *made = named_make(&self, "users");
    named_put(&self, made, "a", "1");
    fixture reader = reader_new(&self);
    space *held = named_make(&reader, "users");
    CHECK_OK(moment_open_in(reader.store, held, MOMENT_SNAPSHOT, &at));
    named_drop(&self, "users");
    (void)refresh(&reader);
    named_expect(&reader, held, "a", NULL);
    named_let_go(&reader, held);
    fixture_put(&self, "b", "1");
    (void)refresh(&reader);
    CHECK_EQUAL(1, reader.store->spaces.list.count); /* that of the names */
    CHECK_OK(bitcask_count_at(&at, &count));
    CHECK_EQUAL(1, count);
    moment_free(&at);
    named_let_go(&self, made);
    fixture_kill(&reader);
    fixture_free(&self);
}

TEST_MAIN(CASE(a_store_that_writes_tells_its_last_sequence_and_nothing_else_happens),
          CASE(a_reader_shows_what_was_written_only_after_a_refresh),
          CASE(where_nothing_is_new_the_directory_stays),
          CASE(segments_that_roll_and_merge_show_with_their_books),
          CASE(a_snapshot_stays_while_its_files_are_gone_and_the_reader_went_on),
          CASE(a_reader_goes_on_when_the_writer_died_and_when_the_next_one_came),
          CASE(a_reader_shows_the_pins_that_there_are_now),
          CASE(a_reader_shows_the_history_that_there_is_now),
          CASE(another_database_or_none_in_the_directory_is_refused_and_the_old_moment_stays),
          CASE(a_refresh_that_fails_changes_nothing),
          CASE(a_namespace_that_is_held_before_it_has_rows_shows_them_later),
          CASE(dropped_namespaces_take_no_memory_in_a_reader),
          CASE(what_is_held_of_a_namespace_outlives_the_refresh_that_shows_it_dropped))
