/*
 * manifest_entries_test: an entry is read as it was written, wherever it stands, and what no file
 * can be is refused by name and place.
 */
#include "harness/check.h"

#include "base/coding.h"
#include "log/manifest_file.h"
#include "lsm/manifest_entries.h"

enum { AT = MANIFEST_HEAD_BYTES + 40, SIZE = AT + LSM_MANIFEST_TABLE_BYTES, LAST = 90 };

static const manifest_log log_entry = {3, 0x1111, 80, 4096, 7};
static const manifest_values values_entry = {6, 0x4444, 4096, 3, 4000};
static const manifest_table table_entry_of_all = {
    5, 2, 0x2222, 900, 0xDEADBEEF, 12, 2, 70, 81, 5, 6, 1200, LAST, {7, 7, 8, UINT32_MAX}};

/* The head of a manifest, sealed, and zeros. Returns its check. */
static uint32_t begin(uint8_t data[SIZE])
{
    memset(data, 0, SIZE);
    return manifest_head_seal(data);
}

static void expect_refused(pykv_status status, const char *text, uint64_t offset)
{
    CHECK_EQUAL(PYKV_CORRUPTION, status);
    CHECK(strstr(error_last()->text, text) != NULL);
    CHECK_EQUAL(offset, error_last()->offset);
    CHECK(strcmp(error_last()->path, "MANIFEST") == 0);
}

TEST(entries_are_read_as_they_were_written)
{
    uint8_t data[SIZE];
    manifest_log log;
    manifest_table table;
    manifest_values values;
    manifest_log_encode(&log_entry, begin(data), data + AT);
    CHECK_OK(manifest_log_decode(data, AT, "MANIFEST", &log));
    CHECK_EQUAL(log_entry.number, log.number);
    CHECK_EQUAL(log_entry.history_end, log.history_end);
    CHECK_EQUAL(log_entry.epoch, log.epoch);
    manifest_table_encode(&table_entry_of_all, begin(data), data + AT);
    CHECK_OK(manifest_table_decode(data, AT, LAST, "MANIFEST", &table));
    CHECK_EQUAL(table_entry_of_all.file_crc, table.file_crc);
    CHECK_EQUAL(table_entry_of_all.deadline_max_us, table.deadline_max_us);
    CHECK_EQUAL(table_entry_of_all.deletes_through, table.deletes_through);
    for (size_t i = 0; i < DEADLINE_EIGHTH_COUNT; i++) {
        CHECK_EQUAL(table_entry_of_all.eighths[i], table.eighths[i]);
    }
    manifest_values_encode(&values_entry, begin(data), data + AT);
    CHECK_OK(manifest_values_decode(data, AT, "MANIFEST", &values));
    CHECK_EQUAL(values_entry.value_bytes, values.value_bytes);
}

/* Decodes the entry at AT. */
typedef pykv_status (*decoder)(const uint8_t *data);

static pykv_status decode_log(const uint8_t *data)
{
    manifest_log log;
    return manifest_log_decode(data, AT, "MANIFEST", &log);
}

static pykv_status decode_table(const uint8_t *data)
{
    manifest_table table;
    return manifest_table_decode(data, AT, UINT64_MAX, "MANIFEST", &table);
}

static pykv_status decode_values(const uint8_t *data)
{
    manifest_values values;
    return manifest_values_decode(data, AT, "MANIFEST", &values);
}

static void check_every_byte(uint8_t data[SIZE], size_t size, decoder decode)
{
    CHECK_OK(decode(data));
    for (size_t i = 0; i < size; i++) {
        data[AT + i] ^= 4;
        CHECK_STATUS(PYKV_CORRUPTION, decode(data));
        data[AT + i] ^= 4;
    }
    CHECK_OK(decode(data));
}

TEST(an_entry_whose_bytes_have_changed_is_refused)
{
    uint8_t data[SIZE];
    manifest_log_encode(&log_entry, begin(data), data + AT);
    check_every_byte(data, LSM_MANIFEST_LOG_BYTES, decode_log);
    manifest_table_encode(&table_entry_of_all, begin(data), data + AT);
    check_every_byte(data, LSM_MANIFEST_TABLE_BYTES, decode_table);
    manifest_values_encode(&values_entry, begin(data), data + AT);
    check_every_byte(data, LSM_MANIFEST_VALUES_BYTES, decode_values);
}

TEST(eighths_that_fall_or_stand_behind_none_are_refused)
{
    static const uint32_t wrong[][DEADLINE_EIGHTH_COUNT] = {
        {0, 1}, {2, 1}, {1, 0, 1}, {1, 1, 1, 1, 1, 2, 1}, {[6] = 1}};
    uint8_t data[SIZE];
    manifest_table table = table_entry_of_all;
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        memcpy(table.eighths, wrong[i], sizeof table.eighths);
        manifest_table_encode(&table, begin(data), data + AT);
        expect_refused(manifest_table_decode(data, AT, LAST, "MANIFEST", &table), "deadlines",
                       AT + 96);
    }
}

TEST(what_no_file_can_be_is_refused)
{
    uint8_t data[SIZE];
    manifest_log log = log_entry;
    manifest_table table = table_entry_of_all;
    log.history_end = 8;
    manifest_log_encode(&log, begin(data), data + AT);
    expect_refused(manifest_log_decode(data, AT, "MANIFEST", &log), "no records", AT + 4);
    table.level = LSM_LEVEL_COUNT;
    manifest_table_encode(&table, begin(data), data + AT);
    expect_refused(manifest_table_decode(data, AT, LAST, "MANIFEST", &table), "level", AT + 4);
    manifest_table_encode(&table_entry_of_all, begin(data), data + AT);
    expect_refused(manifest_table_decode(data, AT, LAST - 1, "MANIFEST", &table), "sequences",
                   AT + 48);
}

TEST_MAIN(CASE(entries_are_read_as_they_were_written),
          CASE(an_entry_whose_bytes_have_changed_is_refused),
          CASE(eighths_that_fall_or_stand_behind_none_are_refused),
          CASE(what_no_file_can_be_is_refused))
