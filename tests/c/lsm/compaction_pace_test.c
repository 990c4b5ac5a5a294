/*
 * compaction_pace_test: steps cost time, which the next one waits for; flushes do not.
 */
#include "lsm_fixture.h"

TEST(without_a_limit_nothing_waits)
{
    compaction_pace self = {0};
    compaction_pace_charge(&self, UINT64_C(1) << 40, 1000);
    CHECK_EQUAL(0, compaction_pace_wait_us(&self, 1000));
}

TEST(a_step_costs_its_bytes_at_the_pace)
{
    compaction_pace self = {.bytes_per_second = 2000000};
    CHECK_EQUAL(0, compaction_pace_wait_us(&self, 1000));
    compaction_pace_charge(&self, 1000000, 1000);
    CHECK_EQUAL(500000, compaction_pace_wait_us(&self, 1000));
    compaction_pace_charge(&self, 1000000, 1000); /* by another thread */
    CHECK_EQUAL(1000000, compaction_pace_wait_us(&self, 1000));
    CHECK_EQUAL(1, compaction_pace_wait_us(&self, 1000999));
    CHECK_EQUAL(0, compaction_pace_wait_us(&self, 1001000));
}

TEST(time_in_which_nothing_was_compacted_is_not_saved_up)
{
    compaction_pace self = {.bytes_per_second = 1000000};
    compaction_pace_charge(&self, 1000, 1000);
    compaction_pace_charge(&self, 1000, 50000000);
    CHECK_EQUAL(1000, compaction_pace_wait_us(&self, 50000000));
}

/* Four tables in level 0 that wait for a compaction of one step. */
static void make_due(fixture *self)
{
    for (int round = 0; round < 4; round++) {
        fixture_fill(self, 0, 30, 1000);
        CHECK_OK(lsm_flush(self->store));
    }
}

TEST(a_store_compacts_at_its_pace_and_flushes_at_once)
{
    fixture self = fixture_blank();
    self.options.merge_bytes_per_second = LSM_STEP_BYTES;
    CHECK_OK(fixture_open(&self));
    make_due(&self);
    fixture_maintain(&self, PYKV_ROLE_DATA);
    CHECK_EQUAL(1, fixture_stats(&self).compaction_count);
    make_due(&self);
    fixture_fill(&self, 0, 100, 1000);
    CHECK_EQUAL(1, fixture_stats(&self).immutable_memtable_count);
    fixture_maintain(&self, PYKV_ROLE_DATA);
    CHECK_EQUAL(0, fixture_stats(&self).immutable_memtable_count);
    CHECK_EQUAL(1, fixture_stats(&self).compaction_count);
    env_memory_advance(self.disk, 999000, 0);
    fixture_maintain(&self, PYKV_ROLE_DATA);
    CHECK_EQUAL(1, fixture_stats(&self).compaction_count);
    env_memory_advance(self.disk, 2000, 0);
    fixture_maintain(&self, PYKV_ROLE_DATA);
    CHECK_EQUAL(2, fixture_stats(&self).compaction_count);
    fixture_free(&self);
}

TEST(who_asks_for_a_compaction_does_not_wait)
{
    fixture self = fixture_blank();
    self.options.merge_bytes_per_second = 1;
    CHECK_OK(fixture_open(&self));
    make_due(&self);
    fixture_maintain(&self, PYKV_ROLE_DATA);
    make_due(&self);
    CHECK_OK(lsm_compact(self.store, NULL));
    CHECK_EQUAL(0, fixture_stats(&self).level_table_count[0]);
    fixture_free(&self);
}

TEST_MAIN(CASE(without_a_limit_nothing_waits), CASE(a_step_costs_its_bytes_at_the_pace),
          CASE(time_in_which_nothing_was_compacted_is_not_saved_up),
          CASE(a_store_compacts_at_its_pace_and_flushes_at_once),
          CASE(who_asks_for_a_compaction_does_not_wait))
