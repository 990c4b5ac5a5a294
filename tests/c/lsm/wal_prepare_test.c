/*
 * wal_prepare: the next log is there before it is needed, whatever fails on the way; bytes are
 * ready ahead; what a step of the LOG role does.
 */
#include <errno.h>

#include "lsm/wal_fixture.h"
#include "lsm/wal_fixture_disk.h"

static fixture new_fixture(int32_t sink, int32_t padding)
{
    fixture self = fixture_of((pykv_options){
        .durability = PYKV_DURABILITY_OS, .log_sink = sink, .log_sector_padding = padding});
    return self;
}

TEST(the_prepared_log_is_the_one_the_log_rolls_to)
{
    fixture self = new_fixture(PYKV_LOG_AUTO, 0);
    fixture_open(&self, false);
    CHECK_OK(wal_prepare_next(self.log));
    wal_log *prepared = self.log->prepared;
    CHECK(prepared != NULL && prepared->sink != NULL);
    CHECK_OK(wal_prepare_next(self.log));
    CHECK(self.log->prepared == prepared);
    fixture_put(&self, 1, 10);
    CHECK(self.log->active == prepared);
    CHECK_OK(wal_prepare_next(self.log));
    uint64_t edit = self.edit;
    CHECK_EQUAL(2, edit);
    CHECK_OK(fixture_roll(&self));
    CHECK_EQUAL(2, fixture_active(&self));
    CHECK_EQUAL(edit, self.edit);
    fixture_free(&self);
}

TEST(a_log_that_cannot_be_made_leaves_no_file_and_is_made_by_the_next_try)
{
    static const env_call calls[] = {ENV_CALL_RANDOM, ENV_CALL_OPEN, ENV_CALL_WRITE, ENV_CALL_SYNC,
                                     ENV_CALL_SYNC_DIRECTORY};
    fixture self = new_fixture(PYKV_LOG_AUTO, 0);
    fixture_open(&self, false);
    for (size_t i = 0; i < sizeof calls / sizeof calls[0]; i++) {
        fixture_fail(&self, calls[i], EIO, false, NULL);
        CHECK_STATUS(PYKV_IO_FAILED, fixture_write(&self, 1, 10));
        CHECK_EQUAL(1, env_fault_failed(self.disk));
        CHECK_EQUAL(0, fixture_usage(&self).log_count);
        for (uint32_t number = 1; number < self.next_number; number++) {
            char name[LOG_FILE_NAME_BYTES];
            log_file_name(number, name);
            CHECK(!fixture_has(self.inner, name));
        }
    }
    for (uint64_t k = 1; k <= 2; k++) {
        mem_fail_at(k, 0);
        CHECK_STATUS(PYKV_NO_MEMORY, wal_prepare_next(self.log));
        mem_fail_at(0, 0);
    }
    fixture_put(&self, 1, 10);
    CHECK_EQUAL(1, self.edit);
    fixture_kill(&self);
    CHECK_EQUAL(1, found_last(self.inner));
    fixture_free(&self);
}

/* For all that is known the manifest that failed lists the log: its file must stay. */
TEST(a_log_whose_manifest_failed_is_listed_by_the_next_one_and_then_used)
{
    fixture self = new_fixture(PYKV_LOG_AUTO, 0);
    fixture_open(&self, false);
    fixture_put(&self, 1, 10);
    fixture_fail(&self, ENV_CALL_RENAME, EIO, true, "MANIFEST");
    for (int i = 0; i < 3; i++) {
        CHECK_STATUS(PYKV_IO_FAILED, fixture_roll(&self));
    }
    CHECK_EQUAL(1, fixture_active(&self));
    CHECK_EQUAL(3, self.next_number); /* one file, however often it was tried */
    CHECK(fixture_has(self.inner, "00000002.log"));
    fixture_put(&self, 1, 10);
    fixture_fail(&self, ENV_CALL_RENAME, 0, false, NULL);
    CHECK_OK(fixture_roll(&self));
    CHECK_EQUAL(2, fixture_active(&self));
    fixture_put(&self, 1, 10);
    env *after = fixture_crash(&self, ENV_CRASH_KEEP_ALL);
    CHECK_EQUAL(3, found_last(after));
    env_memory_free(after);
    fixture_free(&self);
}

TEST(a_listed_log_whose_bytes_cannot_be_had_waits_for_room_without_another_manifest)
{
    fixture self = new_fixture(PYKV_LOG_MAPPED, 1);
    fixture_open(&self, false);
    fixture_fail(&self, ENV_CALL_ALLOCATE, ENOSPC, true, ".log");
    CHECK_STATUS(PYKV_NO_SPACE, fixture_write(&self, 1, 10));
    CHECK_STATUS(PYKV_NO_SPACE, fixture_write(&self, 1, 10));
    CHECK_EQUAL(1, self.edit);
    fixture_fail(&self, ENV_CALL_WRITE, ENOSPC, false, ".log"); /* the padding */
    CHECK_STATUS(PYKV_NO_SPACE, fixture_write(&self, 1, 10));
    fixture_put(&self, 1, 10);
    CHECK_EQUAL(1, self.edit);
    CHECK_EQUAL(1, fixture_active(&self));
    fixture_free(&self);
}

TEST(a_log_that_is_dropped_before_it_was_used_is_taken_away_and_another_made)
{
    fixture self = new_fixture(PYKV_LOG_AUTO, 0);
    fixture_open(&self, false);
    fixture_fail(&self, ENV_CALL_RENAME, EIO, false, "MANIFEST");
    CHECK_STATUS(PYKV_IO_FAILED, wal_prepare_next(self.log));
    fixture_drop(&self, 2, 0);
    CHECK(fixture_has(self.inner, "00000001.log")); /* whoever makes it has it still */
    fixture_put(&self, 1, 10);
    CHECK(!fixture_has(self.inner, "00000001.log"));
    CHECK_EQUAL(2, fixture_active(&self));
    fixture_fail(&self, ENV_CALL_RENAME, EIO, false, "MANIFEST");
    CHECK_STATUS(PYKV_IO_FAILED, wal_prepare_next(self.log));
    wal_drop_before(self.log, UINT32_MAX);
    fixture_free(&self); /* and nothing leaks */
}

TEST(bytes_are_ready_ahead_of_the_tail_and_the_log_calls_for_more)
{
    fixture self = new_fixture(PYKV_LOG_MAPPED, 0);
    self.log_bytes = 4 << 20;
    fixture_open(&self, false);
    fixture_put(&self, 1, 1000);
    log_sink *sink = self.log->active->sink;
    CHECK(log_sink_is_mapped(sink));
    CHECK(atomic_load(&sink->ready_until) >= LOG_SINK_READY_BYTES);
    uint64_t calls = self.wake_count;
    while (self.wake_count == calls) {
        fixture_put(&self, 1, 1000);
    }
    CHECK(log_sink_wants_prepare(sink));
    CHECK(log_sink_tail(sink) < LOG_SINK_READY_BYTES);
    CHECK_OK(wal_ahead(self.log));
    CHECK(!log_sink_wants_prepare(sink));
    fixture_put(&self, 10, 1000);
    CHECK_EQUAL(calls + 1, self.wake_count);
    fixture_put(&self, 3000, 1000); /* nobody prepares: the writer does */
    CHECK_EQUAL(1, fixture_active(&self));
    fixture_free(&self);
}

TEST(what_both_logs_keep_ahead_is_given_back_and_writes_go_on)
{
    fixture self = new_fixture(PYKV_LOG_MAPPED, 0);
    self.log_bytes = 4 << 20;
    fixture_open(&self, false);
    CHECK(!wal_give_back(self.log));
    fixture_put(&self, 1, 1000);
    CHECK_OK(wal_prepare_next(self.log));
    log_sink *active = self.log->active->sink;
    log_sink *prepared = self.log->prepared->sink;
    CHECK(wal_give_back(self.log));
    CHECK_EQUAL(4096, atomic_load(&active->ready_until));
    CHECK_EQUAL(4096, atomic_load(&prepared->ready_until));
    CHECK(!wal_give_back(self.log));
    fixture_put(&self, 500, 1000);
    CHECK_OK(fixture_roll(&self));
    CHECK(self.log->active->sink == prepared);
    fixture_put(&self, 500, 1000);
    CHECK(atomic_load(&prepared->ready_until) <
          log_sink_tail(prepared) + 2 * LOG_SINK_READY_BYTES_LEAST);
    fixture_kill(&self);
    CHECK_EQUAL(1001, found_last(self.inner));
    fixture_free(&self);
}

TEST(bytes_that_cannot_be_made_ready_are_an_error_of_the_write_and_not_of_the_log)
{
    fixture self = new_fixture(PYKV_LOG_MAPPED, 0);
    self.log_bytes = 4 << 20;
    fixture_open(&self, false);
    fixture_put(&self, 1, 1000);
    fixture_fail(&self, ENV_CALL_ALLOCATE, ENOSPC, true, ".log");
    pykv_status status = PYKV_OK;
    while (status == PYKV_OK) {
        status = fixture_write(&self, 1, 1000);
    }
    CHECK_EQUAL(PYKV_NO_SPACE, status);
    uint64_t last = fixture_last(&self);
    CHECK(last > 900);
    CHECK_OK(wal_ahead(self.log)); /* nobody waits for it */
    fixture_fail(&self, ENV_CALL_ALLOCATE, 0, false, NULL);
    CHECK_OK(wal_ahead(self.log));
    fixture_put(&self, 1000, 1000);
    CHECK_EQUAL(last + 1000, fixture_last(&self));
    fixture_free(&self);
}

TEST(no_more_than_two_sealed_logs_wait_for_a_sync)
{
    fixture self = new_fixture(PYKV_LOG_AUTO, 0);
    fixture_open(&self, false);
    for (uint64_t i = 0; i < 60; i++) {
        fixture_put(&self, 1, 1000);
        mutex_lock(&self.writer);
        CHECK(wal_unsynced_count(self.log) <= WAL_UNSYNCED_SEALED_MAX);
        mutex_unlock(&self.writer);
    }
    CHECK(fixture_synced_now(&self) >= 60 - 3 * 7);
    for (int i = 0; i < 5; i++) {
        CHECK_OK(fixture_roll(&self));
        fixture_put(&self, 1, 1000);
    }
    mutex_lock(&self.writer);
    CHECK(wal_unsynced_count(self.log) <= WAL_UNSYNCED_SEALED_MAX);
    mutex_unlock(&self.writer);
    fixture_free(&self);
}

TEST(a_step_prepares_the_next_log_and_syncs_the_sealed_one)
{
    fixture self = new_fixture(PYKV_LOG_AUTO, 0);
    fixture_open(&self, false);
    CHECK_OK(wal_step(self.log));
    CHECK_EQUAL(1, self.next_number); /* not before the first write */
    fixture_put(&self, 3, 100);
    CHECK_OK(wal_step(self.log));
    CHECK(self.log->prepared != NULL);
    CHECK_EQUAL(0, fixture_synced_now(&self));
    wal_log *first = self.log->active;
    CHECK_OK(fixture_roll(&self));
    CHECK(first->sealed && !first->synced && first->sink != NULL);
    fixture_put(&self, 2, 100);
    CHECK_OK(wal_step(self.log));
    CHECK_EQUAL(5, fixture_synced_now(&self));
    CHECK_EQUAL(5, self.told_sequence);
    CHECK(first->synced && first->sink == NULL);
    CHECK(self.log->prepared != NULL && self.log->active->sink != NULL);
    fixture_free(&self);
}

TEST(a_step_syncs_at_the_interval_and_in_every_mode_after_half_a_minute)
{
    for (int32_t mode = PYKV_DURABILITY_OS; mode <= PYKV_DURABILITY_INTERVAL; mode++) {
        uint64_t every = mode == PYKV_DURABILITY_INTERVAL ? 100000 : WAL_SYNC_EVERY_US;
        fixture self = fixture_of((pykv_options){.durability = mode, .interval_us = 100000});
        fixture_open(&self, false);
        fixture_put(&self, 1, 10);
        env_memory_advance(self.inner, (int64_t)every - 1, 0);
        CHECK(!wal_interval_has_passed(self.log));
        CHECK_OK(wal_step(self.log));
        CHECK_EQUAL(0, fixture_synced_now(&self));
        env_memory_advance(self.inner, 1, 0);
        CHECK_EQUAL(mode == PYKV_DURABILITY_INTERVAL, wal_interval_has_passed(self.log));
        CHECK_OK(wal_step(self.log));
        CHECK_EQUAL(1, fixture_synced_now(&self));
        CHECK_EQUAL(1, fixture_usage(&self).sync_count);
        env_memory_advance(self.inner, (int64_t)every, 0);
        CHECK_OK(wal_step(self.log)); /* there is nothing to sync */
        CHECK_EQUAL(1, fixture_usage(&self).sync_count);
        fixture_free(&self);
    }
}

TEST(no_record_shares_a_sector_with_the_header_where_sectors_are_padded)
{
    for (int32_t sink = PYKV_LOG_PWRITE; sink <= PYKV_LOG_MAPPED; sink++) {
        fixture self = new_fixture(sink, 1);
        fixture_open(&self, false);
        CHECK_OK(wal_prepare_next(self.log));
        CHECK_EQUAL(LOG_SECTOR_BYTES, log_sink_tail(self.log->prepared->sink));
        fixture_put(&self, 3, 16000); /* larger than what a log has left behind the padding */
        fixture_put(&self, 30, 1000);
        uint64_t last = fixture_last(&self);
        fixture_kill(&self);
        CHECK_EQUAL(last, found_last(self.inner));
        fixture_free(&self);
    }
}

/* A limit on the address space of the process is none on the log. */
TEST(a_log_that_cannot_be_mapped_for_want_of_memory_is_written_by_calls)
{
    fixture self = new_fixture(PYKV_LOG_MAPPED, 0);
    fixture_open(&self, false);
    fixture_fail(&self, ENV_CALL_MAP, ENOMEM, true, NULL);
    fixture_put(&self, 3, 100);
    CHECK(env_fault_failed(self.disk) > 0);
    CHECK(!fixture_usage(&self).mapped);
    CHECK_EQUAL(3, fixture_last(&self));
    fixture_kill(&self);
    CHECK_EQUAL(3, found_last(self.inner));
    fixture_free(&self);
}

TEST_MAIN(CASE(the_prepared_log_is_the_one_the_log_rolls_to),
          CASE(a_log_that_cannot_be_made_leaves_no_file_and_is_made_by_the_next_try),
          CASE(a_log_whose_manifest_failed_is_listed_by_the_next_one_and_then_used),
          CASE(a_listed_log_whose_bytes_cannot_be_had_waits_for_room_without_another_manifest),
          CASE(a_log_that_is_dropped_before_it_was_used_is_taken_away_and_another_made),
          CASE(bytes_are_ready_ahead_of_the_tail_and_the_log_calls_for_more),
          CASE(what_both_logs_keep_ahead_is_given_back_and_writes_go_on),
          CASE(bytes_that_cannot_be_made_ready_are_an_error_of_the_write_and_not_of_the_log),
          CASE(no_more_than_two_sealed_logs_wait_for_a_sync),
          CASE(a_step_prepares_the_next_log_and_syncs_the_sealed_one),
          CASE(a_step_syncs_at_the_interval_and_in_every_mode_after_half_a_minute),
          CASE(a_log_that_cannot_be_mapped_for_want_of_memory_is_written_by_calls),
          CASE(no_record_shares_a_sector_with_the_header_where_sectors_are_padded))
