/*
 * repair_lost: what was expected and not found is counted once.
 */
#include "harness/check.h"

#include "bitcask/repair_lost.h"

static void find(repair_lost *self, uint64_t first, uint64_t last)
{
    for (uint64_t sequence = first; sequence <= last; sequence++) {
        CHECK_OK(repair_lost_found(self, sequence));
    }
}

TEST(nothing_is_lost_where_nothing_is_expected)
{
    repair_lost self = {0};
    CHECK_EQUAL(0, repair_lost_count(&self));
    find(&self, 5, 9);
    CHECK_OK(repair_lost_expect(&self, 7, 6));
    CHECK_EQUAL(0, repair_lost_count(&self));
    repair_lost_reset(&self);
}

TEST(what_was_expected_is_lost_unless_it_was_found_anywhere)
{
    repair_lost self = {0};
    CHECK_OK(repair_lost_expect(&self, 100, 199));
    CHECK_OK(repair_lost_expect(&self, 1, 10));
    find(&self, 150, 250);
    find(&self, 4, 4);
    CHECK_EQUAL(50 + 9, repair_lost_count(&self));
    CHECK_EQUAL(50 + 9, repair_lost_count(&self));
    repair_lost_reset(&self);
}

TEST(what_was_expected_or_found_twice_counts_once)
{
    repair_lost self = {0};
    CHECK_OK(repair_lost_expect(&self, 10, 30));
    CHECK_OK(repair_lost_expect(&self, 20, 40));
    CHECK_OK(repair_lost_expect(&self, 25, 26));
    CHECK_OK(repair_lost_expect(&self, 41, 41));
    find(&self, 12, 13);
    find(&self, 12, 12);
    find(&self, 26, 26);
    CHECK_EQUAL(32 - 3, repair_lost_count(&self));
    repair_lost_reset(&self);
}

TEST_MAIN(CASE(nothing_is_lost_where_nothing_is_expected),
          CASE(what_was_expected_is_lost_unless_it_was_found_anywhere),
          CASE(what_was_expected_or_found_twice_counts_once))
