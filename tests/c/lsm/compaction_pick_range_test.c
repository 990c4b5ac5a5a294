/*
 * compaction_pick_range_test: what compact(start, stop) goes through.
 */
#include "harness/check.h"

#include "lsm/compaction_pick.h"
#include "lsm/facts_fixture.h"
#include "lsm/plan_text.h"

static facts_fixture fixture;

static const key_range EVERYTHING = {.start = {(const uint8_t *)"", 0}};

static key_range between(const char *start, const char *stop)
{
    key_range range = {facts_key(start), facts_key(stop), true};
    return range;
}

/* Tables of the fixture have their numbers as sequences. */
static compaction_wish wish_for(key_range range, uint32_t number_before)
{
    compaction_wish wish = {range, number_before, number_before - 1};
    return wish;
}

/* Checks the plan that is picked; "" means none. Tables below number_before may be rewritten. */
static void check_picked(key_range range, uint32_t number_before, const char *wanted)
{
    compaction_plan plan;
    compaction_options options = facts_options();
    compaction_wish wish = wish_for(range, number_before);
    pykv_status status = compaction_pick_range(facts_version(&fixture), &options, &wish, &plan);
    CHECK_EQUAL(wanted[0] == '\0' ? PYKV_NOT_FOUND : PYKV_OK, status);
    if (status == PYKV_OK) {
        CHECK(strcmp("manual", plan.reason) == 0);
        CHECK_PLAN(wanted, &plan);
    }
}

TEST(a_range_goes_down_from_the_top_level_by_level)
{
    facts_init(&fixture);
    facts_add(&fixture, 6, "a", "m");
    facts_add(&fixture, 6, "n", "z");
    facts_add(&fixture, 5, "c", "d");
    facts_add(&fixture, 5, "p", "q");
    facts_add(&fixture, 0, "a", "b");
    facts_add(&fixture, 0, "x", "y");
    check_picked(between("x", "z"), 100, "moved 0>5: 6 | | 2");
    check_picked(between("d", "e"), 100, "5>6: 3 | 1 |");
    check_picked(between("q", "q1"), 100, "5>6: 4 | 2 |");
    check_picked(between("r", "s"), 100, "");
    check_picked(between("e", "p"), 100, "");
    check_picked(EVERYTHING, 100, "0>5: 6 5 | 3 4 | 1 2");
    facts_reset(&fixture);
}

TEST(one_plan_takes_no_more_than_its_bytes)
{
    static const char *const keys[] = {"a", "b", "c", "d", "e", "f", "g", "h"};
    facts_init(&fixture);
    for (size_t i = 0; i < 8; i++) {
        facts_add(&fixture, 6, keys[i], keys[i])->facts.file_bytes = 6 * FACTS_TABLE_BYTES;
    }
    for (size_t i = 0; i < 8; i++) {
        facts_add(&fixture, 5, keys[i], keys[i]);
    }
    check_picked(EVERYTHING, 100, "5>6: 9 10 11 | 1 2 3 |");
    check_picked(between("f", "z"), 100, "5>6: 14 15 16 | 6 7 8 |");
    facts_reset(&fixture);
}

TEST(what_overlaps_nothing_is_moved_alone)
{
    facts_init(&fixture);
    facts_add(&fixture, 6, "m", "z");
    facts_add(&fixture, 5, "a", "b");
    facts_add(&fixture, 5, "c", "d");
    facts_add(&fixture, 5, "n", "o");
    check_picked(EVERYTHING, 100, "moved 5>6: 2 | |");
    facts_reset(&fixture);
}

TEST(the_last_level_is_rewritten_where_it_has_what_is_dead)
{
    facts_init(&fixture);
    facts_add(&fixture, 6, "a", "b");
    facts_add(&fixture, 6, "c", "d")->facts.tombstone_count = 1;
    facts_add(&fixture, 6, "e", "f")->facts.deadline_min_us = 1000;
    facts_add(&fixture, 6, "g", "h")->facts.deadline_min_us = 1001;
    facts_add(&fixture, 6, "i", "j")->facts.tombstone_count = 1;
    facts_add(&fixture, 6, "k", "l")->facts.tombstone_count = 1;
    fixture.list[5]->facts.sequence_min = 1001;
    fixture.list[5]->facts.sequence_max = 1002;
    check_picked(EVERYTHING, 100, "6>6: 2 3 | |");
    check_picked(between("e", "z"), 100, "6>6: 3 | |");
    check_picked(between("f1", "z"), 100, "6>6: 5 | |");
    check_picked(between("k", "z"), 100, "");
    facts_reset(&fixture);
}

/* A tombstone that was too new to be dropped stands in what the call itself has written. */
TEST(what_a_call_has_written_it_does_not_rewrite)
{
    facts_init(&fixture);
    facts_add(&fixture, 6, "a", "b")->facts.tombstone_count = 1;
    facts_add(&fixture, 6, "c", "d")->facts.tombstone_count = 1;
    check_picked(EVERYTHING, 3, "6>6: 1 2 | |");
    check_picked(EVERYTHING, 2, "6>6: 1 | |");
    check_picked(EVERYTHING, 1, "");
    facts_reset(&fixture);
}

/* A call once went on as long as somebody wrote. */
TEST(what_was_flushed_since_the_call_began_stays)
{
    facts_init(&fixture);
    facts_add(&fixture, 6, "a", "b");
    facts_add(&fixture, 0, "c", "d");
    facts_add(&fixture, 0, "x", "z");
    check_picked(EVERYTHING, 4, "0>6: 3 2 | |");
    check_picked(EVERYTHING, 3, "moved 0>6: 2 | |");
    check_picked(EVERYTHING, 2, "");
    facts_reset(&fixture);
}

/* Else what level 0 gives meanwhile would be taken down to the last level, as long as somebody
 * writes. */
TEST(what_came_to_a_deeper_level_since_the_call_began_stays_there)
{
    facts_init(&fixture);
    facts_add(&fixture, 6, "a", "d");
    facts_add(&fixture, 6, "e", "h");
    facts_add(&fixture, 5, "c", "d");
    facts_add(&fixture, 5, "e", "f");
    facts_add(&fixture, 5, "g", "h");
    fixture.list[2]->facts.sequence_min = 9;
    fixture.list[2]->facts.sequence_max = 9;
    fixture.list[4]->facts.sequence_max = 9;
    check_picked(EVERYTHING, 6, "5>6: 4 5 | 2 |");
    check_picked(between("a", "d"), 6, "");
    check_picked(EVERYTHING, 4, "");
    facts_reset(&fixture);
}

/* Runs of level 0 may become one, with a new number, while the call goes on. */
TEST(what_was_merged_in_level_0_since_the_call_began_goes_down)
{
    facts_init(&fixture);
    facts_add(&fixture, 6, "a", "b");
    facts_add(&fixture, 0, "c", "d")->facts.number = 9;
    check_picked(EVERYTHING, 3, "moved 0>6: 9 | |");
    fixture.list[1]->facts.sequence_max = 7;
    check_picked(EVERYTHING, 3, "moved 0>6: 9 | |");
    check_picked(EVERYTHING, 2, "");
    facts_reset(&fixture);
}

TEST(a_range_waits_for_what_is_running_there)
{
    compaction_plan plan;
    compaction_options options = facts_options();
    compaction_wish wish = wish_for(between("a", "b"), 100);
    facts_init(&fixture);
    facts_add(&fixture, 6, "a", "m")->busy = true;
    facts_add(&fixture, 6, "n", "z")->facts.tombstone_count = 1;
    facts_add(&fixture, 5, "a", "b");
    CHECK_STATUS(PYKV_WOULD_BLOCK,
                 compaction_pick_range(facts_version(&fixture), &options, &wish, &plan));
    check_picked(between("n", "z"), 100, "6>6: 2 | |");
    facts_reset(&fixture);
}

/* So a compaction that was asked for uses all threads. */
TEST(of_a_range_what_is_free_goes_beside_what_is_running)
{
    compaction_plan plan;
    compaction_options options = facts_options();
    facts_init(&fixture);
    compaction_wish wish = wish_for(EVERYTHING, 100);
    facts_add(&fixture, 6, "a", "b");
    facts_add(&fixture, 6, "c", "d");
    facts_add(&fixture, 5, "a", "a1")->busy = true;
    facts_add(&fixture, 5, "a2", "b"); /* shares 1 with the one before */
    facts_add(&fixture, 5, "c", "d");
    fixture.list[0]->busy = true;
    check_picked(EVERYTHING, 100, "5>6: 5 | 2 |");
    fixture.list[4]->busy = true;
    CHECK_STATUS(PYKV_WOULD_BLOCK,
                 compaction_pick_range(facts_version(&fixture), &options, &wish, &plan));
    facts_reset(&fixture);
}

TEST(an_empty_store_has_nothing_to_compact)
{
    facts_init(&fixture);
    check_picked(EVERYTHING, 100, "");
    facts_reset(&fixture);
}

TEST_MAIN(CASE(a_range_goes_down_from_the_top_level_by_level),
          CASE(one_plan_takes_no_more_than_its_bytes), CASE(what_overlaps_nothing_is_moved_alone),
          CASE(the_last_level_is_rewritten_where_it_has_what_is_dead),
          CASE(what_a_call_has_written_it_does_not_rewrite),
          CASE(what_was_flushed_since_the_call_began_stays),
          CASE(what_came_to_a_deeper_level_since_the_call_began_stays_there),
          CASE(what_was_merged_in_level_0_since_the_call_began_goes_down),
          CASE(a_range_waits_for_what_is_running_there),
          CASE(of_a_range_what_is_free_goes_beside_what_is_running),
          CASE(an_empty_store_has_nothing_to_compact))
