/*
 * compaction_pace_test: steps cost time, which the next one waits for; flushes do not.
 */
#include "lsm_fixture.h"

/* A step that ends while nobody reads or writes. */
static void charge(compaction_pace *self, uint64_t bytes, uint64_t now_us)
{
    compaction_moment now = {.now_us = now_us};
    compaction_pace_charge(self, bytes, &now);
}

TEST(without_a_limit_nothing_waits)
{
    compaction_pace self = {0};
    charge(&self, UINT64_C(1) << 40, 1000);
    CHECK_EQUAL(0, compaction_pace_wait_us(&self, 1000, false));
}

TEST(a_step_costs_its_bytes_at_the_pace)
{
    compaction_pace self = {.bytes_per_second = 2000000};
    CHECK_EQUAL(0, compaction_pace_wait_us(&self, 1000, false));
    charge(&self, 1000000, 1000);
    CHECK_EQUAL(500000, compaction_pace_wait_us(&self, 1000, false));
    charge(&self, 1000000, 1000); /* by another thread */
    CHECK_EQUAL(1000000, compaction_pace_wait_us(&self, 1000, false));
    CHECK_EQUAL(1, compaction_pace_wait_us(&self, 1000999, false));
    CHECK_EQUAL(0, compaction_pace_wait_us(&self, 1001000, false));
}

TEST(time_in_which_nothing_was_compacted_is_not_saved_up)
{
    compaction_pace self = {.bytes_per_second = 1000000};
    charge(&self, 1000, 1000);
    charge(&self, 1000, 50000000);
    CHECK_EQUAL(1000, compaction_pace_wait_us(&self, 50000000, false));
}

/* What the next of two steps waits for, where in the 10 ms between them readers waited for so long,
 * loaded blocks for so long, and writers waited for so long. */
static uint64_t wait_where(uint64_t bytes_per_second, uint64_t readers_us, uint64_t loading_us,
                           uint64_t writers_us)
{
    compaction_pace self = {.bytes_per_second = bytes_per_second};
    compaction_moment first = {1000, 5000, 6000, 7000};
    compaction_moment second = {11000, 5000 + readers_us, 6000 + loading_us, 7000 + writers_us};
    self.seen_writers_us = 7000;
    compaction_pace_charge(&self, 0, &first);
    atomic_store(&self.paid_until_us, 0);
    atomic_store(&self.readers_until_us, 0);
    compaction_pace_charge(&self, COMPACTION_PACE_SLOW / 64, &second);
    return compaction_pace_wait_us(&self, second.now_us, false);
}

static uint64_t wait_behind(uint64_t bytes_per_second, uint64_t readers_us, uint64_t writers_us)
{
    return wait_where(bytes_per_second, readers_us, readers_us, writers_us);
}

TEST(readers_who_wait_for_the_device_have_it_nearly_for_themselves)
{
    CHECK_EQUAL(15625, wait_behind(0, 2500, 0));
    CHECK_EQUAL(0, wait_behind(0, 2499, 0));
    CHECK_EQUAL(0, wait_behind(0, 0, 0));
    CHECK_EQUAL(15625, wait_behind(0, 90000, 0)); /* many readers at once */
    CHECK_EQUAL(31250, wait_behind(COMPACTION_PACE_SLOW / 2, 2500, 0));
    CHECK_EQUAL(15625, wait_behind(COMPACTION_PACE_SLOW * UINT64_C(2), 2500, 0));
}

/* Behind a load, gets of blocks that the system had in memory were interrupted by each write of a
 * compaction that was done: one in a thousand took 70 us or more, and 9 usually. */
TEST(readers_who_load_blocks_are_disturbed_gently)
{
    CHECK_EQUAL(3906, wait_where(0, 0, 2500, 0));
    CHECK_EQUAL(0, wait_where(0, 0, 2499, 0));
    CHECK_EQUAL(15625, wait_where(0, 2500, 5000, 0));
    CHECK_EQUAL(31250, wait_where(COMPACTION_PACE_SLOW / 2, 0, 2500, 0));
    CHECK_EQUAL(0, wait_where(0, 0, 2500, 1));
}

/* Four threads had each charged a step beside readers, and a writer that stopped behind them waited
 * until all that was paid for. */
TEST(what_readers_were_left_ends_when_writers_wait)
{
    compaction_pace self = {.bytes_per_second = COMPACTION_PACE_GENTLE * UINT64_C(2)};
    compaction_moment now = {.now_us = 1000, .readers_loading_us = 5000};
    for (int i = 0; i < 4; i++) {
        now.readers_loading_us += 5000;
        compaction_pace_charge(&self, COMPACTION_PACE_GENTLE / 64, &now);
    }
    CHECK_EQUAL(62500, compaction_pace_wait_us(&self, now.now_us, false));
    CHECK_EQUAL(31248, compaction_pace_wait_us(&self, now.now_us, true)); /* what the options say */
}

/* A writer that waited for level 0 once was not seen between its waits, and waited the longer. */
TEST(not_while_writers_wait_or_did_a_moment_ago)
{
    compaction_pace self = {0};
    compaction_moment now = {.now_us = 1000, .readers_waited_us = 5000, .writers_waited_us = 1};
    compaction_pace_charge(&self, 1000000, &now);
    for (int i = 0; i < 9; i++) {
        now.now_us += 10000;
        now.readers_waited_us += 10000;
        compaction_pace_charge(&self, 1000000, &now);
        CHECK_EQUAL(0, compaction_pace_wait_us(&self, now.now_us, false));
    }
    now.now_us += 10000;
    now.readers_waited_us += 10000;
    compaction_pace_charge(&self, 1000000, &now);
    CHECK(compaction_pace_wait_us(&self, now.now_us, false) > 0);
    CHECK_EQUAL(0, wait_behind(0, 2500, 1));
}

/* Of two threads the one that looked first may come last: what it saw once counted twice. */
TEST(a_look_that_comes_late_takes_nothing_back)
{
    compaction_pace self = {.seen_writers_us = 110, .seen_readers_us = 5000, .seen_us = 11000};
    compaction_moment late = {10000, 4000, 0, 100};
    compaction_moment next = {21000, 15000, 0, 110};
    compaction_pace_charge(&self, 1000, &late);
    compaction_pace_charge(&self, COMPACTION_PACE_SLOW / 64, &next);
    CHECK_EQUAL(15625, compaction_pace_wait_us(&self, next.now_us, false));
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

/* Where nobody else compacts, who does waits for it himself. */
TEST(only_compactions_of_lent_threads_yield_to_readers)
{
    for (int32_t threads = 0; threads < 3; threads++) {
        fixture self = fixture_new();
        uint64_t now_us = env_monotonic_us(self.disk);
        make_due(&self);
        atomic_store(&self.store->gate.lent.thread_count[PYKV_ROLE_DATA], threads);
        atomic_store(threads == 2 ? &self.store->source.loading_us : &self.store->source.waited_us,
                     now_us + 1);
        fixture_maintain(&self, PYKV_ROLE_DATA);
        CHECK_EQUAL(1, fixture_stats(&self).compaction_count);
        CHECK((compaction_pace_wait_us(&self.store->compaction_pace, now_us, false) > 0) ==
              (threads > 0));
        atomic_store(&self.store->gate.lent.thread_count[PYKV_ROLE_DATA], 0);
        fixture_free(&self);
    }
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
          CASE(readers_who_wait_for_the_device_have_it_nearly_for_themselves),
          CASE(readers_who_load_blocks_are_disturbed_gently),
          CASE(what_readers_were_left_ends_when_writers_wait),
          CASE(not_while_writers_wait_or_did_a_moment_ago),
          CASE(a_look_that_comes_late_takes_nothing_back),
          CASE(a_store_compacts_at_its_pace_and_flushes_at_once),
          CASE(only_compactions_of_lent_threads_yield_to_readers),
          CASE(who_asks_for_a_compaction_does_not_wait))
