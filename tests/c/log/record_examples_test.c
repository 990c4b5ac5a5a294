/*
 * record_examples_test: the C code reads and writes what docs/format/record.md shows.
 */
#include "harness/check.h"
#include "harness/hex_example.h"

#include "log/log_format.h"

/* Compares a decoded record with what the captions of its example say. */
static void check_captions(const hex_example *example, const record *got)
{
    CHECK_EQUAL(hex_example_number(example, "kind", 0), got->kind);
    CHECK_EQUAL(hex_example_number(example, "flags", 0), got->flags);
    CHECK_EQUAL(hex_example_number(example, "sequence", 0), got->sequence);
    CHECK_EQUAL(hex_example_number(example, "synced_through", 0), got->synced_through);
    CHECK_EQUAL(hex_example_number(example, "batch_count", 0), got->batch_count);
    CHECK_EQUAL(hex_example_number(example, "batch_crc", 0), got->batch_crc);
    CHECK_EQUAL(hex_example_number(example, "deadline_us", 0), got->deadline_us);
    CHECK_EQUAL(hex_example_number(example, "namespace_id", 0), got->namespace_id);
    CHECK_EQUAL(hex_example_number(example, "codec", 0), got->codec);
    if (got->key.data != NULL) {
        const char *key = hex_example_text(example, "key");
        const char *value = hex_example_text(example, "value");
        CHECK(key != NULL && slice_equal(slice_make(key, strlen(key)), got->key));
        CHECK(value != NULL && slice_equal(slice_make(value, strlen(value)), got->value));
    }
}

TEST(the_examples_of_the_page_decode_and_encode_to_the_same_bytes)
{
    static const char *const results[] = {"valid", "header invalid", "cut off", "body invalid"};
    static hex_example example;
    size_t count = 0;
    FILE *page = hex_example_open("docs/format/record.md");
    for (; hex_example_next(page, &example); count++) {
        uint32_t seed = record_seed(hex_example_number(&example, "file_id", 0));
        uint64_t offset = hex_example_number(&example, "offset", 0);
        record got;
        record_check found = record_decode(example.bytes, example.size, seed, offset, true, &got);
        if (strcmp(results[found], hex_example_text(&example, "result")) != 0) {
            check_failed(__FILE__, __LINE__, "%s is %s", hex_example_text(&example, "name"),
                         results[found]);
        }
        if (found == RECORD_HEADER_INVALID) {
            continue;
        }
        check_captions(&example, &got);
        if (found == RECORD_VALID) {
            uint8_t again[HEX_EXAMPLE_BYTES_MAX];
            CHECK_EQUAL(got.body_crc, record_body_crc(&got));
            CHECK_EQUAL(example.size, record_bytes(got.flags, got.key.size, got.value.size));
            record_encode(&got, seed, offset, again);
            CHECK_BYTES(example.bytes, again, example.size);
        }
    }
    fclose(page);
    CHECK(count >= 14);
}

TEST_MAIN(CASE(the_examples_of_the_page_decode_and_encode_to_the_same_bytes))
