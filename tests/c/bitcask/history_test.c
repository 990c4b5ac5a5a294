/*
 * history_test: segments that merges replace stay for who reads changes as long as the options, a
 * feed or a pin want them, also over a close and a crash, and nothing else changes for it.
 */
#include "bitcask_fixture.h"

#include "bitcask/history.h"
#include "log/feed_fixture.h"

enum { ROWS = 60, VALUE_BYTES = 100, HISTORY_BYTES = 1 << 20, FILE_MAX = 80 << 20 };

static fixture new_fixture(uint64_t history_bytes)
{
    fixture self = {
        .options = {.segment_bytes = FIXTURE_SEGMENT_BYTES, .history_bytes = history_bytes}};
    CHECK_OK(env_memory_new(check_seed(), FILE_MAX, &self.disk));
    CHECK_OK(fixture_open(&self));
    return self;
}

/* Puts ROWS keys again, and merges what that left dead. Returns the last sequence. */
static uint64_t turn_over(fixture *self)
{
    fixture_fill(self, 0, ROWS, VALUE_BYTES);
    CHECK_OK(bitcask_compact(self->store, NULL));
    return fixture_stats(self).last_sequence;
}

static uint64_t floor_of(fixture *self)
{
    return fixture_stats(self).history_floor;
}

/* Reads everything behind since without waiting: all sequences up to last. */
static void expect_feed(fixture *self, uint64_t since, uint64_t last)
{
    change_feed *feed;
    CHECK_OK(bitcask_changes_open(self->store, &(pykv_position){.sequence = since}, 0, &feed));
    CHECK_EQUAL(last + 1, feed_read(feed, since + 1, fixture_stats(self).epoch));
    bitcask_changes_free(self->store, feed);
}

TEST(without_a_wish_replaced_segments_go_and_history_begins_behind_them)
{
    fixture self = new_fixture(0);
    turn_over(&self);
    uint64_t last = turn_over(&self);
    CHECK(fixture_stats(&self).merge_count > 0);
    CHECK_EQUAL(0, fixture_stats(&self).history_bytes);
    CHECK(floor_of(&self) > ROWS);
    expect_feed(&self, floor_of(&self) - 1, last);
    fixture_free(&self);
}

TEST(live_segments_are_history_that_costs_nothing)
{
    fixture self = new_fixture(0);
    fixture_fill(&self, 0, 500, VALUE_BYTES);
    CHECK_OK(bitcask_sync(self.store));
    CHECK(fixture_stats(&self).segment_count > 5);
    CHECK_EQUAL(1, floor_of(&self));
    expect_feed(&self, 0, 500);
    fixture_reopen(&self);
    expect_feed(&self, 123, 500);
    fixture_free(&self);
}

TEST(replaced_segments_that_the_options_want_stay_over_merges_and_clean_closes)
{
    fixture self = new_fixture(HISTORY_BYTES);
    for (int round = 0; round < 4; round++) {
        uint64_t last = turn_over(&self);
        expect_feed(&self, 0, last);
        fixture_reopen(&self);
        expect_feed(&self, 0, last);
        expect_feed(&self, 17, last);
        CHECK_EQUAL(ROWS, bitcask_count(self.store));
    }
    CHECK(fixture_stats(&self).history_bytes > UINT64_C(3) * ROWS * VALUE_BYTES);
    CHECK_EQUAL(1, floor_of(&self));
    fixture_free(&self);
}

TEST(history_stays_over_a_crash_and_what_was_recovered_continues_it)
{
    fixture self = new_fixture(HISTORY_BYTES);
    for (uint64_t round = 1; round < 4; round++) {
        turn_over(&self);
        fixture_fill(&self, 0, 7, VALUE_BYTES);
        uint64_t last = fixture_stats(&self).last_sequence;
        fixture_kill(&self);
        CHECK_OK(fixture_open(&self));
        CHECK_EQUAL(round, fixture_stats(&self).epoch);
        expect_feed(&self, 0, last);
        expect_feed(&self, last - 3, last);
    }
    fixture_free(&self);
}

TEST(a_change_has_the_epoch_in_which_it_was_written)
{
    fixture self = new_fixture(HISTORY_BYTES);
    change_feed *feed;
    for (uint32_t i = 0; i < 3; i++) {
        fixture_put(&self, "key", "value");
        fixture_kill(&self);
        CHECK_OK(fixture_open(&self));
        CHECK_OK(bitcask_compact(self.store, NULL));
        fixture_reopen(&self);
    }
    CHECK_EQUAL(3, fixture_stats(&self).epoch);
    CHECK_OK(bitcask_changes_open(self.store, &(pykv_position){.sequence = 0}, 0, &feed));
    feed_expect_epochs(feed, 3);
    bitcask_changes_free(self.store, feed);
    fixture_free(&self);
}

TEST(the_oldest_files_go_when_there_are_more_than_are_wanted)
{
    enum { WANTED = 30000 };
    fixture self = new_fixture(WANTED);
    uint64_t last = 0;
    for (int round = 0; round < 20; round++) {
        last = turn_over(&self);
        CHECK(fixture_stats(&self).history_bytes < WANTED + FIXTURE_SEGMENT_BYTES);
        expect_feed(&self, floor_of(&self) - 1, last);
    }
    CHECK(floor_of(&self) > UINT64_C(10) * ROWS);
    CHECK(fixture_stats(&self).history_bytes >= WANTED);
    self.options.history_bytes = 0;
    fixture_reopen(&self);
    fixture_maintain(&self, PYKV_ROLE_DATA, 3);
    CHECK_EQUAL(0, fixture_stats(&self).history_bytes);
    expect_feed(&self, floor_of(&self) - 1, last);
    fixture_free(&self);
}

TEST(a_feed_keeps_the_segments_that_it_has_not_read)
{
    fixture self = new_fixture(0);
    change_feed *feed;
    const pykv_change *changes;
    size_t count;
    CHECK_OK(bitcask_changes_open(self.store, &(pykv_position){.sequence = 0}, PYKV_CHANGES_FOLLOW,
                                  &feed));
    turn_over(&self);
    CHECK_OK(bitcask_clear(self.store, 0));
    uint64_t last = turn_over(&self);
    CHECK(fixture_stats(&self).history_bytes > 0);
    for (uint64_t next = 1; next <= last; next += count) {
        CHECK_OK(change_feed_next(feed, 0, 0, &changes, &count));
        CHECK_EQUAL(next, changes[0].sequence);
    }
    bitcask_changes_free(self.store, feed);
    fixture_maintain(&self, PYKV_ROLE_DATA, 2);
    CHECK_EQUAL(0, fixture_stats(&self).history_bytes);
    fixture_free(&self);
}

TEST(a_feed_that_is_far_behind_loses_its_place_and_says_so)
{
    fixture self = new_fixture(0);
    change_feed *feed;
    CHECK_OK(bitcask_changes_open(self.store, &(pykv_position){.sequence = 0}, PYKV_CHANGES_FOLLOW,
                                  &feed));
    for (int round = 0; round < 12; round++) {
        turn_over(&self);
    }
    feed_expect_gone(feed);
    bitcask_changes_free(self.store, feed);
    fixture_free(&self);
}

/* The name of the oldest file of the history. */
static void oldest_name(fixture *self, char out[SEGMENT_NAME_BYTES])
{
    mutex_lock(&self->store->writer);
    CHECK(self->store->history_count > 0);
    segment_name(self->store->history[0].number, false, out);
    mutex_unlock(&self->store->writer);
}

TEST(a_flipped_bit_in_history_is_named_and_harms_no_row)
{
    fixture self = new_fixture(HISTORY_BYTES);
    char name[SEGMENT_NAME_BYTES];
    change_feed *feed;
    pykv_report report;
    turn_over(&self);
    turn_over(&self);
    oldest_name(&self, name);
    fixture_close(&self);
    uint64_t size;
    uint8_t *data = fixture_bytes(&self, name, &size);
    data[size / 2] ^= 4;
    CHECK_OK(fixture_open(&self));
    CHECK_OK(bitcask_changes_open(self.store, &(pykv_position){.sequence = 0}, 0, &feed));
    CHECK_STATUS(PYKV_CORRUPTION, feed_read_to_end(feed));
    CHECK(strstr(error_last()->path, name) != NULL);
    bitcask_changes_free(self.store, feed);
    CHECK_EQUAL(ROWS, bitcask_count(self.store));
    CHECK_OK(bitcask_verify(self.store, NULL, &report));
    CHECK_EQUAL(1, report.damage_count);
    fixture_free(&self);
}

TEST(a_file_of_history_that_is_another_one_ends_it_there)
{
    fixture self = new_fixture(HISTORY_BYTES);
    char name[SEGMENT_NAME_BYTES];
    turn_over(&self);
    uint64_t last = turn_over(&self);
    oldest_name(&self, name);
    fixture_close(&self);
    uint64_t size;
    fixture_bytes(&self, name, &size)[20] ^= 4;
    CHECK_OK(fixture_open(&self));
    CHECK(floor_of(&self) > 1);
    expect_feed(&self, floor_of(&self) - 1, last);
    CHECK_EQUAL(ROWS, bitcask_count(self.store));
    fixture_free(&self);
}

TEST(repair_takes_history_for_no_rows)
{
    fixture self = new_fixture(HISTORY_BYTES);
    pykv_report report;
    turn_over(&self);
    CHECK_OK(bitcask_clear(self.store, 0));
    fixture_fill(&self, 5, 7, VALUE_BYTES);
    CHECK_OK(bitcask_flush(self.store));
    CHECK_OK(bitcask_compact(self.store, NULL));
    CHECK(fixture_stats(&self).history_bytes > 0);
    uint64_t records = fixture_stats(&self).last_sequence;
    fixture_close(&self);
    CHECK_OK(bitcask_repair(self.disk, FIXTURE_PATH, &report));
    CHECK_EQUAL(0, report.lost_record_count);
    CHECK(report.record_count < records);
    CHECK_OK(fixture_open(&self));
    CHECK_EQUAL(2, bitcask_count(self.store));
    fixture_free(&self);
}

TEST(a_full_disk_takes_history_before_rows)
{
    fixture self = new_fixture(HISTORY_BYTES << 10);
    uint32_t refused = 0;
    env_memory_set_capacity(self.disk, 1 << 20);
    for (int round = 0; round < 300; round++) {
        char value[512] = "value";
        for (uint32_t i = 0; i < 50; i++) {
            char key[16];
            slice name = slice_make(key, (size_t)snprintf(key, sizeof key, "%u", i));
            slice given = slice_make(value, sizeof value);
            pykv_status status = bitcask_put(self.store, name, given, 0);
            for (int attempt = 0; status == PYKV_NO_SPACE; attempt++) {
                CHECK(attempt < 20);
                refused++;
                int32_t more;
                pykv_status worked = bitcask_maintain_step(self.store, PYKV_ROLE_DATA, &more);
                (void)worked;
                status = bitcask_put(self.store, name, given, 0);
            }
            CHECK_OK(status);
        }
        CHECK_OK(bitcask_sync(self.store));
        int32_t more = 1;
        pykv_status worked = PYKV_OK;
        while (worked == PYKV_OK && more != 0) {
            worked = bitcask_maintain_step(self.store, PYKV_ROLE_DATA, &more);
        }
    }
    CHECK(refused > 0);
    CHECK(floor_of(&self) > 1);
    expect_feed(&self, floor_of(&self) - 1, fixture_stats(&self).synced_sequence);
    fixture_free(&self);
}

TEST(a_checkpoint_has_the_changes_of_its_segments_and_an_epoch_of_its_own)
{
    fixture self = new_fixture(HISTORY_BYTES);
    bitcask *copy;
    change_feed *feed;
    const pykv_change *changes;
    size_t count;
    turn_over(&self);
    turn_over(&self);
    fixture_put(&self, "key", "value");
    uint64_t last = fixture_stats(&self).last_sequence;
    CHECK_OK(bitcask_checkpoint(self.store, "/copy"));
    CHECK_OK(bitcask_open(self.disk, "/copy", &self.options, &copy));
    CHECK_OK(bitcask_put(copy, fixture_text("own"), fixture_text("value"), PYKV_SYNC));
    CHECK_OK(bitcask_changes_open(copy, &(pykv_position){.sequence = last - 1}, 0, &feed));
    CHECK_OK(change_feed_next(feed, 0, 0, &changes, &count));
    CHECK_EQUAL(1, count);
    CHECK_EQUAL(last, changes[0].sequence);
    CHECK_EQUAL(fixture_stats(&self).epoch, changes[0].epoch);
    CHECK_OK(change_feed_next(feed, 0, 0, &changes, &count));
    CHECK_EQUAL(last + 1, changes[0].sequence);
    CHECK_EQUAL(copy->epoch_number, changes[0].epoch);
    CHECK(copy->epoch_number > fixture_stats(&self).epoch);
    bitcask_changes_free(copy, feed);
    bitcask_free(copy);
    fixture_free(&self);
}

TEST_MAIN(CASE(without_a_wish_replaced_segments_go_and_history_begins_behind_them),
          CASE(live_segments_are_history_that_costs_nothing),
          CASE(replaced_segments_that_the_options_want_stay_over_merges_and_clean_closes),
          CASE(history_stays_over_a_crash_and_what_was_recovered_continues_it),
          CASE(a_change_has_the_epoch_in_which_it_was_written),
          CASE(the_oldest_files_go_when_there_are_more_than_are_wanted),
          CASE(a_feed_keeps_the_segments_that_it_has_not_read),
          CASE(a_feed_that_is_far_behind_loses_its_place_and_says_so),
          CASE(a_flipped_bit_in_history_is_named_and_harms_no_row),
          CASE(a_file_of_history_that_is_another_one_ends_it_there),
          CASE(repair_takes_history_for_no_rows), CASE(a_full_disk_takes_history_before_rows),
          CASE(a_checkpoint_has_the_changes_of_its_segments_and_an_epoch_of_its_own))
