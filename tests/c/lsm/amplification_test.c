/*
 * amplification_test: what is written and kept for what was given, by hand and in a store.
 */
#include "facts_fixture.h"
#include "lsm_fixture.h"

#include "lsm/amplification.h"

TEST(all_is_live_before_a_compaction_has_met_anything_dead)
{
    facts_fixture self;
    lsm_counters counters = {0};
    facts_init(&self);
    facts_add(&self, 0, "a", "z");
    facts_add(&self, 0, "a", "z");
    facts_add(&self, 6, "a", "m");
    (void)facts_version(&self);
    CHECK_EQUAL(3 * FACTS_TABLE_BYTES, amplification_live_bytes(&counters, self.of));
    facts_reset(&self);
}

TEST(what_stands_above_the_last_level_is_as_dead_as_what_came_down)
{
    facts_fixture self;
    lsm_counters counters = {0};
    facts_init(&self);
    facts_add(&self, 0, "a", "z");
    facts_add(&self, 5, "a", "z");
    facts_add(&self, 6, "a", "m");
    facts_add(&self, 6, "n", "z");
    (void)facts_version(&self);
    atomic_store(&counters.descended_count, 100);
    atomic_store(&counters.descended_dropped_count, 75);
    CHECK_EQUAL(2 * FACTS_TABLE_BYTES + 2 * FACTS_TABLE_BYTES / 4,
                amplification_live_bytes(&counters, self.of));
    atomic_store(&counters.descended_dropped_count, 200); /* tombstones, each with its key */
    CHECK_EQUAL(0, amplification_live_bytes(&counters, self.of));
    facts_reset(&self);
}

TEST(a_compaction_counts_for_the_levels_that_it_reads_and_writes)
{
    facts_fixture self;
    lsm_counters counters = {0};
    table_output_counts written = {.bytes_written = 1500, .entries_dropped = 40};
    facts_init(&self);
    table_file *upper[1] = {facts_add(&self, 5, "a", "m")};
    table_file *lower[2] = {facts_add(&self, 6, "a", "c"), facts_add(&self, 6, "d", "m")};
    compaction_plan plan = {
        .input_level = 5, .output_level = 6, .inputs = {upper, lower}, .input_counts = {1, 2}};
    amplification_count(&counters, &plan, &written);
    CHECK_EQUAL(FACTS_TABLE_BYTES, counters.level_read_bytes[5]);
    CHECK_EQUAL(2 * FACTS_TABLE_BYTES, counters.level_read_bytes[6]);
    CHECK_EQUAL(3 * FACTS_TABLE_BYTES, counters.compaction_read_bytes);
    CHECK_EQUAL(0, counters.level_written_bytes[5]);
    CHECK_EQUAL(1500, counters.level_written_bytes[6]);
    CHECK_EQUAL(FACTS_ENTRIES, counters.descended_count);
    CHECK_EQUAL(40, counters.descended_dropped_count);
    plan.input_level = 6; /* a rewrite says nothing of what comes down */
    plan.input_counts[1] = 0;
    amplification_count(&counters, &plan, &written);
    CHECK_EQUAL(FACTS_ENTRIES, counters.descended_count);
}

TEST(a_fresh_store_has_no_ratios)
{
    fixture self = fixture_new();
    pykv_stats stats = fixture_stats(&self);
    CHECK(stats.write_amplification == 0 && stats.read_amplification == 0);
    CHECK(stats.space_amplification == 0);
    fixture_free(&self);
}

TEST(a_store_that_wrote_its_rows_over_knows_what_that_costs)
{
    fixture self = fixture_new();
    for (int round = 0; round < 4; round++) {
        fixture_fill(&self, 0, 50, 500);
        CHECK_OK(lsm_flush(self.store));
    }
    pykv_stats before = fixture_stats(&self);
    CHECK_EQUAL(4 * 50 * (500 + 9), before.user_bytes);
    CHECK(before.write_amplification > 2 && before.write_amplification < 2.5);
    CHECK(before.space_amplification == 1 && before.level_score[0] == 1);
    fixture_maintain(&self, PYKV_ROLE_DATA);
    pykv_stats after = fixture_stats(&self);
    CHECK(after.write_amplification > before.write_amplification + 0.2);
    CHECK(after.level_score[0] == 0 && after.space_amplification == 1);
    CHECK_EQUAL(before.level_bytes[0], after.level_read_bytes[0]);
    CHECK_EQUAL(after.flushed_bytes, after.level_written_bytes[0]);
    CHECK_EQUAL(after.compacted_bytes, after.level_written_bytes[LSM_LEVEL_COUNT - 1]);
    fixture_fill(&self, 0, 50, 500);
    CHECK_OK(lsm_flush(self.store));
    CHECK(fixture_stats(&self).space_amplification > 1.5);
    fixture_free(&self);
}

TEST(a_get_counts_the_blocks_it_looked_into)
{
    fixture self = fixture_new();
    fixture_fill(&self, 0, 50, 500);
    CHECK_OK(lsm_flush(self.store));
    fixture_expect(&self, "key-00003x", NULL);
    for (int i = 0; i < 4; i++) {
        pykv_status status = lsm_contains(self.store, fixture_text("key-00003"), PYKV_NO_WAIT);
        if (status == PYKV_WOULD_BLOCK) {
            CHECK_OK(lsm_contains(self.store, fixture_text("key-00003"), 0));
        }
    }
    pykv_stats stats = fixture_stats(&self);
    CHECK_EQUAL(5, stats.get_count);
    CHECK(stats.get_block_count >= 4 && stats.get_block_count <= 5);
    CHECK(stats.read_amplification == (double)stats.get_block_count / 5);
    fixture_free(&self);
}

TEST_MAIN(CASE(all_is_live_before_a_compaction_has_met_anything_dead),
          CASE(what_stands_above_the_last_level_is_as_dead_as_what_came_down),
          CASE(a_compaction_counts_for_the_levels_that_it_reads_and_writes),
          CASE(a_fresh_store_has_no_ratios),
          CASE(a_store_that_wrote_its_rows_over_knows_what_that_costs),
          CASE(a_get_counts_the_blocks_it_looked_into))
