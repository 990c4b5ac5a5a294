/*
 * lsm_lazy_test: a store whose compaction is lazy: runs become one in level 0, go down together,
 * and read as what was written, through crashes and changes of the option.
 */
#include "lsm_fixture.h"

#include "lsm/brake.h"
#include "lsm/compaction_jobs.h"

enum { BASE_ROWS = 300, BASE_VALUE = 1000, FLUSHES = 9, ROWS_OF_FLUSH = 12 };

static fixture lazy_blank(void)
{
    fixture self = fixture_blank();
    self.options.compaction = PYKV_COMPACTION_LAZY;
    return self;
}

/* A last level that is large beside what is flushed by add_runs. */
static void make_base(fixture *self)
{
    fixture_fill(self, 0, BASE_ROWS, BASE_VALUE);
    CHECK_OK(lsm_compact(self->store, NULL));
    CHECK_EQUAL(0, fixture_stats(self).level_table_count[0]);
}

/* Each flush deletes a key of the base, overwrites others, and puts back what the one before
 * deleted. */
static void add_runs(fixture *self, uint32_t count)
{
    char key[16];
    fixture_hold_compactions(self);
    for (uint32_t i = 0; i < count; i++) {
        fixture_fill(self, 100, 100 + ROWS_OF_FLUSH, 10 + i);
        fixture_fill(self, i, i + 1, 10);
        CHECK_OK(lsm_delete(self->store, fixture_key(i + 1, key), 0, NULL));
        CHECK_OK(lsm_flush(self->store));
    }
    fixture_let_compactions(self);
}

static uint64_t length_of(fixture *self, uint32_t number)
{
    char key[16];
    char found[4200];
    pykv_status status = fixture_get(self, fixture_key(number, key), 0, found, sizeof found);
    CHECK(status == PYKV_OK || status == PYKV_NOT_FOUND);
    return status == PYKV_OK ? strlen(found) : UINT64_MAX;
}

/* What is there after make_base and add_runs. */
static void check_rows(fixture *self, uint32_t runs)
{
    CHECK_EQUAL(BASE_ROWS - 1, fixture_count(self));
    for (uint32_t i = 0; i < BASE_ROWS; i++) {
        uint64_t wanted = i < runs ? 10 : BASE_VALUE;
        wanted = i == runs ? UINT64_MAX : wanted;
        wanted = i >= 100 && i < 100 + ROWS_OF_FLUSH ? 10 + runs - 1 : wanted;
        CHECK_EQUAL(wanted, length_of(self, i));
    }
}

TEST(runs_become_one_above_a_large_last_level)
{
    fixture self = lazy_blank();
    CHECK_OK(fixture_open(&self));
    make_base(&self);
    uint64_t last_written = fixture_stats(&self).level_written_bytes[6];
    add_runs(&self, FLUSHES);
    CHECK_EQUAL(FLUSHES, fixture_stats(&self).level_table_count[0]);
    fixture_maintain(&self, PYKV_ROLE_DATA);
    CHECK_EQUAL(2, fixture_stats(&self).level_table_count[0]);
    CHECK_EQUAL(last_written, fixture_stats(&self).level_written_bytes[6]);
    check_rows(&self, FLUSHES);
    fixture_reopen(&self);
    check_rows(&self, FLUSHES);
    fixture_free(&self);
}

TEST(runs_go_down_when_they_weigh_half_of_the_last_level)
{
    fixture self = lazy_blank();
    CHECK_OK(fixture_open(&self));
    make_base(&self);
    fixture_hold_compactions(&self);
    for (uint32_t i = 0; i < 8; i++) {
        fixture_fill(&self, i * 20, i * 20 + 20, BASE_VALUE);
        CHECK_OK(lsm_flush(self.store));
    }
    fixture_let_compactions(&self);
    fixture_maintain(&self, PYKV_ROLE_DATA);
    pykv_stats stats = fixture_stats(&self);
    CHECK_EQUAL(0, stats.level_table_count[0]);
    CHECK_EQUAL(stats.table_count, stats.level_table_count[6]);
    CHECK_EQUAL(BASE_ROWS, fixture_count(&self));
    fixture_free(&self);
}

/* Small flushes made by hand, at which a leveled store would rewrite the last level each time. */
TEST(any_number_of_flushes_keeps_level_0_short)
{
    fixture self = lazy_blank();
    CHECK_OK(fixture_open(&self));
    make_base(&self);
    for (uint32_t i = 0; i < 300; i++) {
        fixture_fill(&self, i, i + 1, 10);
        CHECK_OK(lsm_flush(self.store));
        fixture_maintain(&self, PYKV_ROLE_DATA);
        CHECK(fixture_stats(&self).level_table_count[0] < LSM_LEVEL0_SLOW);
    }
    CHECK_EQUAL(BASE_ROWS, fixture_count(&self));
    fixture_free(&self);
}

TEST(a_load_in_the_order_of_keys_is_merged_with_nothing)
{
    fixture self = lazy_blank();
    CHECK_OK(fixture_open(&self));
    for (uint32_t i = 0; i < 40; i++) {
        fixture_fill(&self, i * 60, i * 60 + 60, BASE_VALUE);
        CHECK_OK(lsm_flush(self.store));
        fixture_maintain(&self, PYKV_ROLE_DATA);
    }
    CHECK_EQUAL(0, fixture_stats(&self).compacted_bytes);
    CHECK_EQUAL(40 * 60, fixture_count(&self));
    fixture_free(&self);
}

TEST(a_compaction_that_is_asked_for_leaves_one_level)
{
    fixture self = lazy_blank();
    CHECK_OK(fixture_open(&self));
    make_base(&self);
    add_runs(&self, FLUSHES);
    fixture_maintain(&self, PYKV_ROLE_DATA);
    CHECK_OK(lsm_compact(self.store, NULL));
    pykv_stats stats = fixture_stats(&self);
    CHECK_EQUAL(stats.table_count, stats.level_table_count[6]);
    CHECK_EQUAL(BASE_ROWS - 1, stats.key_count);
    check_rows(&self, FLUSHES);
    fixture_free(&self);
}

/* A compaction that is due is planned, for somebody to go on with it. */
static void plan_merge(fixture *self)
{
    compaction_job *job;
    mutex_lock(&self->store->compaction_lock);
    CHECK_OK(compaction_jobs_take(self->store, &job));
    CHECK(strcmp("runs", job->plan.reason) == 0);
    job->state = COMPACTION_WAITS;
    mutex_unlock(&self->store->compaction_lock);
}

/* Merging gives the files a number that is newer than the call. */
TEST(a_compaction_that_is_asked_for_while_runs_are_merged_takes_these_too)
{
    fixture self = lazy_blank();
    CHECK_OK(fixture_open(&self));
    make_base(&self);
    add_runs(&self, FLUSHES);
    plan_merge(&self);
    CHECK_EQUAL(1, fixture_compactions(&self));
    CHECK_EQUAL(FLUSHES, fixture_stats(&self).level_table_count[0]);
    CHECK_OK(lsm_compact(self.store, NULL));
    CHECK_EQUAL(0, fixture_stats(&self).level_table_count[0]);
    check_rows(&self, FLUSHES);
    fixture_free(&self);
}

/* Opens a leveled store as a lazy one, or the other way round, and goes on with it. */
static void change_over(int32_t from, int32_t to)
{
    fixture self = fixture_blank();
    self.options.compaction = from;
    CHECK_OK(fixture_open(&self));
    make_base(&self);
    add_runs(&self, FLUSHES);
    fixture_maintain(&self, PYKV_ROLE_DATA);
    self.options.compaction = to;
    fixture_reopen(&self);
    fixture_maintain(&self, PYKV_ROLE_DATA);
    check_rows(&self, FLUSHES);
    for (uint32_t i = 0; i < 40; i++) {
        fixture_fill(&self, 0, BASE_ROWS, 100);
        CHECK_OK(lsm_flush(self.store));
        fixture_maintain(&self, PYKV_ROLE_DATA);
        uint64_t runs = fixture_stats(&self).level_table_count[0];
        CHECK(runs < LSM_LEVEL0_SLOW);
    }
    CHECK_EQUAL(BASE_ROWS, fixture_count(&self));
    fixture_free(&self);
}

TEST(a_store_may_be_opened_with_the_other_compaction)
{
    change_over(PYKV_COMPACTION_LEVELED, PYKV_COMPACTION_LAZY);
    change_over(PYKV_COMPACTION_LAZY, PYKV_COMPACTION_LEVELED);
}

/* Everything is flushed, so everything is there whatever of a compaction was done. */
TEST(a_crash_anywhere_in_a_merge_of_runs_loses_nothing)
{
    fixture self = lazy_blank();
    CHECK_OK(fixture_open(&self));
    make_base(&self);
    add_runs(&self, FLUSHES);
    uint64_t before = env_memory_call_count(self.disk);
    fixture_maintain(&self, PYKV_ROLE_DATA);
    uint64_t calls = env_memory_call_count(self.disk) - before;
    CHECK(calls > 5);
    fixture_free(&self);
    for (uint64_t call = 1; call <= calls; call++) {
        int32_t more = 1;
        env *after;
        self = lazy_blank();
        CHECK_OK(fixture_open(&self));
        make_base(&self);
        add_runs(&self, FLUSHES);
        env_memory_power_off_at(self.disk, env_memory_call_count(self.disk) + call);
        while (lsm_maintain_step(self.store, PYKV_ROLE_DATA, &more) == PYKV_OK && more != 0) {
        }
        CHECK_OK(env_memory_crash(self.disk, call, ENV_CRASH_TORN, &after));
        fixture_free(&self);
        self.disk = after;
        CHECK_OK(fixture_open(&self));
        check_rows(&self, FLUSHES);
        fixture_free(&self);
    }
}

TEST_MAIN(CASE(runs_become_one_above_a_large_last_level),
          CASE(runs_go_down_when_they_weigh_half_of_the_last_level),
          CASE(any_number_of_flushes_keeps_level_0_short),
          CASE(a_load_in_the_order_of_keys_is_merged_with_nothing),
          CASE(a_compaction_that_is_asked_for_leaves_one_level),
          CASE(a_compaction_that_is_asked_for_while_runs_are_merged_takes_these_too),
          CASE(a_store_may_be_opened_with_the_other_compaction),
          CASE(a_crash_anywhere_in_a_merge_of_runs_loses_nothing))
