/*
 * scan_rows: rows go to the arrays as long as they have room and are wanted, then to the chunk.
 */
#include <string.h>

#include "harness/check.h"

#include "bitcask/scan_rows.h"

static slice text(const char *characters)
{
    return slice_make(characters, strlen(characters));
}

static void add(scan_rows *self, const char *key, const char *value)
{
    CHECK_OK(scan_rows_add(self, text(key), text(value)));
}

TEST(a_chunk_holds_rows_behind_each_other_and_has_enough_with_its_bytes)
{
    static const uint64_t offsets[] = {0, 3, 5, 5, 8, 9, 9};
    scan_rows self = {.count = 0};
    pykv_rows chunk;
    uint64_t array_count = 77;
    scan_rows_begin(&self, 9);
    add(&self, "one", "11");
    add(&self, "", "222");
    CHECK(!scan_rows_are_enough(&self));
    add(&self, "3", "");
    CHECK(scan_rows_are_enough(&self));
    CHECK_OK(scan_rows_give(&self, &array_count, &chunk));
    CHECK_EQUAL(0, array_count);
    CHECK_EQUAL(3, chunk.count);
    CHECK_BYTES("one112223", chunk.data, 9);
    CHECK_BYTES(offsets, chunk.offsets, sizeof offsets);
    scan_rows_begin(&self, 9);
    CHECK_OK(scan_rows_give(&self, &array_count, &chunk));
    CHECK_EQUAL(0, chunk.count);
    scan_rows_reset(&self);
}

TEST(rows_go_behind_those_of_the_arrays_and_the_first_without_room_ends_that)
{
    char keys[8] = "ab.....";
    char values[8] = "AB.....";
    int64_t key_offsets[9] = {0, 1, 2};
    int64_t value_offsets[9] = {0, 1, 2};
    pykv_items_room key_room = {.data = (uint8_t *)keys, .data_bytes = 5, .used_bytes = 2};
    pykv_items_room value_room = {.data = (uint8_t *)values, .data_bytes = 7, .used_bytes = 2};
    scan_rows self = {.count = 0};
    pykv_rows chunk;
    uint64_t array_count = 0;
    key_room.offsets = key_offsets;
    value_room.offsets = value_offsets;
    scan_rows_begin_arrays(&self, 6, &key_room, &value_room, 2);
    add(&self, "cd", "C");
    add(&self, "", "D");
    CHECK(!scan_rows_are_enough(&self));
    add(&self, "ef", "E"); /* one byte of room */
    CHECK(scan_rows_are_enough(&self));
    add(&self, "g", "G"); /* would have room, but comes behind it */
    CHECK_EQUAL(2, key_room.used_bytes);
    CHECK_OK(scan_rows_give(&self, &array_count, &chunk));
    CHECK_EQUAL(2, array_count);
    CHECK_EQUAL(4, key_room.used_bytes);
    CHECK_EQUAL(4, value_room.used_bytes);
    CHECK_BYTES("abcd...", keys, 8);
    CHECK_BYTES("ABCD...", values, 8);
    CHECK(key_offsets[3] == 4 && key_offsets[4] == 4);
    CHECK(value_offsets[3] == 3 && value_offsets[4] == 4);
    CHECK_EQUAL(2, chunk.count);
    CHECK_BYTES("efEgG", chunk.data, 5);
    scan_rows_reset(&self);
}

TEST(no_more_rows_go_to_the_arrays_than_are_wanted)
{
    uint8_t keys[8];
    uint8_t values[8];
    int64_t key_offsets[3] = {0};
    int64_t value_offsets[3] = {0};
    pykv_items_room key_room = {.data = keys, .data_bytes = 8, .offsets = key_offsets};
    pykv_items_room value_room = {.data = values, .data_bytes = 8, .offsets = value_offsets};
    scan_rows self = {.count = 0};
    pykv_rows chunk;
    uint64_t array_count = 0;
    scan_rows_begin_arrays(&self, 2, &key_room, &value_room, 0);
    add(&self, "a", "A");
    CHECK(!scan_rows_are_enough(&self));
    add(&self, "b", "B");
    CHECK(scan_rows_are_enough(&self));
    add(&self, "c", "C");
    CHECK_OK(scan_rows_give(&self, &array_count, &chunk));
    CHECK_EQUAL(2, array_count);
    CHECK_EQUAL(1, chunk.count);
    CHECK_BYTES("cC", chunk.data, 2);
    scan_rows_reset(&self);
}

TEST_MAIN(CASE(a_chunk_holds_rows_behind_each_other_and_has_enough_with_its_bytes),
          CASE(rows_go_behind_those_of_the_arrays_and_the_first_without_room_ends_that),
          CASE(no_more_rows_go_to_the_arrays_than_are_wanted))
