/*
 * compaction_pick_runs_test: which runs of level 0 become one, and when all go down.
 */
#include "harness/check.h"

#include "lsm/compaction_pick.h"
#include "lsm/compaction_pick_runs.h"
#include "lsm/facts_fixture.h"
#include "lsm/plan_text.h"

static facts_fixture fixture;

/* Four runs become one, of up to 32 tables; eight are many; inputs of over 20 are large. */
static compaction_options lazy_options(void)
{
    compaction_options options = facts_options();
    options.runs_merged = 4;
    options.runs_max = 8;
    options.run_bytes_max = 32 * FACTS_TABLE_BYTES;
    options.input_bytes_max = 20 * FACTS_TABLE_BYTES;
    return options;
}

/* Checks the plan that is picked; "" means none. */
static void check_picked(const compaction_options *options, const char *wanted)
{
    compaction_plan plan;
    pykv_status status = compaction_pick(facts_version(&fixture), options, &plan);
    CHECK_EQUAL(wanted[0] == '\0' ? PYKV_NOT_FOUND : PYKV_OK, status);
    if (status == PYKV_OK) {
        CHECK_PLAN(wanted, &plan);
    }
}

/* A last level of so many tables' bytes: table 1. */
static void open_fixture(uint64_t last_tables)
{
    facts_init(&fixture);
    facts_add(&fixture, 6, "a", "z")->facts.file_bytes = last_tables * FACTS_TABLE_BYTES;
}

/* Runs of so many tables' bytes each, the oldest first. */
static void add_runs(const char *tables)
{
    for (size_t i = 0; tables[i] != '\0'; i++) {
        table_file *made = facts_add(&fixture, 0, "a", "z");
        made->facts.file_bytes = (uint64_t)(tables[i] - '0') * FACTS_TABLE_BYTES;
    }
}

TEST(fewer_runs_than_are_merged_stay)
{
    compaction_options options = lazy_options();
    open_fixture(100);
    add_runs("111");
    check_picked(&options, "");
    facts_reset(&fixture);
}

TEST(in_their_turn_urgent_tables_go_before_runs)
{
    compaction_options options = lazy_options();
    open_fixture(100);
    facts_add(&fixture, 6, "zz", "zz")->facts.deadline_max_us = 1000;
    add_runs("1111");
    check_picked(&options, "0>0: 6 5 4 3 | |");
    options.urgent_first = true;
    check_picked(&options, "6>6: 2 | |");
    facts_reset(&fixture);
}

TEST(runs_of_about_one_size_become_one)
{
    compaction_options options = lazy_options();
    open_fixture(100);
    add_runs("91111");
    check_picked(&options, "0>0: 6 5 4 3 | |");
    facts_reset(&fixture);
    open_fixture(100);
    add_runs("1122");
    check_picked(&options, "0>0: 5 4 3 2 | |");
    facts_reset(&fixture);
}

/* Else a large run would be rewritten for each small one that comes. */
TEST(a_run_is_not_merged_with_much_smaller_ones)
{
    compaction_options options = lazy_options();
    open_fixture(100);
    add_runs("4111");
    check_picked(&options, "");
    facts_reset(&fixture);
}

TEST(of_several_windows_the_lightest_is_merged)
{
    compaction_options options = lazy_options();
    open_fixture(100);
    add_runs("44441111");
    check_picked(&options, "0>0: 9 8 7 6 | |");
    for (size_t i = 5; i < 9; i++) {
        fixture.list[i]->busy = true;
    }
    check_picked(&options, "0>0: 5 4 3 2 | |");
    options.run_bytes_max = 15 * FACTS_TABLE_BYTES;
    check_picked(&options, "");
    facts_reset(&fixture);
}

TEST(runs_go_down_together_when_they_weigh_half_of_the_last_level)
{
    compaction_options options = lazy_options();
    open_fixture(15);
    add_runs("4111");
    check_picked(&options, "");
    fixture.list[1]->facts.file_bytes += FACTS_TABLE_BYTES / 2;
    check_picked(&options, "0>5: 5 4 3 2 | | 1");
    options.input_bytes_max = 23 * FACTS_TABLE_BYTES;
    check_picked(&options, "0>6: 5 4 3 2 | 1 |");
    facts_reset(&fixture);
}

/* What is left of the older ones would be rewritten. */
TEST(runs_wait_until_older_ones_have_left_the_level_above_the_last)
{
    compaction_options options = lazy_options();
    open_fixture(15);
    facts_add(&fixture, 5, "b", "c");
    add_runs("9111");
    check_picked(&options, "5>6: 2 | 1 |");
    fixture.list[1]->busy = true;
    check_picked(&options, "");
    facts_reset(&fixture);
}

TEST(runs_go_down_below_newer_ones_that_are_being_merged)
{
    compaction_options options = lazy_options();
    open_fixture(15);
    add_runs("911111");
    fixture.list[6]->busy = true;
    fixture.list[5]->busy = true;
    check_picked(&options, "0>5: 5 4 3 2 | | 1");
    facts_reset(&fixture);
}

TEST(newer_runs_are_merged_above_older_ones_that_go_down)
{
    compaction_options options = lazy_options();
    open_fixture(100);
    add_runs("991111");
    fixture.list[1]->busy = true;
    fixture.list[2]->busy = true;
    check_picked(&options, "0>0: 7 6 5 4 | |");
    fixture.list[4]->busy = true;
    check_picked(&options, "");
    facts_reset(&fixture);
}

TEST(many_runs_are_merged_though_they_are_less_alike)
{
    compaction_options options = lazy_options();
    options.runs_merged = 5;
    open_fixture(300);
    add_runs("4111141");
    check_picked(&options, "");
    facts_reset(&fixture);
    open_fixture(300);
    add_runs("41111411");
    check_picked(&options, "0>0: 9 8 7 6 5 | |");
    facts_reset(&fixture);
}

TEST(many_runs_that_cannot_be_merged_go_down)
{
    compaction_options options = lazy_options();
    options.run_bytes_max = 3 * FACTS_TABLE_BYTES;
    open_fixture(300);
    add_runs("9999999");
    check_picked(&options, "");
    facts_reset(&fixture);
    open_fixture(300);
    add_runs("99999999");
    check_picked(&options, "0>5: 9 8 7 6 5 4 3 2 | | 1");
    facts_reset(&fixture);
}

TEST(many_small_runs_become_one_however_unlike_they_are)
{
    compaction_options options = lazy_options();
    options.runs_max = 4;
    open_fixture(300);
    add_runs("9111");
    for (size_t i = 1; i < 5; i++) {
        fixture.list[i]->facts.file_bytes /= i == 1 ? 10 : 100;
    }
    check_picked(&options, "0>0: 5 4 3 2 | |");
    facts_reset(&fixture);
}

/* A load in the order of keys would else be written once for each factor by which runs grow. */
TEST(an_oldest_run_that_nothing_overlaps_goes_down_alone)
{
    compaction_options options = lazy_options();
    facts_init(&fixture);
    facts_add(&fixture, 6, "a", "b");
    facts_add(&fixture, 0, "c", "d");
    facts_add(&fixture, 0, "e", "f");
    facts_add(&fixture, 0, "g", "h");
    facts_add(&fixture, 0, "i", "j");
    check_picked(&options, "moved 0>6: 2 | |");
    fixture.list[4]->smallest = facts_key("d");
    check_picked(&options, "0>6: 5 4 3 2 | |");
    facts_reset(&fixture);
}

/* A store that was leveled before. */
TEST(the_levels_between_are_emptied)
{
    compaction_options options = lazy_options();
    open_fixture(400);
    facts_add(&fixture, 5, "a", "b");
    facts_add(&fixture, 4, "x", "y");
    check_picked(&options, "4>5: 3 | | 1");
    fixture.list[2]->busy = true;
    check_picked(&options, "5>6: 2 | 1 |");
    facts_reset(&fixture);
}

TEST_MAIN(CASE(fewer_runs_than_are_merged_stay), CASE(in_their_turn_urgent_tables_go_before_runs),
          CASE(runs_of_about_one_size_become_one), CASE(a_run_is_not_merged_with_much_smaller_ones),
          CASE(of_several_windows_the_lightest_is_merged),
          CASE(runs_go_down_together_when_they_weigh_half_of_the_last_level),
          CASE(runs_wait_until_older_ones_have_left_the_level_above_the_last),
          CASE(runs_go_down_below_newer_ones_that_are_being_merged),
          CASE(newer_runs_are_merged_above_older_ones_that_go_down),
          CASE(many_runs_are_merged_though_they_are_less_alike),
          CASE(many_runs_that_cannot_be_merged_go_down),
          CASE(many_small_runs_become_one_however_unlike_they_are),
          CASE(an_oldest_run_that_nothing_overlaps_goes_down_alone),
          CASE(the_levels_between_are_emptied))
