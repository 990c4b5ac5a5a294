/*
 * ingest_level_test: as deep as nothing is in the way.
 */
#include "harness/check.h"

#include "lsm/facts_fixture.h"
#include "lsm/ingest_level.h"

static facts_fixture fixture;
static compaction_job jobs[LSM_COMPACTIONS_MAX];

static uint8_t level_of(const char *smallest, const char *largest)
{
    return ingest_level(facts_version(&fixture), jobs, LSM_COMPACTIONS_MAX, facts_key(smallest),
                        facts_key(largest));
}

TEST(an_empty_store_takes_a_table_into_the_last_level)
{
    facts_init(&fixture);
    CHECK_EQUAL(LSM_LEVEL_COUNT - 1, level_of("a", "z"));
    facts_reset(&fixture);
}

TEST(a_table_goes_above_everything_that_it_overlaps)
{
    facts_init(&fixture);
    facts_add(&fixture, 6, "a", "f");
    facts_add(&fixture, 6, "m", "p");
    facts_add(&fixture, 4, "d", "e");
    facts_add(&fixture, 0, "x", "y");
    CHECK_EQUAL(6, level_of("g", "l"));
    CHECK_EQUAL(5, level_of("f", "l"));
    CHECK_EQUAL(5, level_of("g", "m"));
    CHECK_EQUAL(3, level_of("e", "g"));
    CHECK_EQUAL(0, level_of("y", "z"));
    CHECK_EQUAL(0, level_of("a", "x"));
    CHECK_EQUAL(6, level_of("z", "z"));
    facts_reset(&fixture);
}

TEST(a_table_stays_away_from_where_a_running_job_may_put_one)
{
    facts_init(&fixture);
    jobs[1].state = COMPACTION_STEPS;
    jobs[1].plan.output_level = 6;
    jobs[1].plan.smallest = facts_key("c");
    jobs[1].plan.largest = facts_key("k");
    CHECK_EQUAL(5, level_of("d", "e"));
    CHECK_EQUAL(6, level_of("l", "m"));
    jobs[1].plan.is_removal = true;
    CHECK_EQUAL(6, level_of("d", "e"));
    jobs[1].plan.is_removal = false;
    jobs[1].state = COMPACTION_NONE;
    CHECK_EQUAL(6, level_of("d", "e"));
    facts_reset(&fixture);
}

TEST_MAIN(CASE(an_empty_store_takes_a_table_into_the_last_level),
          CASE(a_table_goes_above_everything_that_it_overlaps),
          CASE(a_table_stays_away_from_where_a_running_job_may_put_one))
