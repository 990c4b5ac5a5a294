/*
 * delete_range_test: what a range delete costs, when it goes, and where it ends.
 */
#include <pthread.h>
#include <time.h>

#include "lsm_fixture.h"
#include "range_crowd.h"
#include "sync_hook.h"

#include "lsm/delete_range.h"
#include "lsm/jobs.h"
#include "lsm/room.h"
#include "lsm/values_store.h"

static void delete_range(fixture *self, const char *start, const char *stop)
{
    CHECK_OK(lsm_delete_range(self->store, fixture_text(start), fixture_text(stop), 0));
}

TEST(one_record_is_written_however_many_keys_go)
{
    fixture self = fixture_new();
    fixture_fill(&self, 0, 2000, 100);
    uint64_t before = fixture_stats(&self).last_sequence;
    uint64_t written = fixture_stats(&self).written_bytes;
    delete_range(&self, "key-00010", "key-01990");
    CHECK_EQUAL(before + 1, fixture_stats(&self).last_sequence);
    CHECK(fixture_stats(&self).written_bytes - written < 128);
    CHECK_EQUAL(1, fixture_stats(&self).range_delete_count);
    CHECK_EQUAL(20, fixture_count(&self));
    fixture_free(&self);
}

TEST(a_range_that_is_empty_writes_nothing)
{
    fixture self = fixture_new();
    fixture_put(&self, "b", "1");
    delete_range(&self, "b", "b");
    delete_range(&self, "c", "b");
    CHECK_EQUAL(1, fixture_stats(&self).last_sequence);
    CHECK_EQUAL(0, fixture_stats(&self).range_delete_count);
    fixture_expect(&self, "b", "1");
    fixture_free(&self);
}

TEST(a_range_without_an_end_reaches_the_last_key)
{
    fixture self = fixture_new();
    fixture_fill(&self, 0, 10, 10);
    fixture_put(&self, "\xff\xff\xff", "1");
    delete_range(&self, "key-00003", "");
    CHECK_EQUAL(3, fixture_count(&self));
    delete_range(&self, "", "");
    CHECK_EQUAL(0, fixture_count(&self));
    fixture_free(&self);
}

TEST(tables_that_are_hidden_go_unread_and_the_range_delete_with_them)
{
    fixture self = fixture_new();
    fixture_fill(&self, 0, 3000, 100);
    CHECK_OK(lsm_compact(self.store, NULL));
    uint64_t read_before = fixture_stats(&self).compaction_read_bytes;
    CHECK(fixture_stats(&self).table_count > 3);
    delete_range(&self, "key", "kez");
    CHECK_OK(lsm_flush(self.store));
    pykv_stats after = fixture_stats(&self);
    CHECK_EQUAL(0, after.table_count);
    CHECK_EQUAL(0, after.deleted_range_count);
    CHECK_EQUAL(read_before, after.compaction_read_bytes);
    fixture_maintain(&self, PYKV_ROLE_DATA);
    CHECK_EQUAL(0, fixture_files(&self, ".tbl", NULL));
    fixture_free(&self);
}

TEST(a_range_delete_stays_as_long_as_a_table_holds_what_it_hides)
{
    fixture self = fixture_new();
    fixture_fill(&self, 0, 300, 100);
    CHECK_OK(lsm_compact(self.store, NULL));
    delete_range(&self, "key-00100", "key-00200");
    CHECK_OK(lsm_flush(self.store));
    CHECK_EQUAL(1, fixture_stats(&self).deleted_range_count);
    fixture_recover(&self);
    CHECK_EQUAL(1, fixture_stats(&self).deleted_range_count);
    CHECK_EQUAL(200, fixture_count(&self));
    fixture_reopen(&self);
    CHECK_EQUAL(200, fixture_count(&self));
    CHECK_OK(lsm_compact(self.store, NULL));
    CHECK_EQUAL(0, fixture_stats(&self).deleted_range_count);
    CHECK_EQUAL(200, fixture_count(&self));
    fixture_free(&self);
}

TEST(a_crowded_memtable_is_sealed_before_a_range_delete)
{
    fixture self = fixture_blank();
    self.options.memtable_bytes = 2 << 20;
    CHECK_OK(fixture_open(&self));
    fixture_fill(&self, 0, MEMTABLE_ENTRIES_BEFORE_RANGE, 10);
    delete_range(&self, "key", "kez");
    CHECK_EQUAL(1, fixture_stats(&self).immutable_memtable_count);
    CHECK_EQUAL(0, fixture_count(&self));
    fixture_free(&self);
}

TEST(a_batch_deletes_at_most_as_many_ranges_as_it_says)
{
    static record operations[LSM_BATCH_RANGES_MAX + 1];
    fixture self = fixture_new();
    for (size_t i = 0; i <= LSM_BATCH_RANGES_MAX; i++) {
        operations[i] = (record){
            .kind = RECORD_RANGE_DELETE, .key = slice_make("a", 1), .value = slice_make("b", 1)};
    }
    CHECK_STATUS(PYKV_BATCH_TOO_LARGE,
                 lsm_write(self.store, operations, LSM_BATCH_RANGES_MAX + 1, 0));
    CHECK_OK(lsm_write(self.store, operations, LSM_BATCH_RANGES_MAX, 0));
    CHECK_EQUAL(LSM_BATCH_RANGES_MAX, fixture_stats(&self).last_sequence);
    fixture_free(&self);
}

TEST(many_small_ranges_do_not_pile_up)
{
    fixture self = fixture_new();
    char names[2][16];
    fixture_fill(&self, 0, 4000, 20);
    CHECK_OK(lsm_compact(self.store, NULL));
    for (uint32_t i = 0; i < 1990; i++) {
        CHECK_OK(lsm_delete_range(self.store, fixture_key(2 * i, names[0]),
                                  fixture_key(2 * i + 1, names[1]), 0));
    }
    CHECK_OK(lsm_flush(self.store));
    fixture_maintain(&self, PYKV_ROLE_DATA);
    CHECK(fixture_stats(&self).deleted_range_count < 512);
    CHECK_EQUAL(4000 - 1990, fixture_count(&self));
    fixture_free(&self);
}

TEST(a_flush_makes_range_deletes_that_wait_for_a_sync_visible_first)
{
    fixture self = fixture_blank();
    self.options.durability = PYKV_DURABILITY_SYNC;
    CHECK_OK(fixture_open(&self));
    fixture_fill(&self, 0, 10, 10);
    lsm *store = self.store;
    record operation = {.kind = RECORD_RANGE_DELETE};
    operation.key = slice_make("", 0);
    operation.value = slice_make("key-00005", 9);
    lsm_scan *before;
    CHECK_OK(lsm_scan_open(store, NULL, NULL, &before));
    CHECK_OK(lsm_write(store, &operation, 1, 0));
    CHECK_EQUAL(5, fixture_count(&self));
    CHECK_OK(lsm_flush(store));
    CHECK_EQUAL(5, fixture_count(&self));
    pykv_rows rows;
    CHECK_OK(lsm_scan_next(before, 0, &rows));
    CHECK_EQUAL(10, rows.count);
    lsm_scan_free(store, before);
    fixture_free(&self);
}

/* ---- a flush that waits for a sync while the store is cleared ---- */

enum { MOMENT_MS = 100 }; /* enough for what another thread may do now */

static fixture cleared;
static pthread_t flusher;
static pthread_t deleter;
static uint64_t seen_before_the_sync;

static void wait_a_moment(void)
{
    struct timespec moment = {.tv_nsec = MOMENT_MS * 1000000L};
    (void)nanosleep(&moment, NULL);
}

static void *flush_all(void *store)
{
    return lsm_flush_all(store) == PYKV_OK ? store : NULL;
}

static void *delete_all_synced(void *store)
{
    slice all = slice_make("", 0);
    return lsm_delete_range(store, all, all, PYKV_SYNC) == PYKV_OK ? store : NULL;
}

static void seal_cleared(void)
{
    CHECK_OK(wal_prepare_next(cleared.store->log));
    mutex_lock(&cleared.store->writer);
    CHECK_OK(lsm_switch_memtable(cleared.store));
    mutex_unlock(&cleared.store->writer);
}

/* In the sync of the second range delete. */
static void count_after_a_moment(void)
{
    wait_a_moment();
    seen_before_the_sync = fixture_count(&cleared);
}

/* In the sync of the first range delete: a flush of its memtable waits too; then another memtable
 * takes its place. */
static void clear_under_the_flush(void)
{
    seal_cleared();
    CHECK_EQUAL(0, pthread_create(&flusher, NULL, flush_all, cleared.store));
    wait_a_moment();
    CHECK_OK(lsm_clear(cleared.store, PYKV_NO_SYNC));
    fixture_put(&cleared, "key", "value");
    CHECK_EQUAL(0, pthread_create(&deleter, NULL, delete_all_synced, cleared.store));
    wait_a_moment();
    seal_cleared();
    atomic_store(&sync_hook_armed, count_after_a_moment);
}

/* The flush took the memtable that it found after the sync for the one before it, and with it a
 * range delete that nobody was to see yet. */
TEST(a_flush_that_finds_another_memtable_makes_its_range_deletes_visible_too)
{
    void *done[2];
    cleared = fixture_new();
    fixture_fill(&cleared, 0, 10, 10);
    sync_hook_set(cleared.disk, ".log", clear_under_the_flush);
    CHECK(delete_all_synced(cleared.store) != NULL);
    CHECK_EQUAL(0, pthread_join(flusher, &done[0]));
    CHECK_EQUAL(0, pthread_join(deleter, &done[1]));
    CHECK(done[0] != NULL && done[1] != NULL);
    CHECK_EQUAL(1, seen_before_the_sync);
    CHECK_EQUAL(0, fixture_count(&cleared));
    fixture_free(&cleared);
}

/* Checks that of the keys 0..30 those from 10 up to 20 are gone, for each way to ask. */
static void expect_middle_gone(fixture *self)
{
    char name[16];
    char found[LARGE_BYTES + 1];
    lsm_many *many;
    CHECK_OK(lsm_many_new(self->store, &many));
    for (uint32_t i = 0; i < 30; i++) {
        bool gone = i >= 10 && i < 20;
        slice key = fixture_key(i, name);
        const void *keys[] = {key.data};
        const size_t lengths[] = {key.size};
        pykv_status wanted = gone ? PYKV_NOT_FOUND : PYKV_OK;
        CHECK_STATUS(wanted, fixture_get(self, key, 0, found, sizeof found));
        epoch_token token = epoch_enter(&lsm_gate(self->store)->readers);
        CHECK_OK(lsm_many_get(many, NULL, 1, keys, lengths, 0));
        CHECK_EQUAL(gone, lsm_many_values(many)[0] == NULL);
        lsm_many_release(many);
        epoch_leave(&lsm_gate(self->store)->readers, token);
    }
    lsm_many_free(many);
    CHECK_EQUAL(20, fixture_count(self));
}

TEST(a_value_in_a_segment_is_hidden_and_goes_as_one_in_a_table_does)
{
    fixture self = values_store_new();
    values_put(&self, 0, 30, 0);
    CHECK_OK(lsm_flush(self.store));
    CHECK_EQUAL(30 * LARGE_BYTES, fixture_stats(&self).value_log_live_bytes);
    delete_range(&self, "key-00010", "key-00020");
    expect_middle_gone(&self);
    fixture_recover(&self);
    expect_middle_gone(&self);
    CHECK_OK(lsm_compact(self.store, NULL));
    expect_middle_gone(&self);
    CHECK_EQUAL(20 * LARGE_BYTES, fixture_stats(&self).value_log_live_bytes);
    CHECK_EQUAL(0, fixture_stats(&self).deleted_range_count);
    delete_range(&self, "", "");
    CHECK_OK(lsm_flush(self.store));
    CHECK_EQUAL(0, fixture_stats(&self).value_segment_count);
    fixture_maintain(&self, PYKV_ROLE_DATA);
    CHECK_EQUAL(0, fixture_files(&self, ".val", NULL));
    fixture_free(&self);
}

/* Range deletes waited for ever where the bytes of their keys were too many: compactions looked at
 * how many there were, so none was due. */
TEST(many_range_deletes_of_long_keys_wait_for_compactions_that_come)
{
    fixture self = crowd_new();
    CHECK_OK(crowd_delete(&self, CROWD_COUNT));
    CHECK(fixture_stats(&self).deleted_range_count < CROWD_COUNT / 4);
    CHECK_EQUAL(2, fixture_count(&self));
    fixture_free(&self);
}

/* And a close waited for them. */
TEST(a_range_delete_that_waits_ends_with_the_close)
{
    fixture self = crowd_new();
    fixture_hold_compactions(&self);
    gate_shut(&self.store->gate);
    CHECK_STATUS(PYKV_CLOSED, crowd_delete(&self, CROWD_COUNT));
    fixture_let_compactions(&self);
    CHECK_OK(lsm_close(self.store, -1));
    fixture_free(&self);
}

TEST_MAIN(CASE(one_record_is_written_however_many_keys_go),
          CASE(a_range_that_is_empty_writes_nothing),
          CASE(a_range_without_an_end_reaches_the_last_key),
          CASE(tables_that_are_hidden_go_unread_and_the_range_delete_with_them),
          CASE(a_range_delete_stays_as_long_as_a_table_holds_what_it_hides),
          CASE(a_crowded_memtable_is_sealed_before_a_range_delete),
          CASE(a_batch_deletes_at_most_as_many_ranges_as_it_says),
          CASE(many_small_ranges_do_not_pile_up),
          CASE(a_flush_makes_range_deletes_that_wait_for_a_sync_visible_first),
          CASE(a_flush_that_finds_another_memtable_makes_its_range_deletes_visible_too),
          CASE(a_value_in_a_segment_is_hidden_and_goes_as_one_in_a_table_does),
          CASE(many_range_deletes_of_long_keys_wait_for_compactions_that_come),
          CASE(a_range_delete_that_waits_ends_with_the_close))
