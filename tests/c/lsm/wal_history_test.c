/*
 * wal_history_test: which log holds which sequence.
 */
#include "lsm/wal_fixture.h"
#include "lsm/wal_history.h"

static void expect_at(fixture *self, uint64_t sequence, uint32_t number, uint64_t last)
{
    log_feed_place place = {.last_sequence = 0};
    mutex_lock(&self->writer);
    bool found = wal_find(self->log, sequence, &place);
    mutex_unlock(&self->writer);
    CHECK_EQUAL(number != 0, found);
    CHECK_EQUAL(number, place.header.number);
    CHECK_EQUAL(last, place.last_sequence);
}

static uint64_t floor_now(fixture *self)
{
    mutex_lock(&self->writer);
    uint64_t sequence = wal_history_floor(self->log);
    mutex_unlock(&self->writer);
    return sequence;
}

TEST(every_sequence_in_the_logs_is_found_in_its_log_and_no_other_is)
{
    fixture self = fixture_of((pykv_options){.durability = PYKV_DURABILITY_OS});
    fixture_open(&self, false);
    CHECK_EQUAL(1, floor_now(&self));
    expect_at(&self, 1, 0, 0);
    fixture_put(&self, 3, 100);
    uint32_t first = fixture_active(&self);
    CHECK_OK(fixture_roll(&self));
    fixture_put(&self, 2, 100);
    uint32_t second = fixture_active(&self);
    CHECK_OK(wal_prepare_next(self.log));
    fixture_put(&self, 1, 100); /* after the next log was made */
    CHECK_OK(fixture_roll(&self));
    fixture_put(&self, 1, 100);
    CHECK(second > first);
    CHECK_EQUAL(1, floor_now(&self));
    expect_at(&self, 0, 0, 0);
    expect_at(&self, 1, first, 3);
    expect_at(&self, 3, first, 3);
    expect_at(&self, 4, second, 6);
    expect_at(&self, 6, second, 6);
    expect_at(&self, 7, fixture_active(&self), 7);
    expect_at(&self, 8, 0, 0);
    fixture_free(&self);
}

TEST(the_floor_rises_with_the_logs_that_go)
{
    fixture self = fixture_of((pykv_options){.durability = PYKV_DURABILITY_OS});
    fixture_open(&self, false);
    fixture_put(&self, 3, 100);
    CHECK_OK(fixture_roll(&self));
    fixture_put(&self, 2, 100);
    fixture_drop(&self, fixture_active(&self), 3);
    CHECK_EQUAL(4, floor_now(&self));
    expect_at(&self, 3, 0, 0);
    fixture_free(&self);
}

TEST_MAIN(CASE(every_sequence_in_the_logs_is_found_in_its_log_and_no_other_is),
          CASE(the_floor_rises_with_the_logs_that_go))
