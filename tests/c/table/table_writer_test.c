/*
 * table_writer: the bytes of the file are those appended, in writes of one size, with their
 * checksum; failures are passed on.
 */
#include "harness/check.h"

#include "base/crc32c.h"
#include "base/memory.h"
#include "env/env_fault.h"
#include "env/env_memory.h"
#include "table/table_writer.h"

enum { WRITE_BYTES = 1000, TOTAL = 10500 };

static env *disk;
static env *faulty;
static env_directory *directory;
static uint8_t data[TOTAL];

static void begin(void)
{
    for (size_t i = 0; i < TOTAL; i++) {
        data[i] = (uint8_t)(i * 31 + i / 256);
    }
    CHECK_OK(env_memory_new(check_seed(), 1 << 20, &disk));
    CHECK_OK(env_fault_new(disk, &faulty));
    CHECK_OK(env_directory_open(faulty, "/d", true, &directory));
}

static void end(void)
{
    env_directory_close(directory);
    env_fault_free(faulty);
    env_memory_free(disk);
}

/* Appends all data in pieces. */
static pykv_status append_all(table_writer *writer, size_t piece)
{
    pykv_status status = PYKV_OK;
    for (size_t at = 0; at < TOTAL && status == PYKV_OK; at += piece) {
        CHECK_EQUAL(at, table_writer_offset(writer));
        status = table_writer_append(writer, data + at, TOTAL - at < piece ? TOTAL - at : piece);
    }
    return status;
}

TEST(the_file_has_the_bytes_that_were_appended_and_their_checksum)
{
    static const size_t pieces[] = {1, 7, WRITE_BYTES - 1, WRITE_BYTES, WRITE_BYTES + 1, TOTAL};
    for (size_t i = 0; i < sizeof pieces / sizeof pieces[0]; i++) {
        table_writer writer;
        uint8_t *bytes;
        uint64_t size;
        begin();
        CHECK_OK(table_writer_open(directory, "t", WRITE_BYTES, &writer));
        CHECK_OK(append_all(&writer, pieces[i]));
        CHECK_OK(table_writer_sync(&writer));
        CHECK_EQUAL(crc32c_extend(0, data, TOTAL), writer.crc);
        CHECK_EQUAL(TOTAL, writer.written_bytes);
        table_writer_close(&writer);
        CHECK_OK(env_memory_file_bytes(disk, "/d/t", &bytes, &size));
        CHECK_EQUAL(TOTAL, size);
        CHECK_BYTES(data, bytes, TOTAL);
        end();
    }
}

TEST(writes_are_gathered_to_one_size)
{
    table_writer writer;
    env_fault_plan plan = {.call_mask = 1U << ENV_CALL_WRITE};
    begin();
    CHECK_OK(table_writer_open(directory, "t", WRITE_BYTES, &writer));
    env_fault_set(faulty, &plan);
    CHECK_OK(append_all(&writer, 3));
    CHECK_EQUAL(TOTAL / WRITE_BYTES, env_fault_seen(faulty));
    CHECK_OK(table_writer_sync(&writer));
    CHECK_EQUAL(TOTAL / WRITE_BYTES + 1, env_fault_seen(faulty));
    table_writer_close(&writer);
    end();
}

/* What waits for the sync alone comes to the device all at once, and everybody's reads wait. */
TEST(each_write_is_written_back_at_once)
{
    table_writer writer;
    env_fault_plan plan = {.call_mask = 1U << ENV_CALL_WRITE_BACK};
    begin();
    CHECK_OK(table_writer_open(directory, "t", WRITE_BYTES, &writer));
    env_fault_set(faulty, &plan);
    CHECK_OK(append_all(&writer, 3));
    CHECK_EQUAL(TOTAL / WRITE_BYTES, env_fault_seen(faulty));
    table_writer_close(&writer);
    end();
}

TEST(a_synced_file_survives_a_power_cut)
{
    table_writer writer;
    env *after;
    uint8_t *bytes;
    uint64_t size;
    begin();
    CHECK_OK(table_writer_open(directory, "t", WRITE_BYTES, &writer));
    CHECK_OK(append_all(&writer, 100));
    CHECK_OK(table_writer_sync(&writer));
    table_writer_close(&writer);
    CHECK_OK(env_directory_sync(directory));
    CHECK_OK(env_memory_crash(disk, 1, ENV_CRASH_DROP_ALL, &after));
    CHECK_OK(env_memory_file_bytes(after, "/d/t", &bytes, &size));
    CHECK_EQUAL(TOTAL, size);
    CHECK_BYTES(data, bytes, TOTAL);
    env_memory_free(after);
    end();
}

TEST(a_file_that_is_there_is_not_touched)
{
    table_writer writer;
    begin();
    CHECK_OK(table_writer_open(directory, "t", WRITE_BYTES, &writer));
    table_writer_close(&writer);
    table_writer_close(&writer);
    CHECK_STATUS(PYKV_PATH_EXISTS, table_writer_open(directory, "t", WRITE_BYTES, &writer));
    mem_fail_at(1, 0);
    CHECK_STATUS(PYKV_NO_MEMORY, table_writer_open(directory, "u", WRITE_BYTES, &writer));
    mem_fail_at(0, 0);
    end();
}

TEST(a_write_or_sync_that_fails_is_reported)
{
    static const env_call kinds[] = {ENV_CALL_WRITE, ENV_CALL_SYNC};
    for (size_t i = 0; i < 2; i++) {
        table_writer writer;
        env_fault_plan plan = {.at = 1, .system_errno = 5, .call_mask = 1U << kinds[i]};
        begin();
        CHECK_OK(table_writer_open(directory, "t", WRITE_BYTES, &writer));
        env_fault_set(faulty, &plan);
        pykv_status status = append_all(&writer, 100);
        CHECK_EQUAL(i == 0 ? PYKV_IO_FAILED : PYKV_OK, status);
        if (status == PYKV_OK) {
            CHECK_STATUS(PYKV_IO_FAILED, table_writer_sync(&writer));
        }
        table_writer_close(&writer);
        end();
    }
}

TEST_MAIN(CASE(the_file_has_the_bytes_that_were_appended_and_their_checksum),
          CASE(writes_are_gathered_to_one_size), CASE(each_write_is_written_back_at_once),
          CASE(a_synced_file_survives_a_power_cut), CASE(a_file_that_is_there_is_not_touched),
          CASE(a_write_or_sync_that_fails_is_reported))
