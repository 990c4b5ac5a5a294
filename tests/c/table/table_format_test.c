/*
 * table_format: what was encoded decodes to the same, and any changed byte is refused.
 */
#include "codec/compress.h"
#include "harness/check.h"

#include "base/coding.h"
#include "base/crc32c.h"
#include "table/table_format.h"

enum { FILE_ID = 4711, FOOTER_AT = 1000 };

static const table_footer footer = {{100, 300}, {412, 200}, {624, 364}};

TEST(a_header_tells_its_file_id_and_any_changed_bit_is_refused)
{
    uint8_t bytes[TABLE_HEADER_BYTES];
    uint64_t file_id = 0;
    table_header_encode(FILE_ID, bytes);
    CHECK_OK(table_header_decode(bytes, "x", &file_id));
    CHECK_EQUAL(FILE_ID, file_id);
    for (size_t bit = 0; bit < sizeof bytes * 8; bit++) {
        bytes[bit / 8] ^= (uint8_t)(1U << bit % 8);
        CHECK_STATUS(PYKV_CORRUPTION, table_header_decode(bytes, "x", &file_id));
        bytes[bit / 8] ^= (uint8_t)(1U << bit % 8);
    }
}

TEST(a_header_of_another_version_or_with_reserved_bytes_is_told_apart)
{
    uint8_t bytes[TABLE_HEADER_BYTES];
    uint64_t file_id = 0;
    table_header_encode(FILE_ID, bytes);
    bytes[8] = 2;
    store_u32(bytes + 28, crc32c_extend(0, bytes, 28));
    CHECK_STATUS(PYKV_FORMAT, table_header_decode(bytes, "x", &file_id));
    bytes[8] = 1;
    bytes[24] = 1;
    store_u32(bytes + 28, crc32c_extend(0, bytes, 28));
    CHECK_STATUS(PYKV_CORRUPTION, table_header_decode(bytes, "x", &file_id));
    CHECK_EQUAL(0, file_id);
}

TEST(a_footer_is_valid_only_in_its_file_at_its_place)
{
    uint8_t bytes[TABLE_FOOTER_BYTES];
    table_footer got;
    table_footer_encode(&footer, FILE_ID, FOOTER_AT, bytes);
    CHECK_OK(table_footer_decode(bytes, FILE_ID, FOOTER_AT, "x", &got));
    CHECK_EQUAL(100, got.filter.offset);
    CHECK_EQUAL(200, got.index.size);
    CHECK_EQUAL(624, got.properties.offset);
    CHECK_STATUS(PYKV_CORRUPTION, table_footer_decode(bytes, FILE_ID + 1, FOOTER_AT, "x", &got));
    CHECK_STATUS(PYKV_CORRUPTION, table_footer_decode(bytes, FILE_ID, FOOTER_AT + 1, "x", &got));
    for (size_t bit = 0; bit < sizeof bytes * 8; bit++) {
        bytes[bit / 8] ^= (uint8_t)(1U << bit % 8);
        CHECK_STATUS(PYKV_CORRUPTION, table_footer_decode(bytes, FILE_ID, FOOTER_AT, "x", &got));
        bytes[bit / 8] ^= (uint8_t)(1U << bit % 8);
    }
}

TEST(a_footer_that_names_another_file_is_refused_under_a_right_check)
{
    uint8_t bytes[TABLE_FOOTER_BYTES];
    uint8_t place[8];
    table_footer got;
    table_footer_encode(&footer, FILE_ID, FOOTER_AT, bytes);
    store_u64(bytes + 40, FILE_ID + 1);
    store_u64(place, FOOTER_AT);
    uint32_t crc = crc32c_extend(table_seed(FILE_ID), place, sizeof place);
    store_u32(bytes + 52, crc32c_extend(crc, bytes, 52));
    CHECK_STATUS(PYKV_CORRUPTION, table_footer_decode(bytes, FILE_ID, FOOTER_AT, "x", &got));
    CHECK_EQUAL(FILE_ID + 1, error_last()->got);
}

TEST(blocks_that_do_not_lie_side_by_side_are_refused)
{
    static const table_footer wrong[] = {
        {{100, 300}, {413, 199}, {624, 364}}, {{100, 300}, {412, 200}, {625, 363}},
        {{100, 300}, {412, 200}, {624, 365}}, {{100, 0}, {412, 200}, {624, 364}},
        {{44, 356}, {412, 200}, {624, 364}},  {{UINT64_MAX - 311, 300}, {0, 612}, {624, 364}}};
    uint8_t bytes[TABLE_FOOTER_BYTES];
    table_footer got;
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        table_footer_encode(&wrong[i], FILE_ID, FOOTER_AT, bytes);
        CHECK_STATUS(PYKV_CORRUPTION, table_footer_decode(bytes, FILE_ID, FOOTER_AT, "x", &got));
    }
    table_footer without_filter = {{412, 0}, {412, 200}, {624, 364}};
    table_footer_encode(&without_filter, FILE_ID, FOOTER_AT, bytes);
    CHECK_OK(table_footer_decode(bytes, FILE_ID, FOOTER_AT, "x", &got));
}

/* Makes a block of a payload of eight bytes with this trailer. */
static void make_block(block_trailer trailer, uint64_t offset, uint8_t out[20])
{
    memcpy(out, "payload", 8);
    block_trailer_encode(&trailer, table_seed(FILE_ID), offset, out, 8, out + 8);
}

TEST(a_block_is_valid_only_as_its_kind_in_its_file_at_its_place)
{
    uint8_t bytes[20];
    block_handle handle = {64, 8};
    block_trailer got;
    uint32_t seed = table_seed(FILE_ID);
    make_block((block_trailer){8, BLOCK_INDEX, CODEC_NONE}, 64, bytes);
    CHECK_OK(block_trailer_decode(bytes, handle, BLOCK_INDEX, seed, "x", &got));
    CHECK_EQUAL(8, got.raw_bytes);
    CHECK_EQUAL(CODEC_NONE, got.codec);
    CHECK_STATUS(PYKV_CORRUPTION, block_trailer_decode(bytes, handle, BLOCK_DATA, seed, "x", &got));
    CHECK_STATUS(PYKV_CORRUPTION, block_trailer_decode(bytes, handle, BLOCK_INDEX,
                                                       table_seed(FILE_ID + 1), "x", &got));
    handle.offset = 65;
    CHECK_STATUS(PYKV_CORRUPTION,
                 block_trailer_decode(bytes, handle, BLOCK_INDEX, seed, "x", &got));
    CHECK_EQUAL(65, error_last()->offset);
    handle.offset = 64;
    for (size_t bit = 0; bit < sizeof bytes * 8; bit++) {
        bytes[bit / 8] ^= (uint8_t)(1U << bit % 8);
        CHECK_STATUS(PYKV_CORRUPTION,
                     block_trailer_decode(bytes, handle, BLOCK_INDEX, seed, "x", &got));
        bytes[bit / 8] ^= (uint8_t)(1U << bit % 8);
    }
}

TEST(a_trailer_out_of_bounds_is_refused_under_a_right_check)
{
    static const block_trailer wrong[] = {{9, BLOCK_DATA, CODEC_NONE},
                                          {8, BLOCK_DATA, 0},
                                          {TABLE_BLOCK_RAW_BYTES_MAX + 1, BLOCK_DATA, CODEC_ZSTD}};
    uint8_t bytes[20];
    block_handle handle = {64, 8};
    block_trailer got;
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        make_block(wrong[i], 64, bytes);
        CHECK_STATUS(PYKV_CORRUPTION, block_trailer_decode(bytes, handle, BLOCK_DATA,
                                                           table_seed(FILE_ID), "x", &got));
    }
    make_block((block_trailer){TABLE_BLOCK_RAW_BYTES_MAX, BLOCK_DATA, CODEC_ZSTD}, 64, bytes);
    CHECK_OK(block_trailer_decode(bytes, handle, BLOCK_DATA, table_seed(FILE_ID), "x", &got));
}

static table_properties some_properties(void)
{
    table_properties made = {.entry_count = 10,
                             .tombstone_count = 2,
                             .key_bytes = 30,
                             .value_bytes = 40,
                             .raw_bytes = 90,
                             .sequence_min = 5,
                             .sequence_max = 15,
                             .deadline_min_us = 6,
                             .deadline_max_us = 7,
                             .hash_seed_low = 8,
                             .hash_seed_high = 9,
                             .block_count = 3,
                             .key_length_max = 4,
                             .first_key = slice_make("abc", 3),
                             .last_key = slice_make("wxyz", 4),
                             .attached = slice_make("refs!", 5)};
    return made;
}

TEST(properties_come_back_as_they_were)
{
    table_properties wanted = some_properties();
    table_properties got;
    buffer bytes = BUFFER_EMPTY;
    CHECK_OK(table_properties_encode(&wanted, &bytes));
    CHECK_EQUAL(TABLE_PROPERTIES_BYTES + 12, bytes.size);
    CHECK_OK(table_properties_decode(slice_make(bytes.data, bytes.size), "x", 1, &got));
    CHECK(slice_equal(wanted.first_key, got.first_key));
    CHECK(slice_equal(wanted.last_key, got.last_key));
    CHECK(slice_equal(wanted.attached, got.attached));
    CHECK_EQUAL(10, got.entry_count);
    CHECK_EQUAL(2, got.tombstone_count);
    CHECK_EQUAL(30, got.key_bytes);
    CHECK_EQUAL(40, got.value_bytes);
    CHECK_EQUAL(90, got.raw_bytes);
    CHECK_EQUAL(5, got.sequence_min);
    CHECK_EQUAL(15, got.sequence_max);
    CHECK_EQUAL(6, got.deadline_min_us);
    CHECK_EQUAL(7, got.deadline_max_us);
    CHECK_EQUAL(8, got.hash_seed_low);
    CHECK_EQUAL(9, got.hash_seed_high);
    CHECK_EQUAL(3, got.block_count);
    CHECK_EQUAL(4, got.key_length_max);
    for (size_t size = 0; size < bytes.size; size++) {
        CHECK_STATUS(PYKV_CORRUPTION,
                     table_properties_decode(slice_make(bytes.data, size), "x", 1, &got));
    }
    buffer_reset(&bytes);
}

TEST(properties_that_contradict_themselves_are_refused)
{
    table_properties wrong[4];
    table_properties got;
    buffer bytes = BUFFER_EMPTY;
    for (size_t i = 0; i < 4; i++) {
        wrong[i] = some_properties();
    }
    wrong[0].block_count = 0;
    wrong[1].block_count = 11;
    wrong[2].key_length_max = 3;
    wrong[3].entry_count = 0;
    for (size_t i = 0; i < 4; i++) {
        buffer_clear(&bytes);
        CHECK_OK(table_properties_encode(&wrong[i], &bytes));
        CHECK_STATUS(PYKV_CORRUPTION,
                     table_properties_decode(slice_make(bytes.data, bytes.size), "x", 1, &got));
    }
    buffer_reset(&bytes);
}

TEST_MAIN(CASE(a_header_tells_its_file_id_and_any_changed_bit_is_refused),
          CASE(a_header_of_another_version_or_with_reserved_bytes_is_told_apart),
          CASE(a_footer_is_valid_only_in_its_file_at_its_place),
          CASE(a_footer_that_names_another_file_is_refused_under_a_right_check),
          CASE(blocks_that_do_not_lie_side_by_side_are_refused),
          CASE(a_block_is_valid_only_as_its_kind_in_its_file_at_its_place),
          CASE(a_trailer_out_of_bounds_is_refused_under_a_right_check),
          CASE(properties_come_back_as_they_were),
          CASE(properties_that_contradict_themselves_are_refused))
