/*
 * log_sink_test: what holds for both sinks.
 */
#include "log/log_fixture.h"
#include "log/log_sink.h"

/* Builds and commits size bytes of one value, after preparing. */
static void put(log_fixture *log, uint8_t value, size_t size)
{
    uint8_t *data = NULL;
    CHECK_OK(log_sink_prepare(log->sink, size));
    CHECK_OK(log_sink_build(log->sink, size, &data));
    memset(data, value, size);
    CHECK_OK(log_sink_commit(log->sink, size));
}

static void check_bytes(const uint8_t *data, uint8_t value, size_t size)
{
    for (size_t i = 0; i < size; i++) {
        CHECK_EQUAL(value, data[i]);
    }
}

static void run_appends(log_fixture *log)
{
    slice parts[3] = {slice_make("0123456", 7), slice_make("", 0), slice_make("x", 1)};
    put(log, 1, 64);
    CHECK_EQUAL(128, log_sink_tail(log->sink));
    CHECK_OK(log_sink_append(log->sink, parts, 3));
    CHECK_EQUAL(136, log_sink_tail(log->sink));
    put(log, 2, 8);
    CHECK_EQUAL(144, log_sink_tail(log->sink));
    uint64_t size = 0;
    uint8_t *data = fixture_read(log, &size);
    CHECK(size >= 144);
    check_bytes(data + 64, 1, 64);
    CHECK_BYTES("0123456x", data + 128, 8);
    check_bytes(data + 136, 2, 8);
    check_bytes(data + 144, 0, size - 144);
    free(data);
}

TEST(appends_stand_one_behind_the_other)
{
    fixture_for_all(run_appends, 8 << 20);
}

static void run_less(log_fixture *log)
{
    uint8_t *data = NULL;
    put(log, 1, 64);
    CHECK_OK(log_sink_prepare(log->sink, 128));
    CHECK_OK(log_sink_build(log->sink, 128, &data));
    memset(data, 2, 64);
    CHECK_OK(log_sink_commit(log->sink, 64));
    CHECK_EQUAL(192, log_sink_tail(log->sink));
    CHECK_OK(log_sink_build(log->sink, 64, &data));
    put(log, 3, 8);
    CHECK_EQUAL(200, log_sink_tail(log->sink));
}

TEST(less_than_what_was_built_may_be_committed)
{
    fixture_for_all(run_less, 8 << 20);
}

static void run_seal(log_fixture *log)
{
    put(log, 1, 64);
    slice left_over = slice_make("left by a failed write", 22);
    CHECK_OK(env_file_write(log->file, log_sink_tail(log->sink), &left_over, 1));
    CHECK_OK(log_sink_seal(log->sink));
    CHECK_EQUAL(128, fixture_file_size(log));
    CHECK_OK(log_sink_seal(log->sink));
    CHECK_EQUAL(128, fixture_file_size(log));
}

TEST(a_sealed_file_ends_at_its_tail)
{
    fixture_for_all(run_seal, 8 << 20);
}

static void run_reopen(log_fixture *log)
{
    put(log, 1, 64);
    CHECK_OK(log_sink_seal(log->sink));
    log_sink_close(log->sink);
    fixture_open_sink(log, 128);
    put(log, 2, 64);
    CHECK_OK(log_sink_seal(log->sink));
    uint64_t size = 0;
    uint8_t *data = fixture_read(log, &size);
    CHECK_EQUAL(192, size);
    check_bytes(data + 64, 1, 64);
    check_bytes(data + 128, 2, 64);
    free(data);
}

TEST(a_sink_goes_on_at_the_tail_it_is_given)
{
    fixture_for_all(run_reopen, 8 << 20);
}

/* What is still mapped for writing is left alone. */
static void run_mapped_pace(log_fixture *log)
{
    uint64_t tail = 0;
    while (tail < LOG_SINK_WINDOW_BYTES / 2) {
        put(log, 5, 4096);
        tail = log_sink_tail(log->sink);
    }
    log_sink_pace(log->sink);
    CHECK_EQUAL(0, log->sink->written_back);
    while (tail < 7 * (uint64_t)LOG_SINK_WRITE_BACK_BYTES) {
        put(log, 5, 4096);
        tail = log_sink_tail(log->sink);
    }
    log_sink_pace(log->sink);
    uint64_t steps = log->sink->written_back / LOG_SINK_WRITE_BACK_BYTES;
    CHECK(steps >= 3 && steps <= 6);
    CHECK_EQUAL(steps * LOG_SINK_WRITE_BACK_BYTES, log->sink->written_back);
}

static void run_pace(log_fixture *log)
{
    if (log->mapped) {
        run_mapped_pace(log);
        return;
    }
    log_sink_pace(log->sink);
    CHECK_EQUAL(0, log->sink->written_back);
    while (log_sink_tail(log->sink) + 4096 < 3 * (uint64_t)LOG_SINK_WRITE_BACK_BYTES) {
        put(log, 5, 4096);
    }
    log_sink_pace(log->sink);
    CHECK_EQUAL(2 * LOG_SINK_WRITE_BACK_BYTES, log->sink->written_back);
    put(log, 5, 4096);
    log_sink_pace(log->sink);
    CHECK_EQUAL(3 * LOG_SINK_WRITE_BACK_BYTES, log->sink->written_back);
    CHECK_OK(env_file_sync(log->file));
}

TEST(write_back_is_asked_for_in_full_steps_behind_the_tail)
{
    fixture_for_all(run_pace, 8 << 20);
}

TEST(closing_no_sink_is_nothing)
{
    log_sink_close(NULL);
    CHECK(true);
}

TEST_MAIN(CASE(appends_stand_one_behind_the_other), CASE(less_than_what_was_built_may_be_committed),
          CASE(a_sealed_file_ends_at_its_tail), CASE(a_sink_goes_on_at_the_tail_it_is_given),
          CASE(write_back_is_asked_for_in_full_steps_behind_the_tail),
          CASE(closing_no_sink_is_nothing))
