/*
 * log_sink_mapped_test: what only the mapped sink does: reserve, fault in ahead, and wait for
 * neither.
 */
#include <errno.h>
#include <pthread.h>
#include <unistd.h>

#include "env/env_fault.h"
#include "log/log_fixture.h"

enum { RESERVE_BYTES = 1 << 20, CAPACITY = 3 << 20 };

/* Builds and commits what is ready. */
static void put(log_fixture *log, uint8_t value, size_t size)
{
    uint8_t *data = NULL;
    CHECK_OK(log_sink_build(log->sink, size, &data));
    memset(data, value, size);
    CHECK_OK(log_sink_commit(log->sink, size));
}

static uint64_t ready_until(const log_fixture *log)
{
    return atomic_load(&log->sink->ready_until);
}

TEST(blocks_are_reserved_in_steps_as_the_log_grows)
{
    log_fixture log;
    fixture_open(&log, false, true, CAPACITY);
    CHECK(log_sink_is_mapped(log.sink));
    CHECK_EQUAL(RESERVE_BYTES, fixture_file_size(&log));
    while (log_sink_tail(log.sink) + 1024 <= CAPACITY) {
        uint64_t size = fixture_file_size(&log);
        CHECK(size % RESERVE_BYTES == 0);
        CHECK(size < log_sink_tail(log.sink) + RESERVE_BYTES + LOG_SINK_READY_BYTES);
        CHECK_OK(log_sink_prepare(log.sink, 1024));
        put(&log, 1, 1024);
    }
    CHECK_EQUAL(CAPACITY, fixture_file_size(&log));
    fixture_close(&log);
}

TEST(nothing_is_reserved_beyond_the_capacity)
{
    log_fixture log;
    fixture_open(&log, false, true, 40000);
    CHECK_EQUAL(40000, fixture_file_size(&log));
    CHECK_OK(log_sink_prepare(log.sink, 40000 - LOG_SEGMENT_HEADER_BYTES));
    CHECK_EQUAL(40000, ready_until(&log));
    CHECK_STATUS(PYKV_NOT_SUPPORTED, log_sink_prepare(log.sink, 40000));
    CHECK_EQUAL(40000, fixture_file_size(&log));
    fixture_close(&log);
}

TEST(a_build_beyond_what_is_ready_would_block_until_prepared)
{
    log_fixture log;
    uint8_t *data = NULL;
    fixture_open(&log, false, true, CAPACITY);
    CHECK_STATUS(PYKV_WOULD_BLOCK, log_sink_build(log.sink, 8, &data));
    CHECK_OK(log_sink_prepare(log.sink, 8));
    CHECK_EQUAL(LOG_SEGMENT_HEADER_BYTES + LOG_SINK_READY_BYTES, ready_until(&log));
    put(&log, 1, LOG_SINK_READY_BYTES - 8);
    CHECK_STATUS(PYKV_WOULD_BLOCK, log_sink_build(log.sink, 16, &data));
    put(&log, 1, 8);
    CHECK_STATUS(PYKV_WOULD_BLOCK, log_sink_build(log.sink, 8, &data));
    CHECK(data == NULL);
    CHECK_OK(log_sink_prepare(log.sink, LOG_SINK_READY_BYTES + 4096));
    put(&log, 1, LOG_SINK_READY_BYTES + 4096);
    fixture_close(&log);
}

TEST(preparing_is_wanted_when_half_of_it_is_used)
{
    log_fixture log;
    fixture_open(&log, false, true, CAPACITY);
    CHECK(log_sink_wants_prepare(log.sink));
    CHECK_OK(log_sink_prepare(log.sink, 0));
    CHECK(!log_sink_wants_prepare(log.sink));
    put(&log, 1, LOG_SINK_READY_BYTES / 2);
    CHECK(!log_sink_wants_prepare(log.sink));
    put(&log, 1, 8);
    CHECK(log_sink_wants_prepare(log.sink));
    while (log_sink_tail(log.sink) + 4096 < CAPACITY) {
        CHECK_OK(log_sink_prepare(log.sink, 4096));
        put(&log, 1, 4096);
    }
    CHECK_OK(log_sink_prepare(log.sink, 0));
    CHECK(!log_sink_wants_prepare(log.sink));
    fixture_close(&log);
}

/* Large values pass by write calls what is ready; preparing goes on behind them. */
TEST(preparing_leaves_what_was_appended_by_a_write_call)
{
    log_fixture log;
    static uint8_t large[LOG_SINK_READY_BYTES + 8200];
    memset(large, 0xEE, sizeof large);
    slice part = slice_make(large, sizeof large);
    fixture_open(&log, false, true, CAPACITY);
    CHECK_OK(log_sink_prepare(log.sink, 0));
    put(&log, 1, 64);
    CHECK_OK(log_sink_append(log.sink, &part, 1));
    CHECK_OK(log_sink_prepare(log.sink, 64));
    put(&log, 2, 64);
    uint64_t size = 0;
    uint8_t *data = fixture_read(&log, &size);
    CHECK_BYTES(large, data + 128, sizeof large);
    CHECK_EQUAL(2, data[128 + sizeof large]);
    CHECK_EQUAL(0, data[128 + sizeof large + 64]);
    free(data);
    fixture_close(&log);
}

TEST(a_write_call_may_pass_the_capacity)
{
    log_fixture log;
    static uint8_t large[300000];
    slice part = slice_make(large, sizeof large);
    uint8_t *data = NULL;
    fixture_open(&log, false, true, 8192);
    CHECK_OK(log_sink_append(log.sink, &part, 1));
    CHECK_EQUAL(LOG_SEGMENT_HEADER_BYTES + sizeof large, log_sink_tail(log.sink));
    CHECK_STATUS(PYKV_WOULD_BLOCK, log_sink_build(log.sink, 8, &data));
    CHECK_STATUS(PYKV_NOT_SUPPORTED, log_sink_prepare(log.sink, 8));
    CHECK(!log_sink_wants_prepare(log.sink));
    CHECK_OK(log_sink_seal(log.sink));
    CHECK_EQUAL(LOG_SEGMENT_HEADER_BYTES + sizeof large, fixture_file_size(&log));
    fixture_close(&log);
}

TEST(a_nearly_full_disk_gives_what_it_has_and_heals)
{
    log_fixture log;
    fixture_open(&log, false, true, CAPACITY);
    env_memory_set_capacity(log.disk, RESERVE_BYTES + 5000);
    while (log_sink_tail(log.sink) + 4096 <= RESERVE_BYTES) {
        CHECK_OK(log_sink_prepare(log.sink, 4096));
        put(&log, 1, 4096);
    }
    uint64_t left = RESERVE_BYTES + 5000 - log_sink_tail(log.sink);
    CHECK_STATUS(PYKV_NO_SPACE, log_sink_prepare(log.sink, left + 8));
    CHECK_OK(log_sink_prepare(log.sink, left));
    put(&log, 2, left - left % 8);
    CHECK_STATUS(PYKV_NO_SPACE, log_sink_prepare(log.sink, 8));
    env_memory_set_capacity(log.disk, CAPACITY);
    CHECK_OK(log_sink_prepare(log.sink, 8));
    put(&log, 3, 8);
    fixture_close(&log);
}

/* Four bytes were reserved there, and eight were cleared, the last of them behind the file. */
TEST(a_write_that_fails_where_half_a_granule_is_reserved_leaves_nothing_behind)
{
    log_fixture log;
    static uint8_t large[128];
    memset(large, 0xEE, sizeof large);
    slice part = slice_make(large, sizeof large);
    fixture_open(&log, false, true, CAPACITY);
    uint64_t room = RESERVE_BYTES + 5004;
    env_memory_set_capacity(log.disk, room);
    CHECK_OK(log_sink_prepare(log.sink, room - log_sink_tail(log.sink)));
    put(&log, 1, room - 4 - log_sink_tail(log.sink));
    CHECK_STATUS(PYKV_NO_SPACE, log_sink_append(log.sink, &part, 1));
    CHECK_EQUAL(room - 4, log_sink_tail(log.sink));
    uint64_t size = 0;
    uint8_t *data = fixture_read(&log, &size);
    CHECK_EQUAL(room, size);
    CHECK_BYTES("\1\0\0\0\0", data + room - 5, 5);
    free(data);
    env_memory_set_capacity(log.disk, CAPACITY);
    CHECK_OK(log_sink_append(log.sink, &part, 1));
    fixture_close(&log);
}

TEST(what_is_reserved_ahead_is_given_back_and_little_taken_again)
{
    log_fixture log;
    fixture_open(&log, false, true, CAPACITY);
    CHECK_OK(log_sink_prepare(log.sink, 0));
    put(&log, 1, 10000);
    CHECK(log_sink_give_back(log.sink));
    CHECK_EQUAL(12288, fixture_file_size(&log));
    CHECK_EQUAL(12288, ready_until(&log));
    CHECK(!log_sink_give_back(log.sink));
    put(&log, 2, 2000); /* ready still, on the page that stayed */
    uint8_t *data = NULL;
    CHECK_STATUS(PYKV_WOULD_BLOCK, log_sink_build(log.sink, 1000, &data));
    CHECK_OK(log_sink_prepare(log.sink, 1000));
    CHECK_EQUAL(log_sink_tail(log.sink) + LOG_SINK_READY_BYTES_LEAST, ready_until(&log));
    CHECK(fixture_file_size(&log) < ready_until(&log) + LOG_SINK_READY_BYTES_LEAST);
    put(&log, 3, 1000);
    CHECK(!log_sink_wants_prepare(log.sink));
    uint64_t size = 0;
    data = fixture_read(&log, &size);
    CHECK_EQUAL(1, data[LOG_SEGMENT_HEADER_BYTES + 9999]);
    CHECK_EQUAL(2, data[LOG_SEGMENT_HEADER_BYTES + 11999]);
    CHECK_EQUAL(3, data[LOG_SEGMENT_HEADER_BYTES + 12999]);
    for (uint64_t at = log_sink_tail(log.sink); at < size; at++) {
        CHECK_EQUAL(0, data[at]);
    }
    free(data);
    fixture_close(&log);
}

TEST(a_sealed_sink_is_ready_for_nothing)
{
    log_fixture log;
    uint8_t *data = NULL;
    fixture_open(&log, false, true, CAPACITY);
    CHECK_OK(log_sink_prepare(log.sink, 0));
    put(&log, 1, 64);
    CHECK_OK(log_sink_seal(log.sink));
    CHECK_STATUS(PYKV_WOULD_BLOCK, log_sink_build(log.sink, 8, &data));
    CHECK_STATUS(PYKV_NOT_SUPPORTED, log_sink_prepare(log.sink, 8));
    CHECK(!log_sink_give_back(log.sink));
    CHECK_EQUAL(128, fixture_file_size(&log));
    fixture_close(&log);
}

TEST(no_room_between_tail_and_capacity_is_refused)
{
    log_fixture log;
    log_sink *sink = NULL;
    fixture_open(&log, false, true, 8192);
    CHECK_STATUS(PYKV_NOT_SUPPORTED, log_sink_open_mapped(log.file, 8192, 8192, &sink));
    CHECK(sink == NULL);
    fixture_close(&log);
}

/* Every call and allocation of opening fails once: the status comes back and nothing is held. */
TEST(a_failed_open_holds_nothing)
{
    log_fixture log;
    env *faulty = NULL;
    env_directory *directory = NULL;
    env_file *file = NULL;
    log_sink *sink = NULL;
    fixture_open(&log, false, false, 8192);
    CHECK_OK(env_fault_new(log.disk, &faulty));
    CHECK_OK(env_directory_open(faulty, "/log", false, &directory));
    CHECK_OK(env_file_open(directory, "log", ENV_READ | ENV_WRITE, &file));
    int64_t blocks = mem_block_count();
    uint64_t failure_count = 0;
    for (uint64_t at = 1; sink == NULL; at++) {
        env_fault_plan plan = {.at = at, .system_errno = EOPNOTSUPP};
        env_fault_set(faulty, &plan);
        pykv_status status = log_sink_open_mapped(file, 64, CAPACITY, &sink);
        CHECK(status == PYKV_OK || status == PYKV_NOT_SUPPORTED);
        CHECK(status == PYKV_OK || mem_block_count() == blocks);
        failure_count += status != PYKV_OK;
    }
    CHECK_EQUAL(2, failure_count);
    log_sink_close(sink);
    CHECK_EQUAL(blocks, mem_block_count());
    env_file_close(file);
    env_directory_close(directory);
    env_fault_free(faulty);
    fixture_close(&log);
}

static bool can_be_read(const uint8_t *address)
{
    int ends[2];
    CHECK_EQUAL(0, pipe(ends));
    ssize_t count = write(ends[1], address, 1);
    CHECK(count == 1 || errno == EFAULT);
    close(ends[0]);
    close(ends[1]);
    return count == 1;
}

/* A wild store must not reach what was appended long ago. The simulated disk, whose mappings are
 * its cache, ignores this. */
static void run_window(log_fixture *log)
{
    while (log_sink_tail(log->sink) + 4096 <= log->capacity) {
        uint64_t tail = log_sink_tail(log->sink);
        CHECK_OK(log_sink_prepare(log->sink, 4096));
        CHECK(can_be_read(log->sink->base + tail));
        CHECK(tail < LOG_SINK_WINDOW_BYTES ||
              !can_be_read(log->sink->base + tail - LOG_SINK_WINDOW_BYTES));
        put(log, 1, 4096);
    }
    uint64_t size = 0;
    uint8_t *data = fixture_read(log, &size);
    CHECK_EQUAL(1, data[LOG_SEGMENT_HEADER_BYTES]);
    CHECK_EQUAL(1, data[log_sink_tail(log->sink) - 1]);
    free(data);
}

static void *prepare_until_stopped(void *argument)
{
    log_fixture *log = argument;
    while (log_sink_tail(log->sink) + 64 <= log->capacity) {
        if (log_sink_wants_prepare(log->sink) && log_sink_prepare(log->sink, 64) != PYKV_OK) {
            return argument;
        }
    }
    return NULL;
}

static void append_beside(log_fixture *log)
{
    static uint8_t large[10000];
    memset(large, 0x77, sizeof large);
    for (uint64_t i = 0; log_sink_tail(log->sink) + 64 <= log->capacity; i++) {
        uint8_t *data = NULL;
        if (i % 2000 == 1999) {
            slice part = slice_make(large, sizeof large);
            CHECK_OK(log_sink_append(log->sink, &part, 1));
        } else if (log_sink_build(log->sink, 64, &data) == PYKV_OK) {
            memset(data, 0x55, 64);
            CHECK_OK(log_sink_commit(log->sink, 64));
        }
    }
}

static void run_threads(bool real)
{
    log_fixture log;
    pthread_t thread;
    void *failed = NULL;
    fixture_open(&log, real, true, 8 << 20);
    CHECK_EQUAL(0, pthread_create(&thread, NULL, prepare_until_stopped, &log));
    append_beside(&log);
    CHECK_EQUAL(0, pthread_join(thread, &failed));
    CHECK(failed == NULL);
    uint64_t size = 0;
    uint8_t *data = fixture_read(&log, &size);
    for (uint64_t i = LOG_SEGMENT_HEADER_BYTES; i < log_sink_tail(log.sink); i++) {
        CHECK(data[i] == 0x55 || data[i] == 0x77);
    }
    free(data);
    fixture_close(&log);
}

/* Whether the file system of temporary files can hold a mapped log; says so if not. */
static bool real_one_can(void)
{
    log_fixture log;
    memset(&log, 0, sizeof log);
    fixture_open_directory(&log, true);
    bool can = env_directory_capabilities(log.directory).mapped_log;
    env_directory_close(log.directory);
    if (!can) {
        printf("left out: this file system cannot hold a mapped log\n");
    }
    return can;
}

TEST(another_thread_may_prepare_beside_the_appender)
{
    run_threads(false);
    if (real_one_can()) {
        run_threads(true);
    }
}

TEST(what_lies_behind_the_window_cannot_be_touched)
{
    if (real_one_can()) {
        log_fixture log;
        fixture_open(&log, true, true, 12 << 20);
        run_window(&log);
        fixture_close(&log);
    }
}

TEST_MAIN(CASE(blocks_are_reserved_in_steps_as_the_log_grows),
          CASE(nothing_is_reserved_beyond_the_capacity),
          CASE(a_build_beyond_what_is_ready_would_block_until_prepared),
          CASE(preparing_is_wanted_when_half_of_it_is_used),
          CASE(preparing_leaves_what_was_appended_by_a_write_call),
          CASE(a_write_call_may_pass_the_capacity),
          CASE(a_write_that_fails_where_half_a_granule_is_reserved_leaves_nothing_behind),
          CASE(a_nearly_full_disk_gives_what_it_has_and_heals),
          CASE(what_is_reserved_ahead_is_given_back_and_little_taken_again),
          CASE(a_sealed_sink_is_ready_for_nothing),
          CASE(no_room_between_tail_and_capacity_is_refused), CASE(a_failed_open_holds_nothing),
          CASE(another_thread_may_prepare_beside_the_appender),
          CASE(what_lies_behind_the_window_cannot_be_touched))
