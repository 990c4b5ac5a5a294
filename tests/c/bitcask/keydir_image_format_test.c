/*
 * keydir_image_format: header and tables of an image say what was put in, and refuse every change.
 */
#include "base/coding.h"
#include "base/crc32c.h"
#include "bitcask/keydir_image_format.h"
#include "bitcask/keydir_image_model.h"

static keydir_image_layout small_layout(void)
{
    keydir_image_layout layout = {
        .bucket_count = 65, .unit_count = 70, .key_count = 7000, .segment_count = 3};
    keydir_image_derive(&layout);
    return layout;
}

/* Encodes a layout, with the number at offset replaced and the check made right again. */
static pykv_status decode_with(uint64_t offset, uint64_t size, uint64_t number)
{
    uint8_t bytes[KEYDIR_IMAGE_HEADER_BYTES];
    keydir_image_layout layout = small_layout();
    keydir_image_header header = image_header();
    keydir_image_encode_header(&layout, &header, bytes);
    memcpy(bytes + offset, &number, size);
    store_u32(bytes + 252, crc32c_extend(0, bytes, 252));
    return keydir_image_decode_header(bytes, "image", &layout, &header);
}

TEST(a_header_says_what_was_put_in)
{
    uint8_t bytes[KEYDIR_IMAGE_HEADER_BYTES];
    keydir_image_layout layout = small_layout();
    keydir_image_layout read;
    keydir_image_header header = image_header();
    keydir_image_header got;
    keydir_image_encode_header(&layout, &header, bytes);
    CHECK_OK(keydir_image_decode_header(bytes, "image", &read, &got));
    CHECK_BYTES(&layout, &read, sizeof layout);
    CHECK_EQUAL(header.store_id, got.store_id);
    CHECK_EQUAL(header.merge_edit, got.merge_edit);
    CHECK_EQUAL(header.log_position, got.log_position);
    CHECK_EQUAL(header.epoch, got.epoch);
    CHECK_EQUAL(header.sequence, got.sequence);
    CHECK_EQUAL(header.segment_count, got.segment_count);
}

TEST(places_follow_from_the_counts)
{
    keydir_image_layout layout = small_layout();
    CHECK_EQUAL(2, layout.header_page_count);
    CHECK_EQUAL(2 + 18, layout.page_count);
    CHECK_EQUAL(4096, layout.checks_offset);
    CHECK_EQUAL(4096, layout.checks_bytes);
    CHECK_EQUAL(8192, layout.payload_offset);
    CHECK_EQUAL(8192 + 20 * 4096, layout.section_bytes);
    layout.segment_count = (4096 - 256) / 32;
    layout.unit_count = 4 * 1022;
    keydir_image_derive(&layout);
    CHECK_EQUAL(8192, layout.checks_offset);
    CHECK_EQUAL(1024, layout.page_count);
    CHECK_EQUAL(8192, layout.checks_bytes);
}

TEST(every_changed_bit_of_a_header_is_corruption)
{
    uint8_t bytes[KEYDIR_IMAGE_HEADER_BYTES];
    keydir_image_layout layout = small_layout();
    keydir_image_header header = image_header();
    keydir_image_encode_header(&layout, &header, bytes);
    for (uint64_t bit = 0; bit < 8 * sizeof bytes; bit++) {
        bytes[bit / 8] ^= (uint8_t)(1U << bit % 8);
        CHECK_STATUS(PYKV_CORRUPTION, keydir_image_decode_header(bytes, "image", &layout, &header));
        bytes[bit / 8] ^= (uint8_t)(1U << bit % 8);
    }
    CHECK_OK(keydir_image_decode_header(bytes, "image", &layout, &header));
}

TEST(another_kind_or_version_is_a_format_error)
{
    CHECK_STATUS(PYKV_FORMAT, decode_with(0, 1, 'Q'));
    CHECK_STATUS(PYKV_FORMAT, decode_with(8, 4, 0));
    CHECK_STATUS(PYKV_FORMAT, decode_with(8, 4, KEYDIR_IMAGE_FORMAT_SECTIONS + 1));
    CHECK_STATUS(PYKV_FORMAT, decode_with(12, 4, 8192));
}

TEST(counts_that_no_writer_makes_are_corruption)
{
    CHECK_OK(decode_with(56, 8, 7001));
    CHECK_STATUS(PYKV_CORRUPTION, decode_with(40, 8, 0));
    CHECK_STATUS(PYKV_CORRUPTION, decode_with(40, 8, UINT64_MAX));
    CHECK_STATUS(PYKV_CORRUPTION, decode_with(40, 8, 71));
    CHECK_STATUS(PYKV_CORRUPTION, decode_with(48, 8, 64));
    CHECK_STATUS(PYKV_CORRUPTION, decode_with(48, 8, 65 * 14 + 1));
    CHECK_STATUS(PYKV_CORRUPTION, decode_with(48, 8, UINT64_C(1) << 60));
    CHECK_STATUS(PYKV_CORRUPTION, decode_with(56, 8, 70 * 128 + 1));
    CHECK_STATUS(PYKV_CORRUPTION, decode_with(64, 8, UINT64_C(1) << 24));
    CHECK_STATUS(PYKV_CORRUPTION, decode_with(72, 8, 21 * 4096));
    CHECK_STATUS(PYKV_CORRUPTION, decode_with(80, 8, 8192));
}

TEST(unused_bytes_of_a_header_that_are_not_zero_are_corruption_though_its_check_is_right)
{
    CHECK_OK(decode_with(104, 1, 0));
    for (uint64_t at = 104; at < 252; at++) {
        CHECK_STATUS(PYKV_CORRUPTION, decode_with(at, 1, 1));
        CHECK_EQUAL(at < 112 ? 104 : 112, error_last()->offset);
    }
}

/* One section of the default namespace is of format 1, so that versions that know no other use it;
 * no other header is. */
TEST(a_header_has_the_format_of_its_sections)
{
    static const uint32_t wanted[2][2] = {{1, 2}, {2, 2}};
    keydir_image_layout layout = small_layout();
    for (uint32_t i = 0; i < 4; i++) {
        uint8_t bytes[KEYDIR_IMAGE_HEADER_BYTES];
        keydir_image_header got;
        keydir_image_header header = image_header();
        header.space_id = i / 2 * 77;
        header.sections_behind = i % 2 * 88;
        keydir_image_encode_header(&layout, &header, bytes);
        CHECK_EQUAL(wanted[i / 2][i % 2], load_u32(bytes + 8));
        CHECK_OK(keydir_image_decode_header(bytes, "image", &layout, &got));
        CHECK_EQUAL(header.space_id, got.space_id);
        CHECK_EQUAL(header.sections_behind, got.sections_behind);
        store_u32(bytes + 8, 3 - load_u32(bytes + 8));
        store_u32(bytes + 252, crc32c_extend(0, bytes, 252));
        CHECK_STATUS(PYKV_CORRUPTION, keydir_image_decode_header(bytes, "image", &layout, &got));
    }
}

TEST(every_changed_bit_of_a_table_is_corruption)
{
    keydir_image_layout layout = small_layout();
    keydir_image_header header = image_header();
    keydir_image_segment segments[IMAGE_SEGMENT_COUNT];
    uint32_t checks[20];
    uint8_t bytes[8192 - KEYDIR_IMAGE_HEADER_BYTES] = {0};
    for (uint32_t i = 0; i < 20; i++) {
        checks[i] = i * 1000003;
    }
    keydir_image_encode_segments(&header, bytes);
    keydir_image_encode_checks(checks, 20, bytes + layout.checks_offset - 256);
    CHECK_OK(keydir_image_verify_tables(&layout, bytes, "image"));
    keydir_image_decode_segments(bytes, IMAGE_SEGMENT_COUNT, segments);
    CHECK_BYTES(header.segments, segments, sizeof segments);
    for (uint64_t bit = 0; bit < 8 * sizeof bytes; bit++) {
        bytes[bit / 8] ^= (uint8_t)(1U << bit % 8);
        CHECK_STATUS(PYKV_CORRUPTION, keydir_image_verify_tables(&layout, bytes, "image"));
        bytes[bit / 8] ^= (uint8_t)(1U << bit % 8);
    }
}

TEST_MAIN(CASE(a_header_says_what_was_put_in), CASE(places_follow_from_the_counts),
          CASE(every_changed_bit_of_a_header_is_corruption),
          CASE(another_kind_or_version_is_a_format_error),
          CASE(counts_that_no_writer_makes_are_corruption),
          CASE(a_header_has_the_format_of_its_sections),
          CASE(unused_bytes_of_a_header_that_are_not_zero_are_corruption_though_its_check_is_right),
          CASE(every_changed_bit_of_a_table_is_corruption))
