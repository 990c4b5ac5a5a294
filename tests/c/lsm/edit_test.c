/*
 * edit_test: the manifest says what is there before the view does, and files go last.
 */
#include <errno.h>

#include "lsm_fixture.h"

#include "env/env_fault.h"
#include "lsm/edit.h"
#include "lsm/jobs.h"
#include "lsm/room.h"

TEST(after_a_flush_the_manifest_lists_the_table_and_only_the_log_that_is_needed)
{
    fixture self = fixture_new();
    fixture_fill(&self, 0, 10, 10);
    lsm_manifest before = fixture_manifest(&self);
    CHECK_EQUAL(0, before.table_count);
    CHECK_EQUAL(1, before.log_count);
    CHECK_OK(lsm_flush(self.store));
    lsm_manifest after = fixture_manifest(&self);
    CHECK_EQUAL(1, after.table_count);
    CHECK_EQUAL(10, after.flushed_sequence);
    CHECK_EQUAL(10, after.tables[0].entry_count);
    CHECK(after.edit > before.edit && !after.clean);
    CHECK_EQUAL(1, after.log_count);
    CHECK(after.logs[0].number > before.logs[0].number);
    CHECK_EQUAL(1, fixture_files(&self, ".log", NULL));
    CHECK_EQUAL(1, fixture_files(&self, ".tbl", NULL));
    lsm_manifest_reset(&before);
    lsm_manifest_reset(&after);
    fixture_free(&self);
}

/* Whether crashes of a workload find that depends on where they strike. */
TEST(what_was_written_behind_a_flushed_memtable_is_not_said_to_be_in_tables)
{
    fixture self = fixture_new();
    fixture_fill(&self, 0, 10, 10);
    fixture_maintain(&self, PYKV_ROLE_LOG);
    mutex_lock(&self.store->writer);
    CHECK_OK(lsm_switch_memtable(self.store));
    mutex_unlock(&self.store->writer);
    fixture_put(&self, "later", "write");
    fixture_maintain(&self, PYKV_ROLE_DATA);
    lsm_manifest after = fixture_manifest(&self);
    CHECK_EQUAL(1, after.table_count);
    CHECK_EQUAL(10, after.flushed_sequence);
    lsm_manifest_reset(&after);
    fixture_recover(&self);
    fixture_expect(&self, "later", "write");
    CHECK_EQUAL(11, fixture_count(&self));
    fixture_free(&self);
}

TEST(an_edit_that_a_clear_made_void_is_not_installed)
{
    fixture self = fixture_new();
    bool taken = true;
    lsm_edit edit = {.clear_count = self.store->clear_count};
    fixture_put(&self, "a", "1");
    CHECK_OK(lsm_clear(self.store, 0));
    lsm_manifest before = fixture_manifest(&self);
    CHECK_EQUAL(PYKV_NOT_FOUND, lsm_install(self.store, &edit, &taken));
    CHECK(!taken);
    lsm_manifest after = fixture_manifest(&self);
    CHECK_EQUAL(before.edit, after.edit);
    lsm_manifest_reset(&before);
    lsm_manifest_reset(&after);
    fixture_free(&self);
}

TEST(the_manifest_says_that_the_store_is_in_use_from_the_first_log_on)
{
    fixture self = fixture_new();
    lsm_manifest fresh = fixture_manifest(&self);
    CHECK(fresh.clean);
    fixture_put(&self, "a", "1");
    lsm_manifest used = fixture_manifest(&self);
    CHECK(!used.clean && used.log_count == 1);
    CHECK(used.next_number > used.logs[0].number);
    CHECK_EQUAL(fresh.store_id, used.store_id);
    CHECK_EQUAL(fresh.hash_seed_low, used.hash_seed_low);
    lsm_manifest_reset(&fresh);
    lsm_manifest_reset(&used);
    fixture_free(&self);
}

/* Every call that can fail while a flush is installed fails once; the flush is done again. */
TEST(an_install_that_fails_anywhere_loses_nothing_and_is_done_again)
{
    for (uint64_t at = 1;; at++) {
        fixture self = fixture_blank();
        env *disk = self.disk;
        CHECK_OK(env_fault_new(disk, &self.disk));
        CHECK_OK(fixture_open(&self));
        fixture_fill(&self, 0, 10, 10);
        env_fault_plan plan = {.at = at, .system_errno = EIO};
        env_fault_set(self.disk, &plan);
        pykv_status status = lsm_flush(self.store);
        bool failed = env_fault_failed(self.disk) > 0;
        plan.at = 0;
        env_fault_set(self.disk, &plan);
        CHECK_EQUAL(10, fixture_count(&self));
        if (lsm_state(self.store) != PYKV_STATE_FAILED) {
            CHECK_OK(lsm_flush(self.store));
            CHECK_EQUAL(1, fixture_stats(&self).table_count);
        }
        fixture_kill(&self);
        env_fault_free(self.disk);
        self.disk = disk;
        CHECK_OK(fixture_open(&self));
        CHECK_EQUAL(10, fixture_count(&self));
        CHECK_EQUAL(fixture_stats(&self).table_count, fixture_files(&self, ".tbl", NULL));
        fixture_free(&self);
        if (!failed) {
            CHECK_OK(status);
            break;
        }
    }
}

/* Once the manifest was durable the view could still fail: each attempt left a table behind. */
TEST(without_memory_an_install_loses_nothing_and_is_done_again)
{
    pykv_status status = PYKV_NO_MEMORY;
    for (uint64_t at = 1; status != PYKV_OK; at++) {
        fixture self = fixture_new();
        fixture_fill(&self, 0, 10, 10);
        (void)mem_fail_at(at, 0);
        status = lsm_flush(self.store);
        (void)mem_fail_at(0, 0);
        CHECK(status == PYKV_OK || status == PYKV_NO_MEMORY);
        lsm_manifest listed = fixture_manifest(&self);
        CHECK_EQUAL(listed.table_count, fixture_files(&self, ".tbl", NULL));
        lsm_manifest_reset(&listed);
        CHECK_EQUAL(10, fixture_count(&self));
        CHECK_OK(lsm_flush(self.store));
        CHECK_EQUAL(1, fixture_stats(&self).table_count);
        fixture_recover(&self);
        CHECK_EQUAL(10, fixture_count(&self));
        CHECK_EQUAL(1, fixture_files(&self, ".tbl", NULL));
        fixture_free(&self);
    }
}

TEST_MAIN(CASE(after_a_flush_the_manifest_lists_the_table_and_only_the_log_that_is_needed),
          CASE(what_was_written_behind_a_flushed_memtable_is_not_said_to_be_in_tables),
          CASE(an_edit_that_a_clear_made_void_is_not_installed),
          CASE(the_manifest_says_that_the_store_is_in_use_from_the_first_log_on),
          CASE(an_install_that_fails_anywhere_loses_nothing_and_is_done_again),
          CASE(without_memory_an_install_loses_nothing_and_is_done_again))
