/*
 * value_writer: segments are as large as asked, durable once finished, and gone if nobody took
 * them.
 */
#include "codec/codec_runs.h"

#include "env/env_fault.h"
#include "lsm/values_fixture.h"

static values_fixture fixture;

TEST(a_segment_ends_when_it_has_its_size)
{
    size_t count;
    values_init(&fixture, 2 * VALUES_BIG_BYTES);
    CHECK_EQUAL(1, values_add(&fixture, "a", 1).number);
    CHECK_EQUAL(1, values_add(&fixture, "b", 2).number);
    CHECK_EQUAL(2, values_add(&fixture, "c", 3).number);
    CHECK_OK(value_writer_finish(&fixture.writer));
    const manifest_values *made = value_writer_made(&fixture.writer, &count);
    CHECK_EQUAL(2, count);
    CHECK_EQUAL(2, made[0].value_count);
    CHECK_EQUAL(2 * VALUES_BIG_BYTES, made[0].value_bytes);
    CHECK_EQUAL(1, made[1].value_count);
    values_reset(&fixture);
}

TEST(a_value_is_compressed_where_that_saves_an_eighth)
{
    size_t count;
    uint8_t mixed[VALUES_BIG_BYTES];
    value_pointer where;
    values_init(&fixture, UINT64_MAX);
    fixture.writer.options.codec = &codec_runs;
    value_pointer packed = values_add(&fixture, "a", 1);
    CHECK(packed.stored_bytes < VALUES_BIG_BYTES / 8);
    iterator_entry entry = values_entry("b", 2, 0);
    for (size_t i = 0; i < sizeof mixed; i++) { /* runs of two: as large as it was */
        mixed[i] = (uint8_t)(i / 2);
    }
    entry.value = slice_make(mixed, sizeof mixed);
    CHECK_OK(value_writer_add(&fixture.writer, &entry, &where));
    CHECK_EQUAL(VALUES_BIG_BYTES, where.stored_bytes);
    CHECK_OK(value_writer_finish(&fixture.writer));
    const manifest_values *made = value_writer_made(&fixture.writer, &count);
    CHECK_EQUAL(packed.stored_bytes + VALUES_BIG_BYTES, made[0].value_bytes);
    values_reset(&fixture);
}

TEST(nothing_is_written_where_there_are_no_values)
{
    size_t count;
    values_init(&fixture, UINT64_MAX);
    CHECK_OK(value_writer_finish(&fixture.writer));
    (void)value_writer_made(&fixture.writer, &count);
    CHECK_EQUAL(0, count);
    CHECK_EQUAL(0, job_file_count(&fixture.base));
    values_reset(&fixture);
}

TEST(segments_that_were_taken_stay_and_survive_a_power_cut)
{
    env *after;
    uint8_t *data;
    uint64_t size;
    values_init(&fixture, UINT64_MAX);
    (void)values_add(&fixture, "a", 1);
    CHECK_OK(value_writer_finish(&fixture.writer));
    size_t count;
    manifest_values made = *value_writer_made(&fixture.writer, &count);
    value_writer_take(&fixture.writer);
    value_writer_reset(&fixture.writer);
    CHECK_EQUAL(1, job_file_count(&fixture.base));
    CHECK_OK(env_memory_crash(fixture.base.disk, 1, ENV_CRASH_DROP_ALL, &after));
    CHECK_OK(env_memory_file_bytes(after, "/d/00000001.val", &data, &size));
    CHECK_EQUAL(made.file_bytes, size);
    env_memory_free(after);
    values_reset(&fixture);
}

TEST(what_was_not_taken_goes)
{
    values_init(&fixture, VALUES_BIG_BYTES);
    (void)values_add(&fixture, "a", 1);
    (void)values_add(&fixture, "b", 2);
    value_writer_reset(&fixture.writer);
    CHECK_EQUAL(0, job_file_count(&fixture.base));
    values_reset(&fixture);
}

TEST(a_failure_leaves_no_file_and_no_memory)
{
    env *faulty;
    pykv_status status = PYKV_IO_FAILED;
    values_init(&fixture, VALUES_BIG_BYTES);
    CHECK_OK(env_fault_new(fixture.base.disk, &faulty));
    for (uint64_t at = 1; status != PYKV_OK; at++) {
        env_directory *home;
        value_writer writer;
        value_pointer where;
        iterator_entry entry = values_entry("a", 1, 0);
        env_fault_plan plan = {.at = at,
                               .system_errno = 28,
                               .call_mask = ENV_CALLS_WITH_STATUS & ~(1U << ENV_CALL_UNLINK)};
        env_fault_set(faulty, &(env_fault_plan){.at = 0});
        CHECK_OK(env_directory_open(faulty, "/d", false, &home));
        value_writer_options options = fixture.writer.options;
        options.surroundings = faulty;
        options.home = home;
        value_writer_init(&writer, &options);
        env_fault_set(faulty, &plan);
        status = value_writer_add(&writer, &entry, &where);
        status = status == PYKV_OK ? value_writer_add(&writer, &entry, &where) : status;
        status = status == PYKV_OK ? value_writer_finish(&writer) : status;
        value_writer_reset(&writer);
        env_directory_close(home);
        CHECK_EQUAL(0, job_file_count(&fixture.base));
        CHECK(at < 100);
    }
    env_fault_free(faulty);
    values_reset(&fixture);
}

TEST_MAIN(CASE(a_segment_ends_when_it_has_its_size),
          CASE(a_value_is_compressed_where_that_saves_an_eighth),
          CASE(nothing_is_written_where_there_are_no_values),
          CASE(segments_that_were_taken_stay_and_survive_a_power_cut),
          CASE(what_was_not_taken_goes), CASE(a_failure_leaves_no_file_and_no_memory))
