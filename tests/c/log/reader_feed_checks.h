/*
 * reader_feed_checks: what feeds of a reader give beside a writer, for any engine.
 *
 * Header only: a test program defines SYNC, and what log/reader_fixture.h says, as the engine's
 * functions, and includes it once, after its fixture.
 */
#ifndef PYKV_TESTS_READER_FEED_CHECKS_H
#define PYKV_TESTS_READER_FEED_CHECKS_H

#include "log/reader_fixture.h"

/* The mark of a sync comes with the next write. */
static void check_that_it_ends_with_what_is_known_durable(fixture *self)
{
    fixture_put(self, "a", "1");
    fixture_put(self, "b", "2");
    CHECK_OK(SYNC(self->store));
    fixture_put(self, "c", "3");
    fixture_put(self, "d", "4");
    fixture reader = reader_new(self);
    CHECK_EQUAL(2, fixture_stats(&reader).synced_sequence);
    CHECK_EQUAL(1, fixture_stats(&reader).history_floor);
    expect_last(&reader, 0, 0, 2);
    expect_last(&reader, 0, PYKV_CHANGES_UNSYNCED, 4);
    expect_last(&reader, 4, PYKV_CHANGES_UNSYNCED, 4);
    change_feed *feed = open_feed(&reader, 0, PYKV_CHANGES_FOLLOW);
    CHECK_EQUAL(3, feed_read(feed, 1, 0));
    CHECK_OK(SYNC(self->store));
    fixture_put(self, "e", "5");
    CHECK_EQUAL(3, feed_read(feed, 3, 0));
    refresh(&reader);
    CHECK_EQUAL(5, feed_read(feed, 3, 0));
    fixture_close(self);
    refresh(&reader);
    CHECK_EQUAL(5, fixture_stats(&reader).synced_sequence);
    CHECK_EQUAL(6, feed_read(feed, 5, 0));
    CHANGES_FREE(reader.store, feed);
    fixture_kill(&reader);
    reader = reader_new(self);
    expect_last(&reader, 0, 0, 5);
    fixture_kill(&reader);
}

static void check_that_it_goes_on_from_file_to_file(fixture *self)
{
    fixture reader = reader_new(self);
    change_feed *feed = open_feed(&reader, 0, PYKV_CHANGES_FOLLOW | PYKV_CHANGES_UNSYNCED);
    uint64_t next = 1;
    for (uint32_t i = 0; i < 12; i++) {
        write_rows(self);
        if (i % 4 == 3) {
            turn_over(self);
        }
        refresh(&reader);
        next = feed_read(feed, next, 0);
        CHECK_EQUAL(fixture_stats(self).last_sequence + 1, next);
        CHECK_EQUAL(fixture_stats(self).history_floor, fixture_stats(&reader).history_floor);
    }
    CHANGES_FREE(reader.store, feed);
    expect_last(&reader, 0, PYKV_CHANGES_UNSYNCED, next - 1);
    fixture_kill(&reader);
}

/* The writer dies, and the next one recovers. */
static void check_that_it_goes_on_with_the_next_writer(fixture *self)
{
    write_rows(self);
    CHECK_OK(SYNC(self->store));
    fixture_put(self, "mark", "1");
    fixture reader = reader_new(self);
    change_feed *feed = open_feed(&reader, 5, PYKV_CHANGES_FOLLOW | PYKV_CHANGES_UNSYNCED);
    CHECK_EQUAL(READER_ROWS + 2, feed_read(feed, 6, 0));
    for (uint64_t era = 1; era <= 3; era++) {
        uint64_t last = fixture_stats(self).last_sequence;
        fixture_kill(self);
        refresh(&reader);
        expect_last(&reader, 0, PYKV_CHANGES_UNSYNCED, last);
        CHECK_OK(fixture_open(self));
        refresh(&reader);
        CHECK_EQUAL(last, fixture_stats(&reader).synced_sequence);
        fixture_put(self, "next", "1");
        refresh(&reader);
        CHECK_EQUAL(last + 2, feed_read(feed, last + 1, era));
    }
    CHANGES_FREE(reader.store, feed);
    feed = open_feed(&reader, READER_ROWS, PYKV_CHANGES_UNSYNCED);
    feed_expect_epochs(feed, 4);
    CHANGES_FREE(reader.store, feed);
    fixture_kill(&reader);
}

#endif
