/*
 * deadline_buckets_test: rows of minutes and of months are told apart, and nothing counts as passed
 * before all of it has.
 */
#include "harness/check.h"

#include "base/deadline_buckets.h"

#define SECOND UINT64_C(1000000)
#define HOUR   (3600 * SECOND)
#define DAY    (24 * HOUR)
#define NOW    (UINT64_C(1764230400) * SECOND)

enum { ROWS = 1000 };

TEST(rows_of_an_hour_have_passed_though_one_of_a_month_stands_among_them)
{
    deadline_buckets all = {.list = {{0, 0}}};
    for (uint64_t i = 0; i < ROWS; i++) {
        uint64_t now = NOW + i * 60 * SECOND; /* for 16 hours */
        deadline_buckets_add(&all, now, now + (i == ROWS / 2 ? 30 * DAY : HOUR), 8);
    }
    uint64_t last = NOW + (ROWS - 1) * 60 * SECOND + HOUR;
    CHECK_EQUAL(0, deadline_buckets_passed(&all, last - 1));
    CHECK_EQUAL(8 * (ROWS - 1), deadline_buckets_passed(&all, last));
    CHECK_EQUAL(8 * (ROWS - 1), deadline_buckets_passed(&all, last + 29 * DAY));
    CHECK_EQUAL(8 * ROWS, deadline_buckets_passed(&all, last + 31 * DAY));
}

TEST(minutes_hours_days_months_and_years_have_buckets_of_their_own)
{
    static const uint64_t lives[] = {600 * SECOND, HOUR,     4 * HOUR, 12 * HOUR,
                                     DAY,          10 * DAY, 30 * DAY, 365 * DAY};
    deadline_buckets all = {.list = {{0, 0}}};
    size_t count = sizeof lives / sizeof lives[0];
    for (size_t i = 0; i < count; i++) {
        deadline_buckets_add(&all, NOW, NOW + lives[i], 1);
    }
    for (size_t i = 0; i < count; i++) {
        CHECK_EQUAL(i, deadline_buckets_passed(&all, NOW + lives[i] - 1));
        CHECK_EQUAL(i + 1, deadline_buckets_passed(&all, NOW + lives[i]));
    }
}

TEST(a_bucket_has_aged_when_a_quarter_of_a_life_in_it_is_over)
{
    deadline_buckets all = {.list = {{0, 0}}};
    CHECK_EQUAL(0, deadline_buckets_aged(&all, UINT64_MAX));
    deadline_buckets_add(&all, NOW, NOW + HOUR, 1);
    deadline_buckets_add(&all, NOW + 60 * SECOND, NOW + 60 * SECOND + HOUR, 1);
    deadline_buckets_add(&all, NOW, NOW + 30 * DAY, 4);
    CHECK_EQUAL(0, deadline_buckets_aged(&all, NOW + HOUR / 4 - 1));
    CHECK_EQUAL(2, deadline_buckets_aged(&all, NOW + HOUR / 4));
    CHECK_EQUAL(2, deadline_buckets_aged(&all, NOW + 7 * DAY));
    CHECK_EQUAL(6, deadline_buckets_aged(&all, NOW + 8 * DAY));
    deadline_buckets read = {.list = {{NOW, 3}}}; /* of a manifest */
    CHECK_EQUAL(0, deadline_buckets_aged(&read, NOW - 1));
    CHECK_EQUAL(3, deadline_buckets_aged(&read, NOW));
}

TEST(a_deadline_of_the_past_or_of_the_end_of_time_is_counted_too)
{
    deadline_buckets all = {.list = {{0, 0}}};
    deadline_buckets_add(&all, NOW, 1, 1);
    deadline_buckets_add(&all, NOW, NOW, 1);
    deadline_buckets_add(&all, NOW, UINT64_MAX, 1);
    deadline_buckets_add(&all, 0, UINT64_MAX - 1, 1);
    CHECK_EQUAL(2, deadline_buckets_passed(&all, NOW));
    CHECK_EQUAL(4, deadline_buckets_passed(&all, UINT64_MAX));
}

TEST(seconds_are_rounded_up_and_0_where_they_do_not_fit)
{
    CHECK_EQUAL(0, deadline_seconds(0));
    CHECK_EQUAL(1, deadline_seconds(1));
    CHECK_EQUAL(1, deadline_seconds(SECOND));
    CHECK_EQUAL(2, deadline_seconds(SECOND + 1));
    CHECK_EQUAL(UINT32_MAX, deadline_seconds(UINT32_MAX * SECOND));
    CHECK_EQUAL(0, deadline_seconds(UINT32_MAX * SECOND + 1));
    CHECK_EQUAL(0, deadline_seconds(UINT64_MAX));
}

TEST(eighths_tell_by_when_parts_of_a_table_have_passed)
{
    deadline_buckets all = {.list = {{0, 0}}};
    uint32_t eighths[DEADLINE_EIGHTH_COUNT];
    deadline_buckets_add(&all, NOW, NOW + HOUR, 30);
    deadline_buckets_add(&all, NOW, NOW + DAY, 30);
    deadline_eighths_make(&all, 100, eighths); /* 40 have none */
    uint32_t hour = (uint32_t)((NOW + HOUR) / SECOND);
    uint32_t day = (uint32_t)((NOW + DAY) / SECOND);
    const uint32_t wanted[DEADLINE_EIGHTH_COUNT] = {hour, hour, day, day, 0, 0, 0};
    for (size_t i = 0; i < DEADLINE_EIGHTH_COUNT; i++) {
        CHECK_EQUAL(wanted[i], eighths[i]);
    }
    CHECK_EQUAL(0, deadline_eighths_passed(eighths, 100, NOW + HOUR - 1));
    CHECK_EQUAL(25, deadline_eighths_passed(eighths, 100, NOW + HOUR));
    CHECK_EQUAL(50, deadline_eighths_passed(eighths, 100, NOW + DAY));
    CHECK_EQUAL(50, deadline_eighths_passed(eighths, 100, UINT64_MAX));
}

TEST(eighths_of_nothing_and_of_what_has_no_deadline_tell_nothing)
{
    deadline_buckets none = {.list = {{0, 0}}};
    uint32_t eighths[DEADLINE_EIGHTH_COUNT];
    for (uint64_t total = 0; total < 20; total++) {
        deadline_eighths_make(&none, total, eighths);
        for (size_t i = 0; i < DEADLINE_EIGHTH_COUNT; i++) {
            CHECK_EQUAL(0, eighths[i]);
        }
        CHECK_EQUAL(0, deadline_eighths_passed(eighths, total, UINT64_MAX));
    }
}

/* Whatever the rows are, at no time is more told to have passed than has. */
TEST(nothing_is_told_too_early)
{
    for (uint64_t round = 0; round < 50; round++) {
        deadline_buckets all = {.list = {{0, 0}}};
        uint64_t deadlines[ROWS];
        uint32_t eighths[DEADLINE_EIGHTH_COUNT];
        uint64_t state = check_seed() + round;
        size_t count = 1 + round * 17;
        for (size_t i = 0; i < count; i++) {
            state = state * UINT64_C(6364136223846793005) + 1442695040888963407U;
            uint64_t life = (state >> 20) >> (state >> 56) % 44;
            deadlines[i] = i % 3 == 2 ? 0 : NOW + 1 + life;
            if (deadlines[i] != 0) {
                deadline_buckets_add(&all, NOW + i * SECOND, deadlines[i], 1);
            }
        }
        deadline_eighths_make(&all, count, eighths);
        for (uint64_t step = 1; step < (UINT64_C(1) << 45); step *= 2) {
            uint64_t passed = 0;
            for (size_t i = 0; i < count; i++) {
                passed += deadlines[i] != 0 && deadlines[i] <= NOW + step;
            }
            CHECK(deadline_buckets_passed(&all, NOW + step) <= passed);
            CHECK(deadline_eighths_passed(eighths, count, NOW + step) <= passed);
        }
    }
}

TEST_MAIN(CASE(a_bucket_has_aged_when_a_quarter_of_a_life_in_it_is_over),
          CASE(rows_of_an_hour_have_passed_though_one_of_a_month_stands_among_them),
          CASE(minutes_hours_days_months_and_years_have_buckets_of_their_own),
          CASE(a_deadline_of_the_past_or_of_the_end_of_time_is_counted_too),
          CASE(seconds_are_rounded_up_and_0_where_they_do_not_fit),
          CASE(eighths_tell_by_when_parts_of_a_table_have_passed),
          CASE(eighths_of_nothing_and_of_what_has_no_deadline_tell_nothing),
          CASE(nothing_is_told_too_early))
