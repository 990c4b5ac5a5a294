/*
 * compaction_pick_hidden_test: what range deletes ask of compactions.
 */
#include "facts_fixture.h"
#include "plan_text.h"
#include "range_fixture.h"

#include "lsm/compaction_pick.h"
#include "lsm/version_ranges.h"

enum { MANY = 300, TABLES = 40, LONG_BYTES = 60000, SHORTER_BYTES = 9000 };

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

/* Hides a long key in each of the first count tables. */
static void hide_long(version *self, char bounds[TABLES][2][4], uint32_t count)
{
    static char start[LONG_BYTES + 1];
    static char stop[LONG_BYTES + 2];
    memset(start, 'x', LONG_BYTES);
    memset(stop, 'x', LONG_BYTES + 1);
    for (uint32_t i = 0; i < count; i++) {
        memcpy(start, bounds[i][0], 2);
        memcpy(stop, bounds[i][0], 2);
        hide(self, start, stop, 500);
    }
}

/* Once only how many there are counted, and range deletes of long keys waited for ever. */
TEST(range_deletes_of_long_keys_are_many_sooner_though_each_table_keeps_few_alive)
{
    compaction_plan plan;
    compaction_options options = facts_options();
    static char bounds[TABLES][2][4];
    facts_init(&fixture);
    for (uint32_t i = 0; i < TABLES; i++) {
        snprintf(bounds[i][0], sizeof bounds[i][0], "%02u", i);
        snprintf(bounds[i][1], sizeof bounds[i][1], "%02uz", i);
        facts_add(&fixture, 6, bounds[i][0], bounds[i][1]);
    }
    version *now = facts_version(&fixture);
    hide_long(now, bounds, TABLES / 2);
    CHECK(now->ranges->key_bytes < VERSION_RANGE_BYTES_STOP / 4);
    CHECK_EQUAL(PYKV_NOT_FOUND, compaction_pick(now, &options, &plan));
    hide_long(now, bounds, TABLES);
    CHECK(now->ranges->key_bytes >= VERSION_RANGE_BYTES_STOP / 4);
    CHECK_OK(compaction_pick(now, &options, &plan));
    CHECK(strcmp(plan.reason, "deleted") == 0);
    CHECK_PLAN("6>6: 1 | |", &plan);
    fixture.list[0]->busy = true;
    CHECK_OK(compaction_pick(now, &options, &plan));
    CHECK_PLAN("6>6: 2 | |", &plan);
    reset(now);
}

/* A table with one range delete less than is worth a compaction of its own was never taken. */
TEST(where_range_deletes_are_many_any_number_of_them_counts)
{
    compaction_plan plan;
    compaction_options options = facts_options();
    static char names[2][SHORTER_BYTES + 1];
    facts_init(&fixture);
    facts_add(&fixture, 6, "m", "p");
    version *now = facts_version(&fixture);
    memset(names, 'x', sizeof names);
    names[0][SHORTER_BYTES] = names[1][SHORTER_BYTES] = '\0';
    for (uint32_t i = 0; i < 256 - 1; i++) {
        (void)snprintf(names[0], 8, "n%04u", 2 * i);
        (void)snprintf(names[1], 8, "n%04u", 2 * i + 1);
        names[0][5] = names[1][5] = 'x';
        hide(now, names[0], names[1], 50);
    }
    CHECK(now->ranges->key_bytes >= VERSION_RANGE_BYTES_STOP / 4);
    CHECK_OK(compaction_pick(now, &options, &plan));
    CHECK_PLAN("6>6: 1 | |", &plan);
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

/* Where writers never rest some level is always due: the range deletes stayed, and who deletes
 * ranges waited as long for them to become fewer. */
TEST(in_its_turn_a_table_that_keeps_many_alive_goes_before_a_level_that_is_due)
{
    compaction_plan plan;
    compaction_options options = facts_options();
    facts_init(&fixture);
    facts_add(&fixture, 6, "a", "c");
    facts_add(&fixture, 6, "m", "p");
    facts_add(&fixture, 5, "a", "b")->facts.file_bytes = 6 * FACTS_TABLE_BYTES;
    version *now = facts_version(&fixture);
    crowd(now, MANY);
    CHECK_OK(compaction_pick(now, &options, &plan));
    CHECK_PLAN("5>6: 3 | 1 |", &plan);
    options.urgent_first = true;
    CHECK_OK(compaction_pick(now, &options, &plan));
    CHECK_PLAN("6>6: 2 | |", &plan);
    /* It takes turns with what is urgent. */
    fixture.list[0]->facts.deadline_min_us = fixture.list[0]->facts.deadline_max_us = 1000;
    CHECK_OK(compaction_pick(now, &options, &plan));
    CHECK_PLAN("6>6: 1 | |", &plan);
    options.ranges_first = true;
    CHECK_OK(compaction_pick(now, &options, &plan));
    CHECK_PLAN("6>6: 2 | |", &plan);
    fixture.list[1]->busy = true;
    CHECK_OK(compaction_pick(now, &options, &plan));
    CHECK_PLAN("6>6: 1 | |", &plan);
    reset(now);
}

TEST(where_level_0_waits_for_base_it_has_no_turn)
{
    compaction_plan plan;
    compaction_options options = facts_options();
    facts_init(&fixture);
    facts_add(&fixture, 6, "a", "c");
    facts_add(&fixture, 5, "a", "b");
    facts_add(&fixture, 5, "m", "p");
    for (size_t i = 0; i < 5; i++) {
        facts_add(&fixture, 0, "a", "b");
    }
    version *now = facts_version(&fixture);
    crowd(now, MANY);
    options.urgent_first = true;
    CHECK_OK(compaction_pick(now, &options, &plan));
    CHECK(strcmp(plan.reason, "deleted") == 0);
    CHECK_PLAN("moved 5>6: 3 | |", &plan);
    fixture.list[1]->busy = true;
    CHECK_EQUAL(PYKV_NOT_FOUND, compaction_pick(now, &options, &plan));
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
          CASE(range_deletes_of_long_keys_are_many_sooner_though_each_table_keeps_few_alive),
          CASE(where_range_deletes_are_many_any_number_of_them_counts),
          CASE(a_table_of_level_0_goes_down_for_them),
          CASE(in_its_turn_a_table_that_keeps_many_alive_goes_before_a_level_that_is_due),
          CASE(where_level_0_waits_for_base_it_has_no_turn),
          CASE(a_manual_compaction_rewrites_what_a_range_delete_hides_some_of))
