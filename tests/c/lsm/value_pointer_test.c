/*
 * value_pointer: what is encoded is decoded, and nothing else is a pointer.
 */
#include "harness/check.h"

#include "base/coding.h"
#include "lsm/value_pointer.h"

static pykv_status decode(uint32_t number, uint32_t bytes, uint64_t offset, size_t size)
{
    uint8_t data[VALUE_POINTER_BYTES_MAX + 1] = {0};
    value_pointer found;
    store_u32(data, number);
    store_u32(data + 4, bytes);
    store_u64(data + 8, offset);
    return value_pointer_decode(slice_make(data, size), &found);
}

TEST(a_pointer_comes_back_as_it_was)
{
    value_pointer wanted = {UINT32_MAX, PYKV_VALUE_BYTES_MAX, UINT64_C(1) << 40,
                            PYKV_VALUE_BYTES_MAX};
    value_pointer found;
    uint8_t data[VALUE_POINTER_BYTES_MAX];
    CHECK_EQUAL(VALUE_POINTER_BYTES, value_pointer_encode(&wanted, data));
    CHECK_OK(value_pointer_decode(slice_make(data, VALUE_POINTER_BYTES), &found));
    CHECK(!value_pointer_is_packed(&found));
    CHECK_EQUAL(PYKV_VALUE_BYTES_MAX, found.stored_bytes);
    CHECK_EQUAL(wanted.number, found.number);
    CHECK_EQUAL(wanted.value_bytes, found.value_bytes);
    CHECK_EQUAL(wanted.offset, found.offset);
}

TEST(a_pointer_to_a_compressed_value_says_how_long_it_is_stored)
{
    value_pointer wanted = {7, 5000, 4096, 4999};
    value_pointer found;
    uint8_t data[VALUE_POINTER_BYTES_MAX];
    CHECK_EQUAL(VALUE_POINTER_BYTES_MAX, value_pointer_encode(&wanted, data));
    CHECK_OK(value_pointer_decode(slice_make(data, sizeof data), &found));
    CHECK(value_pointer_is_packed(&found));
    CHECK_EQUAL(5000, found.value_bytes);
    CHECK_EQUAL(4999, found.stored_bytes);
    store_u32(data + 16, 5000);
    CHECK_STATUS(PYKV_CORRUPTION, value_pointer_decode(slice_make(data, sizeof data), &found));
}

TEST(what_no_pointer_can_say_is_corruption)
{
    CHECK_OK(decode(1, 0, 64, VALUE_POINTER_BYTES));
    CHECK_STATUS(PYKV_CORRUPTION, decode(0, 0, 64, VALUE_POINTER_BYTES));
    CHECK_STATUS(PYKV_CORRUPTION, decode(1, PYKV_VALUE_BYTES_MAX + 1U, 64, VALUE_POINTER_BYTES));
    CHECK_STATUS(PYKV_CORRUPTION, decode(1, 0, 56, VALUE_POINTER_BYTES));
    CHECK_STATUS(PYKV_CORRUPTION, decode(1, 0, 68, VALUE_POINTER_BYTES));
    CHECK_STATUS(PYKV_CORRUPTION, decode(1, 0, 64, VALUE_POINTER_BYTES - 1));
    CHECK_STATUS(PYKV_CORRUPTION, decode(1, 0, 64, VALUE_POINTER_BYTES + 1));
    CHECK_STATUS(PYKV_CORRUPTION, decode(1, 0, 64, VALUE_POINTER_BYTES_MAX));
    CHECK_STATUS(PYKV_CORRUPTION, decode(1, 0, 64, VALUE_POINTER_BYTES_MAX + 1));
    CHECK_STATUS(PYKV_CORRUPTION, decode(1, 0, 64, 0));
}

TEST(puts_and_pointers_leave_a_value)
{
    CHECK(kind_is_value(RECORD_PUT) && kind_is_value(INTERNAL_KIND_POINTER));
    CHECK(!kind_is_value(RECORD_DELETE) && !kind_is_value(0));
}

TEST_MAIN(CASE(a_pointer_comes_back_as_it_was),
          CASE(a_pointer_to_a_compressed_value_says_how_long_it_is_stored),
          CASE(what_no_pointer_can_say_is_corruption), CASE(puts_and_pointers_leave_a_value))
