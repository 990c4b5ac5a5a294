/*
 * value_segment: a value comes back as it was written, to the entry that points to it and to no
 * other; damage is found.
 */
#include "codec/codec_runs.h"

#include "base/error.h"
#include "lsm/values_fixture.h"

static values_fixture fixture;
static value_pointer first;
static value_pointer second;

/* A segment of two values, open. */
static value_segment *open_example(void)
{
    values_init(&fixture, UINT64_MAX);
    first = values_add(&fixture, "apple", 5);
    second = values_add(&fixture, "pear", 6);
    CHECK_OK(value_writer_finish(&fixture.writer));
    return values_open(&fixture, 0);
}

static void close_example(value_segment *segment)
{
    value_segment_release(segment);
    values_reset(&fixture);
}

static pykv_status read(const value_segment *segment, const value_pointer *where, const char *key,
                        uint64_t sequence)
{
    buffer scratch = BUFFER_EMPTY;
    slice value = {0};
    iterator_entry entry = values_entry(key, sequence, 0);
    pykv_status status = value_segment_read(segment, where, &entry, &scratch, &value);
    CHECK(status != PYKV_OK || slice_equal(entry.value, value));
    buffer_reset(&scratch);
    return status;
}

TEST(a_value_is_read_as_it_was_written)
{
    value_segment *segment = open_example();
    CHECK_OK(read(segment, &first, "apple", 5));
    CHECK_OK(read(segment, &second, "pear", 6));
    close_example(segment);
}

TEST(a_record_that_is_not_the_entrys_is_corruption)
{
    value_segment *segment = open_example();
    CHECK_STATUS(PYKV_CORRUPTION, read(segment, &first, "grape", 5));
    CHECK_STATUS(PYKV_CORRUPTION, read(segment, &first, "apple", 6));
    CHECK_STATUS(PYKV_CORRUPTION, read(segment, &second, "apple", 5));
    value_pointer shorter = first;
    shorter.value_bytes -= 8;
    CHECK_STATUS(PYKV_CORRUPTION, read(segment, &shorter, "apple", 5));
    value_pointer outside = first;
    outside.offset = UINT64_C(1) << 40;
    CHECK_STATUS(PYKV_CORRUPTION, read(segment, &outside, "apple", 5));
    CHECK(strstr(error_last()->text, "leads out of") != NULL);
    close_example(segment);
}

static void flip(uint64_t offset)
{
    uint8_t *data;
    uint64_t size;
    CHECK_OK(env_memory_file_bytes(fixture.base.disk, "/d/00000001.val", &data, &size));
    CHECK(offset < size);
    data[offset] ^= 1;
}

TEST(a_flipped_bit_of_a_record_is_found_by_reading_and_by_verifying)
{
    value_segment *segment = open_example();
    for (uint64_t at = first.offset; at < second.offset; at += 7) {
        pykv_report report = {0};
        flip(at);
        CHECK_STATUS(PYKV_CORRUPTION, read(segment, &first, "apple", 5));
        CHECK_OK(value_segment_verify(segment, &report));
        CHECK_EQUAL(1, report.damage_count);
        flip(at);
    }
    pykv_report report = {0};
    CHECK_OK(value_segment_verify(segment, &report));
    CHECK_EQUAL(0, report.damage_count);
    CHECK_EQUAL(2, report.record_count);
    CHECK_EQUAL(1, report.file_count);
    close_example(segment);
}

static pykv_status open_by(const manifest_values *facts, uint64_t store_id)
{
    value_segment *segment;
    pykv_status status =
        value_segment_open(&fixture.grave, store_id, facts, &fixture.base.codecs, &segment);
    if (status == PYKV_OK) {
        value_segment_release(segment);
    }
    return status;
}

TEST(another_file_is_not_opened)
{
    value_segment *segment = open_example();
    manifest_values facts = segment->facts;
    CHECK_OK(open_by(&facts, VALUES_STORE_ID));
    CHECK_STATUS(PYKV_CORRUPTION, open_by(&facts, VALUES_STORE_ID + 1));
    facts.file_id++;
    CHECK_STATUS(PYKV_CORRUPTION, open_by(&facts, VALUES_STORE_ID));
    facts = segment->facts;
    facts.file_bytes++;
    CHECK_STATUS(PYKV_CORRUPTION, open_by(&facts, VALUES_STORE_ID));
    facts = segment->facts;
    facts.number = 2;
    CHECK_STATUS(PYKV_CORRUPTION, open_by(&facts, VALUES_STORE_ID));
    close_example(segment);
}

TEST(a_header_tells_what_a_lost_manifest_would)
{
    value_segment *segment = open_example();
    manifest_values found;
    uint64_t store_id;
    CHECK_OK(value_segment_describe(fixture.base.home, 1, &store_id, &found));
    CHECK_EQUAL(VALUES_STORE_ID, store_id);
    CHECK_EQUAL(segment->facts.file_id, found.file_id);
    CHECK_EQUAL(segment->facts.file_bytes, found.file_bytes);
    CHECK_STATUS(PYKV_PATH_NOT_FOUND,
                 value_segment_describe(fixture.base.home, 2, &store_id, &found));
    close_example(segment);
}

/* A segment of two values, of which the codec makes a few bytes, open. */
static value_segment *open_packed(void)
{
    values_init(&fixture, UINT64_MAX);
    codec_table_add(&fixture.base.codecs, &codec_runs);
    fixture.writer.options.codec = &codec_runs;
    iterator_entry apple = values_entry("apple", 5, 0);
    apple.body_crc = 1234; /* that of the value as it was written, in a memtable */
    CHECK_OK(value_writer_add(&fixture.writer, &apple, &first));
    second = values_add(&fixture, "pear", 6);
    CHECK_OK(value_writer_finish(&fixture.writer));
    return values_open(&fixture, 0);
}

TEST(a_compressed_value_is_read_as_it_was_written)
{
    value_segment *segment = open_packed();
    CHECK(first.stored_bytes < VALUES_BIG_BYTES / 8);
    CHECK_OK(read(segment, &first, "apple", 5));
    CHECK_OK(read(segment, &second, "pear", 6));
    CHECK_STATUS(PYKV_CORRUPTION, read(segment, &second, "apple", 5));
    close_example(segment);
}

TEST(a_compressed_value_that_is_damaged_or_of_another_length_is_corruption)
{
    value_segment *segment = open_packed();
    for (uint64_t at = first.offset; at < second.offset; at++) {
        flip(at);
        CHECK_STATUS(PYKV_CORRUPTION, read(segment, &first, "apple", 5));
        flip(at);
    }
    value_pointer other = first;
    other.value_bytes++;
    CHECK_STATUS(PYKV_CORRUPTION, read(segment, &other, "apple", 5));
    other = first;
    other.stored_bytes = other.value_bytes;
    CHECK_STATUS(PYKV_CORRUPTION, read(segment, &other, "apple", 5));
    close_example(segment);
}

TEST(a_value_whose_codec_is_not_there_is_not_supported)
{
    value_segment *segment = open_packed();
    fixture.base.codecs = codec_table_make();
    CHECK_STATUS(PYKV_NOT_SUPPORTED, read(segment, &first, "apple", 5));
    close_example(segment);
}

TEST_MAIN(CASE(a_value_is_read_as_it_was_written),
          CASE(a_record_that_is_not_the_entrys_is_corruption),
          CASE(a_flipped_bit_of_a_record_is_found_by_reading_and_by_verifying),
          CASE(a_compressed_value_is_read_as_it_was_written),
          CASE(a_compressed_value_that_is_damaged_or_of_another_length_is_corruption),
          CASE(a_value_whose_codec_is_not_there_is_not_supported), CASE(another_file_is_not_opened),
          CASE(a_header_tells_what_a_lost_manifest_would))
