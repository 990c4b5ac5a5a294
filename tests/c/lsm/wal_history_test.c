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

/* Logs that a manifest lists, and those of them that are history, if the wish is this one. */
static void expect_listed(fixture *self, uint32_t number, const history_wish *wish, size_t count,
                          size_t history_count)
{
    manifest_log *listed;
    size_t found = 0;
    size_t history = 0;
    mutex_lock(&self->writer);
    wal_plan_history(self->log, number, 0, wish);
    CHECK_OK(wal_list(self->log, number, &listed, &found));
    mutex_unlock(&self->writer);
    CHECK_EQUAL(count, found);
    for (size_t i = 0; i < found; i++) {
        history += listed[i].history_end != 0;
        CHECK(i == 0 || listed[i].number == listed[i - 1].number + 1);
    }
    CHECK_EQUAL(history_count, history);
    CHECK_EQUAL(number, listed[history_count].number);
    mem_free(listed);
}

/* A manifest takes so many logs; one more of history, and none could be written any more. */
TEST(history_is_let_go_where_a_manifest_has_no_room_for_more_logs)
{
    fixture self = fixture_of((pykv_options){.durability = PYKV_DURABILITY_OS});
    static const history_keeper pin = {.sequence = 0, .bytes_max = UINT64_MAX};
    history_wish by_bytes = {.bytes = UINT64_MAX, .logs_max = 100};
    history_wish by_pin = {.keepers = &pin, .keeper_count = 1, .logs_max = 100};
    uint32_t number = 0;
    fixture_open(&self, false);
    for (int i = 0; i < 6; i++) {
        fixture_put(&self, 2, 100);
        number = fixture_active(&self);
        CHECK_OK(wal_sync(self.log));
        CHECK_OK(i < 5 ? fixture_roll(&self) : PYKV_OK);
    }
    expect_listed(&self, number, &by_bytes, 6, 5);
    expect_listed(&self, number - 1, &by_pin, 6, 4);
    by_bytes.logs_max = by_pin.logs_max = 6;
    expect_listed(&self, number, &by_bytes, 6, 5);
    by_bytes.logs_max = by_pin.logs_max = 4;
    expect_listed(&self, number, &by_bytes, 4, 3);
    expect_listed(&self, number - 1, &by_pin, 4, 2);
    wal_drop_before(self.log, number - 1);
    CHECK_EQUAL(5, floor_now(&self));
    by_bytes.logs_max = 1;
    expect_listed(&self, number, &by_bytes, 1, 0);
    fixture_free(&self);
}

TEST_MAIN(CASE(every_sequence_in_the_logs_is_found_in_its_log_and_no_other_is),
          CASE(the_floor_rises_with_the_logs_that_go),
          CASE(history_is_let_go_where_a_manifest_has_no_room_for_more_logs))
