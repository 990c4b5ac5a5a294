/*
 * reader_gone_checks: what feeds of a reader tell that nothing keeps files for, for any engine.
 *
 * Header only: a test program defines SYNC, PIN, UNPIN and LIST_PINS, and what log/reader_fixture.h
 * says, as the engine's functions, and includes it once, after its fixture.
 */
#ifndef PYKV_TESTS_READER_GONE_CHECKS_H
#define PYKV_TESTS_READER_GONE_CHECKS_H

#include "log/reader_fixture.h"

/* Reads on from a sequence: all up to last, or up to where a file has gone, and no gap. */
static void read_or_be_gone(change_feed *feed, uint64_t from, uint64_t last)
{
    const pykv_change *changes;
    size_t count = 1;
    pykv_status status = PYKV_OK;
    while (status == PYKV_OK && count > 0) {
        status = change_feed_next(feed, 1, 0, &changes, &count);
        for (size_t i = 0; status == PYKV_OK && i < count; i++) {
            CHECK_EQUAL(from, changes[i].sequence);
            from++;
        }
    }
    CHECK(status == PYKV_HISTORY_GONE || from == last + 1);
}

/* Nothing keeps the writer's files for a reader; what is open can be read to its end. */
static void check_that_it_tells_of_history_that_went(fixture *self)
{
    write_rows(self);
    CHECK_OK(SYNC(self->store));
    fixture_put(self, "mark", "1");
    fixture reader = reader_new(self);
    change_feed *begun = open_feed(&reader, 0, 0);
    change_feed *fresh = open_feed(&reader, 3, 0);
    const pykv_change *changes;
    size_t count;
    CHECK_OK(change_feed_next(begun, 1, 0, &changes, &count));
    CHECK(count > 0);
    for (int i = 0; i < 6; i++) {
        turn_over(self);
    }
    CHECK(fixture_stats(self).history_floor > READER_ROWS);
    feed_expect_gone(fresh);
    read_or_be_gone(begun, count + 1, READER_ROWS);
    refresh(&reader);
    feed_expect_gone(fresh);
    CHANGES_FREE(reader.store, begun);
    CHANGES_FREE(reader.store, fresh);
    CHECK_STATUS(PYKV_HISTORY_GONE,
                 CHANGES_OPEN(reader.store, &(pykv_position){.sequence = 3}, 0, &fresh));
    CHECK_STATUS(
        PYKV_HISTORY_GONE,
        CHANGES_OPEN(reader.store, &(pykv_position){.sequence = UINT64_C(1) << 40}, 0, &fresh));
    CHECK_EQUAL(fixture_stats(self).history_floor, fixture_stats(&reader).history_floor);
    fixture_kill(&reader);
}

/* What the manifest lists is not gone but missing. */
static void check_that_it_tells_of_a_file_that_is_missing(fixture *self)
{
    const pykv_change *changes;
    size_t count;
    write_rows(self);
    fixture reader = reader_new(self);
    change_feed *feed = open_feed(&reader, 0, PYKV_CHANGES_UNSYNCED);
    lose_file(&reader, 1);
    CHECK_STATUS(PYKV_CORRUPTION, change_feed_next(feed, 0, 0, &changes, &count));
    CHECK_STATUS(PYKV_CORRUPTION, change_feed_next(feed, 0, 0, &changes, &count));
    CHANGES_FREE(reader.store, feed);
    fixture_kill(&reader);
}

static void check_that_a_refresh_wakes_a_feed(fixture *self)
{
    fixture_put(self, "a", "1");
    fixture reader = reader_new(self);
    feed_wait one = {.feed = open_feed(&reader, 1, PYKV_CHANGES_FOLLOW | PYKV_CHANGES_UNSYNCED)};
    feed_wait_begin(&one);
    feed_await_sleeper(&reader.store->feeds, &reader.store->writer);
    fixture_put(self, "b", "2");
    refresh(&reader);
    feed_wait_end(&one);
    CHECK_OK(one.status);
    CHECK_EQUAL(2, one.sequence);
    CHANGES_FREE(reader.store, one.feed);
    fixture_kill(&reader);
}

static void check_that_it_takes_no_pins(fixture *self)
{
    pykv_pin pin = {.name = "copy"};
    fixture_put(self, "a", "1");
    CHECK_OK(PIN(self->store, &pin));
    fixture reader = reader_new(self);
    pykv_pin found[2];
    size_t count = 0;
    CHECK_STATUS(PYKV_READ_ONLY, PIN(reader.store, &pin));
    CHECK(strstr(error_last()->text, "pins stand in its manifest") != NULL);
    CHECK_STATUS(PYKV_READ_ONLY, UNPIN(reader.store, "copy"));
    LIST_PINS(reader.store, found, 2, &count);
    CHECK_EQUAL(1, count);
    CHECK(!found[0].gone);
    fixture_kill(&reader);
}

#endif
