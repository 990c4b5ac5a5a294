/*
 * history_test: logs stay for who reads changes as long as the options or a feed want them, also
 * over a close and a crash, and nothing else changes for it.
 */
#include <errno.h>

#include "lsm_fixture.h"

#include "env/env_fault.h"
#include "log/feed_fixture.h"
#include "lsm/history.h"
#include "lsm/room.h"
#include "lsm/wal_internal.h"

enum { ROWS = 30, HISTORY_BYTES = 1 << 20 };

static void put(fixture *self, uint32_t from, uint32_t to)
{
    char key[16];
    for (uint32_t i = from; i < to; i++) {
        CHECK_OK(lsm_put(self->store, fixture_key(i, key), fixture_text("value"), 0));
    }
}

static void flush(fixture *self)
{
    CHECK_OK(lsm_flush(self->store));
}

static fixture new_fixture(uint64_t history_bytes)
{
    fixture self = fixture_blank();
    self.options.history_bytes = history_bytes;
    CHECK_OK(fixture_open(&self));
    return self;
}

static uint64_t floor_of(fixture *self)
{
    return fixture_stats(self).history_floor;
}

/* Reads everything behind since without waiting: all sequences up to last. */
static void expect_feed(fixture *self, uint64_t since, uint64_t last)
{
    change_feed *feed;
    CHECK_OK(lsm_changes_open(self->store, &(pykv_position){.sequence = since}, 0, &feed));
    CHECK_EQUAL(last + 1, feed_read(feed, since + 1, fixture_stats(self).epoch));
    lsm_changes_free(self->store, feed);
}

TEST(without_a_wish_logs_go_with_their_flush)
{
    fixture self = new_fixture(0);
    put(&self, 0, ROWS);
    flush(&self);
    CHECK_EQUAL(ROWS + 1, floor_of(&self));
    CHECK_EQUAL(0, fixture_stats(&self).history_bytes);
    fixture_free(&self);
}

TEST(logs_that_the_options_want_stay_over_flushes_and_clean_closes)
{
    fixture self = new_fixture(HISTORY_BYTES);
    uint32_t last = 0;
    for (int round = 0; round < 4; round++) {
        put(&self, last, last + ROWS);
        last += ROWS;
        flush(&self);
        expect_feed(&self, 0, last);
        CHECK(fixture_stats(&self).history_bytes > 0);
        put(&self, last, last + 1);
        last++;
        fixture_reopen(&self);
        CHECK_EQUAL(0, fixture_stats(&self).recovered_record_count);
        expect_feed(&self, 0, last);
        expect_feed(&self, 17, last);
    }
    CHECK_EQUAL(1, floor_of(&self));
    fixture_free(&self);
}

TEST(logs_that_were_recovered_stay_too)
{
    fixture self = new_fixture(HISTORY_BYTES);
    put(&self, 0, ROWS);
    flush(&self);
    put(&self, ROWS, 2 * ROWS);
    fixture_recover(&self);
    CHECK_EQUAL(ROWS, fixture_stats(&self).recovered_record_count);
    CHECK_EQUAL(1, fixture_stats(&self).epoch);
    expect_feed(&self, 0, 2 * ROWS);
    put(&self, 2 * ROWS, 3 * ROWS);
    fixture_recover(&self);
    CHECK_EQUAL(ROWS, fixture_stats(&self).recovered_record_count);
    expect_feed(&self, 0, 3 * ROWS);
    fixture_recover(&self);
    expect_feed(&self, 0, 3 * ROWS);
    fixture_free(&self);
}

TEST(a_change_has_the_epoch_in_which_it_was_written)
{
    fixture self = new_fixture(HISTORY_BYTES);
    change_feed *feed;
    for (uint32_t i = 0; i < 3; i++) {
        put(&self, i, i + 1);
        fixture_recover(&self);
    }
    CHECK_EQUAL(3, fixture_stats(&self).epoch);
    CHECK_OK(lsm_changes_open(self.store, &(pykv_position){.sequence = 0}, 0, &feed));
    feed_expect_epochs(feed, 3);
    lsm_changes_free(self.store, feed);
    fixture_free(&self);
}

TEST(the_oldest_logs_go_when_there_are_more_than_are_wanted)
{
    fixture self = new_fixture(3000);
    uint32_t last = 0;
    for (int round = 0; round < 20; round++) {
        put(&self, last, last + ROWS);
        last += ROWS;
        flush(&self);
        CHECK(fixture_stats(&self).history_bytes < 3000 + 2000);
        expect_feed(&self, floor_of(&self) - 1, last);
    }
    CHECK(floor_of(&self) > 15 * ROWS);
    CHECK(fixture_stats(&self).history_bytes >= 3000);
    size_t files = fixture_files(&self, ".log", NULL);
    CHECK(files < 8);
    self.options.history_bytes = 0;
    fixture_reopen(&self);
    expect_feed(&self, floor_of(&self) - 1, last);
    put(&self, last, last + 1);
    flush(&self);
    CHECK_EQUAL(last + 2, floor_of(&self));
    fixture_free(&self);
}

TEST(history_is_not_held_open)
{
    fixture self = new_fixture(HISTORY_BYTES);
    for (uint32_t round = 0; round < 5; round++) {
        put(&self, 0, ROWS);
        flush(&self);
    }
    const wal *log = self.store->log;
    for (size_t i = 0; i < log->log_count; i++) {
        CHECK(!log->logs[i]->history || log->logs[i]->file == NULL);
        CHECK(!log->logs[i]->history || log->logs[i]->sink == NULL);
    }
    CHECK(fixture_stats(&self).history_bytes > 0);
    expect_feed(&self, 0, 5 * ROWS);
    fixture_free(&self);
}

/* Puts, over and over, more than there is room for. */
TEST(a_full_disk_takes_history_before_rows)
{
    fixture self = new_fixture(HISTORY_BYTES << 10);
    char key[16];
    char value[512] = "value";
    env_memory_set_capacity(self.disk, 3 << 20);
    for (uint32_t i = 0; i < 20000; i++) {
        CHECK_OK(lsm_put(self.store, fixture_key(i % 50, key), slice_make(value, sizeof value), 0));
    }
    CHECK(floor_of(&self) > 1);
    expect_feed(&self, floor_of(&self) - 1, fixture_stats(&self).synced_sequence);
    fixture_free(&self);
}

/* The copy of a log that was to become history took the last blocks, and the manifest of the open
 * had none: each open failed. */
TEST(a_recovery_without_room_for_history_leaves_it_for_the_manifest)
{
    enum { VALUE_BYTES = 4096, STEP_BYTES = 8192 };
    static char value[VALUE_BYTES];
    bool opened_without = false;
    bool kept = false;
    for (uint64_t room = 0; !kept; room += STEP_BYTES) {
        char key[16];
        fixture self = new_fixture(HISTORY_BYTES);
        for (uint32_t i = 0; i < ROWS; i++) {
            CHECK_OK(lsm_put(self.store, fixture_key(i, key), slice_make(value, VALUE_BYTES), 0));
        }
        fixture_kill(&self);
        env_memory_set_capacity(self.disk, room);
        pykv_status status = fixture_open(&self);
        CHECK_EQUAL(0, fixture_files(&self, "HISTORY.tmp", NULL));
        if (status != PYKV_OK) {
            CHECK_STATUS(PYKV_NO_SPACE, status);
            CHECK(!opened_without);
            env_memory_free(self.disk);
            continue;
        }
        kept = fixture_stats(&self).history_bytes > 0;
        opened_without |= !kept;
        env_memory_set_capacity(self.disk, UINT64_MAX);
        fixture_free(&self);
    }
    CHECK(opened_without);
}

TEST(a_feed_keeps_the_logs_that_it_has_not_read)
{
    fixture self = new_fixture(0);
    change_feed *feed;
    const pykv_change *changes;
    size_t count;
    CHECK_OK(
        lsm_changes_open(self.store, &(pykv_position){.sequence = 0}, PYKV_CHANGES_FOLLOW, &feed));
    put(&self, 0, ROWS);
    flush(&self);
    CHECK_OK(lsm_clear(self.store, 0));
    put(&self, 0, 1);
    flush(&self);
    uint64_t next = 1;
    for (uint64_t last = ROWS + 2; next <= last; next += count) {
        CHECK_OK(change_feed_next(feed, 0, 0, &changes, &count));
        CHECK_EQUAL(next, changes[0].sequence);
    }
    lsm_changes_free(self.store, feed);
    put(&self, 0, 1);
    flush(&self);
    CHECK_EQUAL(0, fixture_stats(&self).history_bytes);
    fixture_free(&self);
}

TEST(a_feed_that_is_far_behind_loses_its_place_and_says_so)
{
    fixture self = new_fixture(0);
    change_feed *feed;
    CHECK_OK(
        lsm_changes_open(self.store, &(pykv_position){.sequence = 0}, PYKV_CHANGES_FOLLOW, &feed));
    for (uint32_t i = 0; i < 20000; i++) {
        put(&self, i, i + 1);
    }
    feed_expect_gone(feed);
    lsm_changes_free(self.store, feed);
    fixture_free(&self);
}

/* Flips a bit in the middle of the first log that is there. */
static void damage_oldest(fixture *self, bool header)
{
    uint64_t size;
    char name[32];
    for (uint32_t number = 1;; number++) {
        CHECK(number < 100);
        snprintf(name, sizeof name, "%08x.log", number);
        env_directory *home;
        env_file *file;
        CHECK_OK(env_directory_open(self->disk, FIXTURE_PATH, false, &home));
        pykv_status status = env_file_open(home, name, ENV_READ, &file);
        env_directory_close(home);
        if (status == PYKV_OK) {
            env_file_close(file);
            break;
        }
    }
    uint8_t *data = fixture_bytes(self, name, &size);
    data[header ? 20 : size / 2] ^= 4;
}

TEST(a_flipped_bit_in_history_is_named_and_harms_no_row)
{
    fixture self = new_fixture(HISTORY_BYTES);
    change_feed *feed;
    put(&self, 0, ROWS);
    flush(&self);
    put(&self, ROWS, 2 * ROWS);
    fixture_close(&self);
    damage_oldest(&self, false);
    CHECK_OK(fixture_open(&self));
    CHECK_OK(lsm_changes_open(self.store, &(pykv_position){.sequence = 0}, 0, &feed));
    CHECK_STATUS(PYKV_CORRUPTION, feed_read_to_end(feed));
    CHECK(strstr(error_last()->path, ".log") != NULL);
    lsm_changes_free(self.store, feed);
    expect_feed(&self, ROWS, 2 * ROWS);
    uint64_t rows = 0;
    CHECK_OK(lsm_count(self.store, NULL, NULL, &rows));
    CHECK_EQUAL(2 * ROWS, rows);
    pykv_report report = {0};
    CHECK_OK(lsm_verify(self.store, NULL, &report));
    CHECK_EQUAL(1, report.damage_count);
    fixture_free(&self);
}

TEST(a_log_of_history_that_is_another_file_ends_it_there)
{
    fixture self = new_fixture(HISTORY_BYTES);
    put(&self, 0, ROWS);
    flush(&self);
    put(&self, ROWS, 2 * ROWS);
    fixture_close(&self);
    damage_oldest(&self, true);
    CHECK_OK(fixture_open(&self));
    CHECK_EQUAL(ROWS + 1, floor_of(&self));
    expect_feed(&self, ROWS, 2 * ROWS);
    put(&self, 0, 1);
    fixture_reopen(&self);
    expect_feed(&self, ROWS, 2 * ROWS + 1);
    fixture_free(&self);
}

/* Any failure ended history there: a descriptor too few, once, and the writer let go of the files.
 */
TEST(a_call_that_fails_while_a_log_is_looked_at_costs_no_history)
{
    for (int32_t read_only = 0; read_only <= 1; read_only++) {
        fixture self = new_fixture(HISTORY_BYTES);
        put(&self, 0, ROWS);
        flush(&self);
        fixture_close(&self);
        env *disk = self.disk;
        env *faulty;
        CHECK_OK(env_fault_new(disk, &faulty));
        self.disk = faulty;
        self.options.read_only = read_only;
        pykv_status status = PYKV_NO_MEMORY;
        for (uint64_t at = 1; status != PYKV_OK || env_fault_failed(faulty) > 0; at++) {
            env_fault_plan plan = {.at = at, .system_errno = EMFILE, .name_part = ".log"};
            env_fault_set(faulty, &plan);
            status = fixture_open(&self);
            if (status == PYKV_OK) {
                CHECK_EQUAL(1, floor_of(&self));
                fixture_kill(&self);
            }
            CHECK(at < 100);
        }
        env_fault_free(faulty);
        self.disk = disk;
        CHECK_OK(fixture_open(&self));
        expect_feed(&self, 0, ROWS);
        fixture_free(&self);
    }
}

static void seal_memtable(fixture *self)
{
    CHECK_OK(wal_prepare_next(self->store->log));
    mutex_lock(&self->store->writer);
    CHECK_OK(lsm_switch_memtable(self->store));
    mutex_unlock(&self->store->writer);
}

typedef enum behind_failure { COMPACTION, FLUSH, CLEAR, BEHIND_FAILURES } behind_failure;

/* The next sync of the log fails, and then all is done that there is to do. */
static void go_on_behind_failed_sync(fixture *self, behind_failure what)
{
    int32_t more = 1;
    env_fault_plan plan = {
        .at = 1, .system_errno = EIO, .call_mask = 1U << ENV_CALL_SYNC, .name_part = ".log"};
    if (what == FLUSH) {
        seal_memtable(self);
    }
    env_fault_set(self->disk, &plan);
    if (what == CLEAR) {
        CHECK_OK(lsm_clear(self->store, 0));
    } else {
        CHECK(lsm_sync(self->store) != PYKV_OK);
    }
    env_fault_set(self->disk, &(env_fault_plan){.at = 0});
    while (more != 0) {
        CHECK_OK(lsm_maintain_step(self->store, PYKV_ROLE_DATA, &more));
    }
}

/* Each manifest behind a failed sync let go of all history, though its tables had nothing but what
 * durable logs had: a compaction cost a follower the changes that it had pinned. Behind a flush or
 * a clear of what could not be synced history would have a gap. */
TEST(behind_a_failed_sync_a_compaction_leaves_history_and_a_flush_or_a_clear_does_not)
{
    for (behind_failure what = COMPACTION; what < BEHIND_FAILURES; what++) {
        fixture self = fixture_blank();
        env *disk = self.disk;
        CHECK_OK(env_fault_new(disk, &self.disk));
        CHECK_OK(fixture_open(&self));
        CHECK_OK(lsm_pin_history(self.store, &(pykv_pin){.name = "follower", .sequence = 0}));
        for (uint32_t round = 0; round < 6; round++) {
            put(&self, 0, ROWS);
            flush(&self);
        }
        put(&self, 0, 1);
        uint64_t synced = 6 * ROWS;
        uint64_t last = synced + (what == CLEAR ? 2 : 1);
        go_on_behind_failed_sync(&self, what);
        CHECK_EQUAL(PYKV_STATE_FAILED, fixture_stats(&self).state);
        CHECK(what == CLEAR || fixture_stats(&self).compaction_count > 0);
        fixture_kill(&self);
        CHECK_OK(fixture_open(&self));
        uint64_t floor = what == COMPACTION ? 1 : synced + (what == CLEAR ? 1 : 2);
        CHECK_EQUAL(floor, floor_of(&self));
        expect_feed(&self, floor - 1, last);
        fixture_kill(&self);
        env_fault_free(self.disk);
        env_memory_free(disk);
    }
}

TEST(a_store_that_is_read_only_or_repaired_takes_history_for_no_rows)
{
    fixture self = new_fixture(HISTORY_BYTES);
    uint64_t rows = 0;
    pykv_report report;
    put(&self, 0, ROWS);
    CHECK_OK(lsm_clear(self.store, 0));
    put(&self, 5, 7);
    fixture_close(&self);
    self.options.read_only = 1;
    CHECK_OK(fixture_open(&self));
    CHECK_EQUAL(0, fixture_stats(&self).recovered_record_count);
    CHECK_OK(lsm_count(self.store, NULL, NULL, &rows));
    CHECK_EQUAL(2, rows);
    fixture_close(&self);
    self.options.read_only = 0;
    CHECK_OK(lsm_repair(self.disk, FIXTURE_PATH, &report));
    CHECK_EQUAL(2, report.kept_record_count);
    CHECK_OK(fixture_open(&self));
    CHECK_OK(lsm_count(self.store, NULL, NULL, &rows));
    CHECK_EQUAL(2, rows);
    fixture_free(&self);
}

TEST_MAIN(CASE(without_a_wish_logs_go_with_their_flush),
          CASE(logs_that_the_options_want_stay_over_flushes_and_clean_closes),
          CASE(logs_that_were_recovered_stay_too),
          CASE(a_change_has_the_epoch_in_which_it_was_written),
          CASE(the_oldest_logs_go_when_there_are_more_than_are_wanted),
          CASE(history_is_not_held_open), CASE(a_full_disk_takes_history_before_rows),
          CASE(a_recovery_without_room_for_history_leaves_it_for_the_manifest),
          CASE(a_feed_keeps_the_logs_that_it_has_not_read),
          CASE(a_feed_that_is_far_behind_loses_its_place_and_says_so),
          CASE(a_flipped_bit_in_history_is_named_and_harms_no_row),
          CASE(a_log_of_history_that_is_another_file_ends_it_there),
          CASE(a_call_that_fails_while_a_log_is_looked_at_costs_no_history),
          CASE(behind_a_failed_sync_a_compaction_leaves_history_and_a_flush_or_a_clear_does_not),
          CASE(a_store_that_is_read_only_or_repaired_takes_history_for_no_rows))
