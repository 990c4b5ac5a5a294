/*
 * pins_test: objects count once, the limit holds, and copies belong to their view.
 */
#include "harness/check.h"

#include "base/memory.h"
#include "base/pins.h"

static pykv_stats report(pins *self)
{
    pykv_stats stats = {0};
    pins_report(self, &stats);
    return stats;
}

TEST(an_object_counts_once_however_many_views_it_has)
{
    pins all;
    uint32_t first = 0;
    uint32_t second = 0;
    pins_init(&all, 100);
    CHECK(pins_take(&all, &first, 60));
    CHECK(pins_take(&all, &first, 60));
    CHECK(pins_take(&all, &second, 40));
    CHECK_EQUAL(3, report(&all).view_count);
    CHECK_EQUAL(100, report(&all).pinned_bytes);
    pins_give_back(&all, &first, 60);
    CHECK_EQUAL(100, report(&all).pinned_bytes);
    pins_give_back(&all, &first, 60);
    CHECK_EQUAL(40, report(&all).pinned_bytes);
    pins_give_back(&all, &second, 40);
    CHECK_EQUAL(0, report(&all).view_count);
    CHECK_EQUAL(0, report(&all).pinned_bytes);
    pins_destroy(&all);
}

TEST(what_would_exceed_the_limit_is_refused_and_what_is_pinned_already_is_not)
{
    pins all;
    uint32_t first = 0;
    uint32_t second = 0;
    pins_init(&all, 100);
    CHECK(pins_take(&all, &first, 60));
    CHECK(!pins_take(&all, &second, 41));
    CHECK_EQUAL(0, second);
    CHECK(pins_take(&all, &first, 60));
    CHECK_EQUAL(60, report(&all).pinned_bytes);
    pins_give_back(&all, &first, 60);
    pins_give_back(&all, &first, 60);
    CHECK(pins_take(&all, &second, 100));
    pins_give_back(&all, &second, 100);
    pins_destroy(&all);
}

TEST(a_copy_is_memory_of_its_own_and_pins_nothing)
{
    pins all;
    held_value held;
    char text[] = "value";
    int64_t blocks = mem_block_count();
    pins_init(&all, 0);
    CHECK_OK(held_value_copy(&all, slice_make(text, 5), &held));
    memset(text, 'x', 5);
    CHECK_EQUAL(5, held.length);
    CHECK_BYTES("value", held.data, 5);
    CHECK(held_value_is_copy(&held));
    CHECK_EQUAL(1, report(&all).view_count);
    CHECK_EQUAL(0, report(&all).pinned_bytes);
    held_value_release(&held);
    CHECK_OK(held_value_copy(&all, slice_make(NULL, 0), &held));
    CHECK_EQUAL(0, held.length);
    held_value_release(&held);
    CHECK_EQUAL(2, report(&all).view_copy_count);
    CHECK_EQUAL(0, report(&all).view_count);
    CHECK_EQUAL(blocks, mem_block_count());
    pins_destroy(&all);
}

TEST(a_copy_for_which_there_is_no_memory_counts_nowhere)
{
    pins all;
    held_value held = {.length = 7};
    pins_init(&all, 0);
    mem_fail_at(1, 0);
    CHECK_STATUS(PYKV_NO_MEMORY, held_value_copy(&all, slice_make("value", 5), &held));
    mem_fail_at(0, 0);
    CHECK_EQUAL(7, held.length);
    CHECK_EQUAL(0, report(&all).view_count);
    CHECK_EQUAL(0, report(&all).view_copy_count);
    pins_destroy(&all);
}

TEST_MAIN(CASE(an_object_counts_once_however_many_views_it_has),
          CASE(what_would_exceed_the_limit_is_refused_and_what_is_pinned_already_is_not),
          CASE(a_copy_is_memory_of_its_own_and_pins_nothing),
          CASE(a_copy_for_which_there_is_no_memory_counts_nowhere))
