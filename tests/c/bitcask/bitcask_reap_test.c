/*
 * bitcask_reap_test: what expired is merged away in time, whatever the space of the store is.
 */
#include "bitcask/expiry_fixture.h"

enum { REAP_TTL = 16 * SECOND, REAP_AFTER = 2 * SECOND, REAP_PUTS = 300 };

/* A store whose space never asks for a merge, to which somebody puts a row a second, for 16 s each,
 * beside 20 that stay. Returns the keys that it counts at the end. */
static uint64_t put_each_second(uint64_t reap_us, pykv_stats *stats_out)
{
    char key[16];
    fixture self = {.options = {.segment_bytes = 1 << 20,
                                .space_amplification_max = 1e6,
                                .ttl_reap_us = reap_us}};
    CHECK_OK(env_memory_new(check_seed(), REPAIR_FILE_MAX, &self.disk));
    CHECK_OK(fixture_open(&self));
    fixture_fill(&self, 5000, 5020, 20);
    for (uint32_t i = 0; i < REAP_PUTS; i++) {
        snprintf(key, sizeof key, "key-%u", i);
        (void)put_for(&self, key, "value", REAP_TTL);
        wait_us(&self, SECOND);
        fixture_maintain(&self, PYKV_ROLE_LOG, 1);
        fixture_maintain(&self, PYKV_ROLE_DATA, 8);
    }
    CHECK_EQUAL(20 + REAP_TTL / SECOND - 1, row_count(&self));
    bitcask_stats(self.store, stats_out);
    fixture_free(&self);
    return stats_out->key_count;
}

/* Under steady writes no time bounded how long rows that had expired counted in len and stood in
 * the key directory and the active segment. Their tombstones must not become as many files. */
TEST(what_expires_under_steady_writes_is_gone_some_time_later_and_costs_little)
{
    pykv_stats stats;
    uint64_t late_s = (REAP_TTL / 4 + 2 * REAP_AFTER) / SECOND + 4;
    CHECK_EQUAL(20 + REAP_PUTS, put_each_second(UINT64_MAX, &stats));
    CHECK_EQUAL(0, stats.merge_count);
    CHECK(put_each_second(REAP_AFTER, &stats) <= 20 + REAP_TTL / SECOND + late_s);
    CHECK(stats.merge_count > 0 && stats.merged_bytes < 3 * stats.written_bytes);
    CHECK(stats.segment_count < 12);
}

/* A quarter of a segment has expired: it is copied once, and then it is as others. */
TEST(a_segment_is_reaped_once_and_not_for_a_few_rows)
{
    for (uint32_t expiring = 2; expiring <= 20; expiring += 18) {
        fixture self = lazy_fixture();
        fill_for(&self, 0, expiring, 10 * SECOND);
        fixture_fill(&self, 2000, 2020, 500);
        CHECK_OK(bitcask_flush(self.store));
        fixture_maintain(&self, PYKV_ROLE_DATA, 50);
        uint64_t before = fixture_stats(&self).merge_count;
        wait_us(&self, 10 * SECOND + 59 * (int64_t)SECOND);
        fixture_maintain(&self, PYKV_ROLE_DATA, 50);
        CHECK_EQUAL(before, fixture_stats(&self).merge_count);
        CHECK_EQUAL(40 + expiring, fixture_count(&self));
        wait_us(&self, 2 * SECOND);
        fixture_maintain(&self, PYKV_ROLE_DATA, 200);
        uint64_t after = fixture_stats(&self).merge_count;
        CHECK_EQUAL(expiring == 20 ? 40 : 42, fixture_count(&self));
        CHECK_EQUAL(expiring == 20, after > before);
        for (int i = 0; i < 5; i++) {
            wait_us(&self, 60 * (int64_t)SECOND);
            fixture_maintain(&self, PYKV_ROLE_DATA, 50);
        }
        CHECK_EQUAL(after, fixture_stats(&self).merge_count);
        fixture_free(&self);
    }
}

TEST_MAIN(CASE(what_expires_under_steady_writes_is_gone_some_time_later_and_costs_little),
          CASE(a_segment_is_reaped_once_and_not_for_a_few_rows))
