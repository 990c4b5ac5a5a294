/*
 * clear_test: everything goes in one step, and what was begun before is void.
 */
#include <errno.h>

#include "lsm_fixture.h"

#include "env/env_fault.h"
#include "lsm/health.h"
#include "lsm/jobs.h"

TEST(a_clear_removes_what_is_in_memtables_and_tables)
{
    fixture self = fixture_new();
    fixture_fill(&self, 0, 20, 10);
    CHECK_OK(lsm_flush(self.store));
    fixture_fill(&self, 10, 30, 10);
    CHECK_OK(lsm_clear(self.store, 0));
    CHECK_EQUAL(0, fixture_count(&self));
    CHECK_EQUAL(0, fixture_stats(&self).table_count);
    fixture_put(&self, "after", "1");
    CHECK_EQUAL(1, fixture_count(&self));
    CHECK_EQUAL(42, fixture_stats(&self).last_sequence);
    CHECK_EQUAL(0, fixture_files(&self, ".tbl", NULL));
    fixture_free(&self);
}

TEST(a_clear_holds_after_a_close_and_after_a_death)
{
    for (int way = 0; way < 4; way++) {
        fixture self = fixture_new();
        fixture_fill(&self, 0, 20, 10);
        if (way % 2 == 1) {
            CHECK_OK(lsm_flush(self.store));
        }
        CHECK_OK(lsm_clear(self.store, 0));
        fixture_put(&self, "after", "1");
        if (way / 2 == 0) {
            fixture_reopen(&self);
        } else {
            fixture_recover(&self);
        }
        CHECK_EQUAL(1, fixture_count(&self));
        fixture_expect(&self, "after", "1");
        CHECK_EQUAL(22, fixture_stats(&self).last_sequence);
        fixture_free(&self);
    }
}

/* Flushes of more than a step are under way for a while. */
TEST(a_flush_that_was_begun_before_a_clear_leaves_nothing)
{
    enum { MEMBERS = 500, BYTES = 4000 };
    static uint8_t value[BYTES];
    static char keys[MEMBERS][16];
    static record batch[MEMBERS];
    fixture self = fixture_new();
    bool worked;
    for (uint32_t i = 0; i < MEMBERS; i++) {
        batch[i] = (record){.kind = RECORD_PUT, .key = fixture_key(i, keys[i])};
        batch[i].value = slice_make(value, sizeof value);
    }
    CHECK_OK(lsm_write(self.store, batch, MEMBERS, 0));
    fixture_put(&self, "next", "1"); /* seals the memtable of the batch */
    CHECK_EQUAL(1, fixture_stats(&self).immutable_memtable_count);
    mutex_lock(&self.store->flush_lock);
    CHECK_OK(lsm_flush_step(self.store, &worked));
    CHECK(self.store->flush != NULL);
    mutex_unlock(&self.store->flush_lock);
    CHECK_OK(lsm_clear(self.store, 0));
    CHECK_EQUAL(0, fixture_stats(&self).immutable_memtable_count);
    CHECK_OK(lsm_flush_all(self.store));
    CHECK_EQUAL(0, fixture_stats(&self).table_count);
    CHECK_EQUAL(0, fixture_files(&self, ".tbl", NULL));
    CHECK_EQUAL(0, fixture_count(&self));
    fixture_free(&self);
}

TEST(a_scan_that_is_open_sees_what_it_saw)
{
    fixture self = fixture_new();
    lsm_scan *scan;
    pykv_rows rows;
    fixture_fill(&self, 0, 20, 10);
    CHECK_OK(lsm_flush(self.store));
    fixture_fill(&self, 20, 30, 10);
    CHECK_OK(lsm_scan_open(self.store, NULL, NULL, &scan));
    CHECK_OK(lsm_clear(self.store, 0));
    fixture_maintain(&self, PYKV_ROLE_DATA);
    CHECK_OK(lsm_scan_next(scan, 0, &rows));
    CHECK_EQUAL(30, rows.count);
    lsm_scan_free(self.store, scan);
    CHECK_EQUAL(0, fixture_count(&self));
    fixture_free(&self);
}

TEST(a_read_only_store_is_not_cleared)
{
    fixture self = fixture_new();
    fixture_put(&self, "a", "1");
    fixture_close(&self);
    self.options.read_only = 1;
    CHECK_OK(fixture_open(&self));
    CHECK_STATUS(PYKV_READ_ONLY, lsm_clear(self.store, 0));
    fixture_expect(&self, "a", "1");
    fixture_free(&self);
}

TEST(without_memory_a_clear_is_done_or_not)
{
    fixture self = fixture_new();
    pykv_status status = PYKV_NO_MEMORY;
    fixture_fill(&self, 0, 20, 10);
    for (uint64_t at = 1; status != PYKV_OK; at++) {
        CHECK_EQUAL(20, fixture_count(&self));
        (void)mem_fail_at(at, 0);
        status = lsm_clear(self.store, 0);
        (void)mem_fail_at(0, 0);
        CHECK(status == PYKV_OK || status == PYKV_NO_MEMORY);
    }
    CHECK_EQUAL(0, fixture_count(&self));
    fixture_recover(&self);
    CHECK_EQUAL(0, fixture_count(&self));
    fixture_free(&self);
}

/* It makes a manifest durable, and once did so whatever the flags were. */
TEST(a_clear_that_may_not_wait_is_not_done)
{
    fixture self = fixture_new();
    fixture_put(&self, "a", "1");
    CHECK_EQUAL(PYKV_WOULD_BLOCK, lsm_clear(self.store, PYKV_NO_WAIT));
    fixture_expect(&self, "a", "1");
    fixture_free(&self);
}

/* They stayed until the next open: every later manifest lists none of them, but only that of the
 * clear itself took them away. */
TEST(the_files_go_with_the_next_manifest_where_that_of_the_clear_fails)
{
    fixture self = fixture_blank();
    fixture inner = {.disk = self.disk};
    env_fault_plan plan = {.at = 1,
                           .sticky = true,
                           .system_errno = EIO,
                           .call_mask = 1u << ENV_CALL_SYNC,
                           .name_part = "MANIFEST"};
    self.options.value_log_bytes_min = 500;
    CHECK_OK(env_fault_new(inner.disk, &self.disk));
    CHECK_OK(fixture_open(&self));
    fixture_fill(&self, 0, 20, 1000);
    CHECK_OK(lsm_flush(self.store));
    for (int i = 0; i < 2; i++) {
        env_fault_set(self.disk, &plan);
        CHECK_OK(lsm_clear(self.store, 0));
        CHECK(env_fault_failed(self.disk) > 0);
    }
    lsm_tidy(self.store);
    CHECK_EQUAL(1, fixture_files(&inner, ".tbl", NULL));
    CHECK_EQUAL(1, fixture_files(&inner, ".val", NULL));
    plan.at = 0;
    env_fault_set(self.disk, &plan);
    fixture_put(&self, "small", "1");
    CHECK_OK(lsm_flush(self.store));
    lsm_tidy(self.store);
    CHECK_EQUAL(1, fixture_files(&inner, ".tbl", NULL));
    CHECK_EQUAL(0, fixture_files(&inner, ".val", NULL));
    CHECK_EQUAL(1, fixture_count(&self));
    fixture_kill(&self);
    env_fault_free(self.disk);
    env_memory_free(inner.disk);
}

/* Where nobody wrote any more they stayed as long as the store was open. */
TEST(the_files_go_by_maintenance_where_nobody_writes_after_a_clear_whose_manifest_failed)
{
    fixture self = fixture_blank();
    fixture inner = {.disk = self.disk};
    env_fault_plan plan = {.at = 1,
                           .sticky = true,
                           .system_errno = EIO,
                           .call_mask = 1u << ENV_CALL_SYNC,
                           .name_part = "MANIFEST"};
    int32_t more;
    CHECK_OK(env_fault_new(inner.disk, &self.disk));
    CHECK_OK(fixture_open(&self));
    fixture_fill(&self, 0, 20, 1000);
    CHECK_OK(lsm_flush(self.store));
    fixture_fill(&self, 20, 100, 1000);
    CHECK(fixture_files(&inner, ".log", NULL) > 1);
    env_fault_set(self.disk, &plan);
    CHECK_OK(lsm_clear(self.store, 0));
    uint64_t failed = env_fault_failed(self.disk);
    for (int i = 0; i < 3; i++) {
        CHECK_OK(lsm_maintain_step(self.store, PYKV_ROLE_DATA, &more));
        CHECK_EQUAL(PYKV_STATE_DEGRADED, lsm_state(self.store));
        CHECK_EQUAL(failed + 1, env_fault_failed(self.disk)); /* once a second */
    }
    mutex_lock(&self.store->writer);
    CHECK_EQUAL(0, lsm_failures_of_room(self.store)); /* no writer gives up for it */
    mutex_unlock(&self.store->writer);
    CHECK_EQUAL(1, fixture_files(&inner, ".tbl", NULL));
    plan.at = 0;
    env_fault_set(self.disk, &plan);
    env_memory_advance(inner.disk, 1000000, 0);
    fixture_maintain(&self, PYKV_ROLE_DATA);
    CHECK_EQUAL(0, fixture_files(&inner, ".tbl", NULL));
    CHECK_EQUAL(1, fixture_files(&inner, ".log", NULL));
    CHECK_EQUAL(PYKV_STATE_OPEN, lsm_state(self.store));
    uint64_t edit = self.store->edit;
    fixture_maintain(&self, PYKV_ROLE_DATA);
    CHECK_EQUAL(edit, self.store->edit);
    fixture_recover(&self);
    CHECK_EQUAL(0, fixture_count(&self));
    fixture_kill(&self);
    env_fault_free(self.disk);
    env_memory_free(inner.disk);
}

/* The manifest for the next log came before that of maintenance, and nothing was in doubt any more:
 * the logs stayed until the next flush. */
TEST(the_logs_of_a_cleared_store_go_with_whatever_manifest_comes_first)
{
    fixture self = fixture_blank();
    fixture inner = {.disk = self.disk};
    env_fault_plan plan = {.at = 1,
                           .sticky = true,
                           .system_errno = EIO,
                           .call_mask = 1u << ENV_CALL_SYNC,
                           .name_part = "MANIFEST"};
    int32_t more;
    CHECK_OK(env_fault_new(inner.disk, &self.disk));
    CHECK_OK(fixture_open(&self));
    fixture_fill(&self, 0, 100, 1000);
    env_fault_set(self.disk, &plan);
    CHECK_EQUAL(PYKV_IO_FAILED, lsm_maintain_step(self.store, PYKV_ROLE_LOG, &more));
    CHECK_OK(lsm_clear(self.store, 0));
    CHECK(fixture_files(&inner, ".log", NULL) > 2);
    plan.at = 0;
    env_fault_set(self.disk, &plan);
    fixture_maintain(&self, PYKV_ROLE_LOG);
    fixture_maintain(&self, PYKV_ROLE_DATA);
    CHECK_EQUAL(2, fixture_files(&inner, ".log", NULL)); /* one is prepared */
    CHECK_EQUAL(PYKV_STATE_OPEN, lsm_state(self.store));
    fixture_put(&self, "after", "1");
    fixture_recover(&self);
    CHECK_EQUAL(1, fixture_count(&self));
    fixture_kill(&self);
    env_fault_free(self.disk);
    env_memory_free(inner.disk);
}

/* The manifest that takes them away goes into blocks that are kept for it. */
TEST(the_files_of_a_clear_go_by_maintenance_on_a_full_disk_too)
{
    fixture self = fixture_new();
    fixture inner = {.disk = self.disk};
    env_fault_plan plan = {.at = 1, .system_errno = EIO, .name_part = "MANIFEST"};
    fixture_kill(&self);
    CHECK_OK(env_fault_new(inner.disk, &self.disk));
    CHECK_OK(fixture_open(&self));
    fixture_fill(&self, 0, 40, 1000);
    CHECK_OK(lsm_flush(self.store));
    env_fault_set(self.disk, &plan);
    CHECK_OK(lsm_clear(self.store, 0));
    CHECK(env_fault_failed(self.disk) == 1);
    env_memory_set_capacity(inner.disk, 1000);
    CHECK_EQUAL(1, fixture_files(&inner, ".tbl", NULL));
    fixture_maintain(&self, PYKV_ROLE_DATA);
    CHECK_EQUAL(0, fixture_files(&inner, ".tbl", NULL));
    fixture_kill(&self);
    env_fault_free(self.disk);
    env_memory_free(inner.disk);
}

TEST_MAIN(CASE(a_clear_removes_what_is_in_memtables_and_tables),
          CASE(a_clear_holds_after_a_close_and_after_a_death),
          CASE(a_flush_that_was_begun_before_a_clear_leaves_nothing),
          CASE(a_scan_that_is_open_sees_what_it_saw), CASE(a_read_only_store_is_not_cleared),
          CASE(without_memory_a_clear_is_done_or_not), CASE(a_clear_that_may_not_wait_is_not_done),
          CASE(the_files_go_with_the_next_manifest_where_that_of_the_clear_fails),
          CASE(the_files_go_by_maintenance_where_nobody_writes_after_a_clear_whose_manifest_failed),
          CASE(the_logs_of_a_cleared_store_go_with_whatever_manifest_comes_first),
          CASE(the_files_of_a_clear_go_by_maintenance_on_a_full_disk_too))
