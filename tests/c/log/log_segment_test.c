/*
 * log_segment_test: the header of a log file comes back as it was written, or not at all.
 */
#include "harness/check.h"

#include "base/coding.h"
#include "base/crc32c.h"
#include "log/log_segment.h"

static const log_segment_header example = {.kind = LOG_SEGMENT_MERGED,
                                           .number = 7,
                                           .file_id = UINT64_C(0x0123456789ABCDEF),
                                           .birth_sequence = 1000,
                                           .synced_through = UINT64_C(0x0000000600000020),
                                           .store_id = UINT64_C(0xFEDCBA9876543210)};

/* Makes the check of a changed header right again. */
static void seal(uint8_t *data)
{
    store_u32(data + 60, crc32c_extend(0, data, 60));
}

TEST(a_header_comes_back_as_it_was_written)
{
    uint8_t data[LOG_SEGMENT_HEADER_BYTES];
    log_segment_header found;
    log_segment_encode(&example, data);
    CHECK_OK(log_segment_decode(data, sizeof data, "x", &found));
    CHECK_EQUAL(example.kind, found.kind);
    CHECK_EQUAL(example.number, found.number);
    CHECK_EQUAL(example.file_id, found.file_id);
    CHECK_EQUAL(example.birth_sequence, found.birth_sequence);
    CHECK_EQUAL(example.synced_through, found.synced_through);
    CHECK_EQUAL(example.store_id, found.store_id);
}

TEST(fields_stand_where_the_format_says)
{
    uint8_t data[LOG_SEGMENT_HEADER_BYTES];
    log_segment_encode(&example, data);
    CHECK_BYTES("PYKVLOG\n", data, 8);
    CHECK_EQUAL(1, load_u32(data + 8));
    CHECK_EQUAL(LOG_SEGMENT_MERGED, load_u32(data + 12));
    CHECK_EQUAL(example.file_id, load_u64(data + 16));
    CHECK_EQUAL(example.number, load_u64(data + 24));
    CHECK_EQUAL(example.birth_sequence, load_u64(data + 32));
    CHECK_EQUAL(example.synced_through, load_u64(data + 40));
    CHECK_EQUAL(example.store_id, load_u64(data + 48));
    CHECK_EQUAL(0, load_u32(data + 56));
    CHECK_EQUAL(crc32c_extend(0, data, 60), load_u32(data + 60));
}

/* The first example of docs/format/segment.md. */
TEST(the_documented_example_is_what_is_written)
{
    static const uint8_t documented[LOG_SEGMENT_HEADER_BYTES] = {
        0x50, 0x59, 0x4b, 0x56, 0x4c, 0x4f, 0x47, 0x0a, 0x01, 0x00, 0x00, 0x00, 0x01,
        0x00, 0x00, 0x00, 0xef, 0xcd, 0xab, 0x89, 0x67, 0x45, 0x23, 0x01, 0x07, 0x00,
        0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0xe8, 0x03, 0x00, 0x00, 0x00, 0x00, 0x00,
        0x00, 0x00, 0x02, 0x00, 0x00, 0x06, 0x00, 0x00, 0x00, 0xed, 0x5e, 0xed, 0x5e,
        0xed, 0x5e, 0xed, 0x5e, 0x00, 0x00, 0x00, 0x00, 0x7d, 0xc7, 0x37, 0x00};
    log_segment_header header = {.kind = LOG_SEGMENT_APPEND,
                                 .number = 7,
                                 .file_id = UINT64_C(0x0123456789ABCDEF),
                                 .birth_sequence = 1000,
                                 .synced_through = log_position(6, 4096),
                                 .store_id = UINT64_C(0x5EED5EED5EED5EED)};
    uint8_t data[LOG_SEGMENT_HEADER_BYTES];
    log_segment_encode(&header, data);
    CHECK_BYTES(documented, data, sizeof data);
}

TEST(any_flipped_bit_is_corruption_that_names_the_file)
{
    uint8_t data[LOG_SEGMENT_HEADER_BYTES];
    log_segment_encode(&example, data);
    for (unsigned bit = 0; bit < 8 * sizeof data; bit++) {
        log_segment_header found = {.number = 12345};
        data[bit / 8] ^= (uint8_t)(1U << bit % 8);
        CHECK_STATUS(PYKV_CORRUPTION, log_segment_decode(data, sizeof data, "the/file", &found));
        CHECK(strcmp(error_last()->path, "the/file") == 0);
        CHECK_EQUAL(12345, found.number);
        data[bit / 8] ^= (uint8_t)(1U << bit % 8);
    }
}

TEST(a_short_file_is_corruption)
{
    uint8_t data[LOG_SEGMENT_HEADER_BYTES];
    log_segment_header found;
    log_segment_encode(&example, data);
    for (uint64_t size = 0; size < sizeof data; size++) {
        CHECK_STATUS(PYKV_CORRUPTION, log_segment_decode(data, size, "x", &found));
    }
}

TEST(another_format_version_is_refused_by_name)
{
    uint8_t data[LOG_SEGMENT_HEADER_BYTES];
    log_segment_header found;
    log_segment_encode(&example, data);
    store_u32(data + 8, LOG_FORMAT_VERSION + 1);
    seal(data);
    CHECK_STATUS(PYKV_FORMAT, log_segment_decode(data, sizeof data, "x", &found));
    CHECK(strstr(error_last()->text, "format 2") != NULL);
}

TEST(an_unknown_kind_or_number_is_corruption_even_under_a_right_check)
{
    uint8_t data[LOG_SEGMENT_HEADER_BYTES];
    log_segment_header found;
    static const uint64_t bad_numbers[] = {0, UINT64_C(1) << 32, UINT64_MAX};
    for (unsigned kind = 0; kind < 256; kind++) {
        log_segment_encode(&example, data);
        data[12] = (uint8_t)kind;
        seal(data);
        bool known = kind >= LOG_SEGMENT_APPEND && kind <= LOG_SEGMENT_VALUES;
        CHECK_STATUS(known ? PYKV_OK : PYKV_CORRUPTION,
                     log_segment_decode(data, sizeof data, "x", &found));
    }
    for (unsigned i = 0; i < 3; i++) {
        log_segment_encode(&example, data);
        store_u64(data + 24, bad_numbers[i]);
        seal(data);
        CHECK_STATUS(PYKV_CORRUPTION, log_segment_decode(data, sizeof data, "x", &found));
    }
}

TEST(unused_bytes_must_be_zero)
{
    uint8_t data[LOG_SEGMENT_HEADER_BYTES];
    log_segment_header found;
    static const size_t unused[] = {13, 14, 15, 56, 57, 58, 59};
    for (unsigned i = 0; i < sizeof unused / sizeof unused[0]; i++) {
        log_segment_encode(&example, data);
        data[unused[i]] = 1;
        seal(data);
        CHECK_STATUS(PYKV_CORRUPTION, log_segment_decode(data, sizeof data, "x", &found));
    }
}

TEST(positions_compare_as_numbers)
{
    CHECK(log_position(1, UINT64_C(1) << 34) < log_position(2, 64));
    CHECK(log_position(2, 64) < log_position(2, 72));
    CHECK_EQUAL(UINT64_C(0x0000000300000008), log_position(3, 64));
}

TEST_MAIN(CASE(a_header_comes_back_as_it_was_written), CASE(fields_stand_where_the_format_says),
          CASE(the_documented_example_is_what_is_written),
          CASE(any_flipped_bit_is_corruption_that_names_the_file), CASE(a_short_file_is_corruption),
          CASE(another_format_version_is_refused_by_name),
          CASE(an_unknown_kind_or_number_is_corruption_even_under_a_right_check),
          CASE(unused_bytes_must_be_zero), CASE(positions_compare_as_numbers))
