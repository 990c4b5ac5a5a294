/*
 * stats_test: counters count what was done, gauges tell what is there.
 */
#include "lsm_fixture.h"

TEST(an_empty_store_has_counted_nothing)
{
    fixture self = fixture_new();
    pykv_stats stats = fixture_stats(&self);
    CHECK_EQUAL(PYKV_ENGINE_LSM, stats.engine);
    CHECK_EQUAL(PYKV_STATE_OPEN, stats.state);
    CHECK_EQUAL(PYKV_DURABILITY_OS, stats.durability);
    CHECK_EQUAL(0, stats.put_count + stats.get_count + stats.written_bytes);
    CHECK_EQUAL(0, stats.table_count + stats.level_count + stats.last_sequence);
    CHECK_EQUAL(1, stats.clean_open);
    CHECK(stats.memtable_bytes > 0);
    fixture_free(&self);
}

TEST(writes_are_counted)
{
    fixture self = fixture_new();
    fixture_fill(&self, 0, 7, 100);
    fixture_delete(&self, "key-00003");
    pykv_stats stats = fixture_stats(&self);
    CHECK_EQUAL(7, stats.put_count);
    CHECK_EQUAL(1, stats.delete_count);
    CHECK_EQUAL(8, stats.last_sequence);
    CHECK(stats.written_bytes > 700 && stats.written_bytes < 1500);
    fixture_free(&self);
}

TEST(tables_are_told_by_level)
{
    fixture self = fixture_new();
    fixture_fill(&self, 0, 20, 1000);
    CHECK_OK(lsm_compact(self.store, NULL));
    fixture_fill(&self, 0, 20, 1000);
    CHECK_OK(lsm_flush(self.store));
    pykv_stats stats = fixture_stats(&self);
    CHECK_EQUAL(2, stats.table_count);
    CHECK_EQUAL(LSM_LEVEL_COUNT, stats.level_count);
    CHECK_EQUAL(1, stats.level_table_count[0]);
    CHECK_EQUAL(1, stats.level_table_count[LSM_LEVEL_COUNT - 1]);
    CHECK(stats.level_bytes[0] > 20000 && stats.level_bytes[0] < 30000);
    CHECK(stats.disk_bytes >= stats.level_bytes[0] + stats.level_bytes[LSM_LEVEL_COUNT - 1]);
    fixture_free(&self);
}

TEST(blocks_in_the_cache_are_told)
{
    fixture self = fixture_new();
    fixture_fill(&self, 0, 20, 1000);
    CHECK_OK(lsm_flush(self.store));
    CHECK_EQUAL(0, fixture_stats(&self).block_cache_bytes);
    fixture_expect(&self, "key-00003x", NULL);
    CHECK_OK(lsm_contains(self.store, fixture_text("key-00003"), 0));
    CHECK_OK(lsm_contains(self.store, fixture_text("key-00003"), 0));
    pykv_stats stats = fixture_stats(&self);
    CHECK(stats.block_cache_bytes >= 1000);
    CHECK(stats.block_cache_miss_count >= 1 && stats.block_cache_hit_count >= 1);
    fixture_free(&self);
}

TEST(a_read_only_store_says_so)
{
    fixture self = fixture_new();
    fixture_put(&self, "a", "1");
    fixture_close(&self);
    self.options.read_only = 1;
    CHECK_OK(fixture_open(&self));
    pykv_stats stats = fixture_stats(&self);
    CHECK_EQUAL(PYKV_STATE_READ_ONLY, stats.state);
    CHECK_EQUAL(PYKV_STATE_READ_ONLY, lsm_state(self.store));
    CHECK_EQUAL(1, stats.synced_sequence);
    fixture_free(&self);
}

TEST(logs_are_told_with_the_rest)
{
    fixture self = fixture_blank();
    self.options.log_sink = PYKV_LOG_PWRITE;
    CHECK_OK(fixture_open(&self));
    fixture_fill(&self, 0, 10, 1000);
    CHECK_OK(lsm_sync(self.store));
    fixture_fill(&self, 10, 11, 1000);
    CHECK_OK(lsm_put(self.store, fixture_text("s"), fixture_text("1"), PYKV_SYNC));
    pykv_stats stats = fixture_stats(&self);
    CHECK(stats.disk_bytes > 11000 && stats.disk_bytes < 13000);
    CHECK_EQUAL(2, stats.sync_count);
    CHECK_EQUAL(PYKV_LOG_PWRITE, stats.log_sink);
    fixture_close(&self);
    self.options.log_sink = PYKV_LOG_AUTO;
    CHECK_OK(fixture_open(&self));
    CHECK_EQUAL(PYKV_LOG_MAPPED, fixture_stats(&self).log_sink);
    fixture_free(&self);
}

TEST(keys_that_were_written_once_are_guessed_exactly)
{
    fixture self = fixture_new();
    fixture_fill(&self, 0, 30, 100);
    CHECK_EQUAL(30, fixture_stats(&self).key_count);
    CHECK_OK(lsm_flush(self.store));
    fixture_fill(&self, 30, 40, 100);
    fixture_delete(&self, "key-00003");
    CHECK_EQUAL(39, fixture_stats(&self).key_count);
    fixture_delete(&self, "nothing");
    CHECK_EQUAL(38, fixture_stats(&self).key_count);
    CHECK_OK(lsm_compact(self.store, NULL));
    CHECK_EQUAL(39, fixture_stats(&self).key_count);
    fixture_free(&self);
}

TEST(what_waits_for_compactions_is_told)
{
    fixture self = fixture_new();
    for (int round = 0; round < 6; round++) {
        fixture_fill(&self, 0, 50, 500);
        CHECK_OK(lsm_flush(self.store));
    }
    int32_t more;
    CHECK_EQUAL(0, fixture_stats(&self).pending_compaction_bytes);
    CHECK_OK(lsm_maintain_step(self.store, PYKV_ROLE_DATA, &more));
    CHECK(fixture_stats(&self).pending_compaction_bytes > 6 * 25000);
    fixture_maintain(&self, PYKV_ROLE_DATA);
    CHECK_EQUAL(0, fixture_stats(&self).pending_compaction_bytes);
    fixture_free(&self);
}

TEST_MAIN(CASE(an_empty_store_has_counted_nothing), CASE(writes_are_counted),
          CASE(tables_are_told_by_level), CASE(blocks_in_the_cache_are_told),
          CASE(a_read_only_store_says_so), CASE(logs_are_told_with_the_rest),
          CASE(keys_that_were_written_once_are_guessed_exactly),
          CASE(what_waits_for_compactions_is_told))
