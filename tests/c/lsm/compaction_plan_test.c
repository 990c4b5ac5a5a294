/*
 * compaction_plan_test: what must come along with the tables that are wanted.
 */
#include "harness/check.h"

#include "lsm/compaction_plan.h"
#include "lsm/facts_fixture.h"
#include "lsm/plan_text.h"

static facts_fixture fixture;

static pykv_status plan_level(uint8_t level_index, uint32_t first, uint32_t count,
                              const compaction_options *options, compaction_plan *out)
{
    level_run run = {first, count};
    return compaction_plan_level(facts_version(&fixture), options, level_index, run, "size", out);
}

/* The plan that wants the tables of level 0 whose place has a "1" in the text. */
static pykv_status plan_level0(uint8_t output_level, const char *wanted,
                               const compaction_options *options, compaction_plan *out)
{
    bool flags[16] = {false};
    for (size_t i = 0; wanted[i] != '\0'; i++) {
        flags[i] = wanted[i] == '1';
    }
    return compaction_plan_level0(facts_version(&fixture), options, output_level, flags, "level 0",
                                  out);
}

TEST(overlap_is_all_tables_with_keys_between_two)
{
    facts_init(&fixture);
    facts_add(&fixture, 2, "b", "d");
    facts_add(&fixture, 2, "f", "h");
    facts_add(&fixture, 2, "j", "l");
    static const struct {
        const char *smallest;
        const char *largest;
        uint32_t first;
        uint32_t count;
    } cases[] = {{"a", "a", 0, 0}, {"a", "b", 0, 1}, {"d", "d", 0, 1}, {"d", "f", 0, 2},
                 {"e", "e", 1, 0}, {"e", "z", 1, 2}, {"a", "z", 0, 3}, {"m", "z", 3, 0}};
    const level *at = &facts_version(&fixture)->levels[2];
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        level_run run =
            level_overlap(at, facts_key(cases[i].smallest), facts_key(cases[i].largest));
        CHECK_EQUAL(cases[i].first, run.first);
        CHECK_EQUAL(cases[i].count, run.count);
        CHECK_EQUAL(cases[i].count * FACTS_TABLE_BYTES, level_run_bytes(at, run));
    }
    facts_reset(&fixture);
}

TEST(a_plan_takes_what_overlaps_in_the_next_level_and_knows_the_one_behind)
{
    compaction_plan plan;
    compaction_options options = facts_options();
    facts_init(&fixture);
    facts_add(&fixture, 3, "c", "e");
    facts_add(&fixture, 4, "a", "b");
    facts_add(&fixture, 4, "b1", "c");
    facts_add(&fixture, 4, "d", "g");
    facts_add(&fixture, 4, "h", "i");
    facts_add(&fixture, 5, "a", "b");
    facts_add(&fixture, 5, "b1", "b2");
    facts_add(&fixture, 5, "f", "z");
    CHECK_OK(plan_level(3, 0, 1, &options, &plan));
    CHECK_EQUAL(3 * FACTS_TABLE_BYTES, plan.input_bytes);
    CHECK(slice_equal(facts_key("b1"), plan.smallest));
    CHECK(slice_equal(facts_key("g"), plan.largest));
    CHECK(strcmp("size", plan.reason) == 0);
    CHECK_PLAN("3>4: 1 | 3 4 | 7 8", &plan);
    facts_reset(&fixture);
}

TEST(a_plan_grows_by_neighbours_that_take_no_more_of_the_next_level)
{
    compaction_plan plan;
    compaction_options options = facts_options();
    facts_init(&fixture);
    facts_add(&fixture, 3, "a", "b");
    facts_add(&fixture, 3, "c", "d");
    facts_add(&fixture, 3, "e", "f");
    facts_add(&fixture, 3, "g", "z");
    facts_add(&fixture, 4, "b", "e");
    CHECK_OK(plan_level(3, 1, 1, &options, &plan));
    CHECK_PLAN("3>4: 1 2 3 | 5 |", &plan);
    options.input_bytes_max = 3 * FACTS_TABLE_BYTES;
    CHECK_OK(plan_level(3, 1, 1, &options, &plan));
    CHECK_PLAN("3>4: 2 | 5 |", &plan);
    options = facts_options();
    fixture.list[0]->busy = true;
    CHECK_OK(plan_level(3, 1, 1, &options, &plan));
    CHECK_PLAN("3>4: 2 | 5 |", &plan);
    facts_reset(&fixture);
}

TEST(a_table_that_overlaps_nothing_is_moved)
{
    compaction_plan plan;
    compaction_options options = facts_options();
    facts_init(&fixture);
    facts_add(&fixture, 3, "c", "e");
    facts_add(&fixture, 3, "f", "g");
    facts_add(&fixture, 4, "a", "b");
    facts_add(&fixture, 5, "a", "z");
    CHECK_OK(plan_level(3, 0, 1, &options, &plan));
    CHECK_PLAN("moved 3>4: 1 | | 4", &plan);
    CHECK_OK(plan_level(3, 0, 2, &options, &plan));
    CHECK_PLAN("3>4: 1 2 | | 4", &plan);
    fixture.list[3]->facts.file_bytes = 11 * FACTS_TABLE_BYTES;
    CHECK_OK(plan_level(3, 0, 1, &options, &plan));
    CHECK_PLAN("3>4: 1 | | 4", &plan);
    facts_reset(&fixture);
}

/* A load in the order of keys moved every table down to the last level as it was, uncompressed. */
TEST(a_table_is_not_moved_where_tables_begin_to_be_compressed)
{
    compaction_plan plan;
    compaction_options options = facts_options();
    facts_init(&fixture);
    facts_add(&fixture, 1, "c", "e");
    facts_add(&fixture, 2, "f", "g");
    options.level_compressed_min = 2;
    CHECK_OK(plan_level(1, 0, 1, &options, &plan));
    CHECK_PLAN("1>2: 1 | |", &plan);
    CHECK_OK(plan_level(2, 0, 1, &options, &plan));
    CHECK_PLAN("moved 2>3: 2 | |", &plan);
    options.level_compressed_min = 3;
    CHECK_OK(plan_level(1, 0, 1, &options, &plan));
    CHECK_PLAN("moved 1>2: 1 | |", &plan);
    facts_reset(&fixture);
}

TEST(a_table_with_tombstones_is_moved_only_above_what_they_hide)
{
    compaction_plan plan;
    compaction_options options = facts_options();
    facts_init(&fixture);
    facts_add(&fixture, 3, "c", "e")->facts.tombstone_count = 1;
    facts_add(&fixture, 3, "g", "h")->facts.tombstone_count = 1;
    facts_add(&fixture, 3, "i", "j")->facts.deadline_min_us = 1000;
    facts_add(&fixture, 3, "k", "l")->facts.deadline_min_us = 1001;
    facts_add(&fixture, 6, "a", "f");
    CHECK_OK(plan_level(3, 0, 1, &options, &plan));
    CHECK_PLAN("moved 3>4: 1 | |", &plan);
    CHECK_OK(plan_level(3, 1, 1, &options, &plan));
    CHECK_PLAN("3>4: 2 | |", &plan);
    CHECK_OK(plan_level(3, 2, 1, &options, &plan));
    CHECK_PLAN("3>4: 3 | |", &plan);
    CHECK_OK(plan_level(3, 3, 1, &options, &plan));
    CHECK_PLAN("moved 3>4: 4 | |", &plan);
    facts_reset(&fixture);
}

TEST(of_level_0_a_plan_takes_every_table_in_the_chain_of_overlaps)
{
    compaction_plan plan;
    compaction_options options = facts_options();
    facts_init(&fixture);
    facts_add(&fixture, 6, "b", "c");
    facts_add(&fixture, 0, "a", "d");
    facts_add(&fixture, 0, "c", "g");
    facts_add(&fixture, 0, "x", "y");
    facts_add(&fixture, 0, "f", "h");
    CHECK_OK(plan_level0(6, "0001", &options, &plan));
    CHECK_PLAN("0>6: 5 3 2 | 1 |", &plan);
    CHECK_OK(plan_level0(6, "1000", &options, &plan));
    CHECK_PLAN("0>6: 5 3 2 | 1 |", &plan);
    CHECK_OK(plan_level0(6, "0100", &options, &plan));
    CHECK_PLAN("moved 0>6: 4 | |", &plan);
    facts_reset(&fixture);
}

TEST(of_level_0_a_plan_takes_what_lies_within_the_tables_that_it_rewrites)
{
    compaction_plan plan;
    compaction_options options = facts_options();
    facts_init(&fixture);
    facts_add(&fixture, 6, "a", "m");
    facts_add(&fixture, 6, "n", "z");
    facts_add(&fixture, 0, "a", "b");
    facts_add(&fixture, 0, "k", "l");
    facts_add(&fixture, 0, "o", "p");
    CHECK_OK(plan_level0(6, "001", &options, &plan));
    CHECK_PLAN("0>6: 4 3 | 1 |", &plan);
    facts_reset(&fixture);
}

TEST(the_last_level_is_rewritten_where_it_stands)
{
    compaction_plan plan;
    compaction_options options = facts_options();
    facts_init(&fixture);
    facts_add(&fixture, 6, "a", "m");
    facts_add(&fixture, 6, "n", "z");
    level_run run = {1, 1};
    CHECK_OK(
        compaction_plan_rewrite(facts_version(&fixture), &options, 6, run, "tombstones", &plan));
    CHECK_PLAN("6>6: 2 | |", &plan);
    facts_reset(&fixture);
}

TEST(a_busy_table_is_not_taken_again)
{
    compaction_plan first;
    compaction_plan second;
    compaction_options options = facts_options();
    facts_init(&fixture);
    facts_add(&fixture, 5, "a", "c");
    facts_add(&fixture, 5, "e", "g");
    facts_add(&fixture, 6, "a", "b");
    facts_add(&fixture, 6, "c", "f");
    facts_add(&fixture, 0, "a", "z");
    facts_add(&fixture, 0, "a", "z");
    CHECK_OK(plan_level(5, 0, 1, &options, &first));
    compaction_plan_begin(&first);
    CHECK_STATUS(PYKV_WOULD_BLOCK, plan_level(5, 0, 1, &options, &second));
    CHECK_STATUS(PYKV_WOULD_BLOCK, plan_level(5, 1, 1, &options, &second));
    CHECK_STATUS(PYKV_WOULD_BLOCK, plan_level0(5, "01", &options, &second));
    level_run run = {1, 1};
    CHECK_STATUS(PYKV_WOULD_BLOCK, compaction_plan_rewrite(facts_version(&fixture), &options, 6,
                                                           run, "manual", &second));
    compaction_plan_end(&first);
    CHECK_OK(plan_level(5, 1, 1, &options, &second));
    CHECK_PLAN("5>6: 2 | 4 |", &second);
    compaction_plan_reset(&first);
    facts_reset(&fixture);
}

TEST(level_0_is_compacted_once_at_a_time)
{
    compaction_plan plan;
    compaction_options options = facts_options();
    facts_init(&fixture);
    facts_add(&fixture, 0, "a", "b");
    facts_add(&fixture, 0, "y", "z");
    fixture.list[0]->busy = true;
    CHECK_STATUS(PYKV_WOULD_BLOCK, plan_level0(6, "10", &options, &plan));
    facts_reset(&fixture);
}

/* A table came to stand between two inputs of a compaction that has no output yet. Its own
 * compaction must wait: an output of the first may span its keys. */
TEST(no_plan_goes_between_the_keys_of_a_running_one)
{
    compaction_plan first;
    compaction_plan second;
    compaction_options options = facts_options();
    facts_init(&fixture);
    facts_add(&fixture, 5, "a", "c");
    facts_add(&fixture, 5, "g", "i");
    CHECK_OK(plan_level(5, 0, 2, &options, &first));
    compaction_plan_begin(&first);
    version *before = fixture.of;
    fixture.of = NULL;
    facts_add(&fixture, 5, "d", "f");
    facts_add(&fixture, 5, "k", "l");
    const compaction_plan *running[] = {&first};
    options.running = running;
    options.running_count = 1;
    CHECK_STATUS(PYKV_WOULD_BLOCK, plan_level(5, 1, 1, &options, &second));
    CHECK_OK(plan_level(5, 3, 1, &options, &second));
    CHECK_PLAN("moved 5>6: 4 | |", &second);
    compaction_plan_end(&first);
    compaction_plan_reset(&first);
    facts_drop(before);
    facts_reset(&fixture);
}

TEST(a_plan_that_finds_no_memory_leaves_nothing)
{
    compaction_plan plan;
    compaction_options options = facts_options();
    level_run run = {0, 1};
    facts_init(&fixture);
    facts_add(&fixture, 0, "a", "c");
    facts_add(&fixture, 6, "a", "b");
    facts_version(&fixture);
    mem_fail_at(1, 1);
    CHECK_STATUS(PYKV_NO_MEMORY, plan_level0(6, "1", &options, &plan));
    mem_fail_at(2, 1);
    CHECK_STATUS(PYKV_NO_MEMORY, plan_level0(6, "1", &options, &plan));
    mem_fail_at(1, 1);
    CHECK_STATUS(PYKV_NO_MEMORY, compaction_plan_rewrite(fixture.of, &options, 6, run, "", &plan));
    mem_fail_at(0, 0);
    facts_reset(&fixture);
}

TEST_MAIN(CASE(overlap_is_all_tables_with_keys_between_two),
          CASE(a_plan_takes_what_overlaps_in_the_next_level_and_knows_the_one_behind),
          CASE(a_plan_grows_by_neighbours_that_take_no_more_of_the_next_level),
          CASE(a_table_that_overlaps_nothing_is_moved),
          CASE(a_table_is_not_moved_where_tables_begin_to_be_compressed),
          CASE(a_table_with_tombstones_is_moved_only_above_what_they_hide),
          CASE(of_level_0_a_plan_takes_every_table_in_the_chain_of_overlaps),
          CASE(of_level_0_a_plan_takes_what_lies_within_the_tables_that_it_rewrites),
          CASE(the_last_level_is_rewritten_where_it_stands), CASE(a_busy_table_is_not_taken_again),
          CASE(level_0_is_compacted_once_at_a_time),
          CASE(no_plan_goes_between_the_keys_of_a_running_one),
          CASE(a_plan_that_finds_no_memory_leaves_nothing))
