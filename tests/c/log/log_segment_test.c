/*
 * log_segment_test: the header of a log file comes back as it was written, or not at all.
 */
#include "harness/check.h"
#include "harness/hex_example.h"

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

TEST(the_examples_of_the_page_decode_and_encode_to_the_same_bytes)
{
    static hex_example page;
    uint64_t kinds = 0;
    FILE *file = hex_example_open("docs/format/segment.md");
    while (hex_example_next(file, &page)) {
        uint8_t data[LOG_SEGMENT_HEADER_BYTES];
        log_segment_header found;
        CHECK_OK(log_segment_decode(page.bytes, page.size, "x", &found));
        CHECK_EQUAL(hex_example_number(&page, "kind", 0), found.kind);
        CHECK_EQUAL(hex_example_number(&page, "number", 0), found.number);
        CHECK_EQUAL(hex_example_number(&page, "file_id", 0), found.file_id);
        CHECK_EQUAL(hex_example_number(&page, "birth_sequence", 1), found.birth_sequence);
        CHECK_EQUAL(hex_example_number(&page, "synced_through", 1), found.synced_through);
        CHECK_EQUAL(hex_example_number(&page, "store_id", 0), found.store_id);
        log_segment_encode(&found, data);
        CHECK_EQUAL(LOG_SEGMENT_HEADER_BYTES, page.size);
        CHECK_BYTES(page.bytes, data, LOG_SEGMENT_HEADER_BYTES);
        kinds |= UINT64_C(1) << found.kind;
    }
    fclose(file);
    CHECK_EQUAL(0xE, kinds); /* append, merged, values */
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
          CASE(the_examples_of_the_page_decode_and_encode_to_the_same_bytes),
          CASE(any_flipped_bit_is_corruption_that_names_the_file), CASE(a_short_file_is_corruption),
          CASE(another_format_version_is_refused_by_name),
          CASE(an_unknown_kind_or_number_is_corruption_even_under_a_right_check),
          CASE(unused_bytes_must_be_zero), CASE(positions_compare_as_numbers))
