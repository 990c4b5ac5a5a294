/*
 * compaction_jobs_test: compactions run side by side, each in one pair of hands at a time.
 */
#include <pthread.h>

#include "lsm_fixture.h"

#include "lsm/brake.h"
#include "lsm/compaction_jobs.h"
#include "lsm/jobs.h"

enum { SECOND = 1000000, CROWDING = 300 };

static pykv_status take(fixture *self, compaction_job **job_out)
{
    mutex_lock(&self->store->compaction_lock);
    pykv_status status = compaction_jobs_take(self->store, job_out);
    mutex_unlock(&self->store->compaction_lock);
    return status;
}

static void end(fixture *self, compaction_job *job)
{
    mutex_lock(&self->store->compaction_lock);
    compaction_job_end(self->store, job);
    mutex_unlock(&self->store->compaction_lock);
}

static void run_to_end(fixture *self, compaction_job *job)
{
    bool more = true;
    while (more) {
        CHECK_OK(compaction_job_advance(self->store, job, &more));
    }
    end(self, job);
}

static void fill_level0(fixture *self, uint32_t first, uint32_t count)
{
    for (int round = 0; round < 4; round++) {
        fixture_fill(self, first, first + count, 500);
        CHECK_OK(lsm_flush(self->store));
    }
}

/* Makes the level above the last one due with the keys from 1000 on, and level 0 with those below
 * 60. */
static void make_two_due(fixture *self)
{
    bool worked = true;
    fixture_fill(self, 0, 2000, 1000);
    CHECK_OK(lsm_compact(self->store, NULL));
    for (uint32_t i = 0; i < 700; i++) { /* tables that overlap, so that they go down together */
        uint32_t key = 1000 + i % 7 * 100 + i / 7;
        fixture_fill(self, key, key + 1, 1000);
    }
    CHECK_OK(lsm_flush(self->store));
    while (worked && fixture_stats(self).level_table_count[0] > 0) {
        CHECK_OK(lsm_compaction_step(self->store, &worked));
    }
    CHECK(fixture_stats(self).level_table_count[LSM_LEVEL_COUNT - 2] > 5);
    CHECK_EQUAL(0, fixture_compactions(self));
    fill_level0(self, 0, 60);
}

TEST(nothing_is_taken_where_nothing_is_due)
{
    fixture self = fixture_new();
    compaction_job *job;
    CHECK_EQUAL(PYKV_NOT_FOUND, take(&self, &job));
    CHECK_EQUAL(0, fixture_compactions(&self));
    fixture_free(&self);
}

TEST(a_job_that_somebody_is_at_is_not_taken_until_it_is_handed_back)
{
    fixture self = fixture_new();
    compaction_job *first;
    compaction_job *second;
    fill_level0(&self, 0, 60);
    CHECK_OK(take(&self, &first));
    CHECK_EQUAL(PYKV_WOULD_BLOCK, take(&self, &second));
    mutex_lock(&self.store->compaction_lock);
    first->state = COMPACTION_WAITS;
    mutex_unlock(&self.store->compaction_lock);
    CHECK_OK(take(&self, &second));
    CHECK(first == second);
    run_to_end(&self, second);
    CHECK_EQUAL(0, fixture_stats(&self).level_table_count[0]);
    CHECK_EQUAL(PYKV_NOT_FOUND, take(&self, &first));
    CHECK_EQUAL(60, fixture_count(&self));
    fixture_free(&self);
}

TEST(two_compactions_that_have_nothing_in_common_run_side_by_side)
{
    fixture self = fixture_new();
    compaction_job *first;
    compaction_job *second;
    bool more;
    make_two_due(&self);
    CHECK_OK(take(&self, &first));
    CHECK_OK(take(&self, &second));
    CHECK(first != second);
    CHECK(slice_compare(first->plan.largest, second->plan.smallest) < 0 ||
          slice_compare(second->plan.largest, first->plan.smallest) < 0);
    CHECK_EQUAL(2, fixture_compactions(&self));
    uint64_t before = fixture_stats(&self).compaction_count;
    CHECK_OK(compaction_job_advance(self.store, first, &more));
    CHECK(!more); /* installed, and its place is still taken */
    run_to_end(&self, second);
    end(&self, first);
    CHECK_EQUAL(before + 2, fixture_stats(&self).compaction_count);
    CHECK_EQUAL(2000, fixture_count(&self));
    CHECK_OK(lsm_compact(self.store, NULL));
    fixture_reopen(&self);
    CHECK_EQUAL(2000, fixture_count(&self));
    fixture_free(&self);
}

TEST(a_job_given_up_frees_its_tables_for_others)
{
    fixture self = fixture_new();
    compaction_job *first;
    compaction_job *second;
    make_two_due(&self);
    size_t files = fixture_files(&self, ".tbl", NULL);
    CHECK_OK(take(&self, &first));
    CHECK_OK(take(&self, &second));
    end(&self, first);
    end(&self, second);
    CHECK_EQUAL(files, fixture_files(&self, ".tbl", NULL));
    CHECK_OK(take(&self, &first));
    run_to_end(&self, first);
    CHECK_EQUAL(2000, fixture_count(&self));
    fixture_free(&self);
}

/* Takes and ends the next compaction. True if it was for that reason. */
static bool compact_next_for(fixture *self, const char *reason)
{
    compaction_job *job;
    CHECK_OK(take(self, &job));
    bool is_for_it = strcmp(reason, job->plan.reason) == 0;
    run_to_end(self, job);
    return is_for_it;
}

static bool compact_next(fixture *self)
{
    return compact_next_for(self, "expired");
}

/* Rows that will have expired in a second, behind all others. */
static void put_short_lived(fixture *self)
{
    char key[16];
    static const char value[1000] = {1};
    for (uint32_t i = 5000; i < 5200; i++) {
        CHECK_OK(lsm_put_until(self->store, fixture_key(i, key), slice_make(value, sizeof value),
                               lsm_now(self->store) + SECOND, 0));
    }
}

/* While some level was due, a table that had expired in another one stayed where it was. */
TEST(a_table_that_expired_goes_within_four_compactions_though_others_are_due)
{
    enum { TURN = 4 };
    int picks = 1;
    fixture self = fixture_new();
    put_short_lived(&self);
    make_two_due(&self);
    env_memory_advance(self.disk, 2 * SECOND, 2 * SECOND);
    while (!compact_next(&self)) {
        CHECK(picks++ < TURN);
    }
    CHECK(!compact_next(&self));
    fixture_free(&self);
}

/* Makes tables of level 0 with about 3 MiB of rows, which take three steps. */
static void crowd_level0(fixture *self)
{
    fixture_hold_compactions(self);
    for (uint32_t i = 0; i < 60; i++) {
        fixture_fill(self, 0, 50, 1000);
        CHECK_OK(lsm_flush(self->store));
    }
    fixture_let_compactions(self);
}

static uint64_t level0_read(fixture *self)
{
    mutex_lock(&self->store->writer);
    uint64_t parts = self->store->level0_read;
    mutex_unlock(&self->store->writer);
    return parts;
}

/* Whether a job is done or given up, nothing of it counts as read any more. */
TEST(each_step_says_what_it_has_read_of_level_0)
{
    fixture self = fixture_new();
    crowd_level0(&self);
    for (int gives_up = 1; gives_up >= 0; gives_up--) {
        compaction_job *job;
        CHECK_OK(take(&self, &job));
        uint64_t before = 0;
        bool more = true;
        do {
            CHECK_OK(compaction_job_advance(self.store, job, &more));
            CHECK(level0_read(&self) > before || !more);
            before = level0_read(&self);
        } while (more && !gives_up);
        CHECK(more || before == 0); /* its tables are in level 0 no more */
        end(&self, job);
        CHECK_EQUAL(0, level0_read(&self));
    }
    CHECK_EQUAL(0, fixture_stats(&self).level_table_count[0]);
    fixture_free(&self);
}

static uint64_t renewed_pace(fixture *self)
{
    mutex_lock(&self->store->writer);
    lsm_brake_renew(self->store);
    mutex_unlock(&self->store->writer);
    return atomic_load(&self->store->pacer.ns_per_kib);
}

/* It read on to its end for nothing, and what it had read of tables that were gone counted as read
 * of those that came after the clear: writers were not slowed down. */
TEST(a_job_that_a_clear_made_void_ends_at_once)
{
    fixture self = fixture_new();
    compaction_job *job;
    bool more;
    crowd_level0(&self);
    CHECK_OK(take(&self, &job));
    CHECK_OK(compaction_job_advance(self.store, job, &more));
    CHECK(more && level0_read(&self) > 8 * LSM_LEVEL0_PARTS);
    CHECK_OK(lsm_clear(self.store, 0));
    CHECK_OK(compaction_job_advance(self.store, job, &more));
    CHECK(!more);
    CHECK_EQUAL(0, level0_read(&self));
    atomic_store(&self.store->gate.lent.thread_count[PYKV_ROLE_DATA], 1); /* it does nothing */
    for (uint32_t i = 0; i < LSM_LEVEL0_SLOW + 8; i++) {
        fixture_fill(&self, 0, 5, 100);
        CHECK_OK(lsm_flush(self.store));
    }
    CHECK(renewed_pace(&self) > 0);
    end(&self, job);
    lsm_tidy(self.store);
    CHECK_EQUAL(0, fixture_stats(&self).compaction_count);
    CHECK_EQUAL(LSM_LEVEL0_SLOW + 8, fixture_files(&self, ".tbl", NULL));
    atomic_store(&self.store->gate.lent.thread_count[PYKV_ROLE_DATA], 0);
    fixture_free(&self);
}

/* Deletes a third of the rows from 5000 on, by as many range deletes. */
static void crowd_a_table(fixture *self)
{
    char start[16];
    char stop[16];
    for (uint32_t i = 5000; i < 5000 + 3 * CROWDING; i += 3) {
        CHECK_OK(lsm_delete_range(self->store, fixture_key(i, start), fixture_key(i + 1, stop), 0));
    }
    CHECK_OK(lsm_flush(self->store));
}

/* While some level was due, the table stayed, and the range deletes with it; once there are too
 * many, who deletes a range waits for that. */
TEST(a_table_that_keeps_range_deletes_alive_goes_within_four_compactions_too)
{
    enum { TURN = 4 };
    int picks = 1;
    fixture self = fixture_new();
    fixture_fill(&self, 5000, 5000 + 3 * CROWDING, 10);
    make_two_due(&self);
    crowd_a_table(&self);
    while (!compact_next_for(&self, "deleted")) {
        CHECK(picks++ < TURN);
    }
    CHECK_EQUAL(2000 + 2 * CROWDING, fixture_count(&self));
    fixture_free(&self);
}

TEST(while_writers_wait_for_level_0_no_turn_is_taken)
{
    fixture self = fixture_new();
    put_short_lived(&self);
    CHECK_OK(lsm_compact(self.store, NULL));
    env_memory_advance(self.disk, 2 * SECOND, 2 * SECOND);
    fixture_hold_compactions(&self);
    for (uint32_t i = 0; i < LSM_LEVEL0_STOP; i++) {
        fixture_fill(&self, 0, 2, 100);
        CHECK_OK(lsm_flush(self.store));
    }
    fixture_let_compactions(&self);
    mutex_lock(&self.store->compaction_lock);
    self.store->turns.waited = 100;
    mutex_unlock(&self.store->compaction_lock);
    CHECK(!compact_next(&self));
    CHECK_EQUAL(0, fixture_stats(&self).level_table_count[0]);
    CHECK(compact_next(&self));
    fixture_free(&self);
}

static void *compact_on(void *argument)
{
    fixture *self = argument;
    bool worked = true;
    while (worked) {
        CHECK_OK(lsm_compaction_step(self->store, &worked));
    }
    return NULL;
}

TEST(many_threads_take_turns_until_nothing_is_due)
{
    enum { THREADS = LSM_COMPACTIONS_MAX + 2 };
    fixture self = fixture_new();
    pthread_t threads[THREADS];
    for (int round = 0; round < 2; round++) {
        make_two_due(&self);
        for (int i = 0; i < THREADS; i++) {
            CHECK_EQUAL(0, pthread_create(&threads[i], NULL, compact_on, &self));
        }
        CHECK_OK(lsm_compact(self.store, NULL));
        for (int i = 0; i < THREADS; i++) {
            CHECK_EQUAL(0, pthread_join(threads[i], NULL));
        }
        CHECK_EQUAL(0, fixture_compactions(&self));
        CHECK_EQUAL(2000, fixture_count(&self));
    }
    pykv_stats stats = fixture_stats(&self);
    CHECK_EQUAL(stats.table_count, stats.level_table_count[LSM_LEVEL_COUNT - 1]);
    fixture_free(&self);
}

TEST_MAIN(CASE(nothing_is_taken_where_nothing_is_due),
          CASE(a_job_that_somebody_is_at_is_not_taken_until_it_is_handed_back),
          CASE(two_compactions_that_have_nothing_in_common_run_side_by_side),
          CASE(a_job_given_up_frees_its_tables_for_others),
          CASE(a_table_that_expired_goes_within_four_compactions_though_others_are_due),
          CASE(a_table_that_keeps_range_deletes_alive_goes_within_four_compactions_too),
          CASE(each_step_says_what_it_has_read_of_level_0),
          CASE(a_job_that_a_clear_made_void_ends_at_once),
          CASE(while_writers_wait_for_level_0_no_turn_is_taken),
          CASE(many_threads_take_turns_until_nothing_is_due))
