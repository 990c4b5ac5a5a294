/*
 * table_cut_test: where outputs end.
 */
#include "harness/check.h"

#include "lsm/facts_fixture.h"
#include "lsm/table_cut.h"

static facts_fixture fixture;

/* Grandparents b..c, e..f, h..i, k..l, each of FACTS_TABLE_BYTES; outputs of twice that. */
static table_cut open_cut(uint64_t overlap_bytes_max)
{
    table_cut self;
    facts_init(&fixture);
    facts_add(&fixture, 2, "b", "c");
    facts_add(&fixture, 2, "e", "f");
    facts_add(&fixture, 2, "h", "i");
    facts_add(&fixture, 2, "k", "l");
    table_cut_options options = {2 * FACTS_TABLE_BYTES, overlap_bytes_max, fixture.list, 4};
    table_cut_init(&self, &options);
    return self;
}

TEST(an_empty_output_does_not_end)
{
    table_cut cut = open_cut(0);
    CHECK(!table_cut_before(&cut, facts_key("a"), 0));
    CHECK(!table_cut_before(&cut, facts_key("z"), 0));
}

TEST(an_output_ends_at_its_size)
{
    table_cut cut;
    table_cut_options options = {.table_bytes = 1000, .overlap_bytes_max = UINT64_MAX};
    table_cut_init(&cut, &options);
    CHECK(!table_cut_before(&cut, facts_key("a"), 0));
    CHECK(!table_cut_before(&cut, facts_key("b"), 999));
    CHECK(table_cut_before(&cut, facts_key("c"), 1000));
    CHECK(!table_cut_before(&cut, facts_key("d"), 100));
}

TEST(an_output_of_all_never_ends)
{
    table_cut cut;
    table_cut_options options = {.table_bytes = UINT64_MAX, .overlap_bytes_max = UINT64_MAX};
    table_cut_init(&cut, &options);
    CHECK(!table_cut_before(&cut, facts_key("a"), 0));
    CHECK(!table_cut_before(&cut, facts_key("b"), UINT64_C(1) << 60));
}

TEST(an_output_of_half_its_size_ends_with_a_table_below)
{
    table_cut cut = open_cut(UINT64_MAX);
    CHECK(!table_cut_before(&cut, facts_key("a"), 0));
    CHECK(!table_cut_before(&cut, facts_key("c"), 1500));
    CHECK(table_cut_before(&cut, facts_key("d"), 1500));
}

TEST(a_small_output_goes_on_beyond_a_table_below)
{
    table_cut cut = open_cut(UINT64_MAX);
    CHECK(!table_cut_before(&cut, facts_key("a"), 0));
    CHECK(!table_cut_before(&cut, facts_key("d"), 900));
}

TEST(an_output_that_passed_many_tables_wants_more_of_its_size)
{
    table_cut cut = open_cut(UINT64_MAX);
    CHECK(!table_cut_before(&cut, facts_key("a"), 0));
    CHECK(!table_cut_before(&cut, facts_key("d"), 100));
    CHECK(!table_cut_before(&cut, facts_key("g"), 1050));
    CHECK(table_cut_before(&cut, facts_key("j"), 1200));
}

TEST(an_output_beyond_its_size_waits_for_the_end_of_a_table_below)
{
    table_cut cut = open_cut(UINT64_MAX);
    CHECK(!table_cut_before(&cut, facts_key("b"), 0));
    CHECK(!table_cut_before(&cut, facts_key("ba"), 2500));
    CHECK(table_cut_before(&cut, facts_key("bb"), 3000));
    cut = open_cut(UINT64_MAX);
    CHECK(!table_cut_before(&cut, facts_key("m"), 0));
    CHECK(table_cut_before(&cut, facts_key("n"), 2000));
}

TEST(an_output_that_reaches_over_too_much_below_ends_at_any_size)
{
    table_cut cut = open_cut(2 * FACTS_TABLE_BYTES);
    CHECK(!table_cut_before(&cut, facts_key("a"), 0));
    CHECK(!table_cut_before(&cut, facts_key("g"), 10));
    CHECK(table_cut_before(&cut, facts_key("j"), 10));
    CHECK(!table_cut_before(&cut, facts_key("z"), 10));
}

TEST(what_lay_before_the_first_key_of_an_output_does_not_count)
{
    table_cut cut = open_cut(FACTS_TABLE_BYTES);
    CHECK(!table_cut_before(&cut, facts_key("j"), 0));
    CHECK(!table_cut_before(&cut, facts_key("z"), 10));
}

TEST_MAIN(CASE(an_empty_output_does_not_end), CASE(an_output_ends_at_its_size),
          CASE(an_output_of_all_never_ends),
          CASE(an_output_of_half_its_size_ends_with_a_table_below),
          CASE(a_small_output_goes_on_beyond_a_table_below),
          CASE(an_output_that_passed_many_tables_wants_more_of_its_size),
          CASE(an_output_beyond_its_size_waits_for_the_end_of_a_table_below),
          CASE(an_output_that_reaches_over_too_much_below_ends_at_any_size),
          CASE(what_lay_before_the_first_key_of_an_output_does_not_count))
