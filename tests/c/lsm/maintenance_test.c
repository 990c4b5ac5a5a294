/*
 * maintenance_test: what the steps of lent threads do, and what the store says when they fail.
 */
#include <pthread.h>
#include <unistd.h>

#include "lsm_fixture.h"

TEST(a_data_step_flushes_then_compacts_until_there_is_nothing_to_do)
{
    fixture self = fixture_new();
    fixture_fill(&self, 0, 600, 1000);
    fixture_maintain(&self, PYKV_ROLE_DATA);
    pykv_stats stats = fixture_stats(&self);
    CHECK_EQUAL(0, stats.immutable_memtable_count);
    CHECK(stats.level_table_count[0] < 4 && stats.compaction_count > 0);
    CHECK_EQUAL(600, fixture_count(&self));
    fixture_maintain(&self, PYKV_ROLE_DATA);
    CHECK_EQUAL(fixture_stats(&self).table_count, fixture_files(&self, ".tbl", NULL));
    fixture_free(&self);
}

TEST(memory_of_memtables_is_kept_for_the_next_and_goes_when_nobody_writes)
{
    fixture self = fixture_new();
    fixture_fill(&self, 0, 600, 1000);
    fixture_maintain(&self, PYKV_ROLE_DATA);
    uint64_t kept = kept_memory_bytes(&self.store->memory);
    CHECK(kept > 0);
    env_memory_advance(self.disk, KEPT_MEMORY_IDLE_US / 2, 0);
    fixture_maintain(&self, PYKV_ROLE_DATA);
    CHECK_EQUAL(kept, kept_memory_bytes(&self.store->memory));
    env_memory_advance(self.disk, KEPT_MEMORY_IDLE_US, 0);
    fixture_maintain(&self, PYKV_ROLE_DATA);
    CHECK_EQUAL(0, kept_memory_bytes(&self.store->memory));
    fixture_free(&self);
}

TEST(a_log_step_prepares_the_next_log)
{
    fixture self = fixture_new();
    int32_t more;
    CHECK_OK(lsm_maintain_step(self.store, PYKV_ROLE_LOG, &more));
    CHECK_EQUAL(0, fixture_files(&self, ".log", NULL)); /* nothing is written yet */
    fixture_put(&self, "a", "1");
    CHECK_OK(lsm_maintain_step(self.store, PYKV_ROLE_LOG, &more));
    CHECK_EQUAL(2, fixture_files(&self, ".log", NULL));
    fixture_free(&self);
}

TEST(a_log_step_syncs_at_the_interval)
{
    fixture self = fixture_blank();
    int32_t more;
    self.options.durability = PYKV_DURABILITY_INTERVAL;
    CHECK_OK(fixture_open(&self));
    fixture_put(&self, "a", "1");
    CHECK_OK(lsm_maintain_step(self.store, PYKV_ROLE_LOG, &more));
    CHECK_EQUAL(0, fixture_stats(&self).synced_sequence);
    env_memory_advance(self.disk, 100000, 0);
    CHECK_OK(lsm_maintain_step(self.store, PYKV_ROLE_LOG, &more));
    CHECK_EQUAL(1, fixture_stats(&self).synced_sequence);
    fixture_free(&self);
}

TEST(an_unknown_role_is_refused)
{
    fixture self = fixture_new();
    int32_t more;
    CHECK_STATUS(PYKV_INVALID_ARGUMENT, lsm_maintain_step(self.store, 0, &more));
    CHECK_STATUS(PYKV_INVALID_ARGUMENT, lsm_maintain(self.store, 3));
    fixture_free(&self);
}

TEST(a_full_disk_shows_in_the_state_and_space_mends_it)
{
    fixture self = fixture_new();
    int32_t more = 7;
    fixture_fill(&self, 0, 100, 1000);
    CHECK_EQUAL(1, fixture_stats(&self).immutable_memtable_count);
    env_memory_set_capacity(self.disk, 1000);
    CHECK_OK(lsm_maintain_step(self.store, PYKV_ROLE_DATA, &more)); /* lends the room */
    more = 7;
    CHECK_STATUS(PYKV_NO_SPACE, lsm_maintain_step(self.store, PYKV_ROLE_DATA, &more));
    CHECK_EQUAL(7, more);
    CHECK_EQUAL(PYKV_STATE_READ_ONLY, lsm_state(self.store));
    CHECK_EQUAL(100, fixture_count(&self));
    env_memory_set_capacity(self.disk, UINT64_MAX);
    fixture_maintain(&self, PYKV_ROLE_DATA);
    CHECK_EQUAL(PYKV_STATE_OPEN, lsm_state(self.store));
    CHECK_EQUAL(0, fixture_stats(&self).immutable_memtable_count);
    fixture_free(&self);
}

TEST(damage_that_a_compaction_meets_degrades_the_store_which_still_serves)
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
    fixture_files(&self, ".tbl", name); /* the newest */
    fixture_bytes(&self, name, &size)[2000] ^= 1;
    CHECK_OK(fixture_open(&self));
    CHECK_STATUS(PYKV_CORRUPTION, lsm_maintain_step(self.store, PYKV_ROLE_DATA, &more));
    CHECK_EQUAL(PYKV_STATE_DEGRADED, lsm_state(self.store));
    fixture_put(&self, "key", "value");
    fixture_expect(&self, "key", "value");
    CHECK_OK(lsm_resume(self.store));
    CHECK_EQUAL(PYKV_STATE_OPEN, lsm_state(self.store));
    fixture_free(&self);
}

TEST(a_sync_makes_everything_durable_and_is_counted)
{
    fixture self = fixture_new();
    fixture_fill(&self, 0, 5, 10);
    CHECK_OK(lsm_sync(self.store));
    CHECK_EQUAL(5, fixture_stats(&self).synced_sequence);
    CHECK(fixture_stats(&self).sync_count > 0);
    fixture_free(&self);
}

static void *lend(void *context)
{
    lsm *store = context;
    return lsm_maintain(store, PYKV_ROLE_DATA) == PYKV_OK ? context : NULL;
}

TEST(a_lent_thread_does_the_work_of_writers_and_leaves_at_the_close)
{
    fixture self = fixture_new();
    pthread_t thread;
    void *result;
    CHECK_EQUAL(0, pthread_create(&thread, NULL, lend, self.store));
    while (lent_count(&self.store->gate.lent, PYKV_ROLE_DATA) == 0) {
        usleep(100);
    }
    fixture_fill(&self, 0, 600, 1000);
    CHECK_EQUAL(600, fixture_count(&self));
    CHECK_OK(lsm_close(self.store, -1));
    CHECK_EQUAL(0, pthread_join(thread, &result));
    CHECK(result == self.store);
    fixture_kill(&self);
    CHECK_OK(fixture_open(&self));
    CHECK_EQUAL(600, fixture_count(&self));
    fixture_free(&self);
}

TEST_MAIN(CASE(a_data_step_flushes_then_compacts_until_there_is_nothing_to_do),
          CASE(memory_of_memtables_is_kept_for_the_next_and_goes_when_nobody_writes),
          CASE(a_log_step_prepares_the_next_log), CASE(a_log_step_syncs_at_the_interval),
          CASE(an_unknown_role_is_refused), CASE(a_full_disk_shows_in_the_state_and_space_mends_it),
          CASE(damage_that_a_compaction_meets_degrades_the_store_which_still_serves),
          CASE(a_sync_makes_everything_durable_and_is_counted),
          CASE(a_lent_thread_does_the_work_of_writers_and_leaves_at_the_close))
