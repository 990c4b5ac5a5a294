/*
 * health_test: each kind of work has its own failure, and the state is that of the worst.
 */
#include "lsm_fixture.h"
#include "range_crowd.h"

#include "lsm/brake.h"
#include "lsm/health.h"

static int32_t note(fixture *self, lsm_work work, pykv_status status)
{
    if (status != PYKV_OK) {
        CHECK_EQUAL(status, error_set(status, "work %d fails", (int)work));
    }
    lsm_note_result(self->store, work, status);
    return lsm_state(self->store);
}

TEST(a_failure_stands_until_the_same_work_succeeds)
{
    fixture self = fixture_new();
    CHECK_EQUAL(PYKV_STATE_OPEN, lsm_state(self.store));
    CHECK_EQUAL(PYKV_STATE_DEGRADED, note(&self, LSM_WORK_COMPACTION, PYKV_CORRUPTION));
    CHECK_EQUAL(PYKV_STATE_DEGRADED, note(&self, LSM_WORK_FLUSH, PYKV_OK));
    CHECK_EQUAL(PYKV_STATE_READ_ONLY, note(&self, LSM_WORK_FLUSH, PYKV_NO_SPACE));
    CHECK_EQUAL(PYKV_STATE_READ_ONLY, note(&self, LSM_WORK_COMPACTION, PYKV_OK));
    CHECK_EQUAL(PYKV_STATE_OPEN, note(&self, LSM_WORK_FLUSH, PYKV_OK));
    CHECK_EQUAL(PYKV_STATE_READ_ONLY, note(&self, LSM_WORK_APPEND, PYKV_NO_SPACE));
    fixture_put(&self, "a", "1");
    CHECK_EQUAL(PYKV_STATE_OPEN, lsm_state(self.store));
    fixture_free(&self);
}

/* The state was "read-only" while writes went on. */
TEST(a_compaction_without_room_degrades_the_store_which_can_be_written)
{
    fixture self = fixture_new();
    CHECK_EQUAL(PYKV_STATE_DEGRADED, note(&self, LSM_WORK_COMPACTION, PYKV_NO_SPACE));
    fixture_put(&self, "a", "1");
    CHECK_EQUAL(PYKV_STATE_DEGRADED, lsm_state(self.store));
    CHECK_EQUAL(PYKV_STATE_READ_ONLY, note(&self, LSM_WORK_FLUSH, PYKV_NO_SPACE));
    CHECK_EQUAL(PYKV_STATE_DEGRADED, note(&self, LSM_WORK_FLUSH, PYKV_OK));
    fixture_free(&self);
}

TEST(all_failures_can_be_forgotten)
{
    fixture self = fixture_new();
    (void)note(&self, LSM_WORK_FLUSH, PYKV_IO_FAILED);
    (void)note(&self, LSM_WORK_COMPACTION, PYKV_IO_FAILED);
    mutex_lock(&self.store->writer);
    lsm_note_nothing(self.store);
    CHECK_EQUAL(PYKV_STATE_OPEN, lsm_state_now(self.store));
    mutex_unlock(&self.store->writer);
    fixture_free(&self);
}

TEST(who_waits_for_room_is_told_the_failure_of_the_work_that_makes_it)
{
    fixture self = fixture_new();
    CHECK_OK(lsm_failure_of_room(self.store, 0, false));
    (void)note(&self, LSM_WORK_COMPACTION, PYKV_CORRUPTION);
    CHECK_OK(lsm_failure_of_room(self.store, 0, false)); /* flushes make room */
    (void)note(&self, LSM_WORK_FLUSH, PYKV_NO_SPACE);
    CHECK_EQUAL(PYKV_CORRUPTION, error_set(PYKV_CORRUPTION, "something else"));
    CHECK_STATUS(PYKV_NO_SPACE, lsm_failure_of_room(self.store, 0, false));
    CHECK(strcmp("work 1 fails", error_last()->text) == 0);
    CHECK_OK(lsm_failure_of_room(self.store, 2, false)); /* no failure since */
    (void)note(&self, LSM_WORK_FLUSH, PYKV_OK);
    fixture_hold_compactions(&self);
    for (uint32_t i = 0; i < LSM_LEVEL0_STOP; i++) {
        fixture_fill(&self, i, i + 1, 10);
        CHECK_OK(lsm_flush(self.store));
    }
    fixture_let_compactions(&self);
    CHECK_STATUS(PYKV_CORRUPTION, lsm_failure_of_room(self.store, 0, false));
    fixture_free(&self);
}

/* A range delete went on waiting for compactions that failed. */
TEST(who_waits_for_range_deletes_to_go_is_told_why_compactions_fail)
{
    fixture self = fixture_new();
    (void)note(&self, LSM_WORK_COMPACTION, PYKV_CORRUPTION);
    CHECK_OK(lsm_failure_of_room(self.store, 0, true)); /* there are few */
    fixture_free(&self);
    self = crowd_new();
    (void)note(&self, LSM_WORK_COMPACTION, PYKV_CORRUPTION);
    CHECK_STATUS(PYKV_CORRUPTION, lsm_failure_of_room(self.store, 0, true));
    CHECK_OK(lsm_failure_of_room(self.store, 1, true));
    CHECK_OK(lsm_failure_of_room(self.store, 0, false)); /* flushes make room */
    fixture_free(&self);
}

/* A failure from before there was space again was once given to writers while a lent thread was
 * making the room. */
TEST(who_waits_is_not_told_of_failures_from_before)
{
    fixture self = fixture_new();
    (void)note(&self, LSM_WORK_FLUSH, PYKV_NO_SPACE);
    mutex_lock(&self.store->writer);
    uint64_t before = lsm_failures_of_room(self.store);
    mutex_unlock(&self.store->writer);
    CHECK_OK(lsm_failure_of_room(self.store, before, false));
    (void)note(&self, LSM_WORK_APPEND, PYKV_NO_SPACE);
    CHECK_OK(lsm_failure_of_room(self.store, before, false));
    (void)note(&self, LSM_WORK_FLUSH, PYKV_NO_SPACE);
    CHECK_STATUS(PYKV_NO_SPACE, lsm_failure_of_room(self.store, before, false));
    fixture_free(&self);
}

/* A flush that went well once hid that compactions were failing. */
TEST(a_store_that_cannot_compact_says_so_whatever_it_flushes)
{
    fixture self = fixture_new();
    uint64_t size;
    int32_t more;
    char name[32];
    for (int round = 0; round < 5; round++) {
        fixture_fill(&self, 0, 60, 500);
        CHECK_OK(lsm_flush(self.store));
    }
    fixture_close(&self);
    fixture_files(&self, ".tbl", name);
    fixture_bytes(&self, name, &size)[2000] ^= 1;
    CHECK_OK(fixture_open(&self));
    CHECK_STATUS(PYKV_CORRUPTION, lsm_maintain_step(self.store, PYKV_ROLE_DATA, &more));
    for (int round = 0; round < 5; round++) {
        fixture_fill(&self, 100, 160, 500);
        CHECK_OK(lsm_flush(self.store));
        CHECK_EQUAL(PYKV_STATE_DEGRADED, lsm_state(self.store));
    }
    CHECK_OK(lsm_clear(self.store, 0)); /* the damage, too */
    fixture_maintain(&self, PYKV_ROLE_DATA);
    CHECK_EQUAL(PYKV_STATE_OPEN, lsm_state(self.store));
    fixture_free(&self);
}

TEST_MAIN(CASE(a_failure_stands_until_the_same_work_succeeds),
          CASE(a_compaction_without_room_degrades_the_store_which_can_be_written),
          CASE(all_failures_can_be_forgotten),
          CASE(who_waits_for_room_is_told_the_failure_of_the_work_that_makes_it),
          CASE(who_waits_for_range_deletes_to_go_is_told_why_compactions_fail),
          CASE(who_waits_is_not_told_of_failures_from_before),
          CASE(a_store_that_cannot_compact_says_so_whatever_it_flushes))
