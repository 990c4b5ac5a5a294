/*
 * write_test: writes get sequences in order, come whole or not at all, and ask before they write.
 */
#include <errno.h>

#include "lsm_fixture.h"

#include "env/env_fault.h"
#include "lsm/internal_key.h"
#include "lsm/write.h"

static void set(record *operation, uint8_t kind, const char *key, const char *value)
{
    *operation = (record){.kind = kind, .key = fixture_text(key), .value = fixture_text(value)};
}

TEST(every_operation_has_a_sequence_of_its_own)
{
    fixture self = fixture_new();
    record batch[3];
    set(&batch[0], RECORD_PUT, "a", "1");
    set(&batch[1], RECORD_PUT, "b", "2");
    set(&batch[2], RECORD_DELETE, "a", "");
    fixture_put(&self, "a", "0");
    CHECK_OK(lsm_write(self.store, batch, 3, 0));
    for (uint64_t i = 0; i < 3; i++) {
        CHECK_EQUAL(2 + i, batch[i].sequence);
    }
    CHECK_EQUAL(4, fixture_stats(&self).last_sequence);
    fixture_expect(&self, "a", NULL);
    fixture_expect(&self, "b", "2");
    CHECK_OK(lsm_write(self.store, NULL, 0, 0));
    CHECK_EQUAL(4, fixture_stats(&self).last_sequence);
    fixture_free(&self);
}

TEST(the_later_of_equal_keys_in_a_batch_wins)
{
    fixture self = fixture_new();
    record batch[3];
    set(&batch[0], RECORD_PUT, "k", "1");
    set(&batch[1], RECORD_DELETE, "k", "");
    set(&batch[2], RECORD_PUT, "k", "3");
    CHECK_OK(lsm_write(self.store, batch, 3, 0));
    fixture_expect(&self, "k", "3");
    fixture_recover(&self);
    fixture_expect(&self, "k", "3");
    fixture_free(&self);
}

TEST(a_batch_above_its_limit_is_refused_whole)
{
    fixture self = fixture_blank();
    self.options.batch_bytes_max = 4096;
    CHECK_OK(fixture_open(&self));
    static uint8_t big[4096];
    record batch[2] = {{.kind = RECORD_PUT, .key = fixture_text("a"), .value = fixture_text("1")},
                       {.kind = RECORD_PUT, .key = fixture_text("b")}};
    batch[1].value = slice_make(big, sizeof big);
    CHECK_STATUS(PYKV_BATCH_TOO_LARGE, lsm_write(self.store, batch, 2, 0));
    CHECK_EQUAL(0, fixture_stats(&self).last_sequence);
    batch[1].value = slice_make(big, sizeof big - 3);
    CHECK_OK(lsm_write(self.store, batch, 2, 0));
    CHECK_OK(lsm_put(self.store, fixture_text("one"), slice_make(big, sizeof big), 0));
    fixture_free(&self);
}

TEST(a_batch_larger_than_a_memtable_is_written_whole)
{
    enum { MEMBERS = 200, BYTES = 1000 };
    static uint8_t value[BYTES];
    static char keys[MEMBERS][16];
    fixture self = fixture_new();
    record batch[MEMBERS];
    for (uint32_t i = 0; i < MEMBERS; i++) {
        batch[i] = (record){.kind = RECORD_PUT, .key = fixture_key(i, keys[i])};
        batch[i].value = slice_make(value, sizeof value);
    }
    fixture_put(&self, "before", "1");
    CHECK_OK(lsm_write(self.store, batch, MEMBERS, 0));
    fixture_put(&self, "after", "1");
    CHECK_EQUAL(MEMBERS + 2, fixture_count(&self));
    fixture_recover(&self);
    CHECK_EQUAL(MEMBERS + 2, fixture_count(&self));
    fixture_free(&self);
}

TEST(a_delete_tells_whether_the_key_was_there_and_writes_nothing_if_not)
{
    fixture self = fixture_new();
    int32_t existed = -1;
    fixture_put(&self, "a", "1");
    CHECK_OK(lsm_flush(self.store));
    CHECK_OK(lsm_delete(self.store, fixture_text("b"), 0, &existed));
    CHECK_EQUAL(0, existed);
    CHECK_EQUAL(1, fixture_stats(&self).last_sequence);
    CHECK_OK(lsm_delete(self.store, fixture_text("a"), 0, &existed));
    CHECK_EQUAL(1, existed);
    CHECK_OK(lsm_delete(self.store, fixture_text("a"), 0, &existed));
    CHECK_EQUAL(0, existed);
    CHECK_EQUAL(2, fixture_stats(&self).last_sequence);
    fixture_free(&self);
}

TEST(a_delete_that_nobody_asks_about_is_written_without_reading_a_block)
{
    fixture self = fixture_new();
    fixture_put(&self, "a", "1");
    fixture_put(&self, "c", "1");
    fixture_reopen(&self);
    CHECK_OK(lsm_delete(self.store, fixture_text("a"), 0, NULL));
    CHECK_OK(lsm_delete(self.store, fixture_text("b"), 0, NULL));
    CHECK_EQUAL(4, fixture_stats(&self).last_sequence);
    CHECK_EQUAL(0, fixture_stats(&self).block_cache_miss_count);
    CHECK_EQUAL(1, fixture_count(&self));
    fixture_free(&self);
}

TEST(compare_and_set_writes_only_what_it_was_asked_to_replace)
{
    fixture self = fixture_new();
    slice one = fixture_text("1");
    slice two = fixture_text("2");
    slice key = fixture_text("k");
    int32_t swapped = -1;
    CHECK_OK(lsm_compare_and_set(self.store, key, &one, &two, 0, 0, &swapped));
    CHECK_EQUAL(0, swapped);
    CHECK_OK(lsm_compare_and_set(self.store, key, NULL, &one, 0, 0, &swapped));
    CHECK_EQUAL(1, swapped);
    CHECK_OK(lsm_compare_and_set(self.store, key, NULL, &two, 0, 0, &swapped));
    CHECK_EQUAL(0, swapped);
    CHECK_OK(lsm_compare_and_set(self.store, key, &one, &two, 0, 0, &swapped));
    CHECK_EQUAL(1, swapped);
    fixture_expect(&self, "k", "2");
    CHECK_OK(lsm_compare_and_set(self.store, key, &one, NULL, 0, 0, &swapped));
    CHECK_EQUAL(0, swapped);
    fixture_expect(&self, "k", "2");
    CHECK_OK(lsm_compare_and_set(self.store, key, &two, NULL, 0, 0, &swapped));
    CHECK_EQUAL(1, swapped);
    fixture_expect(&self, "k", NULL);
    CHECK_EQUAL(3, fixture_stats(&self).last_sequence);
    fixture_free(&self);
}

TEST(without_waiting_what_would_wait_changes_nothing)
{
    fixture self = fixture_new();
    slice key = fixture_text("k");
    int32_t existed;
    CHECK_EQUAL(PYKV_WOULD_BLOCK, lsm_put(self.store, key, key, PYKV_NO_WAIT)); /* no log yet */
    fixture_put(&self, "k", "1");
    CHECK_OK(lsm_put(self.store, key, fixture_text("2"), PYKV_NO_WAIT));
    CHECK_EQUAL(PYKV_WOULD_BLOCK, lsm_put(self.store, key, key, PYKV_NO_WAIT | PYKV_SYNC));
    CHECK_OK(lsm_flush(self.store));
    CHECK_EQUAL(PYKV_WOULD_BLOCK, lsm_delete(self.store, key, PYKV_NO_WAIT, &existed));
    CHECK_EQUAL(2, fixture_stats(&self).last_sequence);
    fixture_expect(&self, "k", "2");
    mutex_lock(&self.store->writer);
    CHECK_EQUAL(PYKV_WOULD_BLOCK, lsm_put(self.store, key, key, PYKV_NO_WAIT));
    mutex_unlock(&self.store->writer);
    fixture_free(&self);
}

TEST(a_write_waits_for_its_sync_where_it_was_asked_to)
{
    fixture self = fixture_blank();
    CHECK_OK(fixture_open(&self));
    fixture_put(&self, "a", "1");
    CHECK_EQUAL(0, fixture_stats(&self).synced_sequence);
    CHECK_OK(lsm_put(self.store, fixture_text("b"), fixture_text("1"), PYKV_SYNC));
    CHECK_EQUAL(2, fixture_stats(&self).synced_sequence);
    fixture_close(&self);
    self.options.durability = PYKV_DURABILITY_SYNC;
    CHECK_OK(fixture_open(&self));
    CHECK(lsm_waits_for_sync(self.store, 0) && !lsm_waits_for_sync(self.store, PYKV_NO_SYNC));
    fixture_put(&self, "c", "1");
    CHECK_EQUAL(3, fixture_stats(&self).synced_sequence);
    CHECK_EQUAL(3, fixture_stats(&self).last_sequence);
    CHECK_OK(lsm_put(self.store, fixture_text("d"), fixture_text("1"), PYKV_NO_SYNC));
    CHECK_EQUAL(3, fixture_stats(&self).synced_sequence);
    CHECK_EQUAL(4, fixture_stats(&self).last_sequence);
    fixture_free(&self);
}

TEST(in_interval_durability_the_first_write_after_the_interval_syncs)
{
    fixture self = fixture_blank();
    self.options.durability = PYKV_DURABILITY_INTERVAL;
    CHECK_OK(fixture_open(&self));
    fixture_put(&self, "a", "1");
    CHECK_EQUAL(0, fixture_stats(&self).synced_sequence);
    env_memory_advance(self.disk, 100000, 0);
    fixture_put(&self, "b", "1");
    CHECK_EQUAL(2, fixture_stats(&self).synced_sequence);
    fixture_put(&self, "c", "1");
    CHECK_EQUAL(2, fixture_stats(&self).synced_sequence);
    fixture_free(&self);
}

TEST(a_read_only_store_refuses_writes)
{
    fixture self = fixture_new();
    fixture_put(&self, "a", "1");
    fixture_close(&self);
    self.options.read_only = 1;
    CHECK_OK(fixture_open(&self));
    fixture_expect(&self, "a", "1");
    CHECK_STATUS(PYKV_READ_ONLY,
                 lsm_put(self.store, fixture_text("a"), fixture_text("2"), PYKV_SYNC));
    CHECK_STATUS(PYKV_READ_ONLY, lsm_delete(self.store, fixture_text("a"), 0, NULL));
    fixture_expect(&self, "a", "1");
    fixture_free(&self);
}

/* Invariant 5 of store.h. */
TEST(after_a_failed_sync_nothing_is_appended_and_what_was_not_visible_stays_so)
{
    fixture self = fixture_blank();
    env *disk = self.disk;
    CHECK_OK(env_fault_new(disk, &self.disk));
    CHECK_OK(fixture_open(&self));
    fixture_put(&self, "a", "1");
    env_fault_plan plan = {
        .at = 1, .system_errno = EIO, .call_mask = 1U << ENV_CALL_SYNC, .name_part = ".log"};
    env_fault_set(self.disk, &plan);
    slice key = fixture_text("b");
    CHECK_STATUS(PYKV_COMMIT_UNKNOWN, lsm_put(self.store, key, key, PYKV_SYNC));
    fixture_expect(&self, "b", NULL);
    fixture_expect(&self, "a", "1");
    CHECK_STATUS(PYKV_STORE_FAILED, lsm_put(self.store, key, key, 0));
    CHECK_STATUS(PYKV_STORE_FAILED, lsm_delete(self.store, fixture_text("a"), 0, NULL));
    CHECK_EQUAL(PYKV_STATE_FAILED, lsm_state(self.store));
    fixture_expect(&self, "b", NULL);
    fixture_expect(&self, "a", "1");
    fixture_kill(&self);
    env_fault_free(self.disk);
    self.disk = disk;
    fixture_free(&self);
}

TEST(without_memory_a_write_is_not_done_and_the_next_is)
{
    fixture self = fixture_new();
    pykv_status status = PYKV_NO_MEMORY;
    uint32_t failures = 0;
    for (uint64_t at = 1; status != PYKV_OK; at++) {
        (void)mem_fail_at(at, 0);
        status = lsm_put(self.store, fixture_text("k"), fixture_text("v"), 0);
        (void)mem_fail_at(0, 0);
        CHECK(status == PYKV_OK || status == PYKV_NO_MEMORY);
        failures += status != PYKV_OK;
        fixture_expect(&self, "k", status == PYKV_OK ? "v" : NULL);
    }
    CHECK(failures > 3);
    CHECK_EQUAL(1, fixture_stats(&self).last_sequence);
    fixture_reopen(&self);
    fixture_expect(&self, "k", "v");
    fixture_free(&self);
}

/* Writes the manifest of a closed store anew, with the last sequence given. */
static void set_last_sequence(fixture *self, uint64_t sequence)
{
    env_directory *home;
    lsm_manifest listed = fixture_manifest(self);
    listed.last_sequence = listed.flushed_sequence = sequence;
    listed.edit++;
    CHECK_OK(env_directory_open(self->disk, FIXTURE_PATH, false, &home));
    CHECK_OK(lsm_manifest_replace(home, &listed));
    env_directory_close(home);
    lsm_manifest_reset(&listed);
}

/* An invariant of the memtable once broke there. */
TEST(when_all_sequences_are_used_writes_are_refused_and_reads_go_on)
{
    fixture self = fixture_new();
    record batch[2];
    set(&batch[0], RECORD_PUT, "a", "1");
    set(&batch[1], RECORD_PUT, "b", "1");
    fixture_close(&self);
    set_last_sequence(&self, INTERNAL_SEQUENCE_MAX - 3);
    CHECK_OK(fixture_open(&self));
    CHECK_OK(lsm_write(self.store, batch, 2, 0));
    CHECK_STATUS(PYKV_NOT_SUPPORTED, lsm_write(self.store, batch, 2, 0));
    fixture_put(&self, "c", "1");
    CHECK_EQUAL(INTERNAL_SEQUENCE_MAX, fixture_stats(&self).last_sequence);
    CHECK_STATUS(PYKV_NOT_SUPPORTED, lsm_put(self.store, fixture_text("d"), fixture_text("1"), 0));
    CHECK_STATUS(PYKV_NOT_SUPPORTED, lsm_clear(self.store, 0));
    CHECK_EQUAL(3, fixture_count(&self));
    fixture_recover(&self);
    CHECK_EQUAL(3, fixture_count(&self));
    CHECK_OK(lsm_compact(self.store, NULL));
    fixture_close(&self);
    set_last_sequence(&self, UINT64_MAX);
    CHECK_OK(fixture_open(&self));
    CHECK_STATUS(PYKV_NOT_SUPPORTED, lsm_put(self.store, fixture_text("d"), fixture_text("1"), 0));
    fixture_free(&self);
}

/* A write that could not get a log once left no trace in the state. */
TEST(a_write_without_space_shows_in_the_state_until_one_succeeds)
{
    fixture self = fixture_new();
    slice key = fixture_text("k");
    env_memory_set_capacity(self.disk, 1);
    CHECK_STATUS(PYKV_NO_SPACE, lsm_put(self.store, key, key, 0));
    CHECK_EQUAL(PYKV_STATE_READ_ONLY, lsm_state(self.store));
    env_memory_set_capacity(self.disk, UINT64_MAX);
    CHECK_OK(lsm_put(self.store, key, key, 0));
    CHECK_EQUAL(PYKV_STATE_OPEN, lsm_state(self.store));
    fixture_free(&self);
}

TEST(records_larger_than_a_log_are_written_with_and_without_padding)
{
    static uint8_t value[300000];
    for (int padding = 0; padding < 2; padding++) {
        fixture self = fixture_blank();
        self.options.log_sector_padding = padding;
        CHECK_OK(fixture_open(&self));
        for (uint32_t i = 0; i < 5; i++) {
            char key[16];
            fixture_fill(&self, 100 + i, 101 + i, 100);
            CHECK_OK(lsm_put(self.store, fixture_key(i, key), slice_make(value, sizeof value),
                             i % 2 == 0 ? PYKV_SYNC : 0));
        }
        CHECK_EQUAL(10, fixture_count(&self));
        fixture_recover(&self);
        CHECK_EQUAL(10, fixture_count(&self));
        fixture_free(&self);
    }
}

TEST_MAIN(CASE(every_operation_has_a_sequence_of_its_own),
          CASE(the_later_of_equal_keys_in_a_batch_wins),
          CASE(a_batch_above_its_limit_is_refused_whole),
          CASE(a_batch_larger_than_a_memtable_is_written_whole),
          CASE(a_delete_tells_whether_the_key_was_there_and_writes_nothing_if_not),
          CASE(a_delete_that_nobody_asks_about_is_written_without_reading_a_block),
          CASE(compare_and_set_writes_only_what_it_was_asked_to_replace),
          CASE(without_waiting_what_would_wait_changes_nothing),
          CASE(a_write_waits_for_its_sync_where_it_was_asked_to),
          CASE(in_interval_durability_the_first_write_after_the_interval_syncs),
          CASE(a_read_only_store_refuses_writes),
          CASE(after_a_failed_sync_nothing_is_appended_and_what_was_not_visible_stays_so),
          CASE(without_memory_a_write_is_not_done_and_the_next_is),
          CASE(when_all_sequences_are_used_writes_are_refused_and_reads_go_on),
          CASE(a_write_without_space_shows_in_the_state_until_one_succeeds),
          CASE(records_larger_than_a_log_are_written_with_and_without_padding))
