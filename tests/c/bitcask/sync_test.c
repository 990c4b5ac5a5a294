/*
 * sync_test: one sync for all that wait, nothing visible before it, and a failed sync is final.
 */
#include <errno.h>
#include <sched.h>

#include "bitcask/bitcask_fixture.h"
#include "bitcask/sync.h"
#include "env/env_fault.h"

enum { WRITER_COUNT = 6 };

typedef struct one_put {
    bitcask *store;
    char key[16];
    pykv_status status;
} one_put;

static void *put_one(void *argument)
{
    one_put *self = argument;
    self->status = bitcask_put(self->store, fixture_text(self->key), fixture_text("value"), 0);
    return NULL;
}

static uint64_t appended(fixture *self)
{
    mutex_lock(&self->store->writer);
    uint64_t sequence = self->store->appended_sequence;
    mutex_unlock(&self->store->writer);
    return sequence;
}

/* Takes the place of a thread whose sync is under way, and gives it up. */
static void set_sync_running(fixture *self, bool running)
{
    mutex_lock(&self->store->sync_lock);
    self->store->sync_running = running;
    self->store->sync_round += !running;
    condition_broadcast(&self->store->sync_done);
    mutex_unlock(&self->store->sync_lock);
}

TEST(writers_that_wait_together_share_one_sync_and_are_unseen_until_then)
{
    fixture self = fixture_new();
    one_put puts[WRITER_COUNT];
    pthread_t threads[WRITER_COUNT];
    fixture_close(&self);
    self.options.durability = PYKV_DURABILITY_SYNC;
    CHECK_OK(fixture_open(&self));
    set_sync_running(&self, true);
    for (size_t i = 0; i < WRITER_COUNT; i++) {
        puts[i].store = self.store;
        snprintf(puts[i].key, sizeof puts[i].key, "key-%zu", i);
        CHECK(pthread_create(&threads[i], NULL, put_one, &puts[i]) == 0);
    }
    while (appended(&self) < WRITER_COUNT) {
        sched_yield();
    }
    for (size_t i = 0; i < WRITER_COUNT; i++) {
        fixture_expect(&self, puts[i].key, NULL);
    }
    CHECK_EQUAL(0, fixture_stats(&self).sync_count);
    set_sync_running(&self, false);
    for (size_t i = 0; i < WRITER_COUNT; i++) {
        CHECK(pthread_join(threads[i], NULL) == 0);
        CHECK_OK(puts[i].status);
        fixture_expect(&self, puts[i].key, "value");
    }
    CHECK_EQUAL(1, fixture_stats(&self).sync_count);
    CHECK_EQUAL(WRITER_COUNT, fixture_stats(&self).synced_sequence);
    fixture_free(&self);
}

TEST(a_sync_covers_every_segment_that_was_written_since_the_last)
{
    fixture self = fixture_new();
    fixture after = self;
    fixture_fill(&self, 0, 20, 1000);
    CHECK(fixture_stats(&self).synced_sequence < 20);
    CHECK_OK(bitcask_sync(self.store));
    pykv_stats stats = fixture_stats(&self);
    CHECK_EQUAL(20, stats.synced_sequence);
    for (size_t i = 0; i < self.store->segment_count; i++) {
        CHECK_EQUAL(self.store->segments[i]->sealed, self.store->segments[i]->synced);
    }
    CHECK_OK(bitcask_sync(self.store));
    CHECK_EQUAL(stats.sync_count, fixture_stats(&self).sync_count);
    fixture_kill(&self);
    CHECK_OK(env_memory_crash(self.disk, check_seed(), ENV_CRASH_DROP_ALL, &after.disk));
    CHECK_OK(fixture_open(&after));
    CHECK_EQUAL(20, fixture_stats(&after).key_count);
    fixture_free(&after);
    fixture_free(&self);
}

TEST(a_failed_sync_leaves_the_commit_unknown_and_the_store_refuses_writes_but_reads)
{
    fixture self = {.options = {.segment_bytes = FIXTURE_SEGMENT_BYTES}};
    env *inner;
    CHECK_OK(env_memory_new(check_seed(), FIXTURE_FILE_MAX, &inner));
    CHECK_OK(env_fault_new(inner, &self.disk));
    CHECK_OK(fixture_open(&self));
    CHECK_OK(bitcask_put(self.store, fixture_text("a"), fixture_text("1"), PYKV_SYNC));
    env_fault_plan plan = {.at = 1,
                           .system_errno = EIO,
                           .call_mask = 1U << ENV_CALL_SYNC,
                           .name_part = ".log",
                           .seed = check_seed()};
    env_fault_set(self.disk, &plan);
    CHECK_STATUS(PYKV_COMMIT_UNKNOWN,
                 bitcask_put(self.store, fixture_text("a"), fixture_text("2"), PYKV_SYNC));
    CHECK_EQUAL(1, env_fault_failed(self.disk));
    CHECK_EQUAL(PYKV_STATE_FAILED, bitcask_state(self.store));
    fixture_expect(&self, "a", "1");
    CHECK_STATUS(PYKV_STORE_FAILED,
                 bitcask_put(self.store, fixture_text("b"), fixture_text("3"), 0));
    CHECK_STATUS(PYKV_STORE_FAILED, bitcask_delete(self.store, fixture_text("a"), 0, NULL));
    CHECK_STATUS(PYKV_STORE_FAILED, bitcask_clear(self.store, 0));
    CHECK_STATUS(PYKV_STORE_FAILED, bitcask_sync(self.store));
    CHECK_EQUAL(2, self.store->appended_sequence);
    CHECK_EQUAL(1, fixture_stats(&self).synced_sequence);
    fixture_expect(&self, "a", "1");
    CHECK_STATUS(PYKV_STORE_FAILED, bitcask_close(self.store, -1));
    fixture_kill(&self);
    CHECK_OK(fixture_open(&self));
    CHECK_EQUAL(PYKV_STATE_OPEN, bitcask_state(self.store));
    CHECK_EQUAL(1, fixture_stats(&self).key_count);
    fixture_put(&self, "b", "3");
    fixture_expect(&self, "b", "3");
    fixture_kill(&self);
    env_fault_free(self.disk);
    env_memory_free(inner);
}

TEST(a_sealed_segment_counts_as_synced_at_once_if_its_records_are)
{
    fixture self = fixture_new();
    fixture_put(&self, "a", "1");
    CHECK_OK(bitcask_sync(self.store));
    segment *first = self.store->active;
    CHECK_OK(bitcask_flush(self.store));
    CHECK(first->sealed && first->synced);
    CHECK_EQUAL(1, self.store->sealed_sequence);
    fixture_free(&self);
}

static fixture interval_store(void)
{
    fixture self = fixture_new();
    fixture_close(&self);
    self.options.durability = PYKV_DURABILITY_INTERVAL;
    self.options.interval_us = 5000;
    CHECK_OK(fixture_open(&self));
    return self;
}

/* Without a lent thread nobody once synced before close. */
TEST(where_no_thread_is_lent_the_first_write_after_the_interval_syncs)
{
    fixture self = interval_store();
    fixture_put(&self, "a", "1");
    env_memory_advance(self.disk, 4999, 0);
    fixture_put(&self, "b", "2");
    CHECK_EQUAL(0, fixture_stats(&self).synced_sequence);
    env_memory_advance(self.disk, 1, 0);
    fixture_put(&self, "c", "3");
    CHECK_EQUAL(3, fixture_stats(&self).synced_sequence);
    fixture_put(&self, "d", "4");
    CHECK_EQUAL(3, fixture_stats(&self).synced_sequence);
    env_memory_advance(self.disk, 5000, 0);
    fixture_delete(&self, "d");
    CHECK_EQUAL(5, fixture_stats(&self).synced_sequence);
    CHECK_EQUAL(2, fixture_stats(&self).sync_count);
    fixture_free(&self);
}

TEST(a_write_does_not_sync_at_the_interval_where_a_thread_does_or_it_may_not_wait)
{
    fixture self = interval_store();
    env_memory_advance(self.disk, 5000, 0);
    CHECK_STATUS(PYKV_WOULD_BLOCK,
                 bitcask_put(self.store, fixture_text("a"), fixture_text("1"), PYKV_NO_WAIT));
    CHECK_EQUAL(0, self.store->appended_sequence);
    CHECK_OK(bitcask_put(self.store, fixture_text("a"), fixture_text("1"), PYKV_NO_SYNC));
    self.store->gate.lent.thread_count[PYKV_ROLE_LOG] = 1;
    fixture_put(&self, "b", "2");
    self.store->gate.lent.thread_count[PYKV_ROLE_LOG] = 0;
    CHECK_EQUAL(2, self.store->appended_sequence);
    CHECK_EQUAL(0, fixture_stats(&self).synced_sequence);
    fixture_free(&self);
}

TEST_MAIN(CASE(writers_that_wait_together_share_one_sync_and_are_unseen_until_then),
          CASE(a_sync_covers_every_segment_that_was_written_since_the_last),
          CASE(a_failed_sync_leaves_the_commit_unknown_and_the_store_refuses_writes_but_reads),
          CASE(a_sealed_segment_counts_as_synced_at_once_if_its_records_are),
          CASE(where_no_thread_is_lent_the_first_write_after_the_interval_syncs),
          CASE(a_write_does_not_sync_at_the_interval_where_a_thread_does_or_it_may_not_wait))
