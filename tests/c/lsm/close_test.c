/*
 * close_test: a clean close leaves tables alone; one that fails leaves what recovery needs.
 */
#include <errno.h>

#include "lsm_fixture.h"

#include "env/env_fault.h"
#include "lsm/jobs.h"

TEST(a_clean_close_leaves_tables_and_a_clean_manifest)
{
    fixture self = fixture_new();
    fixture_fill(&self, 0, 90, 1000);
    fixture_maintain(&self, PYKV_ROLE_LOG);
    CHECK_OK(lsm_close(self.store, -1));
    lsm_manifest listed = fixture_manifest(&self);
    CHECK(listed.clean);
    CHECK_EQUAL(0, listed.log_count);
    CHECK_EQUAL(90, listed.last_sequence);
    CHECK_EQUAL(90, listed.flushed_sequence);
    CHECK_EQUAL(listed.table_count, fixture_files(&self, ".tbl", NULL));
    CHECK_EQUAL(0, fixture_files(&self, ".log", NULL));
    lsm_manifest_reset(&listed);
    CHECK_OK(lsm_close(self.store, -1)); /* again is nothing */
    fixture_free(&self);
}

TEST(what_a_clean_close_left_survives_a_power_cut_right_after_it)
{
    fixture self = fixture_new();
    env *booted;
    fixture_fill(&self, 0, 90, 1000);
    fixture_close(&self);
    CHECK_OK(env_memory_crash(self.disk, check_seed(), ENV_CRASH_DROP_ALL, &booted));
    env_memory_free(self.disk);
    self.disk = booted;
    CHECK_OK(fixture_open(&self));
    CHECK(self.store->clean_open);
    CHECK_EQUAL(90, fixture_count(&self));
    fixture_free(&self);
}

TEST(a_store_that_was_not_written_to_is_closed_without_a_write)
{
    fixture self = fixture_new();
    fixture_put(&self, "a", "1");
    fixture_reopen(&self);
    fixture_expect(&self, "a", "1");
    uint64_t calls = env_memory_call_count(self.disk);
    CHECK_OK(lsm_close(self.store, -1));
    CHECK(env_memory_call_count(self.disk) <= calls + 1); /* the lock */
    fixture_free(&self);
}

TEST(a_close_that_times_out_may_be_called_again)
{
    fixture self = fixture_new();
    fixture_put(&self, "a", "1");
    epoch_token token = epoch_enter(&lsm_gate(self.store)->readers);
    CHECK_STATUS(PYKV_TIMED_OUT, lsm_close(self.store, 20000));
    CHECK_OK(lsm_contains(self.store, fixture_text("a"), 0)); /* for the call that is inside */
    epoch_leave(&lsm_gate(self.store)->readers, token);
    CHECK_OK(lsm_close(self.store, 0));
    fixture_free(&self);
}

TEST(jobs_on_their_way_are_given_up)
{
    fixture self = fixture_blank();
    self.options.memtable_bytes = 512 * 1024;
    CHECK_OK(fixture_open(&self));
    bool worked;
    for (int round = 0; round < 5; round++) {
        fixture_fill(&self, 0, 100, 4000);
        CHECK_OK(lsm_flush(self.store));
    }
    CHECK_OK(lsm_compaction_step(self.store, &worked));
    CHECK_EQUAL(1, fixture_compactions(&self));
    fixture_put(&self, "key", "value");
    fixture_reopen(&self);
    CHECK_EQUAL(101, fixture_count(&self));
    CHECK_EQUAL(fixture_stats(&self).table_count, fixture_files(&self, ".tbl", NULL));
    fixture_free(&self);
}

TEST(a_close_after_a_failed_sync_says_so_and_leaves_the_files)
{
    fixture self = fixture_blank();
    env *disk = self.disk;
    CHECK_OK(env_fault_new(disk, &self.disk));
    CHECK_OK(fixture_open(&self));
    fixture_put(&self, "a", "1");
    env_fault_plan plan = {
        .at = 1, .system_errno = EIO, .call_mask = 1U << ENV_CALL_SYNC, .name_part = ".log"};
    env_fault_set(self.disk, &plan);
    CHECK_STATUS(PYKV_COMMIT_UNKNOWN, lsm_sync(self.store));
    CHECK_STATUS(PYKV_STORE_FAILED, lsm_close(self.store, -1));
    fixture_kill(&self);
    env_fault_free(self.disk);
    self.disk = disk;
    lsm_manifest listed = fixture_manifest(&self);
    CHECK(!listed.clean && listed.log_count > 0);
    lsm_manifest_reset(&listed);
    CHECK_OK(fixture_open(&self));
    CHECK_EQUAL(fixture_stats(&self).last_sequence, fixture_count(&self));
    fixture_free(&self);
}

TEST(a_close_whose_calls_fail_loses_nothing)
{
    bool failed = true;
    for (uint64_t at = 1; failed; at++) {
        int64_t blocks = mem_block_count();
        fixture self = fixture_blank();
        env *disk = self.disk;
        CHECK_OK(env_fault_new(disk, &self.disk));
        CHECK_OK(fixture_open(&self));
        fixture_fill(&self, 0, 90, 1000);
        CHECK_OK(lsm_sync(self.store));
        env_fault_plan plan = {.at = at, .system_errno = EIO};
        env_fault_set(self.disk, &plan);
        pykv_status status = lsm_close(self.store, -1);
        failed = env_fault_failed(self.disk) > 0;
        CHECK(failed || status == PYKV_OK);
        fixture_kill(&self);
        env_fault_free(self.disk);
        self.disk = disk;
        CHECK_OK(fixture_open(&self));
        CHECK_EQUAL(90, fixture_count(&self));
        CHECK(self.store->clean_open || failed);
        fixture_free(&self);
        CHECK_EQUAL(blocks, mem_block_count());
    }
}

TEST(without_space_a_close_leaves_everything_in_the_logs)
{
    fixture self = fixture_new();
    fixture_fill(&self, 0, 50, 1000);
    env_memory_set_capacity(self.disk, 1000);
    CHECK_OK(lsm_close(self.store, -1));
    fixture_kill(&self);
    env_memory_set_capacity(self.disk, UINT64_MAX);
    CHECK_OK(fixture_open(&self));
    CHECK_EQUAL(50, fixture_count(&self));
    fixture_free(&self);
}

TEST_MAIN(CASE(a_clean_close_leaves_tables_and_a_clean_manifest),
          CASE(what_a_clean_close_left_survives_a_power_cut_right_after_it),
          CASE(a_store_that_was_not_written_to_is_closed_without_a_write),
          CASE(a_close_that_times_out_may_be_called_again), CASE(jobs_on_their_way_are_given_up),
          CASE(a_close_after_a_failed_sync_says_so_and_leaves_the_files),
          CASE(a_close_whose_calls_fail_loses_nothing),
          CASE(without_space_a_close_leaves_everything_in_the_logs))
