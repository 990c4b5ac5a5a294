/*
 * compaction_pick_small_test: what is compacted where there is little room.
 */
#include "harness/check.h"

#include "lsm/compaction_pick.h"
#include "lsm/facts_fixture.h"
#include "lsm/plan_text.h"

static facts_fixture fixture;

/* Checks the plan that is picked of so many tables at most; "" means none. */
static void check_picked(uint64_t table_count, const char *wanted)
{
    compaction_plan plan;
    compaction_options options = facts_options();
    pykv_status status = compaction_pick_small(facts_version(&fixture), &options,
                                               table_count * FACTS_TABLE_BYTES, &plan);
    CHECK_EQUAL(wanted[0] == '\0' ? PYKV_NOT_FOUND : PYKV_OK, status);
    if (status == PYKV_OK) {
        CHECK(strcmp("room", plan.reason) == 0);
        CHECK_PLAN(wanted, &plan);
    }
}

TEST(the_table_that_may_free_most_of_what_it_reads_goes_first)
{
    facts_init(&fixture);
    facts_add(&fixture, 6, "a", "c");
    facts_add(&fixture, 6, "d", "e");
    facts_add(&fixture, 6, "f", "g");
    facts_add(&fixture, 5, "b", "f");
    facts_add(&fixture, 5, "g", "z");
    check_picked(10, "5>6: 5 | 3 |");
    fixture.files[3].facts.tombstone_count = FACTS_ENTRIES;
    fixture.files[3].facts.entry_count = FACTS_ENTRIES;
    fixture.files[4].facts.entry_count = 10;
    check_picked(4, "5>6: 4 | 1 2 3 |");
    facts_reset(&fixture);
}

TEST(nothing_is_picked_that_reads_more_than_there_is_room_for)
{
    facts_init(&fixture);
    facts_add(&fixture, 6, "a", "c");
    facts_add(&fixture, 6, "d", "e");
    facts_add(&fixture, 5, "b", "d");
    check_picked(3, "5>6: 3 | 1 2 |");
    check_picked(2, "");
    fixture.files[1].facts.tombstone_count = 1;
    check_picked(2, "6>6: 2 | |");
    facts_reset(&fixture);
}

TEST(what_can_free_nothing_stays_but_for_level_0)
{
    facts_init(&fixture);
    facts_add(&fixture, 6, "a", "c");
    facts_add(&fixture, 5, "d", "e");
    check_picked(10, "");
    facts_reset(&fixture);
    facts_init(&fixture);
    facts_add(&fixture, 6, "a", "c");
    facts_add(&fixture, 5, "a", "e");
    fixture.files[1].facts.file_bytes = 9 * FACTS_TABLE_BYTES;
    facts_add(&fixture, 0, "a", "b");
    facts_add(&fixture, 0, "x", "y");
    facts_add(&fixture, 0, "x", "z");
    check_picked(1, "");
    check_picked(2, "0>5: 5 4 | |");
    fixture.files[3].facts.file_bytes = 9 * FACTS_TABLE_BYTES;
    check_picked(2, "");
    facts_reset(&fixture);
}

TEST_MAIN(CASE(the_table_that_may_free_most_of_what_it_reads_goes_first),
          CASE(nothing_is_picked_that_reads_more_than_there_is_room_for),
          CASE(what_can_free_nothing_stays_but_for_level_0))
