/*
 * compaction_score_test: targets, scores and debt of levels.
 */
#include "harness/check.h"

#include "lsm/compaction_score.h"
#include "lsm/facts_fixture.h"

static facts_fixture fixture;

/* Levels from 4 tables of FACTS_TABLE_BYTES up. */
static compaction_levels measure(void)
{
    compaction_levels levels;
    compaction_options options = facts_options();
    compaction_levels_measure(facts_version(&fixture), &options, &levels);
    return levels;
}

TEST(an_empty_store_goes_from_level_0_to_the_last)
{
    facts_init(&fixture);
    compaction_levels levels = measure();
    CHECK_EQUAL(LSM_LEVEL_COUNT - 1, levels.base);
    CHECK_EQUAL(LSM_LEVEL_COUNT - 1, levels.last);
    for (uint8_t i = 0; i < LSM_LEVEL_COUNT; i++) {
        CHECK(levels.scores[i] == 0);
    }
    compaction_options options = facts_options();
    CHECK_EQUAL(0, compaction_debt(facts_version(&fixture), &options));
    facts_reset(&fixture);
}

TEST(the_size_of_the_last_level_sets_targets_and_base)
{
    facts_init(&fixture);
    table_file *large = facts_add(&fixture, 6, "a", "z");
    large->facts.file_bytes = 39 * FACTS_TABLE_BYTES;
    compaction_levels levels = measure();
    CHECK_EQUAL(6, levels.base);
    facts_reset(&fixture);

    facts_init(&fixture);
    large = facts_add(&fixture, 6, "a", "z");
    large->facts.file_bytes = 450 * FACTS_TABLE_BYTES;
    levels = measure();
    CHECK_EQUAL(4, levels.base);
    CHECK_EQUAL(45 * FACTS_TABLE_BYTES, levels.targets[5]);
    CHECK_EQUAL(9 * FACTS_TABLE_BYTES / 2, levels.targets[4]);
    CHECK_EQUAL(0, levels.targets[3]);
    facts_reset(&fixture);
}

TEST(level_0_is_due_by_its_number_of_tables)
{
    facts_init(&fixture);
    facts_add(&fixture, 0, "a", "z");
    facts_add(&fixture, 0, "a", "z");
    facts_add(&fixture, 0, "a", "z");
    CHECK(measure().scores[0] == 0.75);
    fixture.list[0]->busy = true;
    CHECK(measure().scores[0] == 0.5);
    facts_reset(&fixture);
}

TEST(a_level_is_due_by_its_bytes_without_what_is_on_its_way)
{
    facts_init(&fixture);
    table_file *large = facts_add(&fixture, 6, "a", "z");
    large->facts.file_bytes = 40 * FACTS_TABLE_BYTES;
    facts_add(&fixture, 5, "a", "c")->facts.file_bytes = 6 * FACTS_TABLE_BYTES;
    facts_add(&fixture, 5, "d", "f")->facts.file_bytes = 4 * FACTS_TABLE_BYTES;
    CHECK(measure().scores[5] == 2.5);
    fixture.list[1]->busy = true;
    CHECK(measure().scores[5] == 1);
    CHECK(measure().scores[6] == 0);
    facts_reset(&fixture);
}

/* The score of six tables of level 0 above a last level that weighs as many tables. */
static double score_above(uint64_t tables)
{
    facts_init(&fixture);
    facts_add(&fixture, 6, "a", "z")->facts.file_bytes = tables * FACTS_TABLE_BYTES;
    for (size_t i = 0; i < 6; i++) {
        facts_add(&fixture, 0, "a", "z");
    }
    double score = measure().scores[0];
    facts_reset(&fixture);
    return score;
}

TEST(level_0_waits_for_as_many_tables_as_weigh_what_its_base_does)
{
    CHECK(score_above(3) == 6.0 / 4);
    CHECK(score_above(6) == 1);
    CHECK(score_above(30) == 6.0 / 8);
}

TEST(a_base_that_is_larger_than_it_should_be_does_not_keep_level_0_waiting)
{
    facts_init(&fixture);
    facts_add(&fixture, 6, "a", "z")->facts.file_bytes = 40 * FACTS_TABLE_BYTES;
    facts_add(&fixture, 5, "a", "z")->facts.file_bytes = 20 * FACTS_TABLE_BYTES;
    for (size_t i = 0; i < 6; i++) {
        facts_add(&fixture, 0, "a", "z");
    }
    CHECK(measure().scores[0] == 6.0 / 4);
    facts_reset(&fixture);
}

/* The store has shrunk: what stands above the base goes down, and level 0 goes on top of it. */
TEST(a_level_above_the_base_is_due_as_long_as_it_has_a_table)
{
    facts_init(&fixture);
    facts_add(&fixture, 6, "a", "z");
    facts_add(&fixture, 4, "a", "z")->facts.file_bytes = 1;
    compaction_levels levels = measure();
    CHECK_EQUAL(4, levels.base);
    CHECK(levels.scores[4] > 1);
    fixture.list[1]->busy = true;
    CHECK(measure().scores[4] == 0);
    facts_reset(&fixture);
}

TEST(debt_is_what_moving_the_excess_costs_level_by_level)
{
    compaction_options options = facts_options();
    facts_init(&fixture);
    facts_add(&fixture, 6, "a", "z")->facts.file_bytes = 40 * FACTS_TABLE_BYTES;
    facts_add(&fixture, 5, "a", "z")->facts.file_bytes = 5 * FACTS_TABLE_BYTES;
    CHECK_EQUAL(FACTS_TABLE_BYTES * (1 + 8), compaction_debt(facts_version(&fixture), &options));
    facts_reset(&fixture);

    facts_init(&fixture);
    facts_add(&fixture, 6, "a", "z")->facts.file_bytes = 40 * FACTS_TABLE_BYTES;
    for (size_t i = 0; i < 4; i++) {
        facts_add(&fixture, 0, "a", "z");
    }
    CHECK_EQUAL(4 * FACTS_TABLE_BYTES, compaction_debt(facts_version(&fixture), &options));
    facts_reset(&fixture);
}

TEST(debt_rises_with_every_table_of_level_0)
{
    uint64_t before = 0;
    compaction_options options = facts_options();
    for (size_t count = 4; count < 20; count++) {
        facts_init(&fixture);
        facts_add(&fixture, 6, "a", "z")->facts.file_bytes = 400 * FACTS_TABLE_BYTES;
        facts_add(&fixture, 5, "a", "z")->facts.file_bytes = 40 * FACTS_TABLE_BYTES;
        facts_add(&fixture, 4, "a", "z")->facts.file_bytes = 4 * FACTS_TABLE_BYTES;
        for (size_t i = 0; i < count; i++) {
            facts_add(&fixture, 0, "a", "z");
        }
        uint64_t debt = compaction_debt(facts_version(&fixture), &options);
        CHECK(debt > before);
        before = debt;
        facts_reset(&fixture);
    }
}

static compaction_options lazy_options(void)
{
    compaction_options options = compaction_options_make_lazy(FACTS_TABLE_BYTES);
    options.visible_sequence = 1000;
    return options;
}

/* Adds count runs to a last level of so many tables' bytes, and measures. */
static compaction_levels measure_lazy(uint64_t last_tables, size_t count)
{
    compaction_levels levels;
    compaction_options options = lazy_options();
    facts_init(&fixture);
    facts_add(&fixture, 6, "a", "z")->facts.file_bytes = last_tables * FACTS_TABLE_BYTES;
    for (size_t i = 0; i < count; i++) {
        facts_add(&fixture, 0, "a", "z");
    }
    compaction_levels_measure(facts_version(&fixture), &options, &levels);
    return levels;
}

TEST(lazy_levels_have_one_target_and_a_base_by_what_goes_down)
{
    compaction_levels levels = measure_lazy(15, 10);
    CHECK_EQUAL(6, levels.base);
    CHECK_EQUAL(0, levels.targets[5]);
    CHECK(levels.scores[0] == 10 / 7.5);
    facts_reset(&fixture);
    levels = measure_lazy(100, 10);
    CHECK_EQUAL(5, levels.base);
    CHECK(levels.scores[0] == 0.5);
    facts_reset(&fixture);
    levels = measure_lazy(2, 6);
    CHECK(levels.scores[0] == 0.3);
    facts_reset(&fixture);
}

static uint64_t lazy_debt(void)
{
    compaction_options options = lazy_options();
    return compaction_debt(facts_version(&fixture), &options);
}

TEST(lazy_debt_is_what_gathers_faster_than_it_goes_down)
{
    measure_lazy(40, 20);
    CHECK_EQUAL(0, lazy_debt());
    facts_reset(&fixture);
    measure_lazy(40, 24);
    CHECK_EQUAL(8 * 4 * FACTS_TABLE_BYTES, lazy_debt());
    for (size_t i = 1; i <= 20; i++) {
        fixture.list[i]->busy = true; /* they count three quarters, and 4 newer ones */
    }
    CHECK_EQUAL(0, lazy_debt());
    facts_reset(&fixture);
}

/* Until the last level is large enough to compare with. */
TEST(there_is_no_lazy_debt_before_runs_are_merged)
{
    measure_lazy(1, 8);
    CHECK_EQUAL(0, lazy_debt());
    facts_reset(&fixture);
    measure_lazy(1, 9);
    CHECK_EQUAL(8 * FACTS_TABLE_BYTES, lazy_debt());
    facts_reset(&fixture);
}

TEST_MAIN(CASE(an_empty_store_goes_from_level_0_to_the_last),
          CASE(the_size_of_the_last_level_sets_targets_and_base),
          CASE(level_0_is_due_by_its_number_of_tables),
          CASE(level_0_waits_for_as_many_tables_as_weigh_what_its_base_does),
          CASE(a_base_that_is_larger_than_it_should_be_does_not_keep_level_0_waiting),
          CASE(a_level_is_due_by_its_bytes_without_what_is_on_its_way),
          CASE(a_level_above_the_base_is_due_as_long_as_it_has_a_table),
          CASE(debt_is_what_moving_the_excess_costs_level_by_level),
          CASE(debt_rises_with_every_table_of_level_0),
          CASE(lazy_levels_have_one_target_and_a_base_by_what_goes_down),
          CASE(lazy_debt_is_what_gathers_faster_than_it_goes_down),
          CASE(there_is_no_lazy_debt_before_runs_are_merged))
