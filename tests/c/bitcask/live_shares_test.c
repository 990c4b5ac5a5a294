/*
 * live_shares_test: the shares of namespaces in a segment.
 */
#include "harness/check.h"

#include "base/memory.h"
#include "bitcask/live_shares.h"

enum { SPACES = 40 };

TEST(each_namespace_has_its_share_and_takes_it_along)
{
    live_shares shares = {.rows = NULL};
    for (uint32_t i = 0; i < SPACES; i++) {
        uint32_t id = 1 + i * 7 % SPACES; /* in no order */
        CHECK(live_shares_find(&shares, id) == NULL);
        CHECK_OK(live_shares_reserve(&shares, id));
        CHECK_OK(live_shares_reserve(&shares, id));
        live_shares_add(&shares, id, 10 * id);
        live_shares_add(&shares, id, 8);
    }
    CHECK_EQUAL(SPACES, shares.count);
    for (uint32_t id = 1; id <= SPACES; id++) {
        CHECK_EQUAL(10 * id + 8, live_shares_find(&shares, id)->bytes);
        CHECK_EQUAL(2, live_shares_find(&shares, id)->count);
    }
    live_shares_subtract(&shares, 3, 8);
    live_share gone = live_shares_remove(&shares, 3);
    CHECK_EQUAL(30, gone.bytes);
    CHECK_EQUAL(1, gone.count);
    CHECK(live_shares_find(&shares, 3) == NULL);
    CHECK_EQUAL(0, live_shares_remove(&shares, 3).bytes);
    live_share all = live_shares_sum(&shares);
    CHECK_EQUAL(2 * (SPACES - 1), all.count);
    CHECK_EQUAL(10 * (SPACES * (SPACES + 1) / 2 - 3) + 8 * (SPACES - 1), all.bytes);
    id_table_reset(&shares);
    CHECK_EQUAL(0, live_shares_sum(&shares).count);
}

TEST(the_default_namespace_has_what_is_left_and_needs_none)
{
    live_shares shares = {.rows = NULL};
    CHECK_OK(live_shares_reserve(&shares, 0));
    CHECK_EQUAL(0, shares.count);
    id_table_reset(&shares);
}

/* A directory image says how much that is, and its checks may be right over false numbers. */
TEST(no_more_is_counted_out_than_there_is)
{
    live_shares shares = {.rows = NULL};
    live_shares_subtract(&shares, 7, 1);
    CHECK_EQUAL(0, shares.count);
    CHECK_OK(live_shares_reserve(&shares, 7));
    live_shares_add(&shares, 7, 10);
    live_shares_subtract(&shares, 7, 11);
    live_shares_subtract(&shares, 7, 1);
    CHECK_EQUAL(0, live_shares_find(&shares, 7)->bytes);
    CHECK_EQUAL(0, live_shares_find(&shares, 7)->count);
    id_table_reset(&shares);
}

TEST(a_share_that_finds_no_memory_changes_nothing)
{
    live_shares shares = {.rows = NULL};
    for (uint32_t id = 1; id <= 4; id++) {
        CHECK_OK(live_shares_reserve(&shares, id));
    }
    (void)mem_fail_at(1, 0);
    CHECK_STATUS(PYKV_NO_MEMORY, live_shares_reserve(&shares, 5));
    (void)mem_fail_at(0, 0);
    CHECK_EQUAL(4, shares.count);
    CHECK(live_shares_find(&shares, 5) == NULL);
    id_table_reset(&shares);
}

TEST_MAIN(CASE(each_namespace_has_its_share_and_takes_it_along),
          CASE(the_default_namespace_has_what_is_left_and_needs_none),
          CASE(no_more_is_counted_out_than_there_is),
          CASE(a_share_that_finds_no_memory_changes_nothing))
