/*
 * buffer_test: appending, growth, and what a failed growth leaves.
 */
#include "harness/check.h"

#include "base/buffer.h"
#include "base/memory.h"

TEST(appended_bytes_come_out_in_order)
{
    buffer bytes = BUFFER_EMPTY;
    uint8_t wanted[5000];
    for (size_t i = 0; i < sizeof wanted; i++) {
        wanted[i] = (uint8_t)(i * 31);
        CHECK_OK(buffer_append(&bytes, &wanted[i], 1));
    }
    CHECK_EQUAL(sizeof wanted, bytes.size);
    CHECK_BYTES(wanted, bytes.data, sizeof wanted);
    CHECK_OK(buffer_append(&bytes, wanted, sizeof wanted));
    CHECK_BYTES(wanted, bytes.data + sizeof wanted, sizeof wanted);
    buffer_reset(&bytes);
}

TEST(appending_nothing_is_allowed_without_a_pointer)
{
    buffer bytes = BUFFER_EMPTY;
    CHECK_OK(buffer_append(&bytes, NULL, 0));
    CHECK_OK(buffer_append_zeros(&bytes, 0));
    CHECK_EQUAL(0, bytes.size);
    CHECK(bytes.data == NULL);
}

TEST(zeros_are_appended_over_old_bytes)
{
    buffer bytes = BUFFER_EMPTY;
    CHECK_OK(buffer_append(&bytes, "abcdefgh", 8));
    buffer_clear(&bytes);
    CHECK_OK(buffer_append(&bytes, "xy", 2));
    CHECK_OK(buffer_append_zeros(&bytes, 4));
    CHECK_EQUAL(6, bytes.size);
    CHECK_BYTES("xy\0\0\0\0", bytes.data, 6);
    buffer_reset(&bytes);
}

TEST(reserved_room_is_used_without_moving)
{
    buffer bytes = BUFFER_EMPTY;
    CHECK_OK(buffer_reserve(&bytes, 1000));
    CHECK(bytes.capacity >= 1000);
    CHECK_EQUAL(0, bytes.size);
    uint8_t *at = bytes.data;
    CHECK_OK(buffer_append_zeros(&bytes, 1000));
    CHECK(bytes.data == at);
    buffer_reset(&bytes);
}

TEST(appending_byte_by_byte_grows_seldom)
{
    buffer bytes = BUFFER_EMPTY;
    mem_fail_at(0, 0);
    for (size_t i = 0; i < 1000000; i++) {
        CHECK_OK(buffer_append(&bytes, "x", 1));
    }
    CHECK(mem_fail_at(0, 0) < 20);
    buffer_reset(&bytes);
}

TEST(a_buffer_of_known_size_grows_from_heap_to_mapping)
{
    int64_t before = mem_block_count();
    buffer bytes = BUFFER_EMPTY;
    for (uint32_t i = 0; i < 100000; i++) {
        if (bytes.capacity - bytes.size < sizeof i) {
            CHECK_OK(buffer_grow_sized(&bytes, sizeof i));
        }
        CHECK_OK(buffer_append(&bytes, &i, sizeof i));
    }
    for (uint32_t i = 0; i < 100000; i++) {
        CHECK_BYTES(&i, bytes.data + sizeof i * i, sizeof i);
    }
    mem_fail_at(1, 0);
    CHECK_STATUS(PYKV_NO_MEMORY, buffer_grow_sized(&bytes, bytes.capacity));
    mem_fail_at(0, 0);
    CHECK_EQUAL(before + 1, mem_block_count());
    buffer_reset_sized(&bytes);
    CHECK(bytes.data == NULL && bytes.size == 0 && bytes.capacity == 0);
    CHECK_EQUAL(before, mem_block_count());
}

TEST(clearing_keeps_the_memory_and_resetting_frees_it)
{
    int64_t before = mem_block_count();
    buffer bytes = BUFFER_EMPTY;
    CHECK_OK(buffer_append(&bytes, "abc", 3));
    uint8_t *at = bytes.data;
    buffer_clear(&bytes);
    CHECK_EQUAL(0, bytes.size);
    CHECK(bytes.data == at);
    buffer_reset(&bytes);
    CHECK(bytes.data == NULL);
    CHECK_EQUAL(0, bytes.capacity);
    CHECK_EQUAL(before, mem_block_count());
    CHECK_OK(buffer_append(&bytes, "again", 5));
    CHECK_BYTES("again", bytes.data, 5);
    buffer_reset(&bytes);
}

TEST(a_failed_growth_leaves_the_buffer_as_it_was)
{
    buffer bytes = BUFFER_EMPTY;
    CHECK_OK(buffer_append(&bytes, "kept", 4));
    buffer before = bytes;
    mem_fail_at(1, 1);
    pykv_status reserved = buffer_reserve(&bytes, 100000);
    pykv_status appended = buffer_append_zeros(&bytes, 100000);
    mem_fail_at(0, 0);
    CHECK_EQUAL(PYKV_NO_MEMORY, reserved);
    CHECK_EQUAL(PYKV_NO_MEMORY, appended);
    CHECK(bytes.data == before.data);
    CHECK_EQUAL(before.size, bytes.size);
    CHECK_EQUAL(before.capacity, bytes.capacity);
    CHECK_BYTES("kept", bytes.data, 4);
    buffer_reset(&bytes);
}

TEST(a_size_that_overflows_is_no_memory)
{
    buffer bytes = BUFFER_EMPTY;
    CHECK_OK(buffer_append(&bytes, "abc", 3));
    CHECK_STATUS(PYKV_NO_MEMORY, buffer_reserve(&bytes, SIZE_MAX - 1));
    CHECK_EQUAL(3, bytes.size);
    buffer_reset(&bytes);
}

TEST_MAIN(CASE(appended_bytes_come_out_in_order),
          CASE(appending_nothing_is_allowed_without_a_pointer),
          CASE(zeros_are_appended_over_old_bytes), CASE(reserved_room_is_used_without_moving),
          CASE(appending_byte_by_byte_grows_seldom),
          CASE(a_buffer_of_known_size_grows_from_heap_to_mapping),
          CASE(clearing_keeps_the_memory_and_resetting_frees_it),
          CASE(a_failed_growth_leaves_the_buffer_as_it_was),
          CASE(a_size_that_overflows_is_no_memory))
