/*
 * invariant_test: a broken invariant is counted and told; it ends the process in PYKV_CHECK builds
 * only.
 */
#include <signal.h>

#include "child.h"
#include "harness/check.h"

#include "base/invariant.h"

static int break_one(void)
{
    (void)close(STDERR_FILENO); /* the message is expected */
    int wheel_count = 3;
    PYKV_ASSERT(wheel_count == 4);
    bool counted = invariant_broken_count() == 1;
    bool told = error_last()->status == PYKV_INTERNAL &&
                strstr(error_last()->text, "wheel_count == 4") != NULL &&
                strstr(error_last()->text, "invariant_test.c") != NULL;
    return counted && told ? 0 : 1;
}

TEST(a_broken_invariant_stops_check_builds_and_is_recorded_in_release)
{
#ifdef PYKV_CHECK
    CHECK_EQUAL(CHILD_SIGNALLED + SIGABRT, child_run(break_one));
#else
    CHECK_EQUAL(0, child_run(break_one));
#endif
}

TEST(an_invariant_that_holds_is_silent)
{
    uint64_t before = invariant_broken_count();
    PYKV_ASSERT(1 + 1 == 2);
    PYKV_CHECKED(2 + 2 == 4);
    CHECK_EQUAL(before, invariant_broken_count());
}

static int evaluations;

static bool costly(void)
{
    evaluations++;
    return true;
}

TEST(costly_conditions_are_evaluated_in_check_builds_only)
{
    evaluations = 0;
    PYKV_CHECKED(costly());
#ifdef PYKV_CHECK
    CHECK_EQUAL(1, evaluations);
#else
    CHECK_EQUAL(0, evaluations);
    CHECK(costly());
#endif
}

TEST_MAIN(CASE(a_broken_invariant_stops_check_builds_and_is_recorded_in_release),
          CASE(an_invariant_that_holds_is_silent),
          CASE(costly_conditions_are_evaluated_in_check_builds_only))
