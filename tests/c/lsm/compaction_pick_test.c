/*
 * compaction_pick_test: which compaction is next.
 */
#include "harness/check.h"

#include "lsm/compaction_pick.h"
#include "lsm/facts_fixture.h"
#include "lsm/plan_text.h"

static facts_fixture fixture;

/* Checks the plan that is picked, and why; "" means none. */
static void check_picked(const compaction_options *options, const char *reason, const char *wanted)
{
    compaction_plan plan;
    pykv_status status = compaction_pick(facts_version(&fixture), options, &plan);
    CHECK_EQUAL(wanted[0] == '\0' ? PYKV_NOT_FOUND : PYKV_OK, status);
    if (status == PYKV_OK) {
        CHECK(strcmp(reason, plan.reason) == 0);
        CHECK_PLAN(wanted, &plan);
    }
}

/* A last level of 40 tables' bytes, so that level 5 may have 4: table 1. */
static void open_fixture(void)
{
    facts_init(&fixture);
    facts_add(&fixture, 6, "a", "b")->facts.file_bytes = 40 * FACTS_TABLE_BYTES;
}

TEST(nothing_is_picked_as_long_as_no_level_is_due)
{
    compaction_options options = facts_options();
    facts_init(&fixture);
    check_picked(&options, "", "");
    facts_reset(&fixture);
    open_fixture();
    facts_add(&fixture, 5, "c", "d");
    facts_add(&fixture, 0, "a", "z");
    facts_add(&fixture, 0, "a", "z");
    facts_add(&fixture, 0, "a", "z");
    check_picked(&options, "", "");
    facts_reset(&fixture);
}

TEST(level_0_goes_into_the_base_level)
{
    compaction_options options = facts_options();
    open_fixture();
    facts_add(&fixture, 5, "c", "d");
    facts_add(&fixture, 5, "g", "h");
    for (size_t i = 0; i < 4; i++) {
        facts_add(&fixture, 0, "a", "d");
    }
    check_picked(&options, "level 0", "0>5: 7 6 5 4 | 2 | 1");
    facts_reset(&fixture);
}

/* Older tables must not stay above newer ones, so the oldest one is where it begins. */
TEST(of_level_0_the_oldest_table_goes_first)
{
    compaction_options options = facts_options();
    open_fixture();
    facts_add(&fixture, 0, "a", "b");
    facts_add(&fixture, 0, "a", "b");
    facts_add(&fixture, 0, "m", "n");
    facts_add(&fixture, 0, "o", "p");
    check_picked(&options, "level 0", "0>5: 3 2 | | 1");
    facts_reset(&fixture);
}

TEST(tables_of_level_0_that_rise_are_moved_one_by_one)
{
    compaction_options options = facts_options();
    facts_init(&fixture);
    facts_add(&fixture, 0, "a", "b");
    facts_add(&fixture, 0, "c", "d");
    facts_add(&fixture, 0, "e", "f");
    facts_add(&fixture, 0, "g", "h");
    check_picked(&options, "level 0", "moved 0>6: 1 | |");
    facts_reset(&fixture);
}

TEST(the_level_that_is_most_above_its_target_goes_first)
{
    compaction_options options = facts_options();
    open_fixture();
    facts_add(&fixture, 5, "a", "d")->facts.file_bytes = 6 * FACTS_TABLE_BYTES;
    for (size_t i = 0; i < 5; i++) {
        facts_add(&fixture, 0, "e", "f");
    }
    check_picked(&options, "size", "5>6: 2 | 1 |");
    fixture.list[1]->busy = true;
    check_picked(&options, "level 0", "0>5: 7 6 5 4 3 | |");
    facts_reset(&fixture);
}

TEST(the_table_that_overlaps_least_for_its_size_goes_first)
{
    compaction_options options = facts_options();
    facts_init(&fixture);
    facts_add(&fixture, 6, "a", "b")->facts.file_bytes = 20 * FACTS_TABLE_BYTES;
    facts_add(&fixture, 6, "c", "d")->facts.file_bytes = 10 * FACTS_TABLE_BYTES;
    facts_add(&fixture, 6, "e", "f")->facts.file_bytes = 10 * FACTS_TABLE_BYTES;
    facts_add(&fixture, 5, "a", "b")->facts.file_bytes = 3 * FACTS_TABLE_BYTES;
    facts_add(&fixture, 5, "c", "d")->facts.file_bytes = 1 * FACTS_TABLE_BYTES;
    facts_add(&fixture, 5, "e", "f")->facts.file_bytes = 2 * FACTS_TABLE_BYTES;
    check_picked(&options, "size", "5>6: 6 | 3 |");
    fixture.list[2]->busy = true;
    check_picked(&options, "size", "5>6: 4 | 1 |");
    facts_reset(&fixture);
}

TEST(a_level_whose_tables_are_all_busy_is_passed_over)
{
    compaction_options options = facts_options();
    open_fixture();
    facts_add(&fixture, 5, "a", "b")->facts.file_bytes = 6 * FACTS_TABLE_BYTES;
    fixture.list[0]->busy = true;
    check_picked(&options, "", "");
    facts_reset(&fixture);
}

/* With several threads something is always running from base: level 0 would never go. */
TEST(while_level_0_waits_for_base_nothing_more_of_base_is_taken)
{
    compaction_plan plan;
    compaction_options options = facts_options();
    facts_init(&fixture);
    facts_add(&fixture, 6, "a", "b")->facts.file_bytes = 40 * FACTS_TABLE_BYTES;
    facts_add(&fixture, 5, "a", "b")->facts.file_bytes = 9 * FACTS_TABLE_BYTES;
    facts_add(&fixture, 5, "c", "d")->facts.file_bytes = 9 * FACTS_TABLE_BYTES;
    for (int i = 0; i < 20; i++) {
        facts_add(&fixture, 0, "a", "d");
    }
    fixture.list[1]->busy = true;
    check_picked(&options, "", "");
    fixture.list[1]->busy = false;
    CHECK_OK(compaction_pick(facts_version(&fixture), &options, &plan));
    CHECK(strcmp("level 0", plan.reason) == 0);
    CHECK_EQUAL(20, plan.input_counts[0]);
    compaction_plan_reset(&plan);
    facts_reset(&fixture);
}

/* Tables of 100 entries: 1 below 2 and 3, and 4 below nothing. */
static void open_dense(uint64_t tombstones)
{
    facts_init(&fixture);
    facts_add(&fixture, 6, "a", "c")->facts.file_bytes = 40 * FACTS_TABLE_BYTES;
    facts_add(&fixture, 5, "a", "a1")->facts.tombstone_count = 10;
    facts_add(&fixture, 5, "b", "d")->facts.tombstone_count = tombstones;
}

TEST(a_table_dense_with_tombstones_goes_though_no_level_is_due)
{
    compaction_options options = facts_options();
    open_dense(50);
    check_picked(&options, "tombstones", "5>6: 3 | 1 |");
    options.visible_sequence = 2;
    check_picked(&options, "", "");
    facts_reset(&fixture);
}

TEST(a_table_with_fewer_tombstones_than_pay_stays)
{
    compaction_options options = facts_options();
    open_dense(49);
    check_picked(&options, "", "");
    fixture.list[0]->facts.entry_count = 98;
    check_picked(&options, "tombstones", "5>6: 3 | 1 |");
    fixture.list[2]->facts.entry_count = 196;
    check_picked(&options, "", "");
    facts_reset(&fixture);
}

TEST(tombstones_of_the_last_level_are_dropped_where_they_stand)
{
    compaction_options options = facts_options();
    open_fixture();
    facts_add(&fixture, 6, "m", "n")->facts.tombstone_count = 25;
    check_picked(&options, "", "");
    fixture.list[1]->facts.tombstone_count = 26;
    check_picked(&options, "tombstones", "6>6: 2 | |");
    facts_reset(&fixture);
}

TEST(a_table_that_expired_goes_before_one_with_tombstones)
{
    compaction_options options = facts_options();
    open_dense(60);
    facts_add(&fixture, 6, "x", "y")->facts.deadline_max_us = 1000;
    check_picked(&options, "expired", "6>6: 4 | |");
    fixture.list[3]->facts.deadline_max_us = 1001;
    check_picked(&options, "tombstones", "5>6: 3 | 1 |");
    facts_reset(&fixture);
}

/* Only a table all of whose entries had expired was picked: a row that stays kept the others. */
TEST(a_table_most_of_whose_entries_have_expired_goes_like_one_that_expired)
{
    static const uint32_t one_second[DEADLINE_EIGHTH_COUNT] = {1, 1, 2, 2, 2, 0, 0};
    compaction_options options = facts_options();
    open_fixture();
    memcpy(facts_add(&fixture, 6, "x", "y")->facts.eighths, one_second, sizeof one_second);
    options.now_us = 1999999; /* a quarter */
    check_picked(&options, "", "");
    fixture.list[1]->facts.tombstone_count = 1;
    check_picked(&options, "expired", "6>6: 2 | |");
    fixture.list[1]->facts.tombstone_count = 0;
    options.now_us = 2000000;
    check_picked(&options, "expired", "6>6: 2 | |");
    options.visible_sequence = 1;
    check_picked(&options, "", "");
    facts_reset(&fixture);
}

/* A few tables of level 0 are due for nothing else: what expired in them stayed. */
TEST(level_0_goes_where_what_expired_long_ago_is_a_quarter_of_it_and_base)
{
    compaction_options options = facts_options();
    facts_init(&fixture);
    facts_add(&fixture, 6, "a", "z")->facts.entry_count = 200;
    facts_add(&fixture, 0, "a", "b")->facts.entry_count = 33;
    facts_add(&fixture, 0, "a", "b")->facts.entry_count = 67;
    fixture.list[2]->facts.deadline_max_us = 900;
    options.reap_by_us = 899;
    check_picked(&options, "", "");
    options.reap_by_us = 900;
    check_picked(&options, "", "");
    fixture.list[2]->facts.entry_count = 78;
    check_picked(&options, "level 0", "0>6: 3 2 | 1 |");
    options.visible_sequence = 2;
    check_picked(&options, "", "");
    options = compaction_options_make_lazy(FACTS_TABLE_BYTES);
    options.visible_sequence = 1000;
    options.reap_by_us = 900;
    check_picked(&options, "", "");
    facts_reset(&fixture);
}

TEST(in_a_level_that_is_due_what_expired_goes_first_and_then_what_is_dense)
{
    compaction_options options = facts_options();
    open_dense(60);
    for (size_t i = 0; i < 3; i++) {
        static const char *const keys[] = {"r", "s", "t"};
        facts_add(&fixture, 5, keys[i], keys[i]);
    }
    check_picked(&options, "tombstones", "5>6: 3 | 1 |");
    fixture.list[4]->facts.deadline_min_us = 5;
    fixture.list[4]->facts.deadline_max_us = 5;
    check_picked(&options, "expired", "5>6: 5 | |");
    facts_reset(&fixture);
}

/* Where writers never rest some level is always due, and a dead table of another one stayed. */
TEST(in_their_turn_urgent_tables_go_before_another_level_that_is_due)
{
    compaction_options options = facts_options();
    open_fixture();
    facts_add(&fixture, 5, "a", "d")->facts.file_bytes = 6 * FACTS_TABLE_BYTES;
    facts_add(&fixture, 6, "x", "y")->facts.deadline_max_us = 1000;
    check_picked(&options, "size", "5>6: 2 | 1 |");
    options.urgent_first = true;
    check_picked(&options, "expired", "6>6: 3 | |");
    fixture.list[2]->facts.deadline_max_us = 0;
    check_picked(&options, "size", "5>6: 2 | 1 |");
    fixture.list[2]->facts.tombstone_count = 50;
    check_picked(&options, "tombstones", "6>6: 3 | |");
    facts_reset(&fixture);
}

TEST(in_their_turn_urgent_tables_go_before_level_0_but_not_where_it_waits_for_base)
{
    compaction_options options = facts_options();
    open_fixture();
    facts_add(&fixture, 5, "a", "b");
    table_file *dead = facts_add(&fixture, 5, "m", "n");
    dead->facts.deadline_min_us = dead->facts.deadline_max_us = 1000;
    for (size_t i = 0; i < 5; i++) {
        facts_add(&fixture, 0, "a", "d");
    }
    check_picked(&options, "level 0", "0>5: 8 7 6 5 4 | 2 | 1");
    options.urgent_first = true;
    check_picked(&options, "expired", "5>6: 3 | |");
    fixture.list[1]->busy = true;
    check_picked(&options, "", "");
    facts_reset(&fixture);
}

TEST(a_pick_without_memory_says_so)
{
    compaction_plan plan;
    compaction_options options = facts_options();
    facts_init(&fixture);
    for (size_t i = 0; i < 4; i++) {
        facts_add(&fixture, 0, "a", "z");
    }
    facts_version(&fixture);
    mem_fail_at(1, 1);
    CHECK_STATUS(PYKV_NO_MEMORY, compaction_pick(fixture.of, &options, &plan));
    mem_fail_at(0, 0);
    facts_reset(&fixture);
}

TEST(an_urgent_pick_without_memory_says_so_and_leaves_no_plan)
{
    compaction_plan plan;
    compaction_options options = facts_options();
    options.urgent_first = true;
    open_fixture();
    facts_add(&fixture, 5, "a", "d")->facts.file_bytes = 6 * FACTS_TABLE_BYTES;
    facts_add(&fixture, 6, "x", "y")->facts.deadline_max_us = 1000;
    facts_version(&fixture);
    mem_fail_at(2, 1);
    CHECK_STATUS(PYKV_NO_MEMORY, compaction_pick(fixture.of, &options, &plan));
    mem_fail_at(0, 0);
    facts_reset(&fixture);
}

TEST_MAIN(CASE(nothing_is_picked_as_long_as_no_level_is_due),
          CASE(level_0_goes_into_the_base_level), CASE(of_level_0_the_oldest_table_goes_first),
          CASE(tables_of_level_0_that_rise_are_moved_one_by_one),
          CASE(the_level_that_is_most_above_its_target_goes_first),
          CASE(the_table_that_overlaps_least_for_its_size_goes_first),
          CASE(a_level_whose_tables_are_all_busy_is_passed_over),
          CASE(while_level_0_waits_for_base_nothing_more_of_base_is_taken),
          CASE(a_table_dense_with_tombstones_goes_though_no_level_is_due),
          CASE(a_table_with_fewer_tombstones_than_pay_stays),
          CASE(tombstones_of_the_last_level_are_dropped_where_they_stand),
          CASE(a_table_that_expired_goes_before_one_with_tombstones),
          CASE(a_table_most_of_whose_entries_have_expired_goes_like_one_that_expired),
          CASE(level_0_goes_where_what_expired_long_ago_is_a_quarter_of_it_and_base),
          CASE(in_a_level_that_is_due_what_expired_goes_first_and_then_what_is_dense),
          CASE(in_their_turn_urgent_tables_go_before_another_level_that_is_due),
          CASE(in_their_turn_urgent_tables_go_before_level_0_but_not_where_it_waits_for_base),
          CASE(a_pick_without_memory_says_so),
          CASE(an_urgent_pick_without_memory_says_so_and_leaves_no_plan))
