/*
 * item_run: whatever a caller's offsets hold, and however they change, only bytes of the caller's
 * data are copied.
 */
#include "harness/check.h"

#include "api/item_run.h"

enum { ROWS = 4 };

static const uint8_t DATA[] = "onetwothree";

static pykv_status init(item_run *run, const pykv_items *items)
{
    return item_run_init(run, items, "keys", PYKV_KEY_BYTES_MAX, ROWS);
}

TEST(items_are_cut_by_their_offsets_and_a_run_begins_anywhere)
{
    const int64_t offsets[] = {0, 3, 3, 6, 11};
    const pykv_items items = {.data = DATA, .data_bytes = 11, .offsets = offsets};
    item_run run;
    CHECK_OK(init(&run, &items));
    CHECK_OK(item_run_check(&run, ROWS));
    CHECK_OK(item_run_measure(&run, 1, 3));
    CHECK_EQUAL(8, item_run_bytes(&run, 3));
    CHECK_EQUAL(3, item_run_bytes(&run, 2));
    CHECK_OK(item_run_copy(&run, 3));
    CHECK_EQUAL(0, run.lengths[0]);
    CHECK(run.pointers[0] != NULL);
    CHECK_EQUAL(3, run.lengths[1]);
    CHECK_BYTES("two", run.pointers[1], 3);
    CHECK_EQUAL(5, run.lengths[2]);
    CHECK_BYTES("three", run.pointers[2], 5);
    item_run_reset(&run);
}

TEST(items_of_one_width_stand_beside_each_other_and_may_lose_their_zeros)
{
    static const uint8_t data[] = "abc\0d\0\0\0\0\0\0\0";
    pykv_items items = {.data = data, .data_bytes = 12, .width = 4};
    item_run run;
    CHECK_OK(init(&run, &items));
    CHECK_OK(item_run_measure(&run, 0, 3));
    CHECK_OK(item_run_copy(&run, 3));
    CHECK_EQUAL(4, run.lengths[1]);
    CHECK_BYTES("d\0\0\0", run.pointers[1], 4);
    items.trims = 1;
    CHECK_OK(item_run_copy(&run, 3));
    CHECK_EQUAL(3, run.lengths[0]);
    CHECK_EQUAL(1, run.lengths[1]);
    CHECK_EQUAL(0, run.lengths[2]);
    items.width = 0;
    CHECK_OK(item_run_check(&run, 1000));
    item_run_reset(&run);
}

static void refuse(const int64_t *offsets, uint64_t data_bytes)
{
    const pykv_items items = {.data = DATA, .data_bytes = data_bytes, .offsets = offsets};
    item_run run;
    CHECK_OK(init(&run, &items));
    CHECK_STATUS(PYKV_INVALID_ARGUMENT, item_run_check(&run, 3));
    CHECK_STATUS(PYKV_INVALID_ARGUMENT, item_run_measure(&run, 0, 3));
    CHECK(strstr(error_last()->text, "keys: item ") != NULL);
    item_run_reset(&run);
}

TEST(offsets_that_go_backwards_or_outside_are_refused)
{
    const int64_t backwards[] = {0, 6, 3, 11};
    const int64_t below[] = {-1, 3, 6, 11};
    const int64_t far_below[] = {0, 3, INT64_MIN, 11};
    const int64_t beyond[] = {0, 3, 6, 12};
    const int64_t far_beyond[] = {0, 3, INT64_MAX, INT64_MAX};
    refuse(backwards, 11);
    refuse(below, 11);
    refuse(far_below, 11);
    refuse(beyond, 11);
    refuse(far_beyond, 11);
}

TEST(a_width_that_needs_more_than_there_is_and_an_item_that_is_too_long_are_refused)
{
    static uint8_t data[PYKV_KEY_BYTES_MAX + 1];
    const int64_t offsets[] = {0, sizeof data};
    pykv_items items = {.data = data, .data_bytes = sizeof data, .offsets = offsets};
    item_run run;
    CHECK_OK(init(&run, &items));
    CHECK_STATUS(PYKV_KEY_TOO_LARGE, item_run_check(&run, 1));
    CHECK_STATUS(PYKV_KEY_TOO_LARGE, item_run_measure(&run, 0, 1));
    items.offsets = NULL;
    items.width = sizeof data;
    CHECK_STATUS(PYKV_KEY_TOO_LARGE, item_run_check(&run, 1));
    items.width = 4;
    CHECK_OK(item_run_check(&run, sizeof data / 4));
    CHECK_STATUS(PYKV_INVALID_ARGUMENT, item_run_check(&run, sizeof data / 4 + 1));
    CHECK_STATUS(PYKV_INVALID_ARGUMENT, item_run_check(&run, UINT64_MAX / 2));
    CHECK_STATUS(PYKV_INVALID_ARGUMENT, item_run_measure(&run, sizeof data / 4, 1));
    item_run_reset(&run);
}

/* Another thread may change them at any time: between the check of all and the copy of a run, and
 * between that and the copy of its bytes. */
TEST(offsets_that_change_meanwhile_are_judged_again_and_then_not_read_any_more)
{
    int64_t offsets[] = {0, 3, 6, 11};
    const pykv_items items = {.data = DATA, .data_bytes = 11, .offsets = offsets};
    item_run run;
    CHECK_OK(init(&run, &items));
    CHECK_OK(item_run_check(&run, 3));
    offsets[3] = 1 << 20;
    CHECK_STATUS(PYKV_INVALID_ARGUMENT, item_run_measure(&run, 0, 3));
    offsets[3] = 11;
    CHECK_OK(item_run_measure(&run, 0, 3));
    offsets[1] = INT64_MAX;
    offsets[0] = -5;
    CHECK_OK(item_run_copy(&run, 3));
    CHECK_EQUAL(3, run.lengths[0]);
    CHECK_BYTES("one", run.pointers[0], 3);
    item_run_reset(&run);
}

TEST_MAIN(CASE(items_are_cut_by_their_offsets_and_a_run_begins_anywhere),
          CASE(items_of_one_width_stand_beside_each_other_and_may_lose_their_zeros),
          CASE(offsets_that_go_backwards_or_outside_are_refused),
          CASE(a_width_that_needs_more_than_there_is_and_an_item_that_is_too_long_are_refused),
          CASE(offsets_that_change_meanwhile_are_judged_again_and_then_not_read_any_more))
