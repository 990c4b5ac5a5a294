/*
 * ingest_test: tables from elsewhere come as one, and stand where they belong in time.
 */
#include <errno.h>

#include "ingest_fixture.h"

#include "env/env_fault.h"
#include "log/change_feeds.h"

#define A INGEST_DIRECTORY "/a"
#define B INGEST_DIRECTORY "/b"

static void expect_key(fixture *self, uint32_t number, const char *value)
{
    char key[16];
    (void)fixture_key(number, key);
    fixture_expect(self, key, value);
}

static void expect_sound(fixture *self)
{
    pykv_report report;
    CHECK_OK(lsm_verify(self->store, NULL, &report));
    CHECK_EQUAL(0, report.damage_count);
}

TEST(what_is_ingested_is_newer_than_what_was_written_and_older_than_what_comes)
{
    fixture self = fixture_new();
    fixture_fill(&self, 0, 100, 10);
    CHECK_OK(lsm_compact(self.store, NULL));
    fixture_fill(&self, 0, 50, 20);
    ingest_write(&self, A, 10, 60, "new");
    CHECK_OK(ingest_one(&self, A));
    fixture_put(&self, "key-00020", "newer");
    fixture_delete(&self, "key-00021");
    for (int round = 0; round < 4; round++) {
        expect_key(&self, 10, "new");
        expect_key(&self, 59, "new");
        expect_key(&self, 20, "newer");
        expect_key(&self, 21, NULL);
        CHECK_EQUAL(99, fixture_count(&self));
        expect_sound(&self);
        if (round == 0) {
            fixture_recover(&self);
        } else if (round == 1) {
            fixture_reopen(&self);
        } else {
            CHECK_OK(lsm_compact(self.store, NULL));
        }
    }
    fixture_free(&self);
}

TEST(rows_go_to_the_last_level_of_an_empty_store_and_are_not_written_again)
{
    fixture self = fixture_new();
    ingest_write(&self, A, 0, 1000, "value");
    CHECK_OK(ingest_one(&self, A));
    pykv_stats stats = fixture_stats(&self);
    CHECK_EQUAL(1, stats.level_table_count[6]);
    CHECK_EQUAL(0, stats.flushed_bytes);
    CHECK_EQUAL(1, stats.last_sequence);
    CHECK_EQUAL(1000, fixture_count(&self));
    CHECK_EQUAL(2, fixture_files(&self, "", NULL) - fixture_files(&self, ".log", NULL) -
                       fixture_files(&self, ".tmp", NULL) - fixture_files(&self, "LSM", NULL) -
                       fixture_files(&self, "LOCK", NULL) - fixture_files(&self, "MANIFEST", NULL));
    fixture_reopen(&self);
    CHECK_EQUAL(1, fixture_stats(&self).last_sequence);
    CHECK_EQUAL(1000, fixture_count(&self));
    fixture_free(&self);
}

TEST(a_snapshot_from_before_does_not_see_it_and_one_from_after_does)
{
    fixture self = fixture_new();
    lsm_snapshot *before;
    lsm_snapshot *after;
    uint64_t count;
    fixture_put(&self, "key-00003", "old");
    CHECK_OK(lsm_snapshot_new(self.store, &before));
    ingest_write(&self, A, 0, 10, "new");
    CHECK_OK(ingest_one(&self, A));
    CHECK_OK(lsm_snapshot_new(self.store, &after));
    fixture_delete(&self, "key-00004");
    CHECK_OK(lsm_count(self.store, before, NULL, &count));
    CHECK_EQUAL(1, count);
    CHECK_OK(lsm_count(self.store, after, NULL, &count));
    CHECK_EQUAL(10, count);
    CHECK_EQUAL(9, fixture_count(&self));
    lsm_snapshot_free(self.store, before);
    lsm_snapshot_free(self.store, after);
    fixture_free(&self);
}

TEST(several_files_come_at_once_and_those_that_overlap_are_refused_with_both_names)
{
    fixture self = fixture_new();
    const char *paths[] = {B, A};
    fixture_fill(&self, 0, 100, 10);
    ingest_write(&self, A, 0, 30, "a");
    ingest_write(&self, B, 30, 60, "b");
    CHECK_OK(lsm_ingest(self.store, paths, 2, false));
    CHECK_EQUAL(102, fixture_stats(&self).last_sequence);
    expect_key(&self, 29, "a");
    expect_key(&self, 30, "b");
    expect_key(&self, 60, "vvvvvvvvvv");
    ingest_write(&self, INGEST_DIRECTORY "/c", 59, 70, "c");
    paths[1] = INGEST_DIRECTORY "/c";
    CHECK_STATUS(PYKV_INVALID_ARGUMENT, lsm_ingest(self.store, paths, 2, false));
    CHECK(strstr(error_last()->text, B) != NULL);
    CHECK(strstr(error_last()->text, INGEST_DIRECTORY "/c") != NULL);
    expect_key(&self, 69, "vvvvvvvvvv");
    expect_sound(&self);
    fixture_reopen(&self);
    expect_key(&self, 30, "b");
    expect_sound(&self);
    fixture_free(&self);
}

TEST(the_same_file_may_be_ingested_twice_and_the_second_time_counts)
{
    fixture self = fixture_new();
    ingest_write(&self, A, 0, 10, "file");
    CHECK_OK(ingest_one(&self, A));
    fixture_put(&self, "key-00005", "between");
    CHECK_OK(ingest_one(&self, A));
    expect_key(&self, 5, "file");
    fixture_recover(&self);
    expect_key(&self, 5, "file");
    CHECK_OK(lsm_compact(self.store, NULL));
    expect_key(&self, 5, "file");
    CHECK_EQUAL(10, fixture_count(&self));
    expect_sound(&self);
    fixture_free(&self);
}

TEST(a_moved_file_loses_its_name_and_one_that_was_refused_keeps_it)
{
    fixture self = fixture_new();
    const char *path = A;
    ingest_write(&self, A, 0, 10, "a");
    CHECK_OK(lsm_ingest(self.store, &path, 1, true));
    CHECK_EQUAL(0, fixture_files(&self, "a", NULL));
    CHECK_STATUS(PYKV_PATH_NOT_FOUND, lsm_ingest(self.store, &path, 1, true));
    CHECK_EQUAL(10, fixture_count(&self));
    fixture_make_file(&self, "torn", "PYKVTBL\n");
    path = FIXTURE_PATH "/torn";
    CHECK_STATUS(PYKV_FORMAT, lsm_ingest(self.store, &path, 1, true));
    CHECK_EQUAL(1, fixture_files(&self, "torn", NULL));
    CHECK_OK(lsm_ingest(self.store, NULL, 0, false));
    fixture_free(&self);
}

TEST(range_deletes_and_clears_hide_it_if_they_are_newer)
{
    fixture self = fixture_new();
    ingest_write(&self, A, 0, 30, "a");
    CHECK_OK(lsm_delete_range(self.store, fixture_text("key"), fixture_text("kez"), 0));
    CHECK_OK(ingest_one(&self, A));
    CHECK_EQUAL(30, fixture_count(&self));
    CHECK_OK(lsm_delete_range(self.store, fixture_text("key-00010"), fixture_text("key-00020"), 0));
    CHECK_EQUAL(20, fixture_count(&self));
    fixture_recover(&self);
    CHECK_EQUAL(20, fixture_count(&self));
    CHECK_OK(lsm_compact(self.store, NULL));
    CHECK_EQUAL(20, fixture_count(&self));
    CHECK_OK(lsm_clear(self.store, 0));
    CHECK_EQUAL(0, fixture_count(&self));
    CHECK_OK(ingest_one(&self, A));
    CHECK_EQUAL(30, fixture_count(&self));
    fixture_recover(&self);
    CHECK_EQUAL(30, fixture_count(&self));
    fixture_free(&self);
}

TEST(a_power_cut_after_the_call_keeps_it_and_everything_before)
{
    fixture self = fixture_new();
    env *after;
    fixture_fill(&self, 0, 20, 10);
    ingest_write(&self, A, 5, 10, "a");
    CHECK_OK(ingest_one(&self, A));
    fixture_put(&self, "unsynced", "1");
    CHECK_OK(env_memory_crash(self.disk, 1, ENV_CRASH_DROP_ALL, &after));
    fixture crashed = {.disk = after, .options = self.options};
    CHECK_OK(fixture_open(&crashed));
    CHECK_EQUAL(20, fixture_count(&crashed));
    expect_key(&crashed, 5, "a");
    fixture_put(&crashed, "key-00005", "later");
    fixture_recover(&crashed);
    expect_key(&crashed, 5, "later");
    expect_sound(&crashed);
    fixture_free(&crashed);
    fixture_free(&self);
}

/* Whether all rows of the file are there (true) or none; anything else fails. */
static bool is_there(fixture *self)
{
    char text[32];
    CHECK_OK(fixture_get(self, fixture_text("key-00005"), 0, text, sizeof text));
    bool there = strcmp(text, "a") == 0;
    for (uint32_t i = 5; i < 10; i++) {
        expect_key(self, i, there ? "a" : "vvvvvvvvvv");
    }
    CHECK_EQUAL(20, fixture_count(self));
    return there;
}

/* An ingest at whose call number at the power goes. The one before it has left a log with room and
 * empty memtables, so that nothing else syncs the directory. False: there is no such call. */
static bool ingest_in_a_power_cut(uint64_t at)
{
    fixture self = fixture_new();
    fixture_fill(&self, 0, 20, 10);
    ingest_write(&self, A, 5, 10, "a");
    ingest_write(&self, B, 0, 2, "vvvvvvvvvv");
    CHECK_OK(ingest_one(&self, B));
    env_memory_power_off_at(self.disk, env_memory_call_count(self.disk) + at);
    pykv_status status = ingest_one(&self, A);
    for (uint64_t seed = 1; seed <= 8; seed++) {
        fixture crashed = {.options = self.options};
        CHECK_OK(env_memory_crash(self.disk, seed, ENV_CRASH_SUBSET, &crashed.disk));
        CHECK_OK(fixture_open(&crashed));
        CHECK(is_there(&crashed) || status != PYKV_OK);
        fixture_free(&crashed);
    }
    bool was_cut = env_memory_is_off(self.disk);
    fixture_free(&self);
    return was_cut;
}

/* Names that were not synced go or stay one by one: the manifest must not stay where its table's
 * name may have gone. */
TEST(a_power_cut_on_the_way_leaves_all_of_it_or_none)
{
    uint64_t at = 1;
    while (ingest_in_a_power_cut(at)) {
        at++;
    }
    CHECK(at > 10);
}

/* An ingest of which call number at fails. False: there is no such call. */
static bool ingest_failing(uint64_t at, int system_errno)
{
    fixture self = fixture_blank();
    env *disk = self.disk;
    env *wrapper;
    env_fault_plan plan = {.at = at, .system_errno = system_errno};
    CHECK_OK(env_fault_new(disk, &wrapper));
    self.disk = wrapper;
    CHECK_OK(fixture_open(&self));
    fixture_fill(&self, 0, 20, 10);
    ingest_write(&self, A, 5, 10, "a");
    env_fault_set(wrapper, &plan);
    pykv_status status = ingest_one(&self, A);
    bool failed = env_fault_failed(wrapper) > 0;
    plan.at = 0;
    env_fault_set(wrapper, &plan);
    CHECK(is_there(&self) == (status == PYKV_OK));
    CHECK(failed || status == PYKV_OK);
    fixture_kill(&self);
    CHECK_OK(fixture_open(&self));
    CHECK(is_there(&self) || status != PYKV_OK);
    CHECK_OK(ingest_one(&self, A));
    CHECK(is_there(&self));
    self.disk = disk;
    CHECK(fixture_files(&self, ".tbl", NULL) <= 4);
    self.disk = wrapper;
    fixture_kill(&self);
    env_fault_free(wrapper);
    env_memory_free(disk);
    return failed;
}

TEST(a_call_that_fails_leaves_all_or_nothing_and_the_store_goes_on)
{
    uint64_t at = 1;
    while (ingest_failing(at, at % 2 == 0 ? EIO : ENOSPC)) {
        at++;
    }
    CHECK(at > 20);
}

/* An ingest fails after its marks were appended, then a write goes to another log, and the process
 * dies, when everything was synced or nothing. No memtable has the marks: the next manifest left
 * their log out, and what came behind it was lost, or damage. */
static void write_behind_a_failed_ingest(bool synced)
{
    fixture self = fixture_blank();
    env *disk = self.disk;
    static const uint8_t large[100 * 1024];
    env_fault_plan full = {.at = 1,
                           .sticky = true,
                           .system_errno = ENOSPC,
                           .call_mask = 1U << ENV_CALL_WRITE | 1U << ENV_CALL_ALLOCATE,
                           .name_part = "MANIFEST"};
    env_fault_plan none = {0};
    CHECK_OK(env_fault_new(disk, &self.disk));
    CHECK_OK(fixture_open(&self));
    fixture_fill(&self, 0, 20, 10);
    CHECK_OK(lsm_flush(self.store));
    ingest_write(&self, A, 5, 10, "a");
    env_fault_set(self.disk, &full);
    CHECK_STATUS(PYKV_NO_SPACE, ingest_one(&self, A));
    CHECK_EQUAL(21, fixture_stats(&self).last_sequence);
    env_fault_set(self.disk, &none);
    CHECK_OK(lsm_put(self.store, fixture_text("large"), slice_make(large, sizeof large), 0));
    CHECK_OK(wal_prepare_next(self.store->log));
    fixture_put(&self, "behind", "it");
    CHECK_OK(synced ? lsm_sync(self.store) : PYKV_OK);
    fixture_kill(&self);
    env_fault_free(self.disk);
    self.disk = disk;
    CHECK_OK(fixture_open(&self));
    fixture_expect(&self, "behind", "it");
    CHECK_EQUAL(22, fixture_count(&self));
    expect_sound(&self);
    fixture_free(&self);
}

TEST(what_is_written_behind_a_failed_ingest_is_there_after_the_death_of_the_process)
{
    write_behind_a_failed_ingest(false);
    write_behind_a_failed_ingest(true);
}

TEST(a_checkpoint_and_a_repair_keep_it)
{
    fixture self = fixture_new();
    pykv_report report;
    fixture_fill(&self, 0, 20, 10);
    ingest_write(&self, A, 5, 10, "a");
    CHECK_OK(ingest_one(&self, A));
    fixture_put(&self, "key-00006", "later");
    CHECK_OK(lsm_checkpoint(self.store, "/copy"));
    fixture copy = {.disk = self.disk, .options = self.options};
    CHECK_OK(lsm_open(copy.disk, "/copy", &copy.options, &copy.store));
    expect_key(&copy, 5, "a");
    expect_key(&copy, 6, "later");
    CHECK_OK(lsm_close(copy.store, -1));
    fixture_kill(&copy);
    fixture_close(&self);
    CHECK_OK(lsm_repair(self.disk, FIXTURE_PATH, &report));
    CHECK_OK(fixture_open(&self));
    expect_key(&self, 5, "a");
    expect_key(&self, 6, "later");
    CHECK_EQUAL(20, fixture_count(&self));
    fixture_free(&self);
}

TEST(a_repair_without_a_manifest_takes_its_rows_for_the_oldest)
{
    fixture self = fixture_new();
    pykv_report report;
    ingest_write(&self, A, 0, 10, "a");
    CHECK_OK(ingest_one(&self, A));
    CHECK_OK(ingest_one(&self, A));
    fixture_put(&self, "key-00006", "later");
    fixture_close(&self);
    fixture_unlink(&self, "MANIFEST");
    CHECK_OK(lsm_repair(self.disk, FIXTURE_PATH, &report));
    CHECK_OK(fixture_open(&self));
    CHECK_EQUAL(10, fixture_count(&self));
    expect_key(&self, 5, "a");
    expect_key(&self, 6, "later");
    fixture_free(&self);
}

TEST(the_change_feed_tells_of_it_when_its_rows_can_be_read)
{
    fixture self = fixture_new();
    change_feed *feed;
    const pykv_change *changes;
    size_t count;
    fixture_put(&self, "a", "1");
    ingest_write(&self, A, 3, 8, "a");
    CHECK_OK(ingest_one(&self, A));
    mutex_lock(&self.store->writer);
    self.store->ingest_mark = 2; /* as it is until the rows are visible */
    mutex_unlock(&self.store->writer);
    CHECK_OK(
        lsm_changes_open(self.store, &(pykv_position){.sequence = 1}, PYKV_CHANGES_FOLLOW, &feed));
    CHECK_OK(change_feed_next(feed, 0, 0, &changes, &count));
    CHECK_EQUAL(0, count);
    mutex_lock(&self.store->writer);
    self.store->ingest_mark = 0;
    mutex_unlock(&self.store->writer);
    CHECK_OK(change_feed_next(feed, 0, 0, &changes, &count));
    CHECK_EQUAL(1, count);
    CHECK_EQUAL(PYKV_CHANGE_INGEST, changes[0].kind);
    CHECK_BYTES("key-00003", changes[0].key, 9);
    CHECK_BYTES("key-00007", changes[0].value, 9);
    lsm_changes_free(self.store, feed);
    fixture_free(&self);
}

static const uint64_t hour_us = UINT64_C(3600) * 1000000;

/* 1000 rows of an hour, and of these every tenth for ever. */
static void write_rows_of_an_hour(fixture *self, const char *path)
{
    static const char value[100] = {1};
    char key[16];
    uint64_t deadline = lsm_now(self->store) + hour_us;
    ingest_writer *writer = ingest_begin(self, path);
    for (uint32_t i = 0; i < 1000; i++) {
        CHECK_OK(ingest_writer_add(writer, fixture_key(i, key), slice_make(value, sizeof value),
                                   i % 10 == 0 ? 0 : deadline));
    }
    CHECK_OK(ingest_writer_finish(writer));
    ingest_writer_free(writer);
}

/* Of a table that came as it was, maintenance knew no deadline but the last one. */
TEST(maintenance_gives_back_the_space_of_rows_that_expired_in_an_ingested_table)
{
    for (int way = 0; way < 2; way++) {
        fixture self = fixture_new();
        write_rows_of_an_hour(&self, A);
        CHECK_OK(ingest_one(&self, A));
        if (way == 1) {
            fixture_recover(&self);
        }
        fixture_maintain(&self, PYKV_ROLE_DATA);
        uint64_t before = fixture_stats(&self).disk_bytes;
        env_memory_advance(self.disk, (int64_t)hour_us - 1000000, (int64_t)hour_us - 1000000);
        fixture_maintain(&self, PYKV_ROLE_DATA);
        CHECK(fixture_stats(&self).disk_bytes >= before);
        CHECK_EQUAL(1000, fixture_count(&self));
        env_memory_advance(self.disk, 60000000, 60000000);
        fixture_maintain(&self, PYKV_ROLE_DATA);
        CHECK(fixture_stats(&self).disk_bytes < before / 5);
        CHECK_EQUAL(100, fixture_count(&self));
        expect_sound(&self);
        fixture_free(&self);
    }
}

TEST(a_store_that_is_open_read_only_takes_nothing)
{
    fixture self = fixture_new();
    ingest_write(&self, A, 0, 3, "a");
    fixture_put(&self, "x", "1");
    fixture_close(&self);
    self.options.read_only = 1;
    CHECK_OK(fixture_open(&self));
    CHECK_STATUS(PYKV_READ_ONLY, ingest_one(&self, A));
    fixture_free(&self);
}

TEST_MAIN(CASE(what_is_ingested_is_newer_than_what_was_written_and_older_than_what_comes),
          CASE(rows_go_to_the_last_level_of_an_empty_store_and_are_not_written_again),
          CASE(a_snapshot_from_before_does_not_see_it_and_one_from_after_does),
          CASE(several_files_come_at_once_and_those_that_overlap_are_refused_with_both_names),
          CASE(the_same_file_may_be_ingested_twice_and_the_second_time_counts),
          CASE(a_moved_file_loses_its_name_and_one_that_was_refused_keeps_it),
          CASE(range_deletes_and_clears_hide_it_if_they_are_newer),
          CASE(a_power_cut_after_the_call_keeps_it_and_everything_before),
          CASE(a_power_cut_on_the_way_leaves_all_of_it_or_none),
          CASE(a_call_that_fails_leaves_all_or_nothing_and_the_store_goes_on),
          CASE(what_is_written_behind_a_failed_ingest_is_there_after_the_death_of_the_process),
          CASE(a_checkpoint_and_a_repair_keep_it),
          CASE(a_repair_without_a_manifest_takes_its_rows_for_the_oldest),
          CASE(the_change_feed_tells_of_it_when_its_rows_can_be_read),
          CASE(maintenance_gives_back_the_space_of_rows_that_expired_in_an_ingested_table),
          CASE(a_store_that_is_open_read_only_takes_nothing))
