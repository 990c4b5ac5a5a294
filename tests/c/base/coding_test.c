/*
 * coding_test: integers are little-endian at any address.
 */
#include "harness/check.h"

#include "base/coding.h"

TEST(integers_are_stored_lowest_byte_first)
{
    uint8_t bytes[16] = {0};
    store_u64(bytes + 1, UINT64_C(0x0807060504030201));
    CHECK_BYTES("\0\1\2\3\4\5\6\7\10\0", bytes, 10);
    store_u32(bytes + 3, UINT32_C(0xddccbbaa));
    CHECK_BYTES("\xaa\xbb\xcc\xdd\7", bytes + 3, 5);
    store_u16(bytes + 5, 0x2211);
    CHECK_BYTES("\x11\x22\7", bytes + 5, 3);
    store_u8(bytes + 15, 200);
    CHECK_EQUAL(200, bytes[15]);
}

TEST(what_was_stored_is_loaded_at_every_alignment)
{
    uint8_t bytes[24] = {0};
    for (size_t at = 0; at < 8; at++) {
        store_u64(bytes + at, UINT64_C(0xfedcba9876543210));
        CHECK_EQUAL(UINT64_C(0xfedcba9876543210), load_u64(bytes + at));
        CHECK_EQUAL(UINT32_C(0x76543210), load_u32(bytes + at));
        CHECK_EQUAL(0x3210, load_u16(bytes + at));
        CHECK_EQUAL(0x10, load_u8(bytes + at));
    }
}

TEST(bytes_are_all_zero_only_without_a_nonzero_one_anywhere)
{
    uint8_t bytes[24] = {0};
    CHECK(all_zero(bytes, 0));
    for (size_t size = 1; size <= sizeof bytes; size++) {
        CHECK(all_zero(bytes, size));
        for (size_t at = 0; at < size; at++) {
            bytes[at] = (uint8_t)(1U << at % 8);
            CHECK(!all_zero(bytes, size));
            CHECK(all_zero(bytes, at));
            bytes[at] = 0;
        }
    }
}

TEST(rounding_up_keeps_multiples)
{
    CHECK_EQUAL(0, round_up(0, 8));
    CHECK_EQUAL(8, round_up(1, 8));
    CHECK_EQUAL(8, round_up(8, 8));
    CHECK_EQUAL(4096, round_up(9, 4096));
    CHECK_EQUAL(UINT64_C(1) << 40, round_up((UINT64_C(1) << 40) - 1, 2));
}

TEST_MAIN(CASE(integers_are_stored_lowest_byte_first),
          CASE(what_was_stored_is_loaded_at_every_alignment),
          CASE(bytes_are_all_zero_only_without_a_nonzero_one_anywhere),
          CASE(rounding_up_keeps_multiples))
