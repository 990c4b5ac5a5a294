/*
 * wal_sync: one sync for all that wait, older logs first, and a failed sync is final.
 */
#include <errno.h>
#include <pthread.h>
#include <sched.h>

#include "lsm/wal_fixture.h"
#include "lsm/wal_fixture_disk.h"

enum { WRITER_COUNT = 6 };

static fixture new_fixture(int32_t padding)
{
    fixture self =
        fixture_of((pykv_options){.durability = PYKV_DURABILITY_OS, .log_sector_padding = padding});
    return self;
}

typedef struct one_write {
    fixture *self;
    pykv_status status;
    uint64_t seen; /* synced when it returned */
} one_write;

static void *write_one(void *argument)
{
    one_write *write = argument;
    write->status = fixture_write(write->self, 1, 10);
    if (write->status == PYKV_OK) {
        write->status = wal_sync(write->self->log);
    }
    write->seen = fixture_synced_now(write->self);
    return NULL;
}

/* Takes the place of a thread whose sync is under way, and gives it up. */
static void set_sync_running(fixture *self, bool running)
{
    mutex_lock(&self->log->sync_lock);
    self->log->sync_running = running;
    self->log->sync_round += !running;
    condition_broadcast(&self->log->sync_done);
    mutex_unlock(&self->log->sync_lock);
}

TEST(writers_that_wait_together_share_one_sync)
{
    fixture self = new_fixture(0);
    one_write writes[WRITER_COUNT];
    pthread_t threads[WRITER_COUNT];
    fixture_open(&self, false);
    set_sync_running(&self, true);
    for (size_t i = 0; i < WRITER_COUNT; i++) {
        writes[i] = (one_write){&self, PYKV_OK, 0};
        CHECK(pthread_create(&threads[i], NULL, write_one, &writes[i]) == 0);
    }
    while (fixture_last(&self) < WRITER_COUNT) {
        sched_yield();
    }
    CHECK_EQUAL(0, fixture_usage(&self).sync_count);
    CHECK_EQUAL(0, fixture_synced_now(&self));
    set_sync_running(&self, false);
    for (size_t i = 0; i < WRITER_COUNT; i++) {
        CHECK(pthread_join(threads[i], NULL) == 0);
        CHECK_OK(writes[i].status);
        CHECK_EQUAL(WRITER_COUNT, writes[i].seen);
    }
    CHECK_EQUAL(1, fixture_usage(&self).sync_count);
    CHECK_EQUAL(WRITER_COUNT, self.told_sequence);
    fixture_free(&self);
}

TEST(a_sync_covers_the_older_logs_first)
{
    fixture self = new_fixture(0);
    fixture_open(&self, false);
    for (int i = 0; i < 2; i++) {
        fixture_put(&self, 3, 100);
        CHECK_OK(fixture_roll(&self));
    }
    fixture_put(&self, 3, 100);
    CHECK_EQUAL(0, fixture_synced_now(&self));
    CHECK_OK(wal_sync_through(self.log, 9));
    CHECK_EQUAL(9, fixture_synced_now(&self));
    for (size_t i = 0; i < self.log->log_count; i++) {
        CHECK_EQUAL(self.log->logs[i]->sealed, self.log->logs[i]->synced);
    }
    env *after = fixture_crash(&self, ENV_CRASH_DROP_ALL);
    CHECK_EQUAL(9, found_last(after));
    env_memory_free(after);
    fixture_free(&self);
}

TEST(the_sync_of_an_older_log_fails_before_a_newer_one_is_synced)
{
    fixture self = new_fixture(0);
    fixture_open(&self, false);
    fixture_put(&self, 3, 100);
    CHECK_OK(fixture_roll(&self));
    fixture_put(&self, 3, 100);
    fixture_fail(&self, ENV_CALL_SYNC, EIO, true, ".log");
    CHECK_STATUS(PYKV_COMMIT_UNKNOWN, wal_sync(self.log));
    CHECK_EQUAL(1, env_fault_seen(self.disk));
    CHECK(strstr(error_last()->text, "00000001.log") != NULL);
    fixture_free(&self);
}

TEST(a_sync_with_nothing_to_sync_calls_nothing)
{
    fixture self = new_fixture(0);
    fixture_open(&self, false);
    CHECK_OK(wal_sync(self.log));
    fixture_put(&self, 1, 10);
    CHECK_OK(wal_sync(self.log));
    fixture_fail(&self, ENV_CALL_SYNC, EIO, true, NULL);
    CHECK_OK(wal_sync(self.log));
    CHECK_OK(wal_sync_through(self.log, 1));
    CHECK_EQUAL(0, env_fault_seen(self.disk));
    CHECK_EQUAL(1, fixture_usage(&self).sync_count);
    fixture_free(&self);
}

TEST(a_failed_sync_leaves_the_commit_unknown_and_nothing_is_appended_any_more)
{
    fixture self = new_fixture(0);
    fixture_open(&self, false);
    fixture_put(&self, 1, 10);
    CHECK_OK(wal_sync(self.log));
    fixture_put(&self, 1, 10);
    CHECK_OK(wal_prepare_next(self.log));
    fixture_fail(&self, ENV_CALL_SYNC, EIO, false, ".log");
    CHECK_STATUS(PYKV_COMMIT_UNKNOWN, wal_sync_through(self.log, 2));
    CHECK(strstr(error_last()->text, "may or may not") != NULL);
    CHECK_EQUAL(1, env_fault_failed(self.disk));
    CHECK_EQUAL(1, fixture_synced_now(&self));
    CHECK_STATUS(PYKV_COMMIT_UNKNOWN, wal_sync_through(self.log, 2)); /* never as success */
    CHECK_OK(wal_sync_through(self.log, 1));
    CHECK_STATUS(PYKV_STORE_FAILED, wal_sync(self.log));
    CHECK_STATUS(PYKV_STORE_FAILED, fixture_write(&self, 1, 10));
    CHECK_STATUS(PYKV_STORE_FAILED, fixture_roll(&self));
    CHECK_STATUS(PYKV_STORE_FAILED, wal_provide(self.log, 100));
    CHECK_STATUS(PYKV_STORE_FAILED, wal_prepare_next(self.log));
    CHECK_STATUS(PYKV_STORE_FAILED, wal_close(self.log));
    CHECK_OK(wal_step(self.log));
    CHECK_EQUAL(2, fixture_last(&self));
    CHECK_EQUAL(1, self.told_sequence);
    fixture_free(&self);
}

TEST(a_log_that_is_dropped_while_it_is_synced_is_kept_until_that_is_done)
{
    fixture self = new_fixture(0);
    fixture_open(&self, false);
    fixture_put(&self, 3, 10);
    CHECK_OK(fixture_roll(&self));
    fixture_put(&self, 3, 10);
    wal_log *first = self.log->logs[0];
    first->pin_count++; /* as a sync does */
    fixture_drop(&self, 2, 3);
    CHECK(first->dropped && fixture_has(self.inner, "00000001.log"));
    CHECK_OK(env_file_sync(first->file));
    mutex_lock(&self.writer);
    wal_log *dead = wal_unpin(self.log, first);
    mutex_unlock(&self.writer);
    CHECK(dead == first);
    wal_take_away(self.log, dead);
    CHECK(!fixture_has(self.inner, "00000001.log"));
    CHECK_OK(wal_sync(self.log));
    CHECK_EQUAL(6, fixture_synced_now(&self));
    fixture_free(&self);
}

TEST(what_is_appended_after_a_padded_sync_begins_in_another_sector)
{
    fixture self = new_fixture(1);
    fixture_open(&self, false);
    for (uint64_t i = 1; i <= 20; i++) {
        fixture_put(&self, 1, 100);
        CHECK_OK(wal_sync(self.log));
        CHECK_EQUAL(0, log_sink_tail(self.log->active->sink) % LOG_SECTOR_BYTES);
        CHECK_OK(wal_sync(self.log));
        env *after = fixture_crash(&self, ENV_CRASH_TORN_SECTOR);
        CHECK_EQUAL(i, found_last(after));
        env_memory_free(after);
    }
    fixture_free(&self);
}

TEST(a_sync_without_room_for_its_padding_ends_the_log_and_holds)
{
    fixture self = new_fixture(1);
    self.options.log_sink = PYKV_LOG_PWRITE;
    fixture_open(&self, false);
    fixture_put(&self, 2, 100);
    fixture_fail(&self, ENV_CALL_WRITE, ENOSPC, true, ".log");
    CHECK_OK(wal_sync(self.log));
    CHECK_EQUAL(0, fixture_active(&self));
    CHECK_EQUAL(2, fixture_synced_now(&self));
    CHECK_STATUS(PYKV_NO_SPACE, fixture_write(&self, 1, 100));
    fixture_fail(&self, ENV_CALL_WRITE, 0, false, NULL);
    fixture_put(&self, 2, 100);
    CHECK(fixture_active(&self) > 1);
    CHECK_OK(wal_sync(self.log));
    env *after = fixture_crash(&self, ENV_CRASH_TORN_SECTOR);
    CHECK_EQUAL(4, found_last(after));
    env_memory_free(after);
    fixture_free(&self);
}

TEST_MAIN(CASE(writers_that_wait_together_share_one_sync), CASE(a_sync_covers_the_older_logs_first),
          CASE(the_sync_of_an_older_log_fails_before_a_newer_one_is_synced),
          CASE(a_sync_with_nothing_to_sync_calls_nothing),
          CASE(a_failed_sync_leaves_the_commit_unknown_and_nothing_is_appended_any_more),
          CASE(a_log_that_is_dropped_while_it_is_synced_is_kept_until_that_is_done),
          CASE(what_is_appended_after_a_padded_sync_begins_in_another_sector),
          CASE(a_sync_without_room_for_its_padding_ends_the_log_and_holds))
