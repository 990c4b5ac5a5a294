/*
 * reader_feed_test: the feed of a Bitcask that is open read-only, beside one that writes it.
 */
#include "bitcask_fixture.h"

#include "bitcask/refresh.h"

#define REFRESH         bitcask_refresh
#define CHANGES_OPEN    bitcask_changes_open
#define CHANGES_FREE    bitcask_changes_free
#define SYNC            bitcask_sync
#define PIN             bitcask_pin_history
#define UNPIN           bitcask_unpin_history
#define LIST_PINS       bitcask_list_pins
#define TURN_OVER(self) CHECK_OK(bitcask_compact((self)->store, NULL))
#include "log/reader_feed_checks.h"
#include "log/reader_gone_checks.h"

static fixture new_fixture(void)
{
    fixture self = fixture_new();
    fixture_close(&self);
    self.options.history_bytes = READER_HISTORY_BYTES;
    CHECK_OK(fixture_open(&self));
    return self;
}

TEST(it_ends_with_what_is_known_durable)
{
    fixture self = fixture_new();
    check_that_it_ends_with_what_is_known_durable(&self);
    CHECK_OK(fixture_open(&self));
    fixture_free(&self);
}

TEST(it_goes_on_from_segment_to_segment)
{
    fixture self = new_fixture();
    check_that_it_goes_on_from_file_to_file(&self);
    fixture_free(&self);
}

TEST(it_goes_on_when_the_writer_died_and_when_the_next_one_came)
{
    fixture self = new_fixture();
    check_that_it_goes_on_with_the_next_writer(&self);
    fixture_free(&self);
}

TEST(history_that_the_writer_let_go_is_gone)
{
    fixture self = fixture_new();
    check_that_it_tells_of_history_that_went(&self);
    fixture_free(&self);
}

TEST(a_segment_that_is_listed_and_missing_is_damage)
{
    fixture self = fixture_new();
    check_that_it_tells_of_a_file_that_is_missing(&self);
    fixture_free(&self);
}

TEST(a_refresh_wakes_a_feed_that_waits)
{
    fixture self = fixture_new();
    check_that_a_refresh_wakes_a_feed(&self);
    fixture_free(&self);
}

TEST(it_takes_no_pins_and_lists_those_there_are)
{
    fixture self = fixture_new();
    check_that_it_takes_no_pins(&self);
    fixture_free(&self);
}

TEST(a_log_that_ends_with_a_clear_is_fed_whole)
{
    fixture self = fixture_new();
    write_rows(&self);
    CHECK_OK(bitcask_clear(self.store, 0));
    fixture reader = reader_new(&self);
    CHECK_EQUAL(1, fixture_stats(&reader).history_floor);
    expect_last(&reader, 0, PYKV_CHANGES_UNSYNCED, READER_ROWS + 1);
    CHECK_OK(bitcask_clear(self.store, 0));
    refresh(&reader);
    expect_last(&reader, 0, PYKV_CHANGES_UNSYNCED, READER_ROWS + 2);
    fixture_kill(&reader);
    fixture_free(&self);
}

/* A recovery copies the end of the log to other files. */
TEST(a_feed_whose_file_was_copied_goes_on_in_the_copy_after_a_refresh)
{
    fixture self = fixture_new();
    const pykv_change *changes;
    size_t count;
    write_rows(&self);
    fixture reader = reader_new(&self);
    change_feed *feed = open_feed(&reader, 0, PYKV_CHANGES_UNSYNCED);
    fixture_kill(&self);
    CHECK_OK(fixture_open(&self));
    CHECK_STATUS(PYKV_HISTORY_GONE, change_feed_next(feed, 0, 0, &changes, &count));
    CHECK(strstr(error_last()->text, "refresh()") != NULL);
    refresh(&reader);
    CHECK_EQUAL(READER_ROWS + 1, feed_read(feed, 1, 0));
    bitcask_changes_free(reader.store, feed);
    fixture_kill(&reader);
    fixture_free(&self);
}

TEST_MAIN(CASE(it_ends_with_what_is_known_durable), CASE(it_goes_on_from_segment_to_segment),
          CASE(it_goes_on_when_the_writer_died_and_when_the_next_one_came),
          CASE(history_that_the_writer_let_go_is_gone),
          CASE(a_segment_that_is_listed_and_missing_is_damage),
          CASE(a_refresh_wakes_a_feed_that_waits), CASE(it_takes_no_pins_and_lists_those_there_are),
          CASE(a_log_that_ends_with_a_clear_is_fed_whole),
          CASE(a_feed_whose_file_was_copied_goes_on_in_the_copy_after_a_refresh))
