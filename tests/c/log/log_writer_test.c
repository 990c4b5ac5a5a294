/*
 * log_writer_test: what is appended can be read, batches are whole, and marks say what was synced.
 */
#include "log/log_fixture.h"
#include "log/log_reader.h"
#include "log/log_writer.h"

enum { CAPACITY = 4 << 20 };

static uint64_t put(log_fixture *log, size_t value_size)
{
    record added = log_image_record(log->sequence++, value_size);
    uint64_t offset = 0;
    uint64_t tail = log_sink_tail(log->sink);
    uint64_t size = log_writer_bytes(&log->writer, &added);
    CHECK_OK(log_sink_prepare(log->sink, size));
    CHECK_OK(log_writer_append(&log->writer, &added, &offset));
    CHECK_EQUAL(tail, offset);
    CHECK_EQUAL(tail + size, log_sink_tail(log->sink));
    CHECK_EQUAL(tail + size, log_writer_end(&log->writer));
    return offset;
}

/* A record whose value is longer than log_image makes them. Key and value are the caller's. */
static record large_record(uint64_t sequence, const char *key, const uint8_t *value, size_t size)
{
    record made = {.kind = RECORD_PUT, .sequence = sequence};
    made.key = slice_make(key, strlen(key));
    made.value = slice_make(value, size);
    made.body_crc = record_body_crc(&made);
    return made;
}

/* Walks the file and counts records and marked ones. */
typedef struct walk {
    uint64_t count;
    uint64_t marked_count;
    uint64_t marked_sequence;
    log_reader reader;
} walk;

static walk read_back(log_fixture *log, uint8_t **data_out)
{
    walk result = {0};
    uint64_t size = 0;
    *data_out = fixture_read(log, &size);
    log_reader_init(&result.reader, *data_out, size, log->header.file_id, LOG_SEGMENT_HEADER_BYTES,
                    true, 1);
    record found;
    uint64_t offset = 0;
    while (log_reader_next(&result.reader, &found, &offset)) {
        result.count++;
        if ((found.flags & RECORD_FLAG_SYNCED) != 0) {
            result.marked_count++;
            result.marked_sequence = found.sequence;
        }
        if (found.value.size <= LOG_IMAGE_VALUE_BYTES_MAX) {
            log_image_check_record(&found, found.sequence);
        }
    }
    CHECK_EQUAL(log_writer_end(&log->writer), result.reader.valid_end);
    CHECK(result.reader.stop == LOG_STOP_END || result.reader.stop == LOG_STOP_ZEROS);
    return result;
}

static walk check_read_back(log_fixture *log, uint64_t count)
{
    uint8_t *data = NULL;
    walk result = read_back(log, &data);
    CHECK_EQUAL(count, result.count);
    free(data);
    return result;
}

static void run_records(log_fixture *log)
{
    CHECK_EQUAL(0, log_writer_end(&log->writer));
    for (size_t i = 0; i < 200; i++) {
        put(log, i * 5);
    }
    check_read_back(log, 200);
}

TEST(records_are_read_back_as_they_were_appended)
{
    fixture_for_all(run_records, CAPACITY);
}

static void run_large(log_fixture *log)
{
    static uint8_t value[300000];
    put(log, 10);
    for (size_t i = 0; i < 9; i++) {
        record added = large_record(log->sequence++, "large", value, LOG_COPY_BYTES_MAX - 30 + i);
        memset(value, (int)i, sizeof value);
        added.body_crc = record_body_crc(&added);
        uint64_t offset = 0;
        CHECK_OK(log_sink_prepare(log->sink, log_writer_bytes(&log->writer, &added)));
        CHECK_OK(log_writer_append(&log->writer, &added, &offset));
        put(log, 10);
    }
    check_read_back(log, 19);
}

TEST(records_on_both_sides_of_the_copy_limit_are_read_back)
{
    fixture_for_all(run_large, CAPACITY);
}

static void run_batch(log_fixture *log)
{
    uint64_t offsets[50];
    record records[50];
    static uint8_t values[50][64];
    static const char *const keys[2] = {"a", "a longer key"};
    put(log, 10);
    uint64_t tail = log_sink_tail(log->sink);
    for (uint64_t i = 0; i < 50; i++) {
        memset(values[i], (int)i, 64);
        records[i] = large_record(log->sequence++, keys[i % 2], values[i], i);
    }
    CHECK_OK(log_sink_prepare(log->sink, LOG_COPY_BYTES_MAX));
    CHECK_OK(log_writer_append_batch(&log->writer, records, 50, offsets));
    uint64_t size = 0;
    uint8_t *data = fixture_read(log, &size);
    uint32_t seed = record_seed(log->header.file_id);
    for (uint64_t i = 0; i < 50; i++) {
        record found;
        CHECK_EQUAL(tail, offsets[i]);
        CHECK_EQUAL(RECORD_VALID,
                    record_decode(data + tail, size - tail, seed, tail, true, &found));
        CHECK_EQUAL(RECORD_FLAG_BATCH | (i == 49 ? RECORD_FLAG_BATCH_LAST : 0), found.flags);
        CHECK(slice_equal(records[i].key, found.key) && slice_equal(records[i].value, found.value));
        tail += record_bytes(found.flags, found.key.size, found.value.size);
    }
    CHECK_EQUAL(tail, log_writer_end(&log->writer));
    free(data);
}

TEST(a_batch_stands_member_by_member_where_its_offsets_say)
{
    fixture_for_all(run_batch, CAPACITY);
}

static void run_batch_sizes(log_fixture *log)
{
    uint64_t offsets[3];
    record records[3];
    static uint8_t value[200001];
    uint64_t count = 0;
    CHECK_OK(log_writer_append_batch(&log->writer, records, 0, offsets));
    CHECK_EQUAL(0, log_writer_end(&log->writer));
    for (size_t i = 0; i < 27; i++) {
        size_t member_count = 1 + i % 3;
        for (size_t k = 0; k < member_count; k++) {
            size_t size = (i >> k) % 2 == 0 ? 40 + i : sizeof value - 40 + i;
            records[k] = large_record(log->sequence++, "key", value, size);
        }
        pykv_status status = log_writer_append_batch(&log->writer, records, member_count, offsets);
        if (status == PYKV_WOULD_BLOCK) {
            CHECK_OK(log_sink_prepare(log->sink, LOG_COPY_BYTES_MAX));
            status = log_writer_append_batch(&log->writer, records, member_count, offsets);
        }
        CHECK_OK(status);
        count += member_count;
    }
    uint8_t *data = NULL;
    uint64_t size = 0;
    data = fixture_read(log, &size);
    log_reader reader;
    log_reader_init(&reader, data, size, log->header.file_id, LOG_SEGMENT_HEADER_BYTES, true, 1);
    record found;
    uint64_t found_count = 0;
    while (log_reader_next(&reader, &found, &offsets[0])) {
        found_count++;
    }
    CHECK_EQUAL(count, found_count);
    CHECK_EQUAL(log_writer_end(&log->writer), reader.valid_end);
    free(data);
}

TEST(batches_with_large_and_small_values_are_read_back)
{
    fixture_for_all(run_batch_sizes, CAPACITY);
}

static void run_marks(log_fixture *log)
{
    put(log, 10);
    log_writer_synced(&log->writer, log_position(1, log_writer_end(&log->writer)));
    record next = log_image_record(log->sequence, 10);
    CHECK_EQUAL(record_bytes(RECORD_FLAG_SYNCED, next.key.size, 10),
                log_writer_bytes(&log->writer, &next));
    uint64_t claimed = log_writer_end(&log->writer);
    put(log, 10);
    put(log, 10);
    log_writer_synced(&log->writer, log_position(1, 64));
    put(log, 10);
    walk found = check_read_back(log, 4);
    CHECK_EQUAL(1, found.marked_count);
    CHECK_EQUAL(2, found.marked_sequence);
    CHECK_EQUAL(log_position(1, claimed), found.reader.synced_through);
}

TEST(the_first_record_behind_a_sync_carries_the_mark)
{
    fixture_for_all(run_marks, CAPACITY);
}

static void run_batch_mark(log_fixture *log)
{
    uint64_t offsets[2];
    put(log, 10);
    uint64_t position = log_position(1, log_writer_end(&log->writer));
    log_writer_synced(&log->writer, position);
    record members[2] = {log_image_record(log->sequence, 10),
                         log_image_record(log->sequence + 1, 10)};
    log->sequence += 2;
    CHECK_OK(log_sink_prepare(log->sink, LOG_COPY_BYTES_MAX));
    CHECK_OK(log_writer_append_batch(&log->writer, members, 2, offsets));
    put(log, 10);
    walk found = check_read_back(log, 4);
    CHECK_EQUAL(1, found.marked_count);
    CHECK_EQUAL(2, found.marked_sequence);
    CHECK_EQUAL(position, found.reader.synced_through);
}

TEST(a_batch_carries_the_mark_in_its_first_member)
{
    fixture_for_all(run_batch_mark, CAPACITY);
}

static void run_pad(log_fixture *log)
{
    for (size_t i = 0; i < 40; i++) {
        put(log, i * 11);
        uint64_t end = log_writer_end(&log->writer);
        CHECK_OK(log_writer_pad(&log->writer));
        CHECK_EQUAL(0, log_sink_tail(log->sink) % LOG_SECTOR_BYTES);
        CHECK(log_sink_tail(log->sink) - end < LOG_SECTOR_BYTES);
        CHECK_EQUAL(end, log_writer_end(&log->writer));
    }
    uint64_t tail = log_sink_tail(log->sink);
    CHECK_OK(log_writer_pad(&log->writer));
    CHECK_EQUAL(tail, log_sink_tail(log->sink));
    check_read_back(log, 40);
}

TEST(padding_moves_the_tail_to_a_sector_and_not_the_end)
{
    fixture_for_all(run_pad, CAPACITY);
}

TEST(records_fit_up_to_the_capacity_and_always_into_an_empty_segment)
{
    log_fixture log;
    fixture_open(&log, false, false, 4096);
    CHECK(log_writer_fits(&log.writer, 1 << 20));
    put(&log, 10);
    uint64_t left = 4096 - log_sink_tail(log.sink);
    CHECK(log_writer_fits(&log.writer, left - 8));
    CHECK(!log_writer_fits(&log.writer, left));
    fixture_close(&log);
}

static void run_beyond(log_fixture *log)
{
    while (log_sink_tail(log->sink) + 200 < log->capacity) {
        put(log, 64 + log->capacity % 3);
    }
    record added = log_image_record(log->sequence++, 5000);
    uint64_t offset = 0;
    CHECK(!log_writer_fits(&log->writer, log_writer_bytes(&log->writer, &added)));
    CHECK_OK(log_writer_append(&log->writer, &added, &offset));
    check_read_back(log, log->sequence - 1);
}

TEST(a_record_beyond_the_capacity_is_appended_all_the_same)
{
    fixture_for_all(run_beyond, 65536);
}

TEST_MAIN(CASE(records_are_read_back_as_they_were_appended),
          CASE(records_on_both_sides_of_the_copy_limit_are_read_back),
          CASE(a_batch_stands_member_by_member_where_its_offsets_say),
          CASE(batches_with_large_and_small_values_are_read_back),
          CASE(the_first_record_behind_a_sync_carries_the_mark),
          CASE(a_batch_carries_the_mark_in_its_first_member),
          CASE(padding_moves_the_tail_to_a_sector_and_not_the_end),
          CASE(records_fit_up_to_the_capacity_and_always_into_an_empty_segment),
          CASE(a_record_beyond_the_capacity_is_appended_all_the_same))
