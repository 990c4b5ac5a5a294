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

/* A store over a disk that can fail, with four tables of level 0 and a memtable. */
static fixture over_fault(fixture *inner)
{
    fixture self = fixture_blank();
    inner->disk = self.disk;
    self.options.value_log_bytes_min = 500;
    CHECK_OK(env_fault_new(inner->disk, &self.disk));
    CHECK_OK(fixture_open(&self));
    for (int i = 0; i < 4; i++) {
        fixture_fill(&self, 0, 10, 1000);
        CHECK_OK(lsm_flush(self.store));
    }
    fixture_fill(&self, 0, 10, 1000);
    fixture_maintain(&self, PYKV_ROLE_LOG); /* the next log has its manifest */
    return self;
}

static pykv_status work(fixture *self, bool compacts)
{
    return compacts ? lsm_compact(self->store, NULL) : lsm_flush(self->store);
}

/* How many calls of these kinds the work makes. */
static uint64_t count_calls(bool compacts, const env_fault_plan *like)
{
    fixture inner;
    fixture self = over_fault(&inner);
    env_fault_plan plan = *like;
    plan.at = 0;
    CHECK_OK(compacts ? lsm_flush(self.store) : PYKV_OK);
    env_fault_set(self.disk, &plan);
    CHECK_OK(work(&self, compacts));
    uint64_t seen = env_fault_seen(self.disk);
    fixture_kill(&self);
    env_fault_free(self.disk);
    env_memory_free(inner.disk);
    return seen;
}

static void expect_listed_files_alone(fixture *inner)
{
    lsm_manifest listed = fixture_manifest(inner);
    CHECK_EQUAL(listed.table_count, fixture_files(inner, ".tbl", NULL));
    CHECK_EQUAL(listed.values_count, fixture_files(inner, ".val", NULL));
    lsm_manifest_reset(&listed);
}

static void fail_and_heal(bool compacts, env_fault_plan plan)
{
    fixture inner;
    fixture self = over_fault(&inner);
    CHECK_OK(compacts ? lsm_flush(self.store) : PYKV_OK);
    size_t before = fixture_files(&inner, ".tbl", NULL);
    env_fault_set(self.disk, &plan);
    for (int i = 0; i < 5; i++) {
        CHECK_STATUS(PYKV_IO_FAILED, work(&self, compacts));
        CHECK_EQUAL(before + 1, fixture_files(&inner, ".tbl", NULL));
    }
    plan.at = 0;
    env_fault_set(self.disk, &plan);
    CHECK_OK(work(&self, compacts));
    lsm_tidy(self.store);
    expect_listed_files_alone(&inner);
    CHECK_EQUAL(10, fixture_count(&self));
    fixture_kill(&self);
    env_fault_free(self.disk);
    self.disk = inner.disk;
    CHECK_OK(fixture_open(&self));
    CHECK_EQUAL(10, fixture_count(&self));
    fixture_free(&self);
}

/* Each attempt left its tables and value segments behind until the next open. */
TEST(outputs_that_a_manifest_in_doubt_may_list_go_with_the_next_one)
{
    for (int compacts = 0; compacts < 2; compacts++) {
        env_fault_plan unread = {.at = 1,
                                 .sticky = true,
                                 .system_errno = EIO,
                                 .call_mask = 1u << ENV_CALL_RENAME | 1u << ENV_CALL_READ,
                                 .name_part = "MANIFEST"};
        env_fault_plan not_durable = {
            .sticky = true, .system_errno = EIO, .call_mask = 1u << ENV_CALL_SYNC_DIRECTORY};
        fail_and_heal(compacts != 0, unread);
        not_durable.at = count_calls(compacts != 0, &not_durable);
        CHECK(not_durable.at > 0);
        fail_and_heal(compacts != 0, not_durable);
    }
}

TEST_MAIN(CASE(after_a_flush_the_manifest_lists_the_table_and_only_the_log_that_is_needed),
          CASE(what_was_written_behind_a_flushed_memtable_is_not_said_to_be_in_tables),
          CASE(an_edit_that_a_clear_made_void_is_not_installed),
          CASE(the_manifest_says_that_the_store_is_in_use_from_the_first_log_on),
          CASE(an_install_that_fails_anywhere_loses_nothing_and_is_done_again),
          CASE(without_memory_an_install_loses_nothing_and_is_done_again),
          CASE(outputs_that_a_manifest_in_doubt_may_list_go_with_the_next_one))
