/*
 * lsm_expiry_test: rows with deadlines in memtables, logs and tables, whatever the clock does.
 */
#include "lsm_fixture.h"

enum { SECOND = 1000000 };

static const uint64_t hour_us = UINT64_C(3600) * SECOND;
static const uint64_t month_us = UINT64_C(30) * 86400 * SECOND;

static uint64_t put_for(fixture *self, const char *key, const char *value, uint64_t ttl_us)
{
    uint64_t deadline = lsm_now(self->store) + ttl_us;
    CHECK_OK(lsm_put_until(self->store, fixture_text(key), fixture_text(value), deadline, 0));
    return deadline;
}

/* Lets wall clock and monotonic clock go on. */
static void wait_us(fixture *self, int64_t time_us)
{
    env_memory_advance(self->disk, time_us, time_us);
}

static uint64_t deadline_of(fixture *self, const char *key)
{
    uint64_t deadline = UINT64_MAX;
    epoch_token token = epoch_enter(&lsm_gate(self->store)->readers);
    CHECK_OK(lsm_expires_at(self->store, NULL, fixture_text(key), 0, &deadline));
    epoch_leave(&lsm_gate(self->store)->readers, token);
    return deadline;
}

static uint64_t edit_of(fixture *self)
{
    mutex_lock(&self->store->manifest_lock);
    uint64_t edit = self->store->edit;
    mutex_unlock(&self->store->manifest_lock);
    return edit;
}

TEST(a_deadline_goes_with_its_row_through_log_flush_compaction_and_repair)
{
    fixture self = fixture_new();
    pykv_report report;
    uint64_t deadline = put_for(&self, "a", "1", 100 * SECOND);
    fixture_put(&self, "b", "2");
    CHECK_EQUAL(deadline, deadline_of(&self, "a"));
    CHECK_EQUAL(0, deadline_of(&self, "b"));
    CHECK_OK(lsm_sync(self.store));
    fixture_recover(&self);
    CHECK_EQUAL(deadline, deadline_of(&self, "a"));
    CHECK_OK(lsm_flush(self.store));
    CHECK_EQUAL(deadline, deadline_of(&self, "a"));
    CHECK_OK(lsm_compact(self.store, NULL));
    CHECK_EQUAL(deadline, deadline_of(&self, "a"));
    fixture_close(&self);
    CHECK_OK(lsm_repair(self.disk, FIXTURE_PATH, &report));
    CHECK_OK(fixture_open(&self));
    CHECK_EQUAL(deadline, deadline_of(&self, "a"));
    CHECK_EQUAL(0, deadline_of(&self, "b"));
    fixture_recover(&self);
    wait_us(&self, 100 * SECOND);
    fixture_expect(&self, "a", NULL);
    fixture_expect(&self, "b", "2");
    CHECK_EQUAL(1, fixture_count(&self));
    fixture_free(&self);
}

/* A repair wrote the rows that it saved without the flag of their deadline: they became immortal
 * with the next recovery. */
TEST(a_repair_of_logs_keeps_deadlines)
{
    fixture self = fixture_new();
    pykv_report report;
    uint64_t deadline = put_for(&self, "a", "1", 100 * SECOND);
    CHECK_OK(lsm_sync(self.store));
    fixture_kill(&self);
    CHECK_OK(lsm_repair(self.disk, FIXTURE_PATH, &report));
    CHECK_EQUAL(0, report.damage_count);
    CHECK_OK(fixture_open(&self));
    CHECK_EQUAL(deadline, deadline_of(&self, "a"));
    fixture_free(&self);
}

TEST(an_expired_put_hides_what_is_older_until_nothing_older_is_left)
{
    fixture self = fixture_new();
    fixture_put(&self, "a", "old");
    fixture_put(&self, "z", "other");
    CHECK_OK(lsm_compact(self.store, NULL));
    (void)put_for(&self, "a", "new", SECOND);
    fixture_put(&self, "b", "1");
    CHECK_OK(lsm_flush(self.store));
    wait_us(&self, 2 * SECOND);
    fixture_put(&self, "c", "1");
    CHECK_OK(lsm_flush(self.store));
    fixture_expect(&self, "a", NULL);
    fixture_maintain(&self, PYKV_ROLE_DATA);
    fixture_expect(&self, "a", NULL);
    CHECK_OK(lsm_compact(self.store, NULL));
    fixture_expect(&self, "a", NULL);
    fixture_recover(&self);
    fixture_expect(&self, "a", NULL);
    CHECK_EQUAL(3, fixture_count(&self));
    fixture_free(&self);
}

TEST(a_compaction_writes_no_value_that_has_expired)
{
    char key[16];
    fixture self = fixture_new();
    static const char value[1000] = {1};
    for (uint32_t i = 0; i < 500; i++) {
        uint64_t deadline = i % 10 == 0 ? 0 : lsm_now(self.store) + SECOND;
        CHECK_OK(lsm_put_until(self.store, fixture_key(i, key), slice_make(value, sizeof value),
                               deadline, 0));
    }
    CHECK_OK(lsm_compact(self.store, NULL));
    uint64_t before = fixture_stats(&self).disk_bytes;
    CHECK_EQUAL(500, fixture_count(&self));
    wait_us(&self, 2 * SECOND);
    CHECK_EQUAL(50, fixture_count(&self));
    CHECK_OK(lsm_compact(self.store, NULL));
    CHECK_EQUAL(50, fixture_count(&self));
    CHECK(fixture_stats(&self).disk_bytes < before / 5);
    fixture_free(&self);
}

TEST(maintenance_gives_back_the_space_of_tables_whose_rows_have_all_expired)
{
    char key[16];
    fixture self = fixture_new();
    static const char value[1000] = {1};
    for (uint32_t i = 0; i < 500; i++) {
        CHECK_OK(lsm_put_until(self.store, fixture_key(i, key), slice_make(value, sizeof value),
                               lsm_now(self.store) + SECOND, 0));
    }
    CHECK_OK(lsm_compact(self.store, NULL));
    fixture_maintain(&self, PYKV_ROLE_DATA);
    CHECK(fixture_stats(&self).table_count > 2);
    wait_us(&self, 2 * SECOND);
    fixture_maintain(&self, PYKV_ROLE_DATA);
    CHECK_EQUAL(0, fixture_stats(&self).table_count);
    CHECK_EQUAL(0, fixture_count(&self));
    fixture_free(&self);
}

static void open_again(fixture *self, int way)
{
    if (way == 1) {
        fixture_reopen(self);
    } else if (way == 2) {
        fixture_recover(self);
    }
}

/* Of each table the latest deadline alone was known, and that only if all its rows had one: a row
 * of a month in a table, or one for ever, kept all rows of an hour around it on the disk. */
TEST(a_row_that_stays_does_not_keep_rows_of_an_hour_on_the_disk)
{
    char key[16];
    static const char value[1000] = {1};
    for (int way = 0; way < 6; way++) {
        fixture self = fixture_new();
        uint64_t deadline = way < 3 ? lsm_now(self.store) + month_us : 0;
        for (uint32_t i = 0; i < 500; i++) {
            uint64_t own = i % 10 == 0 ? deadline : lsm_now(self.store) + hour_us;
            CHECK_OK(lsm_put_until(self.store, fixture_key(i, key), slice_make(value, sizeof value),
                                   own, 0));
        }
        CHECK_OK(lsm_compact(self.store, NULL));
        open_again(&self, way % 3);
        fixture_maintain(&self, PYKV_ROLE_DATA);
        uint64_t before = fixture_stats(&self).disk_bytes;
        CHECK(fixture_stats(&self).table_count > 2);
        wait_us(&self, (int64_t)hour_us - SECOND);
        fixture_maintain(&self, PYKV_ROLE_DATA);
        CHECK(fixture_stats(&self).disk_bytes >= before);
        CHECK_EQUAL(500, fixture_count(&self));
        wait_us(&self, 60 * SECOND);
        fixture_maintain(&self, PYKV_ROLE_DATA);
        CHECK(fixture_stats(&self).disk_bytes < before / 5);
        CHECK_EQUAL(50, fixture_count(&self));
        env_memory_advance(self.disk, 0, -2 * (int64_t)hour_us);
        open_again(&self, way % 3);
        CHECK_EQUAL(50, fixture_count(&self));
        (void)fixture_key(490, key);
        CHECK_EQUAL(deadline, deadline_of(&self, key));
        fixture_free(&self);
    }
}

TEST(what_a_manifest_saw_expire_stays_so_when_the_clock_goes_back)
{
    fixture self = fixture_new();
    (void)put_for(&self, "a", "1", 10 * SECOND);
    CHECK_OK(lsm_sync(self.store));
    wait_us(&self, 10 * SECOND);
    fixture_expect(&self, "a", NULL);
    env_memory_advance(self.disk, 0, -100 * (int64_t)SECOND);
    fixture_expect(&self, "a", NULL);
    CHECK_EQUAL(0, fixture_count(&self));
    fixture_reopen(&self);
    fixture_expect(&self, "a", NULL);
    fixture_put(&self, "a", "2");
    fixture_expect(&self, "a", "2");
    /* The clock stands still until the wall clock has caught up. */
    (void)put_for(&self, "b", "1", SECOND);
    wait_us(&self, 50 * SECOND);
    fixture_expect(&self, "b", "1");
    wait_us(&self, 60 * SECOND);
    fixture_expect(&self, "b", NULL);
    fixture_free(&self);
}

/* The high water was kept by manifests alone, which only writers made: after a kill, or a close of
 * a store that was only read, a clock that had gone back brought rows back that a get or a scan had
 * passed over. */
TEST(what_a_reader_was_told_has_expired_stays_so_after_a_kill_and_a_clock_that_goes_back)
{
    for (int way = 0; way < 8; way++) {
        fixture self = fixture_new();
        (void)put_for(&self, "a", "1", 10 * SECOND);
        fixture_put(&self, "b", "1");
        CHECK_OK(way % 2 == 0 ? lsm_sync(self.store) : lsm_flush(self.store));
        fixture_reopen(&self);
        wait_us(&self, 10 * SECOND);
        if (way / 2 % 2 == 0) {
            fixture_expect(&self, "a", NULL);
        } else {
            CHECK_EQUAL(1, fixture_count(&self));
        }
        if (way < 4) {
            fixture_maintain(&self, PYKV_ROLE_DATA);
            fixture_kill(&self);
        } else {
            fixture_close(&self);
        }
        env_memory_advance(self.disk, 0, -100 * (int64_t)SECOND);
        CHECK_OK(fixture_open(&self));
        CHECK(self.store->clean_open);
        fixture_expect(&self, "a", NULL);
        fixture_expect(&self, "b", "1");
        CHECK_EQUAL(1, fixture_count(&self));
        fixture_free(&self);
    }
}

/* One table in level 0 is due for nothing, however long ago its rows expired. */
TEST(maintenance_gives_back_what_expired_long_ago_in_level_0)
{
    char key[16];
    fixture self = fixture_new();
    for (uint32_t i = 0; i < 100; i++) {
        uint64_t deadline = i % 2 == 0 ? 0 : lsm_now(self.store) + SECOND;
        CHECK_OK(
            lsm_put_until(self.store, fixture_key(i, key), fixture_text("value"), deadline, 0));
    }
    CHECK_OK(lsm_flush(self.store));
    uint64_t before = fixture_stats(&self).disk_bytes;
    wait_us(&self, 60 * (int64_t)SECOND);
    fixture_maintain(&self, PYKV_ROLE_DATA);
    CHECK_EQUAL(before, fixture_stats(&self).disk_bytes);
    wait_us(&self, 3 * SECOND);
    fixture_maintain(&self, PYKV_ROLE_DATA);
    CHECK(fixture_stats(&self).disk_bytes < before);
    CHECK_EQUAL(50, fixture_count(&self));
    fixture_free(&self);
}

/* So no reader of a store that nobody writes to keeps the disk busy. */
TEST(manifests_for_the_clock_end_with_the_deadlines_that_pass)
{
    fixture self = fixture_new();
    for (uint32_t i = 0; i < 3; i++) {
        (void)put_for(&self, i == 0 ? "a" : i == 1 ? "b" : "c", "1", (10 + i) * SECOND);
    }
    CHECK_OK(lsm_flush(self.store));
    uint64_t before = edit_of(&self);
    for (uint32_t i = 0; i < 40; i++) {
        wait_us(&self, SECOND / 2);
        (void)fixture_count(&self);
        fixture_maintain(&self, PYKV_ROLE_DATA);
    }
    CHECK(edit_of(&self) > before && edit_of(&self) <= before + 4);
    fixture_free(&self);
}

TEST(a_clock_that_jumps_forward_expires_early_and_leaves_the_rest_as_it_is)
{
    fixture self = fixture_new();
    (void)put_for(&self, "a", "1", 10 * SECOND);
    fixture_put(&self, "b", "1");
    CHECK_OK(lsm_flush(self.store));
    env_memory_advance(self.disk, 0, INT64_C(10) * 365 * 86400 * SECOND);
    fixture_expect(&self, "a", NULL);
    fixture_put(&self, "b", "2");
    CHECK_OK(lsm_compact(self.store, NULL));
    env_memory_advance(self.disk, 0, INT64_C(-20) * 365 * 86400 * SECOND);
    fixture_put(&self, "b", "3");
    fixture_recover(&self);
    fixture_expect(&self, "a", NULL);
    fixture_expect(&self, "b", "3");
    fixture_free(&self);
}

TEST(a_condition_takes_what_has_expired_for_absent)
{
    fixture self = fixture_new();
    int32_t swapped = 1;
    int32_t existed = 1;
    slice value = fixture_text("1");
    (void)put_for(&self, "a", "1", SECOND);
    wait_us(&self, SECOND);
    CHECK_OK(lsm_compare_and_set(self.store, fixture_text("a"), &value, &value, 0, 0, &swapped));
    CHECK_EQUAL(0, swapped);
    CHECK_OK(lsm_delete(self.store, fixture_text("a"), 0, &existed));
    CHECK_EQUAL(0, existed);
    CHECK_OK(lsm_compare_and_set(self.store, fixture_text("a"), NULL, &value, 0, 0, &swapped));
    CHECK_EQUAL(1, swapped);
    CHECK_EQUAL(0, deadline_of(&self, "a"));
    fixture_free(&self);
}

TEST(a_reader_beside_the_writer_sees_the_same_deadlines)
{
    fixture self = fixture_new();
    uint64_t deadline = put_for(&self, "a", "1", 10 * SECOND);
    CHECK_OK(lsm_flush(self.store));
    fixture reader = self;
    reader.options.read_only = 1;
    CHECK_OK(fixture_open(&reader));
    CHECK_EQUAL(deadline, deadline_of(&reader, "a"));
    wait_us(&self, 10 * SECOND);
    fixture_expect(&reader, "a", NULL);
    lsm_free(reader.store);
    fixture_free(&self);
}

static void expect_no_deadline(fixture *self, const char *key)
{
    uint64_t deadline = 0;
    fixture_expect(self, key, NULL);
    epoch_token token = epoch_enter(&lsm_gate(self->store)->readers);
    CHECK_STATUS(PYKV_NOT_FOUND,
                 lsm_expires_at(self->store, NULL, fixture_text(key), 0, &deadline));
    epoch_leave(&lsm_gate(self->store)->readers, token);
}

/* A row that was hidden, and not gone yet, once told its deadline all the same. */
TEST(a_row_that_a_range_delete_hides_has_no_deadline)
{
    for (int flushed = 0; flushed < 4; flushed++) {
        fixture self = fixture_new();
        (void)put_for(&self, "a", "1", 100 * SECOND);
        (void)put_for(&self, "b", "1", 100 * SECOND);
        fixture_put(&self, "c", "1");
        uint64_t deadline = put_for(&self, "d", "1", 100 * SECOND);
        if ((flushed & 1) != 0) {
            CHECK_OK(lsm_flush(self.store));
        }
        CHECK_OK(lsm_delete_range(self.store, fixture_text("b"), fixture_text("d"), 0));
        if ((flushed & 2) != 0) {
            CHECK_OK(lsm_flush(self.store));
        }
        expect_no_deadline(&self, "b");
        expect_no_deadline(&self, "c");
        CHECK_EQUAL(deadline, deadline_of(&self, "d"));
        deadline = put_for(&self, "b", "2", 50 * SECOND);
        CHECK_EQUAL(deadline, deadline_of(&self, "b"));
        fixture_free(&self);
    }
}

TEST_MAIN(CASE(what_a_reader_was_told_has_expired_stays_so_after_a_kill_and_a_clock_that_goes_back),
          CASE(maintenance_gives_back_what_expired_long_ago_in_level_0),
          CASE(manifests_for_the_clock_end_with_the_deadlines_that_pass),
          CASE(a_deadline_goes_with_its_row_through_log_flush_compaction_and_repair),
          CASE(a_repair_of_logs_keeps_deadlines),
          CASE(an_expired_put_hides_what_is_older_until_nothing_older_is_left),
          CASE(a_compaction_writes_no_value_that_has_expired),
          CASE(maintenance_gives_back_the_space_of_tables_whose_rows_have_all_expired),
          CASE(a_row_that_stays_does_not_keep_rows_of_an_hour_on_the_disk),
          CASE(what_a_manifest_saw_expire_stays_so_when_the_clock_goes_back),
          CASE(a_clock_that_jumps_forward_expires_early_and_leaves_the_rest_as_it_is),
          CASE(a_condition_takes_what_has_expired_for_absent),
          CASE(a_reader_beside_the_writer_sees_the_same_deadlines),
          CASE(a_row_that_a_range_delete_hides_has_no_deadline))
