/*
 * value_split: large values become pointers, small ones stay, and values in segments that move are
 * written anew.
 */
#include "lsm/value_refs.h"
#include "lsm/value_split.h"
#include "lsm/values_fixture.h"
#include "lsm/version.h"

static values_fixture fixture;
static value_split split;

static void begin(uint64_t bytes_min)
{
    values_init(&fixture, UINT64_MAX);
    value_job job = {
        .store_id = VALUES_STORE_ID, .bytes_min = bytes_min, .segment_bytes = UINT64_MAX};
    value_split_init(&split, &job, fixture.base.disk, fixture.base.home, fixture.base.job.numbers);
}

static void end(void)
{
    value_split_reset(&split);
    values_reset(&fixture);
}

TEST(a_value_of_the_size_or_more_becomes_a_pointer_and_is_counted)
{
    value_pointer where;
    begin(VALUES_BIG_BYTES);
    iterator_entry entry = values_entry("a", 9, 0);
    CHECK_OK(value_split_entry(&split, &entry));
    CHECK_EQUAL(INTERNAL_KIND_POINTER, entry.kind);
    CHECK_OK(value_pointer_decode(entry.value, &where));
    CHECK_EQUAL(VALUES_BIG_BYTES, where.value_bytes);
    CHECK_EQUAL(1, value_refs_count(value_split_refs(&split)));
    CHECK_EQUAL(VALUES_BIG_BYTES, value_refs_at(value_split_refs(&split), 0).bytes);
    value_split_clear_refs(&split);
    CHECK_EQUAL(0, value_refs_count(value_split_refs(&split)));
    end();
}

TEST(smaller_values_deletes_and_all_without_a_size_stay)
{
    begin(VALUES_BIG_BYTES + 1);
    iterator_entry entry = values_entry("a", 9, 0);
    CHECK_OK(value_split_entry(&split, &entry));
    CHECK_EQUAL(RECORD_PUT, entry.kind);
    entry.kind = RECORD_DELETE;
    CHECK_OK(value_split_entry(&split, &entry));
    CHECK_EQUAL(RECORD_DELETE, entry.kind);
    end();
    begin(0);
    entry = values_entry("a", 9, 0);
    CHECK_OK(value_split_entry(&split, &entry));
    CHECK_EQUAL(RECORD_PUT, entry.kind);
    CHECK_EQUAL(0, value_refs_count(value_split_refs(&split)));
    end();
}

/* A version of one segment, with the value of "a" in it, which a table would point to. */
static iterator_entry entry_in_segment(version_values *values, version *of, uint8_t *pointer)
{
    iterator_entry entry = values_entry("a", 9, 5000);
    value_pointer where;
    CHECK_OK(value_writer_add(&fixture.writer, &entry, &where));
    CHECK_OK(value_writer_finish(&fixture.writer));
    *values = (version_values){.segment = values_open(&fixture, 0)};
    *of = (version){.values = values, .value_segment_count = 1};
    size_t size = value_pointer_encode(&where, pointer);
    entry.kind = INTERNAL_KIND_POINTER;
    entry.value = slice_make(pointer, size);
    return entry;
}

TEST(a_value_moves_with_its_sequence_and_deadline_if_its_segment_does)
{
    uint8_t pointer[VALUE_POINTER_BYTES_MAX];
    version_values values;
    version of;
    value_pointer where;
    begin(0);
    iterator_entry entry = entry_in_segment(&values, &of, pointer);
    uint32_t old = values.segment->facts.number;
    CHECK_OK(value_split_entry(&split, &entry));
    CHECK_EQUAL(old, value_refs_at(value_split_refs(&split), 0).number);
    value_split_clear_refs(&split);
    split.job.moved_from = &of;
    split.job.moved[0] = old;
    split.job.moved_count = 1;
    CHECK_OK(value_split_entry(&split, &entry));
    CHECK_EQUAL(INTERNAL_KIND_POINTER, entry.kind);
    CHECK_OK(value_pointer_decode(entry.value, &where));
    CHECK(where.number != old);
    CHECK_EQUAL(where.number, value_refs_at(value_split_refs(&split), 0).number);
    CHECK_OK(value_writer_finish(&split.writer));
    size_t count;
    value_segment *moved;
    buffer scratch = BUFFER_EMPTY;
    slice value;
    const manifest_values *made = value_writer_made(&split.writer, &count);
    CHECK_OK(
        value_segment_open(&fixture.grave, VALUES_STORE_ID, made, &fixture.base.codecs, &moved));
    CHECK_OK(value_segment_read(moved, &where, &entry, &scratch, &value));
    CHECK(slice_equal(values_entry("a", 9, 5000).value, value));
    buffer_reset(&scratch);
    value_segment_release(moved);
    value_segment_release(values.segment);
    end();
}

TEST(a_value_that_cannot_be_read_stays_and_so_does_its_segment)
{
    uint8_t pointer[VALUE_POINTER_BYTES_MAX];
    version_values values;
    version of;
    uint8_t *data;
    uint64_t size;
    begin(0);
    iterator_entry entry = entry_in_segment(&values, &of, pointer);
    split.job.moved_from = &of;
    split.job.moved[0] = values.segment->facts.number;
    split.job.moved_count = 1;
    CHECK_OK(env_memory_file_bytes(fixture.base.disk, env_file_path(values.segment->file), &data,
                                   &size));
    data[size - VALUES_BIG_BYTES / 2] ^= 1;
    CHECK_OK(value_split_entry(&split, &entry));
    CHECK(entry.value.data == pointer && entry.kind == INTERNAL_KIND_POINTER);
    CHECK_EQUAL(split.job.moved[0], value_refs_at(value_split_refs(&split), 0).number);
    CHECK_EQUAL(0, split.job.moved_count);
    CHECK(value_segment_is_unreadable(values.segment));
    value_segment_release(values.segment);
    end();
}

TEST(a_pointer_that_is_none_is_corruption)
{
    begin(0);
    iterator_entry entry = values_entry("a", 9, 0);
    entry.kind = INTERNAL_KIND_POINTER;
    CHECK_STATUS(PYKV_CORRUPTION, value_split_entry(&split, &entry));
    end();
}

TEST_MAIN(CASE(a_value_of_the_size_or_more_becomes_a_pointer_and_is_counted),
          CASE(smaller_values_deletes_and_all_without_a_size_stay),
          CASE(a_value_moves_with_its_sequence_and_deadline_if_its_segment_does),
          CASE(a_value_that_cannot_be_read_stays_and_so_does_its_segment),
          CASE(a_pointer_that_is_none_is_corruption))
