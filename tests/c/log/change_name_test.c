/*
 * change_name_test: rows of names in the feed.
 */
#include "harness/check.h"

#include "base/coding.h"
#include "log/change_name.h"

TEST(a_put_makes_a_namespace_and_a_delete_drops_one)
{
    uint8_t value[NAME_ID_BYTES];
    const slice name = slice_make("users", 5);
    store_u32(value, 9);
    pykv_change made = {.kind = PYKV_CHANGE_PUT,
                        .namespace_id = NAMESPACE_NAMES,
                        .value = value,
                        .value_length = sizeof value,
                        .has_value = 1};
    change_name_tell(&made, name, 0);
    CHECK_EQUAL(PYKV_CHANGE_NAMESPACE, made.kind);
    CHECK_EQUAL(9, made.namespace_id);
    CHECK_EQUAL(5, made.key_length);
    CHECK(made.key == name.data);
    CHECK_EQUAL(0, made.has_value);
    CHECK_EQUAL(0, made.value_length);
    pykv_change dropped = {.kind = PYKV_CHANGE_DELETE, .namespace_id = NAMESPACE_NAMES};
    change_name_tell(&dropped, name, 9);
    CHECK_EQUAL(PYKV_CHANGE_DROP, dropped.kind);
    CHECK_EQUAL(9, dropped.namespace_id);
}

TEST(a_value_that_is_no_id_tells_none)
{
    pykv_change made = {.kind = PYKV_CHANGE_PUT,
                        .value = (const uint8_t *)"abc",
                        .value_length = 3,
                        .has_value = 1};
    change_name_tell(&made, slice_make("users", 5), 0);
    CHECK_EQUAL(0, made.namespace_id);
}

TEST_MAIN(CASE(a_put_makes_a_namespace_and_a_delete_drops_one),
          CASE(a_value_that_is_no_id_tells_none))
