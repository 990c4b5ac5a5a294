/*
 * log_file: names, files that are durable once they are made, and files that are not what the
 * manifest says.
 */
#include "harness/check.h"

#include "env/env_fault.h"
#include "env/env_memory.h"
#include "log/log_file.h"

#define HOME "/home"

static const log_segment_header header_of_7 = {.kind = LOG_SEGMENT_APPEND,
                                               .number = 7,
                                               .file_id = 0xABCDEF,
                                               .birth_sequence = 30,
                                               .synced_through = 99,
                                               .store_id = 77};

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
    env_file *file;
    CHECK_OK(log_file_create(home, &header_of_7, &file));
    env_file_close(file);
}

TEST(a_name_tells_the_number_and_no_other_name_is_one)
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
                                         "00000001.torn",
                                         "00000001.tbl",
                                         "100000001.log",
                                         "MANIFEST"};
    static const uint32_t numbers[] = {1, 16, 0xDEADBEEF, UINT32_MAX};
    char name[LOG_FILE_NAME_BYTES];
    log_file_name(0xBEEF, name);
    CHECK_EQUAL(0, strcmp("0000beef.log", name));
    log_file_torn_name(UINT32_MAX, name);
    CHECK_EQUAL(0, strcmp("ffffffff.torn", name));
    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++) {
        log_file_name(numbers[i], name);
        CHECK_EQUAL(numbers[i], log_file_number(name));
    }
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++) {
        CHECK_EQUAL(0, log_file_number(others[i]));
    }
}

TEST(a_new_file_is_there_with_its_header_after_the_power_went)
{
    env *after;
    env_file *file;
    uint64_t size;
    begin();
    create_7();
    CHECK_OK(env_memory_crash(disk, check_seed(), ENV_CRASH_DROP_ALL, &after));
    end();
    disk = after;
    CHECK_OK(env_directory_open(disk, HOME, false, &home));
    CHECK_OK(log_file_open(home, &header_of_7, true, &file, &size));
    CHECK_EQUAL(LOG_SEGMENT_HEADER_BYTES, size);
    env_file_close(file);
    end();
}

TEST(a_file_that_cannot_be_made_is_not_there)
{
    static const env_call calls[] = {ENV_CALL_OPEN, ENV_CALL_WRITE, ENV_CALL_SYNC,
                                     ENV_CALL_SYNC_DIRECTORY};
    env *faulty;
    env_directory *directory;
    env_file *file;
    env_names names;
    begin();
    CHECK_OK(env_fault_new(disk, &faulty));
    CHECK_OK(env_directory_open(faulty, HOME, false, &directory));
    for (size_t i = 0; i < sizeof calls / sizeof calls[0]; i++) {
        env_fault_plan plan = {.at = 1, .system_errno = 5, .call_mask = 1U << calls[i]};
        env_fault_set(faulty, &plan);
        CHECK_STATUS(PYKV_IO_FAILED, log_file_create(directory, &header_of_7, &file));
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

static void check_refused(const log_segment_header *expected)
{
    env_file *file = NULL;
    uint64_t size = 1;
    char name[LOG_FILE_NAME_BYTES];
    log_file_name(expected->number, name);
    CHECK_STATUS(PYKV_CORRUPTION, log_file_open(home, expected, false, &file, &size));
    CHECK(strstr(error_last()->text, name) != NULL);
    CHECK(file == NULL && size == 1);
}

TEST(a_missing_file_and_another_one_are_corruption_that_names_it)
{
    begin();
    create_7();
    log_segment_header expected[6];
    for (size_t i = 0; i < 6; i++) {
        expected[i] = header_of_7;
    }
    expected[0].number = 8;
    expected[1].file_id++;
    expected[2].birth_sequence++;
    expected[3].store_id++;
    expected[4].kind = LOG_SEGMENT_MERGED;
    for (size_t i = 0; i < 5; i++) {
        check_refused(&expected[i]);
    }
    CHECK_OK(env_rename(home, "00000007.log", "00000009.log"));
    expected[5].number = 9;
    check_refused(&expected[5]);
    end();
}

TEST(a_header_that_is_cut_or_damaged_is_corruption)
{
    uint8_t *bytes;
    uint64_t size;
    env_file *file;
    begin();
    create_7();
    CHECK_OK(env_memory_file_bytes(disk, HOME "/00000007.log", &bytes, &size));
    bytes[20] ^= 1;
    check_refused(&header_of_7);
    bytes[20] ^= 1;
    CHECK_OK(log_file_open(home, &header_of_7, true, &file, &size));
    CHECK_OK(env_file_truncate(file, LOG_SEGMENT_HEADER_BYTES - 1));
    env_file_close(file);
    check_refused(&header_of_7);
    end();
}

TEST(a_file_that_may_not_be_written_is_opened_for_reading)
{
    env *faulty;
    env_directory *directory;
    env_file *file;
    uint64_t size;
    begin();
    create_7();
    CHECK_OK(env_fault_new(disk, &faulty));
    CHECK_OK(env_directory_open(faulty, HOME, false, &directory));
    env_fault_plan plan = {.at = 1, .system_errno = 13, .call_mask = 1U << ENV_CALL_OPEN};
    env_fault_set(faulty, &plan);
    CHECK_OK(log_file_open(directory, &header_of_7, true, &file, &size));
    CHECK_EQUAL(1, env_fault_failed(faulty));
    env_file_close(file);
    env_fault_set(faulty, &plan);
    CHECK_STATUS(PYKV_NO_PERMISSION, log_file_open(directory, &header_of_7, false, &file, &size));
    env_directory_close(directory);
    env_fault_free(faulty);
    end();
}

TEST(a_view_is_the_mapping_or_a_copy_of_the_whole_file)
{
    env_file *file;
    env_mapping none = {0};
    env_mapping mapping;
    buffer scratch = BUFFER_EMPTY;
    const uint8_t *data;
    uint64_t size;
    uint8_t header[LOG_SEGMENT_HEADER_BYTES];
    begin();
    create_7();
    log_segment_encode(&header_of_7, header);
    CHECK_OK(log_file_open(home, &header_of_7, true, &file, &size));
    CHECK_OK(env_file_map(file, (size_t)size, false, &mapping));
    CHECK_OK(log_file_view(file, &mapping, &scratch, &data, &size));
    CHECK(data == mapping.base && size == sizeof header);
    CHECK_OK(log_file_view(file, &none, &scratch, &data, &size));
    CHECK(data == scratch.data && size == sizeof header);
    CHECK_BYTES(header, data, sizeof header);
    CHECK_OK(env_file_truncate(file, 5000)); /* more than is mapped */
    CHECK_OK(log_file_view(file, &mapping, &scratch, &data, &size));
    CHECK(data == scratch.data && size == 5000);
    buffer_reset(&scratch);
    env_unmap(&mapping);
    env_file_close(file);
    end();
}

TEST_MAIN(CASE(a_name_tells_the_number_and_no_other_name_is_one),
          CASE(a_new_file_is_there_with_its_header_after_the_power_went),
          CASE(a_file_that_cannot_be_made_is_not_there),
          CASE(a_missing_file_and_another_one_are_corruption_that_names_it),
          CASE(a_header_that_is_cut_or_damaged_is_corruption),
          CASE(a_file_that_may_not_be_written_is_opened_for_reading),
          CASE(a_view_is_the_mapping_or_a_copy_of_the_whole_file))
