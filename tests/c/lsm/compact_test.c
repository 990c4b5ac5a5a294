/*
 * compact_test: compactions bring tables down, and what nobody can see goes.
 */
#include <errno.h>
#include <pthread.h>
#include <time.h>

#include "lsm_fixture.h"
#include "sync_hook.h"

#include "env/env_fault.h"
#include "lsm/brake.h"
#include "lsm/compaction_pick.h"
#include "lsm/jobs.h"

/* Four and more tables of level 0 over the same keys. */
static void fill_level0(fixture *self)
{
    for (int round = 0; round < 5; round++) {
        fixture_fill(self, 0, 60, 500);
        CHECK_OK(lsm_flush(self->store));
    }
}

TEST(what_is_due_is_compacted_in_steps)
{
    fixture self = fixture_new();
    bool worked = true;
    fill_level0(&self);
    CHECK_EQUAL(5, fixture_stats(&self).level_table_count[0]);
    while (worked) {
        CHECK_OK(lsm_compaction_step(self.store, &worked));
    }
    pykv_stats stats = fixture_stats(&self);
    CHECK(stats.level_table_count[0] < 4);
    CHECK(stats.compaction_count > 0 && stats.compacted_bytes > 0);
    CHECK(stats.compaction_read_bytes > stats.compacted_bytes);
    CHECK_EQUAL(60, fixture_count(&self));
    fixture_maintain(&self, PYKV_ROLE_DATA);
    CHECK_EQUAL(stats.table_count, fixture_files(&self, ".tbl", NULL));
    fixture_reopen(&self);
    CHECK_EQUAL(60, fixture_count(&self));
    fixture_free(&self);
}

TEST(a_compaction_asked_for_leaves_one_version_of_each_key_in_the_last_level)
{
    fixture self = fixture_new();
    pykv_progress progress = {0};
    fill_level0(&self);
    for (uint32_t i = 0; i < 30; i++) {
        char key[16];
        CHECK_OK(lsm_delete(self.store, fixture_key(i, key), 0, NULL));
    }
    CHECK_OK(lsm_compact(self.store, &progress));
    pykv_stats stats = fixture_stats(&self);
    CHECK_EQUAL(stats.table_count, stats.level_table_count[LSM_LEVEL_COUNT - 1]);
    CHECK(progress.total > 0 && progress.done > 0);
    uint64_t entries = 0;
    const level *last = &lsm_view(self.store)->version->levels[LSM_LEVEL_COUNT - 1];
    for (uint32_t i = 0; i < last->count; i++) {
        entries += last->files[i]->facts.entry_count;
    }
    CHECK_EQUAL(30, entries);
    CHECK_EQUAL(30, fixture_count(&self));
    CHECK_EQUAL(stats.table_count, fixture_files(&self, ".tbl", NULL));
    fixture_free(&self);
}

static pykv_range range_between(const char *start, const char *stop)
{
    return (pykv_range){.start = start,
                        .start_length = strlen(start),
                        .has_start = 1,
                        .stop = stop,
                        .stop_length = strlen(stop),
                        .has_stop = 1};
}

/* Two tables of level 0 that have no key in common. */
TEST(a_range_takes_the_tables_that_have_keys_in_it_and_no_other)
{
    fixture self = fixture_new();
    pykv_progress progress = {0};
    pykv_range nothing = range_between("key-00500", "key-00500");
    pykv_range gap = range_between("key-00020", "key-00050");
    pykv_range second = range_between("key-00055", "key-00056");
    fixture_fill(&self, 0, 20, 500);
    CHECK_OK(lsm_flush(self.store));
    fixture_fill(&self, 50, 60, 500);
    CHECK_OK(lsm_flush(self.store));
    CHECK_OK(lsm_compact_range(self.store, &nothing, NULL));
    CHECK_OK(lsm_compact_range(self.store, &gap, NULL));
    CHECK_EQUAL(2, fixture_stats(&self).level_table_count[0]);
    CHECK_OK(lsm_compact_range(self.store, &second, &progress));
    pykv_stats stats = fixture_stats(&self);
    CHECK_EQUAL(1, stats.level_table_count[0]);
    CHECK_EQUAL(1, stats.level_table_count[LSM_LEVEL_COUNT - 1]);
    CHECK(progress.total > 10 * 500 && progress.total < 20 * 500);
    CHECK_EQUAL(0,
                slice_compare(
                    fixture_text("key-00050"),
                    lsm_view(self.store)->version->levels[LSM_LEVEL_COUNT - 1].files[0]->smallest));
    CHECK_EQUAL(30, fixture_count(&self));
    fixture_free(&self);
}

TEST(what_an_open_scan_sees_stays_until_it_is_closed)
{
    fixture self = fixture_new();
    lsm_scan *scan;
    pykv_rows rows;
    fixture_put(&self, "k", "old");
    CHECK_OK(lsm_flush(self.store));
    CHECK_OK(lsm_scan_open(self.store, NULL, NULL, &scan));
    fixture_put(&self, "k", "new");
    CHECK_OK(lsm_compact(self.store, NULL));
    CHECK_OK(lsm_scan_next(scan, 0, &rows));
    CHECK_EQUAL(1, rows.count);
    CHECK_BYTES("kold", rows.data, 4);
    lsm_scan_free(self.store, scan);
    fixture_expect(&self, "k", "new");
    CHECK_OK(lsm_compact(self.store, NULL));
    CHECK_EQUAL(1, fixture_files(&self, ".tbl", NULL));
    fixture_free(&self);
}

TEST(a_cancelled_compaction_ends_early_and_changes_nothing_that_is_read)
{
    fixture self = fixture_new();
    pykv_progress progress = {.cancel = 1};
    fill_level0(&self);
    CHECK_STATUS(PYKV_TIMED_OUT, lsm_compact(self.store, &progress));
    CHECK_EQUAL(60, fixture_count(&self));
    progress.cancel = 0;
    CHECK_OK(lsm_compact(self.store, &progress));
    CHECK_EQUAL(60, fixture_count(&self));
    fixture_free(&self);
}

/* It once ended as if its caller had cancelled it. */
TEST(a_compaction_that_a_close_ends_says_that_the_store_is_closed)
{
    fixture self = fixture_new();
    fill_level0(&self);
    atomic_store(&self.store->gate.closing, 1);
    CHECK_STATUS(PYKV_CLOSED, lsm_compact(self.store, NULL));
    atomic_store(&self.store->gate.closing, 0);
    CHECK_EQUAL(60, fixture_count(&self));
    fixture_free(&self);
}

/* Compactions of less than a step end with the step that began them. */
TEST(a_compaction_given_up_on_its_way_leaves_no_file)
{
    fixture self = fixture_blank();
    self.options.memtable_bytes = 512 * 1024;
    CHECK_OK(fixture_open(&self));
    bool worked;
    for (int round = 0; round < 5; round++) {
        fixture_fill(&self, 0, 100, 4000);
        CHECK_OK(lsm_flush(self.store));
    }
    fixture_maintain(&self, PYKV_ROLE_LOG);
    size_t files = fixture_files(&self, ".tbl", NULL);
    CHECK_OK(lsm_compaction_step(self.store, &worked));
    CHECK_EQUAL(1, fixture_compactions(&self));
    CHECK(fixture_files(&self, ".tbl", NULL) > files);
    mutex_lock(&self.store->compaction_lock);
    lsm_compactions_abandon(self.store);
    lsm_compactions_abandon(self.store);
    mutex_unlock(&self.store->compaction_lock);
    CHECK_EQUAL(files, fixture_files(&self, ".tbl", NULL));
    CHECK_EQUAL(100, fixture_count(&self));
    CHECK_OK(lsm_compact(self.store, NULL));
    CHECK_EQUAL(100, fixture_count(&self));
    fixture_free(&self);
}

/* Flushes rows of rising keys, a row each, so that no table overlaps another. */
static void flush_rows_one_by_one(fixture *self, uint32_t from, uint32_t to, bool maintains)
{
    for (uint32_t i = from; i < to; i++) {
        fixture_fill(self, i, i + 1, 10);
        CHECK_OK(lsm_flush(self->store));
        if (maintains) {
            fixture_maintain(self, PYKV_ROLE_DATA);
        }
    }
}

/* Each flush once was a table for ever, whatever was compacted, until a process could not open as
 * many files. */
static void check_tables_become_few(int32_t how, bool maintains)
{
    enum { FEW = 20 };
    fixture self = fixture_blank();
    self.options.compaction = how;
    CHECK_OK(fixture_open(&self));
    uint32_t most = FEW;
    if (!maintains) {
        most += LSM_LEVEL0_STOP + COMPACTION_NEIGHBOURS_MANY;
    }
    for (uint32_t i = 0; i < 200; i += 20) {
        flush_rows_one_by_one(&self, i, i + 20, maintains);
        CHECK(fixture_stats(&self).table_count <= most);
    }
    CHECK_OK(lsm_compact(self.store, NULL));
    CHECK(fixture_stats(&self).table_count <= 10);
    CHECK_EQUAL(fixture_stats(&self).table_count, fixture_files(&self, ".tbl", NULL));
    CHECK_EQUAL(200, fixture_count(&self));
    fixture_reopen(&self);
    CHECK_EQUAL(200, fixture_count(&self));
    fixture_free(&self);
}

TEST(flushes_of_a_row_each_do_not_become_a_table_each)
{
    check_tables_become_few(PYKV_COMPACTION_LEVELED, true);
    check_tables_become_few(PYKV_COMPACTION_LAZY, true);
    check_tables_become_few(PYKV_COMPACTION_LEVELED, false);
    check_tables_become_few(PYKV_COMPACTION_LAZY, false);
}

/* Every call of a compaction that can fail fails once. */
TEST(a_compaction_that_fails_anywhere_loses_nothing_and_is_done_again)
{
    for (uint64_t at = 1;; at += 1 + at / 8) {
        fixture self = fixture_blank();
        env *disk = self.disk;
        CHECK_OK(env_fault_new(disk, &self.disk));
        CHECK_OK(fixture_open(&self));
        fill_level0(&self);
        env_fault_plan plan = {.at = at, .system_errno = EIO};
        env_fault_set(self.disk, &plan);
        pykv_status status = lsm_compact(self.store, NULL);
        bool failed = env_fault_failed(self.disk) > 0;
        CHECK(failed || status == PYKV_OK);
        plan.at = 0;
        env_fault_set(self.disk, &plan);
        CHECK_EQUAL(60, fixture_count(&self));
        CHECK_OK(lsm_compact(self.store, NULL));
        CHECK_EQUAL(60, fixture_count(&self));
        fixture_kill(&self);
        env_fault_free(self.disk);
        self.disk = disk;
        CHECK_OK(fixture_open(&self));
        CHECK_EQUAL(60, fixture_count(&self));
        CHECK_EQUAL(fixture_stats(&self).table_count, fixture_files(&self, ".tbl", NULL));
        fixture_free(&self);
        if (!failed) {
            break;
        }
    }
}

/* ---- beside others ---- */

enum { FLUSHES_MAX = 2000, ROWS_BELOW = 2500, ROWS_APART = 250 };

static fixture *flushed_into;
static uint32_t flush_count;

/* Flushes rows from all over the keys. */
static void flush_some_rows(void)
{
    fixture *self = flushed_into;
    flush_count++;
    for (uint32_t i = flush_count % ROWS_APART; i < ROWS_BELOW; i += ROWS_APART) {
        fixture_fill(self, i, i + 1, 1000);
    }
    CHECK_OK(lsm_flush_active(self->store));
    if (flush_count < FLUSHES_MAX) {
        atomic_store(&sync_hook_armed, flush_some_rows);
    }
}

/* What was flushed after the call began once was taken down as well, at the cost of the last level,
 * which took so long that there was more then. Here with each table that is written comes another
 * one. */
TEST(a_compaction_asked_for_ends_while_others_write)
{
    fixture self = fixture_new();
    fixture_fill(&self, 0, ROWS_BELOW, 1000);
    CHECK_OK(lsm_compact(self.store, NULL));
    fixture_fill(&self, 0, ROWS_BELOW / 5, 1000);
    CHECK_OK(lsm_flush(self.store));
    fixture_maintain(&self, PYKV_ROLE_DATA);
    flushed_into = &self;
    flush_count = 0;
    sync_hook_set(self.disk, ".tbl", flush_some_rows);
    CHECK_OK(lsm_compact(self.store, NULL));
    atomic_store(&sync_hook_armed, NULL);
    CHECK(flush_count > 0 && flush_count < FLUSHES_MAX);
    CHECK_EQUAL(ROWS_BELOW, fixture_count(&self));
    fixture_free(&self);
}

typedef struct asked {
    fixture *of;
    pykv_progress progress;
    _Atomic pykv_status status;
} asked;

static void *ask(void *argument)
{
    asked *self = argument;
    atomic_store(&self->status, lsm_compact(self->of->store, &self->progress));
    return NULL;
}

/* It once waited for the other one, however long that took. */
TEST(a_compaction_that_waits_for_another_one_can_be_cancelled)
{
    enum { WAITS_MAX = 5000 };
    const struct timespec pause = {.tv_nsec = 1000000};
    pthread_t thread;
    fixture self = fixture_new();
    asked second = {.of = &self};
    fill_level0(&self);
    mutex_lock(&self.store->wish_lock); /* as one that is at work */
    CHECK_EQUAL(0, pthread_create(&thread, NULL, ask, &second));
    __atomic_store_n(&second.progress.cancel, 1, __ATOMIC_RELAXED);
    for (int i = 0; i < WAITS_MAX && atomic_load(&second.status) == PYKV_OK; i++) {
        (void)nanosleep(&pause, NULL);
    }
    pykv_status found = atomic_load(&second.status);
    mutex_unlock(&self.store->wish_lock);
    CHECK_EQUAL(0, pthread_join(thread, NULL));
    CHECK_STATUS(PYKV_TIMED_OUT, found);
    CHECK_OK(lsm_compact(self.store, NULL));
    CHECK_EQUAL(60, fixture_count(&self));
    fixture_free(&self);
}

static void *write_on(void *argument)
{
    fixture *self = argument;
    for (uint32_t i = 0; i < 2500; i++) {
        fixture_fill(self, i % 300, i % 300 + 1, 1000);
    }
    return NULL;
}

/* Writers take turns at what was asked for, and what is due must not wait for it. */
TEST(writers_go_on_beside_compactions_that_were_asked_for_and_these_end)
{
    fixture self = fixture_new();
    pthread_t thread;
    fixture_fill(&self, 0, 300, 1000);
    CHECK_EQUAL(0, pthread_create(&thread, NULL, write_on, &self));
    for (int i = 0; i < 5; i++) {
        CHECK_OK(lsm_compact(self.store, NULL));
        CHECK(fixture_stats(&self).level_table_count[0] <= LSM_LEVEL0_STOP + VIEW_IMMUTABLES_MAX);
    }
    CHECK_EQUAL(0, pthread_join(thread, NULL));
    CHECK_EQUAL(300, fixture_count(&self));
    fixture_free(&self);
}

TEST_MAIN(CASE(what_is_due_is_compacted_in_steps),
          CASE(a_compaction_asked_for_leaves_one_version_of_each_key_in_the_last_level),
          CASE(a_range_takes_the_tables_that_have_keys_in_it_and_no_other),
          CASE(what_an_open_scan_sees_stays_until_it_is_closed),
          CASE(a_cancelled_compaction_ends_early_and_changes_nothing_that_is_read),
          CASE(flushes_of_a_row_each_do_not_become_a_table_each),
          CASE(writers_go_on_beside_compactions_that_were_asked_for_and_these_end),
          CASE(a_compaction_asked_for_ends_while_others_write),
          CASE(a_compaction_that_waits_for_another_one_can_be_cancelled),
          CASE(a_compaction_that_a_close_ends_says_that_the_store_is_closed),
          CASE(a_compaction_given_up_on_its_way_leaves_no_file),
          CASE(a_compaction_that_fails_anywhere_loses_nothing_and_is_done_again))
