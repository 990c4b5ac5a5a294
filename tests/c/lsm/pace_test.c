/*
 * pace_test: nothing below the soft limits, then smoothly more; and what is charged is waited for
 * once, in portions.
 */
#include "harness/check.h"

#include "lsm/pace.h"

TEST(nothing_is_slowed_down_up_to_the_soft_limits)
{
    pace_debt debts[] = {{0, 8, 20}, {8, 8, 20}, {7, 8, 20}};
    CHECK_EQUAL(0, pace_ns_per_kib(debts, 3));
    CHECK_EQUAL(0, pace_ns_per_kib(debts, 0));
}

TEST(the_pace_falls_smoothly_and_never_faster_with_more_debt)
{
    uint64_t before = 0;
    for (uint64_t now = 0; now <= 1300; now++) {
        pace_debt debt = {now, 200, 1200};
        uint64_t pace = pace_ns_per_kib(&debt, 1);
        CHECK(pace >= before);
        CHECK(pace - before <= PACE_SLOWEST_NS_PER_KIB / 450);
        CHECK((pace != 0) == (now > 200));
        before = pace;
    }
    CHECK_EQUAL(PACE_SLOWEST_NS_PER_KIB, before);
}

TEST(the_largest_debt_decides)
{
    pace_debt debts[] = {{9, 8, 20}, {14, 8, 20}, {10, 8, 20}};
    CHECK_EQUAL(PACE_SLOWEST_NS_PER_KIB / 4, pace_ns_per_kib(debts, 3));
}

TEST(what_is_written_is_waited_for_once_and_not_in_less_than_a_portion)
{
    pacer self = {.ns_per_kib = 10000}; /* 10 us a KiB */
    CHECK(pacer_is_on(&self));
    for (int i = 0; i < 99; i++) {
        pacer_charge(&self, 1024, 5000);
    }
    CHECK_EQUAL(0, pacer_wait_us(&self, 5000));
    pacer_charge(&self, 1024, 5000);
    CHECK_EQUAL(PACE_PORTION_US, pacer_wait_us(&self, 5000));
    CHECK_EQUAL(0, pacer_wait_us(&self, 5001));
    /* Time in which nothing is written is not saved up. */
    pacer_charge(&self, 150 * 1024, 20000);
    CHECK_EQUAL(1500, pacer_wait_us(&self, 20000));
}

TEST(no_write_is_waited_for_longer_than_the_limit)
{
    pacer self = {.ns_per_kib = PACE_SLOWEST_NS_PER_KIB};
    pacer_charge(&self, UINT64_C(1) << 40, 7);
    CHECK_EQUAL(PACE_AHEAD_US_MAX, pacer_wait_us(&self, 7));
    pacer_charge(&self, 1, 7);
    CHECK_EQUAL(PACE_AHEAD_US_MAX, pacer_wait_us(&self, 7));
}

TEST(a_wait_that_is_over_is_paid_for_although_the_clock_stood_still)
{
    pacer self = {.ns_per_kib = 1000000};
    pacer_charge(&self, 4096, 100);
    CHECK_EQUAL(4000, pacer_wait_us(&self, 100));
    pacer_settle(&self, 4100, 100);
    CHECK_EQUAL(0, pacer_wait_us(&self, 100));
    pacer_charge(&self, 4096, 100);
    pacer_settle(&self, 4100, 4200); /* the clock went on: nothing is given away */
    CHECK_EQUAL(4000, pacer_wait_us(&self, 100));
}

TEST_MAIN(CASE(nothing_is_slowed_down_up_to_the_soft_limits),
          CASE(the_pace_falls_smoothly_and_never_faster_with_more_debt),
          CASE(the_largest_debt_decides),
          CASE(what_is_written_is_waited_for_once_and_not_in_less_than_a_portion),
          CASE(no_write_is_waited_for_longer_than_the_limit),
          CASE(a_wait_that_is_over_is_paid_for_although_the_clock_stood_still))
