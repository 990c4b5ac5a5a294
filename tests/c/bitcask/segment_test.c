/*
 * segment: names, files that are not what the manifest says, and reading single records.
 */
#include "harness/check.h"

#include "bitcask/segment.h"
#include "env/env_fault.h"
#include "env/env_memory.h"

#define HOME "/home"

enum { STORE_ID = 77, CAPACITY = 65536, VALUE_BYTES = 6000 };

static const log_segment_header header_of_7 = {.kind = LOG_SEGMENT_APPEND,
                                               .number = 7,
                                               .file_id = 0xABCDEF,
                                               .birth_sequence = 30,
                                               .store_id = STORE_ID};

static env *disk;
static env_directory *home;

static void begin(void)
{
    CHECK_OK(env_memory_new(check_seed(), 1 << 20, &disk));
    CHECK_OK(env_directory_open(disk, HOME, true, &home));
}

static void end(void)
{
    env_directory_close(home);
    env_memory_free(disk);
}

static void create_7(void)
{
    segment *made;
    CHECK_OK(segment_create(home, &header_of_7, CAPACITY, true, &made));
    CHECK_EQUAL(LOG_SEGMENT_HEADER_BYTES, atomic_load(&made->length));
    segment_close(made);
}

static manifest_segment entry_of_7(uint64_t length)
{
    manifest_segment entry = {.number = 7,
                              .kind = LOG_SEGMENT_APPEND,
                              .sealed = true,
                              .file_id = header_of_7.file_id,
                              .birth_sequence = 30,
                              .first_sequence = 30,
                              .last_sequence = 31,
                              .length = length};
    return entry;
}

/* Opening by entry must be refused as corruption with the file's name in the text. */
static void check_refused(const manifest_segment *entry, uint64_t store_id)
{
    segment *opened = NULL;
    char name[SEGMENT_NAME_BYTES];
    segment_name(entry->number, false, name);
    CHECK_STATUS(PYKV_CORRUPTION, segment_open(home, entry, store_id, CAPACITY, true, &opened));
    CHECK(strstr(error_last()->text, name) != NULL);
    CHECK(opened == NULL);
}

TEST(a_name_tells_number_and_kind_and_no_other_name_is_one)
{
    static const char *const others[] = {"",
                                         "00000000.log",
                                         "1.log",
                                         "000000001.log",
                                         "0000000g.log",
                                         "+0000001.log",
                                         " 0000001.log",
                                         "0x000001.log",
                                         "DEADBEEF.log",
                                         "00000001",
                                         "00000001.LOG",
                                         "00000001.lo",
                                         "00000001.logs",
                                         "00000001.hint.tmp",
                                         "MANIFEST"};
    static const uint32_t numbers[] = {1, 16, 0xDEADBEEF, UINT32_MAX};
    char name[SEGMENT_NAME_BYTES];
    bool hint;
    segment_name(0xBEEF, false, name);
    CHECK_EQUAL(0, strcmp("0000beef.log", name));
    segment_name(UINT32_MAX, true, name);
    CHECK_EQUAL(0, strcmp("ffffffff.hint", name));
    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0] * 2; i++) {
        segment_name(numbers[i / 2], i % 2 == 1, name);
        CHECK_EQUAL(numbers[i / 2], segment_number(name, &hint));
        CHECK_EQUAL(i % 2 == 1, hint);
    }
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++) {
        CHECK_EQUAL(0, segment_number(others[i], &hint));
    }
}

TEST(a_new_segment_is_there_after_the_power_went)
{
    env *after;
    segment *opened;
    begin();
    create_7();
    CHECK_OK(env_memory_crash(disk, check_seed(), ENV_CRASH_DROP_ALL, &after));
    end();
    disk = after;
    CHECK_OK(env_directory_open(disk, HOME, false, &home));
    manifest_segment entry = entry_of_7(LOG_SEGMENT_HEADER_BYTES);
    CHECK_OK(segment_open(home, &entry, STORE_ID, CAPACITY, true, &opened));
    CHECK_EQUAL(7, opened->number);
    CHECK_EQUAL(record_seed(header_of_7.file_id), opened->seed);
    CHECK_EQUAL(30, segment_birth(opened));
    CHECK_EQUAL(31, opened->last_sequence);
    CHECK(opened->sealed && opened->synced && segment_is_mapped(opened));
    segment_close(opened);
    end();
}

TEST(a_segment_that_cannot_be_made_leaves_no_file)
{
    static const env_call calls[] = {ENV_CALL_OPEN, ENV_CALL_WRITE, ENV_CALL_SYNC,
                                     ENV_CALL_SYNC_DIRECTORY};
    env *faulty;
    env_directory *directory;
    env_names names;
    segment *made;
    begin();
    CHECK_OK(env_fault_new(disk, &faulty));
    CHECK_OK(env_directory_open(faulty, HOME, false, &directory));
    for (size_t i = 0; i < sizeof calls / sizeof calls[0]; i++) {
        env_fault_plan plan = {.at = 1, .system_errno = 5, .call_mask = 1U << calls[i]};
        env_fault_set(faulty, &plan);
        CHECK_STATUS(PYKV_IO_FAILED,
                     segment_create(directory, &header_of_7, CAPACITY, true, &made));
        CHECK_EQUAL(1, env_fault_failed(faulty));
        CHECK_EQUAL(5, error_last()->system_errno);
        CHECK_OK(env_directory_list(home, &names));
        CHECK_EQUAL(0, names.count);
        env_names_free(&names);
    }
    env_directory_close(directory);
    env_fault_free(faulty);
    end();
}

static void lengthen_7(uint64_t length)
{
    env_file *file;
    slice end = slice_make("", 1);
    CHECK_OK(env_file_open(home, "00000007.log", ENV_WRITE, &file));
    CHECK_OK(env_file_write(file, length - 1, &end, 1));
    env_file_close(file);
}

TEST(what_tombstones_take_is_no_less_after_an_open_and_hardly_more)
{
    static const uint64_t lengths[] = {65, 4096, 65535, 65536, 900000};
    begin();
    create_7();
    for (size_t i = 0; i < sizeof lengths / sizeof lengths[0]; i++) {
        uint64_t length = lengths[i];
        uint64_t sizes[] = {0, 1, 32, length / 3, length - LOG_SEGMENT_HEADER_BYTES};
        lengthen_7(length);
        for (size_t j = 0; j < sizeof sizes / sizeof sizes[0]; j++) {
            segment written = {.tombstone_bytes = sizes[j], .length = length};
            manifest_segment entry = entry_of_7(length);
            entry.tombstone_share = segment_tombstone_share(&written);
            segment *opened;
            CHECK_OK(segment_open(home, &entry, STORE_ID, CAPACITY, true, &opened));
            CHECK(opened->tombstone_bytes >= sizes[j]);
            CHECK(opened->tombstone_bytes <= sizes[j] + length / UINT16_MAX);
            CHECK(sizes[j] > 0 || opened->tombstone_bytes == 0);
            CHECK_EQUAL(entry.tombstone_share, segment_tombstone_share(opened));
            segment_close(opened);
        }
    }
    end();
}

TEST(a_missing_a_short_and_another_file_are_corruption_that_names_it)
{
    begin();
    manifest_segment entry = entry_of_7(LOG_SEGMENT_HEADER_BYTES);
    check_refused(&entry, STORE_ID);
    create_7();
    manifest_segment longer = entry_of_7(LOG_SEGMENT_HEADER_BYTES + 1);
    check_refused(&longer, STORE_ID);
    CHECK_EQUAL(LOG_SEGMENT_HEADER_BYTES, error_last()->offset);
    check_refused(&entry, STORE_ID + 1);
    manifest_segment other = entry;
    other.file_id++;
    check_refused(&other, STORE_ID);
    other = entry;
    other.kind = LOG_SEGMENT_MERGED;
    check_refused(&other, STORE_ID);
    other = entry;
    other.birth_sequence--;
    check_refused(&other, STORE_ID);
    CHECK_OK(env_rename(home, "00000007.log", "00000008.log"));
    other = entry;
    other.number = 8;
    check_refused(&other, STORE_ID);
    end();
}

TEST(every_flipped_bit_of_the_header_is_refused)
{
    segment *opened = NULL;
    begin();
    create_7();
    manifest_segment entry = entry_of_7(LOG_SEGMENT_HEADER_BYTES);
    for (uint32_t bit = 0; bit < LOG_SEGMENT_HEADER_BYTES * 8; bit++) {
        uint8_t *data;
        uint64_t size;
        CHECK_OK(env_memory_file_bytes(disk, HOME "/00000007.log", &data, &size));
        data[bit / 8] ^= (uint8_t)(1U << bit % 8);
        pykv_status status = segment_open(home, &entry, STORE_ID, 0, bit % 2 == 0, &opened);
        CHECK(status == PYKV_CORRUPTION || status == PYKV_FORMAT);
        data[bit / 8] ^= (uint8_t)(1U << bit % 8);
    }
    CHECK_OK(segment_open(home, &entry, STORE_ID, 0, false, &opened));
    CHECK(!segment_is_mapped(opened));
    segment_close(opened);
    end();
}

/* Creates segment 7 with one record of VALUE_BYTES at its start, damaged if flipped is set. */
static manifest_segment create_with_record(bool flipped)
{
    static uint8_t value[VALUE_BYTES];
    static uint8_t bytes[VALUE_BYTES + 64];
    env_file *file;
    memset(value, 'v', sizeof value);
    record one = {.kind = RECORD_PUT,
                  .sequence = 30,
                  .key = slice_make("key", 3),
                  .value = slice_make(value, sizeof value)};
    one.body_crc = record_body_crc(&one);
    uint64_t size = record_bytes(0, 3, VALUE_BYTES);
    record_encode(&one, record_seed(header_of_7.file_id), LOG_SEGMENT_HEADER_BYTES, bytes);
    bytes[RECORD_HEADER_BYTES + 3 + 5000] ^= flipped ? 1 : 0;
    create_7();
    slice whole = slice_make(bytes, size);
    CHECK_OK(env_file_open(home, "00000007.log", ENV_WRITE, &file));
    CHECK_OK(env_file_write(file, LOG_SEGMENT_HEADER_BYTES, &whole, 1));
    env_file_close(file);
    return entry_of_7(LOG_SEGMENT_HEADER_BYTES + size);
}

TEST(the_mapping_and_a_read_give_the_same_record_and_none_behind_the_end)
{
    segment *opened;
    record peeked;
    record got;
    buffer scratch = BUFFER_EMPTY;
    begin();
    manifest_segment entry = create_with_record(false);
    CHECK_OK(segment_open(home, &entry, STORE_ID, CAPACITY, true, &opened));
    CHECK_OK(segment_peek(opened, LOG_SEGMENT_HEADER_BYTES, true, &peeked));
    CHECK_OK(segment_read(opened, LOG_SEGMENT_HEADER_BYTES, true, &scratch, &got));
    CHECK_EQUAL(30, peeked.sequence);
    CHECK_EQUAL(30, got.sequence);
    CHECK_EQUAL(VALUE_BYTES, got.value.size);
    CHECK(slice_equal(peeked.value, got.value) && slice_equal(peeked.key, got.key));
    CHECK_STATUS(PYKV_CORRUPTION, segment_peek(opened, entry.length, true, &peeked));
    CHECK_STATUS(PYKV_CORRUPTION, segment_read(opened, entry.length, true, &scratch, &got));
    CHECK_STATUS(PYKV_CORRUPTION,
                 segment_read(opened, LOG_SEGMENT_HEADER_BYTES + 8, true, &scratch, &got));
    atomic_store(&opened->length, entry.length - 8);
    CHECK_STATUS(PYKV_CORRUPTION, segment_peek(opened, LOG_SEGMENT_HEADER_BYTES, true, &peeked));
    CHECK_STATUS(PYKV_CORRUPTION,
                 segment_read(opened, LOG_SEGMENT_HEADER_BYTES, true, &scratch, &got));
    buffer_reset(&scratch);
    segment_close(opened);
    end();
}

TEST(a_damaged_body_is_refused_with_its_file_and_offset_if_it_is_checked)
{
    segment *opened;
    record got;
    buffer scratch = BUFFER_EMPTY;
    begin();
    manifest_segment entry = create_with_record(true);
    CHECK_OK(segment_open(home, &entry, STORE_ID, CAPACITY, true, &opened));
    CHECK_STATUS(PYKV_CORRUPTION, segment_peek(opened, LOG_SEGMENT_HEADER_BYTES, true, &got));
    CHECK_EQUAL(LOG_SEGMENT_HEADER_BYTES, error_last()->offset);
    CHECK(strstr(error_last()->path, "00000007.log") != NULL);
    CHECK_STATUS(PYKV_CORRUPTION,
                 segment_read(opened, LOG_SEGMENT_HEADER_BYTES, true, &scratch, &got));
    CHECK_EQUAL(LOG_SEGMENT_HEADER_BYTES, error_last()->offset);
    CHECK_OK(segment_peek(opened, LOG_SEGMENT_HEADER_BYTES, false, &got));
    CHECK_OK(segment_read(opened, LOG_SEGMENT_HEADER_BYTES, false, &scratch, &got));
    buffer_reset(&scratch);
    segment_close(opened);
    end();
}

/* Writes a record with a key and a value of these sizes at the start of segment 7. */
static manifest_segment create_with_sizes(size_t key_bytes, size_t value_bytes)
{
    env_file *file;
    uint64_t size = record_bytes(0, key_bytes, value_bytes);
    uint8_t *text = malloc(key_bytes + value_bytes);
    uint8_t *bytes = malloc(size);
    CHECK(text != NULL && bytes != NULL);
    memset(text, 'k', key_bytes + value_bytes);
    record one = {.kind = RECORD_PUT,
                  .sequence = 30,
                  .key = slice_make(text, key_bytes),
                  .value = slice_make(text, value_bytes)};
    one.body_crc = record_body_crc(&one);
    record_encode(&one, record_seed(header_of_7.file_id), LOG_SEGMENT_HEADER_BYTES, bytes);
    create_7();
    slice whole = slice_make(bytes, size);
    CHECK_OK(env_file_open(home, "00000007.log", ENV_WRITE, &file));
    CHECK_OK(env_file_write(file, LOG_SEGMENT_HEADER_BYTES, &whole, 1));
    env_file_close(file);
    free(text);
    free(bytes);
    return entry_of_7(LOG_SEGMENT_HEADER_BYTES + size);
}

/* An overwrite of a large cold value once read all of it, to compare its key. */
TEST(without_the_body_check_no_more_than_header_and_key_of_a_long_record_is_read)
{
    static const struct {
        size_t key_bytes;
        size_t value_bytes;
        size_t read_bytes;
    } cases[] = {
        {3, 100000, SEGMENT_COLD_READ_BYTES},     {9000, 100000, RECORD_HEADER_BYTES + 9000},
        {9000, 0, RECORD_HEADER_BYTES + 9000},    {3, 0, RECORD_HEADER_BYTES + 8},
        {4000, 40, SEGMENT_COLD_READ_BYTES - 32}, {4000, 200, SEGMENT_COLD_READ_BYTES}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        segment *opened;
        record got = {0};
        buffer scratch = BUFFER_EMPTY;
        begin();
        manifest_segment entry = create_with_sizes(cases[i].key_bytes, cases[i].value_bytes);
        CHECK_OK(segment_open(home, &entry, STORE_ID, 0, false, &opened));
        CHECK_OK(segment_read(opened, LOG_SEGMENT_HEADER_BYTES, false, &scratch, &got));
        CHECK_EQUAL(cases[i].read_bytes, scratch.size);
        CHECK_EQUAL(cases[i].key_bytes, got.key.size);
        CHECK_EQUAL(cases[i].value_bytes, got.value.size);
        for (size_t at = 0; at < got.key.size; at++) {
            CHECK_EQUAL('k', got.key.data[at]);
        }
        bool whole = RECORD_HEADER_BYTES + got.key.size + got.value.size <= cases[i].read_bytes;
        CHECK_EQUAL(whole, got.value.data != NULL);
        buffer_reset(&scratch);
        segment_close(opened);
        end();
    }
}

TEST(a_record_whose_key_is_cut_off_is_refused_without_the_body_check_too)
{
    segment *opened;
    record got;
    buffer scratch = BUFFER_EMPTY;
    begin();
    manifest_segment entry = create_with_sizes(9000, 10);
    CHECK_OK(segment_open(home, &entry, STORE_ID, 0, false, &opened));
    atomic_store(&opened->length, entry.length - 24);
    CHECK_STATUS(PYKV_CORRUPTION,
                 segment_read(opened, LOG_SEGMENT_HEADER_BYTES, false, &scratch, &got));
    atomic_store(&opened->length, entry.length);
    env_file *file;
    CHECK_OK(env_file_open(home, "00000007.log", ENV_WRITE, &file));
    CHECK_OK(env_file_truncate(file, 6000));
    env_file_close(file);
    CHECK_STATUS(PYKV_CORRUPTION,
                 segment_read(opened, LOG_SEGMENT_HEADER_BYTES, false, &scratch, &got));
    buffer_reset(&scratch);
    segment_close(opened);
    end();
}

TEST(unlinking_takes_log_and_hints_of_one_segment_and_nothing_else)
{
    static const char *const names[] = {"00000007.log", "00000007.hint", "00000007.hint.tmp",
                                        "00000008.log", "00000008.hint", "00000007.torn"};
    begin();
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        env_file *file;
        CHECK_OK(env_file_open(home, names[i], ENV_WRITE | ENV_CREATE, &file));
        env_file_close(file);
    }
    segment_unlink_hint(home, 8);
    segment_unlink(home, 7);
    segment_unlink(home, 7);
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        env_file *file;
        bool stays = i == 3 || i == 5;
        CHECK_EQUAL(stays ? PYKV_OK : PYKV_PATH_NOT_FOUND,
                    env_file_open(home, names[i], ENV_READ, &file));
        if (stays) {
            env_file_close(file);
        }
    }
    end();
}

TEST_MAIN(CASE(a_name_tells_number_and_kind_and_no_other_name_is_one),
          CASE(a_new_segment_is_there_after_the_power_went),
          CASE(a_segment_that_cannot_be_made_leaves_no_file),
          CASE(what_tombstones_take_is_no_less_after_an_open_and_hardly_more),
          CASE(a_missing_a_short_and_another_file_are_corruption_that_names_it),
          CASE(every_flipped_bit_of_the_header_is_refused),
          CASE(the_mapping_and_a_read_give_the_same_record_and_none_behind_the_end),
          CASE(a_damaged_body_is_refused_with_its_file_and_offset_if_it_is_checked),
          CASE(without_the_body_check_no_more_than_header_and_key_of_a_long_record_is_read),
          CASE(unlinking_takes_log_and_hints_of_one_segment_and_nothing_else),
          CASE(a_record_whose_key_is_cut_off_is_refused_without_the_body_check_too))
