/*
 * compaction_pick_neighbours_test: small neighbours become one table, and rarely the same rows.
 */
#include "harness/check.h"

#include "lsm/compaction_pick.h"
#include "lsm/facts_fixture.h"
#include "lsm/plan_text.h"

static facts_fixture fixture;

/* Names of one key, rising: of which a table consists that was flushed with one row. */
static const char *const KEYS[] = {
    "c", "d", "e", "f", "g", "h",  "i",  "j",  "k",  "l",  "m",  "n",  "o",  "p",  "q",  "r", "s",
    "t", "u", "v", "w", "x", "x1", "x2", "x3", "x4", "x5", "x6", "x7", "x8", "x9", "y1", "y2"};

/* Adds count tables of a key each, from the key of index first on. */
static void add_small(uint8_t level_index, size_t first, size_t count, uint64_t file_bytes)
{
    for (size_t i = first; i < first + count; i++) {
        facts_add(&fixture, level_index, KEYS[i], KEYS[i])->facts.file_bytes = file_bytes;
    }
}

static void check_plan(pykv_status status, compaction_plan *plan, const char *wanted)
{
    CHECK_EQUAL(wanted[0] == '\0' ? PYKV_NOT_FOUND : PYKV_OK, status);
    if (status == PYKV_OK) {
        CHECK(strcmp("small", plan->reason) == 0);
        CHECK_PLAN(wanted, plan);
    }
}

/* Checks what is picked where nobody asks; "" means none. */
static void check_picked(const char *wanted)
{
    compaction_plan plan;
    compaction_options options = facts_options();
    check_plan(compaction_pick(facts_version(&fixture), &options, &plan), &plan, wanted);
}

/* Checks what is picked for who asks for all tables below a number from start on. */
static void check_asked(const char *start, uint32_t number_before, const char *wanted)
{
    compaction_plan plan;
    compaction_options options = facts_options();
    compaction_wish wish = {{.start = facts_key(start)}, number_before, 1000};
    check_plan(compaction_pick_range(facts_version(&fixture), &options, &wish, &plan), &plan,
               wanted);
}

/* Stores that were opened, written a row and closed again and again once had a table for each time,
 * until they could not be opened any more. */
TEST(eight_small_neighbours_become_one)
{
    facts_init(&fixture);
    add_small(6, 0, 7, 100);
    check_picked("");
    facts_reset(&fixture);
    facts_init(&fixture);
    add_small(6, 0, 8, 100);
    check_picked("6>6: 1 2 3 4 5 6 7 8 | |");
    facts_reset(&fixture);
}

TEST(what_weighs_more_than_a_table_stays)
{
    facts_init(&fixture);
    add_small(6, 0, 8, FACTS_TABLE_BYTES / 8 + 1);
    check_picked("");
    check_asked("", 100, "");
    facts_reset(&fixture);
}

TEST(a_large_table_waits_for_small_ones_that_weigh_as_much)
{
    facts_init(&fixture);
    add_small(6, 0, 1, 400);
    add_small(6, 1, 7, 50);
    check_picked("");
    facts_reset(&fixture);
    facts_init(&fixture);
    add_small(6, 0, 1, 400);
    add_small(6, 1, 8, 50);
    check_picked("6>6: 1 2 3 4 5 6 7 8 9 | |");
    facts_reset(&fixture);
    facts_init(&fixture);
    add_small(6, 0, 1, 900);
    add_small(6, 1, 9, 50);
    check_picked("6>6: 2 3 4 5 6 7 8 9 10 | |");
    facts_reset(&fixture);
}

TEST(the_longest_run_without_a_busy_table_is_taken)
{
    facts_init(&fixture);
    add_small(6, 0, 12, 50);
    fixture.list[2]->busy = true;
    check_picked("6>6: 4 5 6 7 8 9 10 11 12 | |");
    fixture.list[6]->busy = true;
    check_picked("");
    facts_reset(&fixture);
}

TEST(small_tables_above_the_last_level_become_one_too)
{
    facts_init(&fixture);
    facts_add(&fixture, 6, "a", "b")->facts.file_bytes = 40 * FACTS_TABLE_BYTES;
    add_small(5, 0, 9, 50);
    check_picked("5>5: 2 3 4 5 6 7 8 9 10 | |");
    facts_reset(&fixture);
}

/* Else the output would be cut at as many places, for ever. */
TEST(a_run_does_not_reach_over_more_of_the_next_level_than_an_output_may)
{
    facts_init(&fixture);
    facts_add(&fixture, 6, "a", "d")->facts.file_bytes = 40 * FACTS_TABLE_BYTES;
    add_small(5, 0, 9, 50);
    check_picked("");
    facts_reset(&fixture);
    facts_init(&fixture);
    facts_add(&fixture, 6, "a", "c")->facts.file_bytes = 40 * FACTS_TABLE_BYTES;
    add_small(5, 0, 9, 50);
    check_picked("5>5: 3 4 5 6 7 8 9 10 | |");
    facts_reset(&fixture);
}

/* Why the next compaction begins where that many small tables stand beside a level 0 that is due.
 */
static const char *reason_beside_level0(size_t small_count)
{
    compaction_plan plan;
    compaction_options options = facts_options();
    facts_init(&fixture);
    add_small(6, 0, small_count, 10);
    for (size_t i = 0; i < 4; i++) {
        facts_add(&fixture, 0, "y3", "z");
    }
    CHECK_OK(compaction_pick(facts_version(&fixture), &options, &plan));
    const char *reason = plan.reason;
    compaction_plan_reset(&plan);
    facts_reset(&fixture);
    return reason;
}

/* A writer without lent threads does only what lets him go on, which is level 0. */
TEST(many_small_tables_go_before_what_is_due_and_a_few_behind_it)
{
    CHECK(strcmp("level 0", reason_beside_level0(COMPACTION_NEIGHBOURS_MANY - 1)) == 0);
    CHECK(strcmp("small", reason_beside_level0(COMPACTION_NEIGHBOURS_MANY)) == 0);
}

/* A call takes them whatever they weigh beside each other, once. */
TEST(who_asks_gets_small_tables_beside_a_large_one_rewritten)
{
    facts_init(&fixture);
    add_small(6, 0, 1, 400);
    add_small(6, 1, 9, 50);
    check_asked("", 100, "6>6: 1 2 3 4 5 6 7 8 9 10 | |");
    check_asked("d", 100, "6>6: 2 3 4 5 6 7 8 9 10 | |");
    check_asked("", 9, "6>6: 1 2 3 4 5 6 7 8 | |");
    check_asked("", 8, "");
    check_asked("f", 100, "");
    facts_reset(&fixture);
}

TEST_MAIN(CASE(eight_small_neighbours_become_one), CASE(what_weighs_more_than_a_table_stays),
          CASE(a_large_table_waits_for_small_ones_that_weigh_as_much),
          CASE(the_longest_run_without_a_busy_table_is_taken),
          CASE(small_tables_above_the_last_level_become_one_too),
          CASE(a_run_does_not_reach_over_more_of_the_next_level_than_an_output_may),
          CASE(many_small_tables_go_before_what_is_due_and_a_few_behind_it),
          CASE(who_asks_gets_small_tables_beside_a_large_one_rewritten))
