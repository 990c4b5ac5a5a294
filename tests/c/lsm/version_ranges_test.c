/*
 * version_ranges_test: a fragment stays as long as a table may hold what it hides.
 */
#include "facts_fixture.h"
#include "range_fixture.h"

#include "lsm/version_ranges.h"

static facts_fixture fixture;
static const range_rule NEWEST = {UINT64_MAX, true, false};

static void set_ranges(version *self, const range_set *base, const range_set *flushed)
{
    CHECK_OK(version_take_ranges(self, base, flushed));
}

static void reset(version *self)
{
    range_set_release(self->ranges);
    self->ranges = NULL;
    facts_reset(&fixture);
}

TEST(fragments_beside_all_tables_are_forgotten)
{
    const range_set *base = NULL;
    facts_init(&fixture);
    facts_add(&fixture, 6, "b", "d");
    facts_add(&fixture, 0, "m", "p");
    version *now = facts_version(&fixture);
    range_add(&base, "a", "b", 50, &NEWEST);
    range_add(&base, "d", "e", 51, &NEWEST);
    range_add(&base, "n", "o", 52, &NEWEST);
    range_add(&base, "q", "", 53, &NEWEST);
    set_ranges(now, base, NULL);
    CHECK_RANGES("d-e:51 n-o:52", now->ranges);
    range_set_release(base);
    reset(now);
}

TEST(fragments_hide_nothing_in_newer_tables_and_in_those_that_were_written_with_them)
{
    const range_set *base = NULL;
    facts_init(&fixture);
    facts_add(&fixture, 6, "b", "d")->facts.deletes_through = 51;
    table_file *newer = facts_add(&fixture, 0, "m", "p");
    newer->facts.sequence_min = 90;
    newer->facts.sequence_max = 99;
    version *now = facts_version(&fixture);
    range_add(&base, "a", "c", 51, &NEWEST);
    range_add(&base, "c", "e", 52, &NEWEST);
    range_add(&base, "m", "o", 89, &NEWEST);
    set_ranges(now, base, NULL);
    CHECK_RANGES("c-e:52", now->ranges);
    CHECK_EQUAL(1, version_ranges_in(now, fixture.list[0]));
    CHECK_EQUAL(0, version_ranges_in(now, newer));
    range_set_release(base);
    reset(now);
}

TEST(what_was_flushed_covers_what_was_there)
{
    const range_set *base = NULL;
    const range_set *flushed = NULL;
    facts_init(&fixture);
    facts_add(&fixture, 6, "a", "z");
    version *now = facts_version(&fixture);
    range_add(&base, "a", "f", 50, &NEWEST);
    range_add(&flushed, "c", "h", 60, &NEWEST);
    set_ranges(now, base, flushed);
    CHECK_RANGES("a-c:50 c-h:60", now->ranges);
    CHECK_RANGES("a-f:50", base);
    range_set_release(base);
    range_set_release(flushed);
    reset(now);
}

TEST(a_table_is_hidden_if_all_of_it_is_older)
{
    const range_set *base = NULL;
    facts_init(&fixture);
    table_file *inside = facts_add(&fixture, 6, "b", "d");
    table_file *newer = facts_add(&fixture, 6, "e", "f");
    facts_add(&fixture, 6, "g", "m");
    newer->facts.sequence_max = 50;
    version *now = facts_version(&fixture);
    CHECK(!version_hides_some(now));
    range_add(&base, "e", "h", 49, &NEWEST);
    set_ranges(now, base, NULL);
    CHECK(!version_hides_some(now));
    range_add(&base, "a", "e", 50, &NEWEST);
    set_ranges(now, base, NULL);
    CHECK(version_hides(now, inside));
    CHECK(!version_hides(now, newer));
    CHECK(version_hides_some(now));
    range_set_release(base);
    reset(now);
}

TEST(without_memory_a_version_keeps_what_it_had)
{
    const range_set *base = NULL;
    const range_set *flushed = NULL;
    facts_init(&fixture);
    facts_add(&fixture, 6, "a", "m");
    version *now = facts_version(&fixture);
    range_add(&base, "a", "f", 50, &NEWEST);
    range_add(&flushed, "x", "z", 60, &NEWEST);
    pykv_status status = PYKV_NO_MEMORY;
    for (uint64_t at = 1; status != PYKV_OK; at++) {
        CHECK(now->ranges == NULL);
        (void)mem_fail_at(at, 0);
        status = version_take_ranges(now, base, flushed);
        (void)mem_fail_at(0, 0);
    }
    CHECK_RANGES("a-f:50", now->ranges);
    range_set_release(base);
    range_set_release(flushed);
    reset(now);
}

TEST_MAIN(CASE(fragments_beside_all_tables_are_forgotten),
          CASE(fragments_hide_nothing_in_newer_tables_and_in_those_that_were_written_with_them),
          CASE(what_was_flushed_covers_what_was_there),
          CASE(a_table_is_hidden_if_all_of_it_is_older),
          CASE(without_memory_a_version_keeps_what_it_had))
