/*
 * reader_feed_test: the feed of a store that is open read-only, beside one that writes it.
 */
#include <errno.h>

#include "ingest_fixture.h"

#include "env/env_fault.h"
#include "lsm/refresh.h"

#define REFRESH         lsm_refresh
#define CHANGES_OPEN    lsm_changes_open
#define CHANGES_FREE    lsm_changes_free
#define SYNC            lsm_sync
#define PIN             lsm_pin_history
#define UNPIN           lsm_unpin_history
#define LIST_PINS       lsm_list_pins
#define TURN_OVER(self) CHECK_OK(lsm_flush((self)->store))
#include "log/reader_feed_checks.h"
#include "log/reader_gone_checks.h"

#define INGESTED INGEST_DIRECTORY "/a.tbl"

static fixture new_fixture(void)
{
    fixture self = fixture_blank();
    self.options.history_bytes = READER_HISTORY_BYTES;
    CHECK_OK(fixture_open(&self));
    return self;
}

TEST(it_ends_with_what_is_known_durable)
{
    fixture self = new_fixture();
    check_that_it_ends_with_what_is_known_durable(&self);
    CHECK_OK(fixture_open(&self));
    fixture_free(&self);
}

TEST(it_goes_on_from_log_to_log)
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

TEST(a_log_that_is_listed_and_missing_is_damage)
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

/* A refresh knows where history begins that it showed before, and opens none of it again. */
TEST(a_refresh_looks_into_new_history_only)
{
    fixture self = new_fixture();
    for (int i = 0; i < 4; i++) {
        turn_over(&self);
    }
    fixture reader = reader_new(&self);
    CHECK_EQUAL(1, fixture_stats(&reader).history_floor);
    lose_file(&reader, 1);
    fixture_put(&self, "more", "1");
    refresh(&reader);
    CHECK_EQUAL(1, fixture_stats(&reader).history_floor);
    fixture_kill(&reader);
    reader = reader_new(&self);
    CHECK_EQUAL(READER_ROWS + 1, fixture_stats(&reader).history_floor);
    fixture_kill(&reader);
    fixture_free(&self);
}

/* The marks are in the log before the manifest has the tables: a reader that shows the one without
 * the other tells of no rows that it does not have. */
TEST(it_tells_of_an_ingest_when_its_rows_can_be_read)
{
    fixture self = fixture_blank();
    env *disk = self.disk;
    env_fault_plan full = {.at = 1,
                           .sticky = true,
                           .system_errno = ENOSPC,
                           .call_mask = 1U << ENV_CALL_WRITE | 1U << ENV_CALL_ALLOCATE,
                           .name_part = "MANIFEST"};
    env_fault_plan none = {0};
    self.options.history_bytes = READER_HISTORY_BYTES;
    CHECK_OK(env_fault_new(disk, &self.disk));
    CHECK_OK(fixture_open(&self));
    fixture_put(&self, "a", "1");
    ingest_write(&self, INGESTED, 3, 8, "a");
    CHECK_OK(lsm_flush(self.store));
    env_fault_set(self.disk, &full);
    CHECK_STATUS(PYKV_NO_SPACE, ingest_one(&self, INGESTED));
    env_fault_set(self.disk, &none);
    fixture_put(&self, "b", "2");
    fixture reader = reader_new(&self);
    CHECK_EQUAL(3, fixture_stats(&reader).last_sequence);
    expect_last(&reader, 0, PYKV_CHANGES_UNSYNCED, 1);
    CHECK_OK(ingest_one(&self, INGESTED));
    refresh(&reader);
    CHECK_EQUAL(7, fixture_count(&reader));
    expect_last(&reader, 0, PYKV_CHANGES_UNSYNCED, 4);
    fixture_kill(&reader);
    fixture_kill(&self);
    env_fault_free(self.disk);
    env_memory_free(disk);
}

TEST_MAIN(CASE(it_ends_with_what_is_known_durable), CASE(it_goes_on_from_log_to_log),
          CASE(it_goes_on_when_the_writer_died_and_when_the_next_one_came),
          CASE(history_that_the_writer_let_go_is_gone),
          CASE(a_log_that_is_listed_and_missing_is_damage), CASE(a_refresh_wakes_a_feed_that_waits),
          CASE(it_takes_no_pins_and_lists_those_there_are),
          CASE(a_refresh_looks_into_new_history_only),
          CASE(it_tells_of_an_ingest_when_its_rows_can_be_read))
