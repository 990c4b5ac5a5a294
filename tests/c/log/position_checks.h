/*
 * position_checks: a follower that gives the epoch of its sequence goes on in the history that it
 * read, and in no other one, for any engine.
 *
 * Header only: a test program defines OPEN_AT, CHECKPOINT, REPAIR, SYNC, PIN, CHANGES_OPEN
 * and CHANGES_FREE as the engine's functions, RETIRE as what leaves logs to history, and includes
 * it once, after its fixture.
 */
#ifndef PYKV_TESTS_POSITION_CHECKS_H
#define PYKV_TESTS_POSITION_CHECKS_H

#include "log/position_fixture.h"

static void check_positions_of_a_store_that_crashed(void)
{
    fixture self = position_new();
    uint64_t era = fixture_stats(&self).epoch;
    CHECK_OK(position_of(&self, era, 0));
    position_write(&self, 3);
    CHECK_OK(position_of(&self, era, 1));
    CHECK_OK(position_of(&self, era, 3));
    expect_another_history(&self, era + 1, 3);
    CHECK_STATUS(PYKV_HISTORY_GONE, position_of(&self, era, 4));
    position_crash(&self);
    position_crash(&self);
    uint64_t now = fixture_stats(&self).epoch;
    CHECK(now > era);
    position_write(&self, 2);
    for (int round = 0; round < 2; round++) {
        CHECK_OK(position_of(&self, era, 3));
        CHECK_OK(position_of(&self, now, 3));
        CHECK_OK(position_of(&self, now, 4));
        CHECK_OK(position_of(&self, now, 5));
        expect_another_history(&self, era, 4);
        expect_another_history(&self, now, 2);
        expect_another_history(&self, now + 1, 3);
        CHECK_OK(position_of(&self, era + 7, 0));
        fixture_reopen(&self);
    }
    fixture_free(&self);
}

/* The log with the last operation of an epoch may go as the pin wants nothing in it: what tells of
 * the epoch stays. */
static void check_a_pin_at_the_end_of_an_epoch(void)
{
    fixture self = fixture_new();
    uint64_t era = fixture_stats(&self).epoch;
    pykv_pin pin = {.name = "copy", .has_epoch = 1, .epoch = era, .sequence = 3};
    position_write(&self, 3);
    CHECK_OK(PIN(self.store, &pin));
    position_crash(&self);
    for (int round = 0; round < 3; round++) {
        position_write(&self, 50);
        CHECK_OK(RETIRE(self.store));
        fixture_reopen(&self);
        CHECK_OK(position_open(&self, (pykv_position){3, era, 1}));
    }
    fixture_free(&self);
}

/* A follower of what is not synced was ahead of what the power left, and took what was written
 * under the same sequences for what it had seen. */
static void check_a_follower_ahead_of_a_power_loss(void)
{
    enum { SYNCED = 20, SEEN = 60, SEEDS = 20 };
    int lost_count = 0;
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        fixture self = position_new();
        uint64_t era = fixture_stats(&self).epoch;
        env *booted;
        position_write(&self, SYNCED);
        CHECK_OK(SYNC(self.store));
        position_write(&self, SEEN - SYNCED);
        CHECK_OK(env_memory_crash(self.disk, seed, ENV_CRASH_TORN, &booted));
        fixture_free(&self);
        self.disk = booted;
        CHECK_OK(fixture_open(&self));
        uint64_t kept = fixture_stats(&self).last_sequence;
        position_write(&self, SEEN);
        CHECK_OK(position_of(&self, era, SYNCED));
        CHECK_OK(position_of(&self, era, kept));
        if (kept < SEEN) {
            lost_count++;
            expect_another_history(&self, era, SEEN);
        }
        fixture_free(&self);
    }
    CHECK(lost_count > 0);
}

static void check_a_checkpoint_that_went_on_by_itself(void)
{
    fixture self = position_new();
    uint64_t era = fixture_stats(&self).epoch;
    position_write(&self, 5);
    CHECK_OK(CHECKPOINT(self.store, POSITION_COPY));
    fixture copy = {.disk = self.disk, .options = self.options};
    CHECK_OK(OPEN_AT(copy.disk, POSITION_COPY, &copy.options, &copy.store));
    position_write(&self, 5);
    position_write(&copy, 5);
    CHECK_OK(position_of(&self, era, 7));
    expect_another_history(&copy, era, 7);
    uint64_t own = fixture_stats(&copy).epoch;
    CHECK_OK(position_of(&copy, own, 7));
    expect_another_history(&self, own, 7);
    fixture_kill(&copy);
    fixture_free(&self);
}

static void check_a_repaired_store(void)
{
    fixture self = position_new();
    uint64_t era = fixture_stats(&self).epoch;
    pykv_report report;
    position_write(&self, 5);
    fixture_close(&self);
    CHECK_OK(REPAIR(self.disk, FIXTURE_PATH, &report));
    CHECK_OK(fixture_open(&self));
    position_write(&self, 10);
    expect_another_history(&self, era, 7);
    CHECK_OK(position_of(&self, fixture_stats(&self).epoch, 7));
    fixture_free(&self);
}

#endif
