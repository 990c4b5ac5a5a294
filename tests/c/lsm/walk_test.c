/*
 * walk_test: a walk keeps the view of its moment until it or the store ends.
 */
#include "lsm_fixture.h"

#include "lsm/walk.h"

static const pykv_range everything = {.keys_only = 0};

static uint64_t row_count(lsm_walk *walk)
{
    uint64_t count = 0;
    CHECK_OK(user_iterator_next(walk->rows));
    while (user_iterator_row(walk->rows) != NULL) {
        count++;
        CHECK_OK(user_iterator_next(walk->rows));
    }
    return count;
}

TEST(a_walk_goes_over_the_rows_of_its_moment_and_range)
{
    fixture self = fixture_new();
    lsm_walk walk = {0};
    lsm_snapshot *snapshot;
    fixture_fill(&self, 0, 50, 10);
    CHECK_OK(lsm_snapshot_new(self.store, &snapshot));
    CHECK_OK(lsm_clear(self.store, 0));
    CHECK_OK(lsm_walk_begin(&walk, self.store, KEY_SPACE_STORED, snapshot, &everything));
    CHECK_EQUAL(50, row_count(&walk));
    lsm_walk_end(self.store, &walk);
    pykv_range range = {.start = "key-00010", .start_length = 9, .has_start = 1};
    CHECK_OK(lsm_walk_begin(&walk, self.store, KEY_SPACE_STORED, snapshot, &range));
    CHECK_EQUAL(40, row_count(&walk));
    lsm_walk_end(self.store, &walk);
    CHECK_OK(lsm_walk_begin(&walk, self.store, KEY_SPACE_STORED, NULL, &everything));
    CHECK_EQUAL(0, row_count(&walk));
    lsm_walk_end(self.store, &walk);
    lsm_snapshot_free(self.store, snapshot);
    CHECK_STATUS(PYKV_OK, lsm_walk_begin(&walk, self.store, KEY_SPACE_STORED, NULL, &everything));
    lsm_walk_end(self.store, &walk);
    fixture_free(&self);
}

/* Its snapshot may go first. */
TEST(a_walk_keeps_the_view_itself)
{
    fixture self = fixture_new();
    lsm_walk walk = {0};
    lsm_snapshot *snapshot;
    fixture_fill(&self, 0, 50, 10);
    CHECK_OK(lsm_snapshot_new(self.store, &snapshot));
    CHECK_OK(lsm_walk_begin(&walk, self.store, KEY_SPACE_STORED, snapshot, &everything));
    lsm_snapshot_free(self.store, snapshot);
    CHECK_OK(lsm_clear(self.store, 0));
    CHECK_OK(lsm_compact(self.store, NULL));
    CHECK_EQUAL(50, row_count(&walk));
    lsm_walk_end(self.store, &walk);
    fixture_free(&self);
}

TEST(walks_are_counted_until_they_end_in_any_order_and_ended_once)
{
    fixture self = fixture_new();
    lsm_walk walks[3] = {{0}};
    for (uint64_t i = 0; i < 3; i++) {
        CHECK_OK(lsm_walk_begin(&walks[i], self.store, KEY_SPACE_STORED, NULL, &everything));
        CHECK_EQUAL(i + 1, fixture_stats(&self).open_scan_count);
    }
    lsm_walk_end(self.store, &walks[1]);
    CHECK(walks[1].store == NULL && walks[1].rows == NULL);
    lsm_walk_end(self.store, &walks[1]);
    CHECK_EQUAL(2, fixture_stats(&self).open_scan_count);
    lsm_walk_end_all(self.store);
    CHECK_EQUAL(0, fixture_stats(&self).open_scan_count);
    CHECK(walks[0].rows == NULL && walks[2].rows == NULL);
    lsm_walk_end(self.store, &walks[0]);
    lsm_walk_end(self.store, &walks[2]);
    fixture_free(&self);
}

TEST(without_memory_no_walk_begins_and_nothing_is_kept)
{
    fixture self = fixture_new();
    lsm_walk walk = {0};
    fixture_fill(&self, 0, 10, 10);
    pykv_status status = PYKV_NO_MEMORY;
    pykv_range range = {.start = "k", .start_length = 1, .has_start = 1};
    for (uint64_t at = 1; status != PYKV_OK; at++) {
        int64_t blocks = mem_block_count();
        (void)mem_fail_at(at, 0);
        status = lsm_walk_begin(&walk, self.store, KEY_SPACE_STORED, NULL, &range);
        (void)mem_fail_at(0, 0);
        CHECK(status == PYKV_OK || status == PYKV_NO_MEMORY);
        CHECK(status == PYKV_OK || (walk.rows == NULL && blocks == mem_block_count()));
    }
    lsm_walk_end(self.store, &walk);
    fixture_free(&self);
}

TEST_MAIN(CASE(a_walk_goes_over_the_rows_of_its_moment_and_range),
          CASE(a_walk_keeps_the_view_itself),
          CASE(walks_are_counted_until_they_end_in_any_order_and_ended_once),
          CASE(without_memory_no_walk_begins_and_nothing_is_kept))
