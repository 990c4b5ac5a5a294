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
    CHECK_STATUS(PYKV_NOT_FOUND, value_pick_plan(now, &options, &job, &plan));
    fixture_free(&self);
}

TEST_MAIN(CASE(compacting_collects_until_the_value_log_is_within_its_limit),
          CASE(maintenance_collects_by_itself),
          CASE(a_scan_that_began_before_keeps_the_segments_of_its_moment),
          CASE(nothing_is_picked_while_little_is_dead))
