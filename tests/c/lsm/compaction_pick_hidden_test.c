/*
 * compaction_pick_hidden_test: what range deletes ask of compactions.
 */
#include "facts_fixture.h"
#include "plan_text.h"
#include "range_fixture.h"

#include "lsm/compaction_pick.h"
#include "lsm/version_ranges.h"

enum { MANY = 300 };

static facts_fixture fixture;
static const range_rule NEWEST = {UINT64_MAX, true, false};

static void hide(version *self, const char *start, const char *stop, uint64_t sequence)
{
    const range_set *base = NULL;
    range_add(&base, start, stop, sequence, &NEWEST);
    CHECK_OK(version_take_ranges(self, self->ranges, base));
    range_set_release(base);
}

static void reset(version *self)
{
    range_set_release(self->ranges);
    self->ranges = NULL;
    facts_reset(&fixture);
}

TEST(tables_that_are_hidden_go_before_all_else_and_together)
{
    compaction_plan plan;
    compaction_options options = facts_options();
    facts_init(&fixture);
    facts_add(&fixture, 6, "a", "c");
    facts_add(&fixture, 6, "d", "f");
    facts_add(&fixture, 0, "b", "e");
    facts_add(&fixture, 0, "b", "z");
    version *now = facts_version(&fixture);
    CHECK_EQUAL(PYKV_NOT_FOUND, compaction_pick_hidden(now, &plan));
    hide(now, "b", "g", 50);
    CHECK_OK(compaction_pick(now, &options, &plan));
    CHECK(plan.is_removal && strcmp(plan.reason, "deleted") == 0);
    CHECK_PLAN("0>0: 3 2 | |", &plan);
    fixture.list[1]->busy = true;
    CHECK_OK(compaction_pick_hidden(now, &plan));
    CHECK_PLAN("0>0: 3 | |", &plan);
    fixture.list[2]->busy = true;
    CHECK_EQUAL(PYKV_NOT_FOUND, compaction_pick_hidden(now, &plan));
    reset(now);
}

/* Many fragments that lie in one table. */
static void crowd(version *self, uint32_t count)
{
    char names[2][8];
    for (uint32_t i = 0; i < count; i++) {
        snprintf(names[0], sizeof names[0], "n%04u", 2 * i);
        snprintf(names[1], sizeof names[1], "n%04u", 2 * i + 1);
        hide(self, names[0], names[1], 50);
    }
}

TEST(a_table_that_keeps_many_range_deletes_alive_is_rewritten)
{
    compaction_plan plan;
    compaction_options options = facts_options();
    facts_init(&fixture);
    facts_add(&fixture, 6, "a", "c");
    facts_add(&fixture, 6, "m", "p");
    version *now = facts_version(&fixture);
    hide(now, "b", "c", 50);
    crowd(now, MANY / 2);
    CHECK_EQUAL(PYKV_NOT_FOUND, compaction_pick(now, &options, &plan));
    crowd(now, MANY);
    CHECK_OK(compaction_pick(now, &options, &plan));
    CHECK(strcmp(plan.reason, "deleted") == 0);
    CHECK_PLAN("6>6: 2 | |", &plan);
    fixture.list[1]->busy = true;
    CHECK_EQUAL(PYKV_NOT_FOUND, compaction_pick(now, &options, &plan));
    reset(now);
}

TEST(a_table_of_level_0_goes_down_for_them)
{
    compaction_plan plan;
    compaction_options options = facts_options();
    facts_init(&fixture);
    facts_add(&fixture, 6, "a", "c");
    facts_add(&fixture, 0, "m", "p");
    version *now = facts_version(&fixture);
    crowd(now, MANY);
    CHECK_OK(compaction_pick(now, &options, &plan));
    CHECK(strcmp(plan.reason, "deleted") == 0);
    compaction_plan_reset(&plan);
    reset(now);
}

TEST(a_manual_compaction_rewrites_what_a_range_delete_hides_some_of)
{
    compaction_plan plan;
    compaction_options options = facts_options();
    compaction_wish all = {.range = {.start = facts_key("")}, .number_before = 100};
    facts_init(&fixture);
    facts_add(&fixture, 6, "a", "c");
    facts_add(&fixture, 6, "m", "p");
    version *now = facts_version(&fixture);
    hide(now, "b", "c", 50);
    CHECK_OK(compaction_pick_range(now, &options, &all, &plan));
    CHECK_PLAN("6>6: 1 | |", &plan);
    fixture.list[0]->facts.deletes_through = 50;
    CHECK_EQUAL(PYKV_NOT_FOUND, compaction_pick_range(now, &options, &all, &plan));
    reset(now);
}

TEST_MAIN(CASE(tables_that_are_hidden_go_before_all_else_and_together),
          CASE(a_table_that_keeps_many_range_deletes_alive_is_rewritten),
          CASE(a_table_of_level_0_goes_down_for_them),
          CASE(a_manual_compaction_rewrites_what_a_range_delete_hides_some_of))
