/*
 * slice_test: order and equality of byte slices.
 */
#include "harness/check.h"

#include "base/slice.h"

TEST(a_prefix_sorts_before_what_extends_it)
{
    CHECK(slice_compare(slice_make("ab", 2), slice_make("abc", 3)) < 0);
    CHECK(slice_compare(slice_make("abc", 3), slice_make("ab", 2)) > 0);
    CHECK(slice_compare(slice_make("", 0), slice_make("a", 1)) < 0);
}

TEST(bytes_compare_unsigned)
{
    CHECK(slice_compare(slice_make("\xff", 1), slice_make("\x01", 1)) > 0);
}

TEST(empty_slices_are_equal_whatever_they_point_to)
{
    CHECK(slice_equal(slice_make(NULL, 0), slice_make("x", 0)));
    CHECK(!slice_equal(slice_make("x", 1), slice_make("x", 0)));
}

TEST_MAIN(CASE(a_prefix_sorts_before_what_extends_it), CASE(bytes_compare_unsigned),
          CASE(empty_slices_are_equal_whatever_they_point_to))
