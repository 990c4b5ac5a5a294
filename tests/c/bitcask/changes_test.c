/*
 * changes_test: the feed of a Bitcask gives what was written, up to what is synced, from segment to
 * segment, and pins keep what is behind them.
 */
#include "bitcask_fixture.h"

#include "log/feed_fixture.h"

#define PIN       bitcask_pin_history
#define UNPIN     bitcask_unpin_history
#define LIST_PINS bitcask_list_pins
#include "log/pin_checks.h"

enum { ROWS = 60, VALUE_BYTES = 100 };

static change_feed *open_feed(fixture *self, uint64_t since, int32_t flags)
{
    change_feed *feed = NULL;
    CHECK_OK(bitcask_changes_open(self->store, &(pykv_position){.sequence = since}, flags, &feed));
    return feed;
}

TEST(a_feed_gives_what_is_synced_and_the_rest_to_who_asks)
{
    fixture self = fixture_new();
    fixture_put(&self, "a", "1");
    fixture_put(&self, "b", "2");
    CHECK_OK(bitcask_sync(self.store));
    fixture_put(&self, "c", "3");
    change_feed *synced = open_feed(&self, 0, PYKV_CHANGES_FOLLOW);
    change_feed *visible = open_feed(&self, 1, PYKV_CHANGES_FOLLOW | PYKV_CHANGES_UNSYNCED);
    CHECK_EQUAL(3, feed_read(synced, 1, 0));
    CHECK_EQUAL(4, feed_read(visible, 2, 0));
    CHECK_OK(bitcask_sync(self.store));
    CHECK_EQUAL(4, feed_read(synced, 3, 0));
    bitcask_changes_free(self.store, synced);
    bitcask_changes_free(self.store, visible);
    fixture_free(&self);
}

TEST(a_feed_goes_on_from_segment_to_segment)
{
    fixture self = fixture_new();
    change_feed *feed = open_feed(&self, 0, PYKV_CHANGES_FOLLOW);
    uint64_t next = 1;
    for (uint32_t i = 0; i < 2000; i++) {
        fixture_fill(&self, i, i + 1, VALUE_BYTES);
        if (i % 97 == 0) {
            CHECK_OK(bitcask_sync(self.store));
            next = feed_read(feed, next, 0);
            CHECK_EQUAL(i + 2, next);
        }
    }
    CHECK(fixture_stats(&self).segment_count > 10);
    bitcask_changes_free(self.store, feed);
    fixture_free(&self);
}

static void await_sleeper(fixture *self)
{
    feed_await_sleeper(&self->store->feeds, &self->store->writer);
}

TEST(a_feed_that_waits_is_woken_by_a_sync_and_one_of_unsynced_changes_by_a_write)
{
    fixture self = fixture_new();
    for (int32_t flags = 0; flags <= PYKV_CHANGES_UNSYNCED; flags += PYKV_CHANGES_UNSYNCED) {
        uint64_t last = fixture_stats(&self).last_sequence;
        feed_wait one = {.feed = open_feed(&self, last, flags | PYKV_CHANGES_FOLLOW)};
        feed_wait_begin(&one);
        await_sleeper(&self);
        fixture_put(&self, "a", "1");
        if (flags == 0) {
            await_sleeper(&self);
            CHECK_OK(bitcask_sync(self.store));
        }
        feed_wait_end(&one);
        CHECK_OK(one.status);
        CHECK_EQUAL(1, one.count);
        bitcask_changes_free(self.store, one.feed);
    }
    fixture_free(&self);
}

TEST(a_clear_and_a_batch_are_told_whole)
{
    fixture self = fixture_new();
    const pykv_change *changes;
    size_t count;
    operation both[2] = {{.record = {.kind = RECORD_PUT}}, {.record = {.kind = RECORD_DELETE}}};
    both[0].record.key = fixture_text("b");
    both[0].record.value = fixture_text("2");
    both[1].record.key = fixture_text("a");
    fixture_put(&self, "a", "1");
    CHECK_OK(bitcask_write(self.store, both, 2, 0));
    CHECK_OK(bitcask_clear(self.store, PYKV_SYNC));
    change_feed *feed = open_feed(&self, 1, 0);
    CHECK_OK(change_feed_next(feed, 0, 0, &changes, &count));
    CHECK_EQUAL(3, count);
    CHECK_EQUAL(PYKV_CHANGE_PUT, changes[0].kind);
    CHECK(!changes[0].last);
    CHECK_EQUAL(PYKV_CHANGE_DELETE, changes[1].kind);
    CHECK(changes[1].last);
    CHECK_EQUAL(PYKV_CHANGE_CLEAR, changes[2].kind);
    bitcask_changes_free(self.store, feed);
    fixture_free(&self);
}

/* ---- pins ---- */

static void turn_over(fixture *self)
{
    fixture_fill(self, 0, ROWS, VALUE_BYTES);
    CHECK_OK(bitcask_compact(self->store, NULL));
}

TEST(a_pin_keeps_what_is_behind_it_over_closes_and_crashes_until_it_is_removed)
{
    fixture self = fixture_new();
    fixture_fill(&self, 0, ROWS, VALUE_BYTES);
    CHECK_OK(set_pin(&self, "copy", ROWS / 2, 0, 0));
    turn_over(&self);
    turn_over(&self);
    CHECK_EQUAL(1, fixture_stats(&self).history_floor);
    fixture_reopen(&self);
    turn_over(&self);
    fixture_kill(&self);
    CHECK_OK(fixture_open(&self));
    CHECK_EQUAL(1, fixture_stats(&self).history_floor);
    CHECK_EQUAL(1, fixture_stats(&self).history_pin_count);
    CHECK_EQUAL(ROWS / 2, only_pin(&self).sequence);
    CHECK(!only_pin(&self).gone);
    CHECK_OK(set_pin(&self, "copy", UINT64_C(2) * ROWS, 0, 0)); /* its reader went on */
    CHECK(fixture_stats(&self).history_floor > ROWS);
    CHECK(fixture_stats(&self).history_floor <= UINT64_C(2) * ROWS + 1);
    CHECK_OK(bitcask_unpin_history(self.store, "copy"));
    CHECK_EQUAL(0, fixture_stats(&self).history_bytes);
    CHECK_STATUS(PYKV_NOT_FOUND, bitcask_unpin_history(self.store, "copy"));
    fixture_free(&self);
}

TEST(a_pin_that_outgrows_its_bytes_or_its_time_gives_way)
{
    fixture self = fixture_new();
    fixture_put(&self, "a", "1");
    CHECK_OK(set_pin(&self, "slow", 0, 20000, 0));
    for (int round = 0; round < 10; round++) {
        turn_over(&self);
        CHECK(fixture_stats(&self).history_bytes <= 20000);
    }
    CHECK(only_pin(&self).gone);
    uint64_t last = fixture_stats(&self).last_sequence;
    CHECK_OK(set_pin(&self, "slow", last, 0, bitcask_now(self.store) + 1000000));
    turn_over(&self);
    turn_over(&self);
    CHECK(!only_pin(&self).gone);
    env_memory_advance(self.disk, 2000000, 2000000);
    fixture_maintain(&self, PYKV_ROLE_DATA, 2);
    CHECK(only_pin(&self).gone);
    CHECK_EQUAL(0, fixture_stats(&self).history_bytes);
    fixture_free(&self);
}

/* The pin was once gone until the next open, which found it again. */
TEST(an_unpin_whose_manifest_cannot_be_written_leaves_the_pin_and_can_be_repeated)
{
    fixture self = fixture_new();
    fixture_close(&self);
    check_that_a_failed_unpin_can_be_repeated(&self);
}

TEST(a_pin_of_what_is_not_there_is_refused)
{
    fixture self = fixture_new();
    turn_over(&self);
    turn_over(&self);
    uint64_t last = fixture_stats(&self).last_sequence;
    CHECK_STATUS(PYKV_HISTORY_GONE, set_pin(&self, "a", 5, 0, 0));
    CHECK_STATUS(PYKV_HISTORY_GONE, set_pin(&self, "a", last + 1, 0, 0));
    CHECK_OK(set_pin(&self, "a", last, 0, 0));
    fixture_free(&self);
}

TEST_MAIN(CASE(a_feed_gives_what_is_synced_and_the_rest_to_who_asks),
          CASE(a_feed_goes_on_from_segment_to_segment),
          CASE(a_feed_that_waits_is_woken_by_a_sync_and_one_of_unsynced_changes_by_a_write),
          CASE(a_clear_and_a_batch_are_told_whole),
          CASE(a_pin_keeps_what_is_behind_it_over_closes_and_crashes_until_it_is_removed),
          CASE(a_pin_that_outgrows_its_bytes_or_its_time_gives_way),
          CASE(an_unpin_whose_manifest_cannot_be_written_leaves_the_pin_and_can_be_repeated),
          CASE(a_pin_of_what_is_not_there_is_refused))
