/*
 * value_pick: dead values are collected until the value log is small enough again, and no more.
 */
#include "lsm/value_pick.h"
#include "lsm/values_store.h"

enum { KEYS = 60 };

/* Segments of all keys, of which every third value is overwritten in each of the rounds. */
static fixture overwritten(uint32_t rounds)
{
    fixture self = values_store_new();
    values_put(&self, 0, KEYS, 0);
    CHECK_OK(lsm_flush(self.store));
    char key[16];
    for (uint32_t round = 1; round <= rounds; round++) {
        for (uint32_t i = round % 3; i < KEYS; i += 3) {
            CHECK_OK(lsm_put(self.store, fixture_key(i, key), values_value(i, round), 0));
        }
        CHECK_OK(lsm_flush(self.store));
    }
    return self;
}

static void expect_rounds(fixture *self, uint32_t rounds)
{
    for (uint32_t i = 0; i < KEYS; i++) {
        uint32_t last = 0;
        for (uint32_t round = 1; round <= rounds; round++) {
            last = i % 3 == round % 3 ? round : last;
        }
        values_expect(self, i, i + 1, last);
    }
}

TEST(compacting_collects_until_the_value_log_is_within_its_limit)
{
    fixture self = overwritten(8);
    CHECK(fixture_stats(&self).value_log_bytes > 3 * KEYS * LARGE_BYTES);
    CHECK_OK(lsm_compact(self.store, NULL));
    fixture_maintain(&self, PYKV_ROLE_DATA);
    pykv_stats stats = fixture_stats(&self);
    CHECK_EQUAL(KEYS * LARGE_BYTES, stats.value_log_live_bytes);
    CHECK((double)stats.value_log_bytes < 1.6 * KEYS * LARGE_BYTES);
    CHECK_EQUAL(stats.value_segment_count, fixture_files(&self, ".val", NULL));
    expect_rounds(&self, 8);
    fixture_reopen(&self);
    expect_rounds(&self, 8);
    fixture_free(&self);
}

TEST(maintenance_collects_by_itself)
{
    fixture self = overwritten(20);
    fixture_maintain(&self, PYKV_ROLE_DATA);
    pykv_stats stats = fixture_stats(&self);
    CHECK((double)stats.value_log_bytes <= 1.6 * (double)stats.value_log_live_bytes);
    expect_rounds(&self, 20);
    fixture_free(&self);
}

TEST(a_scan_that_began_before_keeps_the_segments_of_its_moment)
{
    fixture self = overwritten(1);
    lsm_scan *scan;
    pykv_rows rows;
    uint32_t number = 0;
    CHECK_OK(lsm_scan_open(self.store, NULL, NULL, &scan));
    values_put(&self, 0, KEYS, 9);
    CHECK_OK(lsm_compact(self.store, NULL));
    fixture_maintain(&self, PYKV_ROLE_DATA);
    do {
        CHECK_OK(lsm_scan_next(scan, 4096, &rows));
        for (size_t i = 0; i < rows.count; i++, number++) {
            const uint8_t *value = rows.data + rows.offsets[2 * i + 1];
            CHECK_EQUAL(LARGE_BYTES, rows.offsets[2 * i + 2] - rows.offsets[2 * i + 1]);
            CHECK(memcmp(value, values_value(number, number % 3 == 1).data, LARGE_BYTES) == 0);
        }
    } while (rows.count > 0);
    CHECK_EQUAL(KEYS, number);
    lsm_scan_free(self.store, scan);
    fixture_maintain(&self, PYKV_ROLE_DATA);
    CHECK_EQUAL(fixture_stats(&self).value_segment_count, fixture_files(&self, ".val", NULL));
    values_expect(&self, 0, KEYS, 9);
    fixture_free(&self);
}

TEST(nothing_is_picked_while_little_is_dead)
{
    fixture self = overwritten(0);
    value_job job = {.moved_count = 9};
    compaction_options options = compaction_options_make(FIXTURE_MEMTABLE_BYTES);
    compaction_plan plan;
    version *now = lsm_view(self.store)->version;
    value_pick_moved(now, 1.5, &job);
    CHECK_EQUAL(0, job.moved_count);
    CHECK_STATUS(PYKV_NOT_FOUND, value_pick_plan(now, &options, &job, LARGE_BYTES, &plan));
    fixture_free(&self);
}

/* A flush of few values leaves a small segment. */
static fixture roomy_store(void)
{
    fixture self = fixture_blank();
    self.options.value_log_bytes_min = VALUES_MIN;
    self.options.memtable_bytes = 1 << 20;
    self.options.table_bytes = 1 << 20;
    CHECK_OK(fixture_open(&self));
    return self;
}

/* Each of them once stayed for as long as its value did: a segment a flush, until a process could
 * not open as many files. */
static void check_segments_become_few(uint32_t step, bool maintains)
{
    enum { FLUSHES = 150, SEGMENTS_MOST = 20 };
    fixture self = roomy_store();
    for (uint32_t i = 0; i < FLUSHES; i++) {
        values_put(&self, i * step % FLUSHES, i * step % FLUSHES + 1, 1);
        CHECK_OK(lsm_flush(self.store));
        if (maintains) {
            fixture_maintain(&self, PYKV_ROLE_DATA);
            CHECK(fixture_stats(&self).value_segment_count <= 2 * SEGMENTS_MOST);
        }
    }
    CHECK_OK(lsm_compact(self.store, NULL));
    CHECK(fixture_stats(&self).value_segment_count <= SEGMENTS_MOST);
    CHECK_EQUAL(fixture_stats(&self).value_segment_count, fixture_files(&self, ".val", NULL));
    values_expect(&self, 0, FLUSHES, 1);
    fixture_reopen(&self);
    values_expect(&self, 0, FLUSHES, 1);
    fixture_free(&self);
}

TEST(flushes_of_a_value_each_do_not_become_a_segment_each)
{
    check_segments_become_few(1, false);
    check_segments_become_few(1, true);
    check_segments_become_few(7, false);
    check_segments_become_few(7, true);
}

/* As a store has them that an earlier version wrote: one table that points to each of them. */
TEST(a_table_that_points_to_many_small_segments_is_rewritten)
{
    enum { SEGMENTS = 12 };
    fixture self = fixture_blank();
    self.options.value_log_bytes_min = VALUES_MIN;
    self.options.memtable_bytes = 1 << 20; /* so that nothing is small yet */
    self.options.table_bytes = 1 << 16;
    CHECK_OK(fixture_open(&self));
    for (uint32_t i = 0; i < SEGMENTS; i++) {
        values_put(&self, 5 * i, 5 * i + 5, 1);
        CHECK_OK(lsm_flush(self.store));
    }
    CHECK_OK(lsm_compact(self.store, NULL));
    uint64_t before = fixture_stats(&self).value_segment_count;
    fixture_close(&self);
    self.options.table_bytes = 1 << 20;
    CHECK_OK(fixture_open(&self));
    fixture_maintain(&self, PYKV_ROLE_DATA);
    CHECK(before >= SEGMENTS);
    CHECK(fixture_stats(&self).value_segment_count <= fixture_stats(&self).table_count);
    values_expect(&self, 0, 5 * SEGMENTS, 1);
    fixture_free(&self);
}

/* ---- values that cannot be read ---- */

/* Changes a byte of the stored value of a key, wherever it stands. */
static void damage_value(fixture *self, uint32_t number)
{
    env_names names;
    char text[16];
    slice key = fixture_key(number, text);
    bool found = false;
    CHECK_OK(env_memory_paths(self->disk, &names));
    for (size_t i = 0; i < names.count; i++) {
        uint64_t size;
        uint8_t *data;
        if (strstr(names.names[i], ".val") == NULL) {
            continue;
        }
        CHECK_OK(env_memory_file_bytes(self->disk, names.names[i], &data, &size));
        uint8_t *at = memmem(data, size, key.data, key.size);
        if (at != NULL) {
            at[LARGE_BYTES / 2] ^= 1;
            found = true;
        }
    }
    env_names_free(&names);
    CHECK(found);
}

static void expect_unreadable(fixture *self, uint32_t number)
{
    char key[16];
    char found[LARGE_BYTES + 1];
    CHECK_STATUS(PYKV_CORRUPTION,
                 fixture_get(self, fixture_key(number, key), 0, found, sizeof found));
}

/* Each compaction of a table that pointed to the segment failed, and level 0 grew until nobody
 * could write. */
TEST(a_damaged_value_stays_where_it_is_and_compactions_go_on)
{
    enum { ROUNDS = 40, BROKEN = 7 };
    fixture self = roomy_store();
    for (uint32_t i = 0; i < ROUNDS; i++) {
        values_put(&self, 5 * i, 5 * i + 5, 1);
        CHECK_OK(lsm_flush(self.store));
        if (i == BROKEN / 5) {
            damage_value(&self, BROKEN);
        }
        fixture_maintain(&self, PYKV_ROLE_DATA);
    }
    CHECK_OK(lsm_compact(self.store, NULL));
    fixture_maintain(&self, PYKV_ROLE_DATA);
    CHECK_EQUAL(PYKV_STATE_DEGRADED, lsm_state(self.store));
    CHECK(fixture_stats(&self).value_segment_count <= ROUNDS / 5);
    expect_unreadable(&self, BROKEN);
    values_expect(&self, 0, BROKEN, 1);
    values_expect(&self, BROKEN + 1, 5 * ROUNDS, 1);
    /* Whoever opens the store finds it again, once. */
    fixture_reopen(&self);
    fixture_maintain(&self, PYKV_ROLE_DATA);
    CHECK_OK(lsm_compact(self.store, NULL));
    expect_unreadable(&self, BROKEN);
    values_expect(&self, BROKEN + 1, 5 * ROUNDS, 1);
    fixture_free(&self);
}

TEST(a_damaged_value_in_a_segment_that_is_mostly_dead_is_not_tried_without_end)
{
    fixture self = values_store_new();
    values_put(&self, 0, KEYS, 0);
    CHECK_OK(lsm_flush(self.store));
    damage_value(&self, 0);
    values_put(&self, 1, KEYS, 1);
    CHECK_OK(lsm_flush(self.store));
    fixture_maintain(&self, PYKV_ROLE_DATA);
    CHECK_OK(lsm_compact(self.store, NULL));
    CHECK_EQUAL(PYKV_STATE_DEGRADED, lsm_state(self.store));
    CHECK_EQUAL(KEYS, fixture_stats(&self).key_count);
    expect_unreadable(&self, 0);
    values_expect(&self, 1, KEYS, 1);
    uint64_t edit = self.store->edit;
    fixture_maintain(&self, PYKV_ROLE_DATA);
    CHECK_EQUAL(edit, self.store->edit);
    /* A resume tries once more. */
    CHECK_OK(lsm_resume(self.store));
    CHECK_EQUAL(PYKV_STATE_OPEN, lsm_state(self.store));
    fixture_maintain(&self, PYKV_ROLE_DATA);
    CHECK_EQUAL(PYKV_STATE_DEGRADED, lsm_state(self.store));
    /* The segment goes with the last row that needs it. */
    values_put(&self, 0, 1, 1);
    CHECK_OK(lsm_compact(self.store, NULL));
    fixture_maintain(&self, PYKV_ROLE_DATA);
    CHECK_EQUAL(PYKV_STATE_OPEN, lsm_state(self.store));
    values_expect(&self, 0, KEYS, 1);
    fixture_free(&self);
}

TEST_MAIN(CASE(compacting_collects_until_the_value_log_is_within_its_limit),
          CASE(maintenance_collects_by_itself),
          CASE(a_scan_that_began_before_keeps_the_segments_of_its_moment),
          CASE(nothing_is_picked_while_little_is_dead),
          CASE(flushes_of_a_value_each_do_not_become_a_segment_each),
          CASE(a_table_that_points_to_many_small_segments_is_rewritten),
          CASE(a_damaged_value_stays_where_it_is_and_compactions_go_on),
          CASE(a_damaged_value_in_a_segment_that_is_mostly_dead_is_not_tried_without_end))
