/*
 * log_sink_pwrite_test: what only the pwrite sink does: nothing to prepare, nothing reserved.
 */
#include <errno.h>

#include "env/env_fault.h"
#include "log/log_fixture.h"

TEST(nothing_is_reserved_and_nothing_to_prepare)
{
    log_fixture log;
    fixture_open(&log, false, false, 1 << 20);
    CHECK(!log_sink_is_mapped(log.sink));
    CHECK(!log_sink_wants_prepare(log.sink));
    CHECK_OK(log_sink_prepare(log.sink, 1 << 30));
    CHECK(!log_sink_wants_prepare(log.sink));
    CHECK_EQUAL(LOG_SEGMENT_HEADER_BYTES, fixture_file_size(&log));
    fixture_close(&log);
}

TEST(what_is_built_is_in_the_file_only_after_commit)
{
    log_fixture log;
    uint8_t *data = NULL;
    fixture_open(&log, false, false, 1 << 20);
    CHECK_OK(log_sink_build(log.sink, 64, &data));
    memset(data, 0x11, 64);
    CHECK_EQUAL(LOG_SEGMENT_HEADER_BYTES, fixture_file_size(&log));
    CHECK_OK(log_sink_commit(log.sink, 64));
    CHECK_EQUAL(LOG_SEGMENT_HEADER_BYTES + 64, fixture_file_size(&log));
    fixture_close(&log);
}

TEST(a_build_beyond_memory_is_refused_and_the_sink_goes_on)
{
    log_fixture log;
    uint8_t *data = NULL;
    fixture_open(&log, false, false, 1 << 20);
    mem_fail_at(1, 0);
    CHECK_STATUS(PYKV_NO_MEMORY, log_sink_build(log.sink, 64, &data));
    CHECK(data == NULL);
    CHECK_OK(log_sink_build(log.sink, 64, &data));
    CHECK_OK(log_sink_commit(log.sink, 64));
    CHECK_EQUAL(LOG_SEGMENT_HEADER_BYTES + 64, log_sink_tail(log.sink));
    fixture_close(&log);
}

TEST(memory_of_a_large_build_is_given_back)
{
    log_fixture log;
    uint8_t *data = NULL;
    fixture_open(&log, true, false, 1 << 20);
    int64_t before = mem_block_count();
    CHECK_OK(log_sink_build(log.sink, 4 << 20, &data));
    CHECK_EQUAL(before + 1, mem_block_count());
    memset(data, 0, 4 << 20);
    CHECK_OK(log_sink_commit(log.sink, 4 << 20));
    CHECK_EQUAL(before, mem_block_count());
    fixture_close(&log);
}

/* A write failed, cutting off what it left failed too, and the next write failed as well: the two
 * left-overs together were a whole record, which a power failure brought to light. */
TEST(nothing_is_written_over_what_a_failed_write_left)
{
    log_fixture log;
    env *faulty = NULL;
    env_directory *directory = NULL;
    env_file *file = NULL;
    log_sink *sink = NULL;
    slice part = slice_make("eight by", 8);
    fixture_open(&log, false, false, 1 << 20);
    CHECK_OK(env_fault_new(log.disk, &faulty));
    CHECK_OK(env_directory_open(faulty, "/log", false, &directory));
    CHECK_OK(env_file_open(directory, "log", ENV_READ | ENV_WRITE, &file));
    CHECK_OK(log_sink_open_pwrite(file, LOG_SEGMENT_HEADER_BYTES, 0, &sink));
    env_fault_plan plan = {.at = 1, .sticky = true, .system_errno = EIO};
    env_fault_set(faulty, &plan);
    CHECK_STATUS(PYKV_IO_FAILED, log_sink_append(sink, &part, 1));
    uint64_t left = fixture_file_size(&log);
    for (int i = 0; i < 20; i++) {
        CHECK_STATUS(PYKV_IO_FAILED, log_sink_append(sink, &part, 1));
        CHECK_EQUAL(left, fixture_file_size(&log));
    }
    plan.at = 0;
    env_fault_set(faulty, &plan);
    CHECK_OK(log_sink_append(sink, &part, 1));
    CHECK_EQUAL(LOG_SEGMENT_HEADER_BYTES + 8, log_sink_tail(sink));
    log_sink_close(sink);
    env_file_close(file);
    env_directory_close(directory);
    env_fault_free(faulty);
    fixture_close(&log);
}

TEST(blocks_are_reserved_ahead_of_the_tail_and_cut_off_at_seal)
{
    enum { MEBIBYTE = 1 << 20, CAPACITY = MEBIBYTE + 4096 };
    log_fixture log;
    log_sink *sink = NULL;
    static uint8_t bytes[4096];
    slice part = slice_make(bytes, sizeof bytes);
    fixture_open(&log, false, false, CAPACITY);
    CHECK_OK(log_sink_open_pwrite(log.file, LOG_SEGMENT_HEADER_BYTES, CAPACITY, &sink));
    CHECK_OK(log_sink_append(sink, &part, 1));
    CHECK_EQUAL(MEBIBYTE, fixture_file_size(&log));
    for (int i = 0; i < 255; i++) {
        CHECK_OK(log_sink_append(sink, &part, 1));
    }
    CHECK_EQUAL(CAPACITY, fixture_file_size(&log));
    CHECK_OK(log_sink_append(sink, &part, 1)); /* beyond it the file grows */
    CHECK_EQUAL(257 * sizeof bytes + LOG_SEGMENT_HEADER_BYTES, fixture_file_size(&log));
    log_sink_close(sink);
    CHECK_OK(log_sink_open_pwrite(log.file, LOG_SEGMENT_HEADER_BYTES, CAPACITY, &sink));
    CHECK_OK(log_sink_append(sink, &part, 1));
    CHECK_OK(log_sink_seal(sink));
    CHECK_EQUAL(sizeof bytes + LOG_SEGMENT_HEADER_BYTES, fixture_file_size(&log));
    log_sink_close(sink);
    fixture_close(&log);
}

TEST(a_disk_without_room_to_reserve_is_filled_all_the_same)
{
    log_fixture log;
    log_sink *sink = NULL;
    slice part = slice_make("eight by", 8);
    fixture_open(&log, false, false, 1 << 20);
    CHECK_OK(log_sink_open_pwrite(log.file, LOG_SEGMENT_HEADER_BYTES, 1 << 20, &sink));
    env_memory_set_capacity(log.disk, LOG_SEGMENT_HEADER_BYTES + 16);
    CHECK_OK(log_sink_append(sink, &part, 1));
    CHECK_OK(log_sink_append(sink, &part, 1));
    CHECK_STATUS(PYKV_NO_SPACE, log_sink_append(sink, &part, 1));
    CHECK_EQUAL(LOG_SEGMENT_HEADER_BYTES + 16, log_sink_tail(sink));
    CHECK_EQUAL(LOG_SEGMENT_HEADER_BYTES + 16, fixture_file_size(&log));
    log_sink_close(sink);
    fixture_close(&log);
}

TEST_MAIN(CASE(blocks_are_reserved_ahead_of_the_tail_and_cut_off_at_seal),
          CASE(a_disk_without_room_to_reserve_is_filled_all_the_same),
          CASE(nothing_is_reserved_and_nothing_to_prepare),
          CASE(what_is_built_is_in_the_file_only_after_commit),
          CASE(a_build_beyond_memory_is_refused_and_the_sink_goes_on),
          CASE(memory_of_a_large_build_is_given_back),
          CASE(nothing_is_written_over_what_a_failed_write_left))
