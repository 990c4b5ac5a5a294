/*
 * value_refs: values are summed up by segment, and what is no such list is refused.
 */
#include "harness/check.h"

#include "base/coding.h"
#include "base/memory.h"
#include "lsm/value_refs.h"

static slice all_of(const buffer *list)
{
    return slice_make(list->data, list->size);
}

TEST(values_are_summed_up_by_segment_and_stand_in_order)
{
    static const uint32_t numbers[] = {7, 3, 7, 9, 1, 3, 7};
    buffer list = BUFFER_EMPTY;
    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++) {
        CHECK_OK(value_refs_add(&list, numbers[i], 100 + i));
    }
    CHECK_OK(value_refs_check(all_of(&list), "x"));
    CHECK_EQUAL(4, value_refs_count(all_of(&list)));
    CHECK_EQUAL(1, value_refs_at(all_of(&list), 0).number);
    CHECK_EQUAL(3, value_refs_at(all_of(&list), 1).number);
    CHECK_EQUAL(2, value_refs_at(all_of(&list), 1).count);
    CHECK_EQUAL(206, value_refs_at(all_of(&list), 1).bytes);
    CHECK_EQUAL(3, value_refs_at(all_of(&list), 2).count);
    CHECK_EQUAL(308, value_refs_at(all_of(&list), 2).bytes);
    CHECK_EQUAL(9, value_refs_at(all_of(&list), 3).number);
    buffer_reset(&list);
}

TEST(an_empty_list_is_a_list)
{
    CHECK_OK(value_refs_check(slice_make(NULL, 0), "x"));
    CHECK_EQUAL(0, value_refs_count(slice_make(NULL, 0)));
}

TEST(what_is_no_list_is_corruption)
{
    buffer list = BUFFER_EMPTY;
    CHECK_OK(value_refs_add(&list, 1, 5));
    CHECK_OK(value_refs_add(&list, 2, 5));
    for (size_t size = 1; size < list.size; size++) {
        bool legal = size % VALUE_REF_BYTES == 0;
        CHECK_EQUAL(legal ? PYKV_OK : PYKV_CORRUPTION,
                    value_refs_check(slice_make(list.data, size), "x"));
    }
    store_u32(list.data, 2);
    CHECK_STATUS(PYKV_CORRUPTION, value_refs_check(all_of(&list), "x")); /* not rising */
    store_u32(list.data, 0);
    CHECK_STATUS(PYKV_CORRUPTION, value_refs_check(all_of(&list), "x")); /* no number */
    store_u32(list.data, 1);
    store_u32(list.data + 4, 1);
    CHECK_STATUS(PYKV_CORRUPTION, value_refs_check(all_of(&list), "x")); /* unused bytes */
    store_u32(list.data + 4, 0);
    store_u64(list.data + 8, 0);
    CHECK_STATUS(PYKV_CORRUPTION, value_refs_check(all_of(&list), "x")); /* nothing counted */
    buffer_reset(&list);
}

TEST(a_failed_allocation_changes_nothing)
{
    buffer list = BUFFER_EMPTY;
    mem_fail_at(1, 0);
    CHECK_STATUS(PYKV_NO_MEMORY, value_refs_add(&list, 1, 5));
    mem_fail_at(0, 0);
    CHECK_EQUAL(0, list.size);
}

TEST_MAIN(CASE(values_are_summed_up_by_segment_and_stand_in_order), CASE(an_empty_list_is_a_list),
          CASE(what_is_no_list_is_corruption), CASE(a_failed_allocation_changes_nothing))
