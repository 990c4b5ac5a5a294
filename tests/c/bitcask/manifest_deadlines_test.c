/*
 * manifest_deadlines_test: buckets of segments are read as they were written, and what no segment
 * has is refused.
 */
#include "harness/check.h"
#include "harness/hex_example.h"

#include "base/coding.h"
#include "bitcask/manifest_deadlines.h"
#include "env/env_memory.h"
#include "log/manifest_file.h"

#define SECOND UINT64_C(1000000)

enum { AT = MANIFEST_HEAD_BYTES, SEGMENTS = 3, LATEST_S = 9000 };

/* Segments 3, 5 and 8, of which 5 has nothing that expires. */
static const manifest_segment listed[SEGMENTS] = {
    {.number = 3,
     .deadline_max_us = LATEST_S * SECOND - 1,
     .expiring_bytes = 100,
     .deadlines = {.list = {{0, 0}, {700 * SECOND - 1, 24}, [7] = {LATEST_S * SECOND - 1, 76}}}},
    {.number = 5},
    {.number = 8,
     .deadline_max_us = UINT64_MAX,
     .expiring_bytes = 64,
     .deadlines = {.list = {{SECOND, 8}, [6] = {UINT64_MAX, 56}}}}};

typedef struct fixture {
    manifest_segment segments[SEGMENTS];
    manifest list;
    buffer bytes;
    uint32_t crc;
} fixture;

static void fixture_init(fixture *self)
{
    *self = (fixture){.bytes = BUFFER_EMPTY};
    memcpy(self->segments, listed, sizeof listed);
    self->list.segments = self->segments;
    self->list.segment_count = SEGMENTS;
    CHECK_OK(buffer_append_zeros(&self->bytes, AT));
    self->crc = manifest_head_seal(self->bytes.data);
    CHECK_OK(manifest_deadlines_encode(&self->list, self->crc, &self->bytes));
    for (size_t i = 0; i < SEGMENTS; i++) {
        self->segments[i].deadlines = (deadline_buckets){.list = {{0, 0}}};
    }
}

static pykv_status decode(fixture *self, uint64_t count)
{
    return manifest_deadlines_decode(self->bytes.data, AT, count, "MANIFEST", &self->list);
}

static const deadline_bucket *bucket(const fixture *self, size_t segment_index, size_t index)
{
    return &self->segments[segment_index].deadlines.list[index];
}

TEST(buckets_are_read_in_seconds_rounded_up_and_the_rest_is_the_eighth)
{
    fixture self;
    fixture_init(&self);
    CHECK_EQUAL(2, manifest_deadlines_count(&self.list));
    CHECK_EQUAL(AT + 2 * MANIFEST_DEADLINES_BYTES, self.bytes.size);
    CHECK_OK(decode(&self, 2));
    CHECK_EQUAL(700 * SECOND, bucket(&self, 0, 1)->until_us);
    CHECK_EQUAL(24, bucket(&self, 0, 1)->weight);
    CHECK_EQUAL(LATEST_S * SECOND - 1, bucket(&self, 0, 7)->until_us);
    CHECK_EQUAL(76, bucket(&self, 0, 7)->weight);
    CHECK_EQUAL(0, bucket(&self, 1, 7)->weight);
    CHECK_EQUAL(8, bucket(&self, 2, 0)->weight);
    CHECK_EQUAL(0, bucket(&self, 2, 6)->weight); /* a second that does not fit */
    CHECK_EQUAL(UINT64_MAX, bucket(&self, 2, 7)->until_us);
    CHECK_EQUAL(56, bucket(&self, 2, 7)->weight);
    buffer_reset(&self.bytes);
}

TEST(a_segment_without_an_entry_has_all_in_the_eighth)
{
    fixture self;
    fixture_init(&self);
    CHECK_OK(decode(&self, 0));
    CHECK_EQUAL(100, bucket(&self, 0, 7)->weight);
    CHECK_EQUAL(LATEST_S * SECOND - 1, bucket(&self, 0, 7)->until_us);
    CHECK_EQUAL(0, deadline_buckets_passed(&self.segments[0].deadlines, 800 * SECOND));
    buffer_reset(&self.bytes);
}

/* Changes four bytes of an entry, with a check that is right; where: what is at fault then. */
static void expect_refused(uint64_t offset, uint32_t value, const char *text, uint64_t where)
{
    fixture self;
    fixture_init(&self);
    uint64_t entry = offset / MANIFEST_DEADLINES_BYTES * MANIFEST_DEADLINES_BYTES;
    store_u32(self.bytes.data + AT + offset, value);
    manifest_entry_seal(self.bytes.data + AT + entry, MANIFEST_DEADLINES_BYTES, self.crc);
    CHECK_STATUS(PYKV_CORRUPTION, decode(&self, 2));
    CHECK(strstr(error_last()->text, text) != NULL);
    CHECK_EQUAL(AT + where, error_last()->offset);
    buffer_reset(&self.bytes);
}

TEST(what_no_segment_has_is_refused)
{
    enum { SECOND_AT = MANIFEST_DEADLINES_BYTES };
    expect_refused(0, 4, "deadlines are of no segment", 0);
    expect_refused(0, 8, "deadlines are of no segment", SECOND_AT); /* twice */
    expect_refused(SECOND_AT, 3, "deadlines are of no segment", SECOND_AT);
    expect_refused(SECOND_AT, 9, "deadlines are of no segment", SECOND_AT);
    expect_refused(12, 0, "a bucket of deadlines is impossible", 12);
    expect_refused(16, 0, "a bucket of deadlines is impossible", 12);
    expect_refused(20, 5, "a bucket of deadlines is impossible", 20);
    expect_refused(16, 100 / 8 + 1, "a bucket of deadlines is impossible", 12);
}

TEST(every_flipped_bit_is_refused)
{
    fixture self;
    fixture_init(&self);
    for (uint64_t bit = AT * 8; bit < self.bytes.size * 8; bit++) {
        self.bytes.data[bit / 8] ^= (uint8_t)(1U << bit % 8);
        CHECK_STATUS(PYKV_CORRUPTION, decode(&self, 2));
        self.bytes.data[bit / 8] ^= (uint8_t)(1U << bit % 8);
    }
    CHECK_OK(decode(&self, 2));
    buffer_reset(&self.bytes);
}

#define HOME "/home"

static void write_manifest(env_directory *home, const hex_example *shown)
{
    env_file *file;
    slice whole = slice_make(shown->bytes, shown->size);
    CHECK_OK(env_file_open(home, MANIFEST_NAME, ENV_WRITE | ENV_CREATE, &file));
    CHECK_OK(env_file_write(file, 0, &whole, 1));
    env_file_close(file);
}

static void check_read_and_written(env *disk, env_directory *home, const hex_example *shown)
{
    manifest got;
    uint8_t *data;
    uint64_t size;
    write_manifest(home, shown);
    CHECK_OK(manifest_read(home, &got));
    if (hex_example_number(shown, "deadlines_count", 0) > 0) {
        uint64_t until_s = hex_example_number(shown, "until_2_deadlines_0", 0);
        uint64_t granules = hex_example_number(shown, "granules_2_deadlines_0", 0);
        CHECK_EQUAL(hex_example_number(shown, "expiring_granules_0", 0) * 8,
                    got.segments[0].expiring_bytes);
        CHECK_EQUAL(until_s * SECOND, got.segments[0].deadlines.list[1].until_us);
        CHECK_EQUAL(granules * 8, got.segments[0].deadlines.list[1].weight);
    }
    CHECK_OK(manifest_replace(home, &got));
    CHECK_OK(env_memory_file_bytes(disk, HOME "/" MANIFEST_NAME, &data, &size));
    CHECK_EQUAL(shown->size, size);
    CHECK(memcmp(shown->bytes, data, size) == 0);
    manifest_reset(&got);
}

/* Another number of entries than there are, under a right check. */
static void check_count_refused(env_directory *home, hex_example shown, uint64_t count)
{
    manifest got;
    store_u64(shown.bytes + 144, count);
    manifest_head_seal(shown.bytes);
    write_manifest(home, &shown);
    CHECK_STATUS(PYKV_CORRUPTION, manifest_read(home, &got));
    CHECK(strstr(error_last()->text, "does not fit its segments") != NULL);
}

TEST(the_examples_of_the_page_are_written_and_read_as_they_stand)
{
    hex_example shown;
    size_t count = 0;
    FILE *page = hex_example_open("docs/format/manifest.md");
    while (hex_example_next(page, &shown)) {
        env *disk;
        env_directory *home;
        CHECK_OK(env_memory_new(check_seed(), 1 << 20, &disk));
        CHECK_OK(env_directory_open(disk, HOME, true, &home));
        check_read_and_written(disk, home, &shown);
        check_count_refused(home, shown, 3);
        check_count_refused(home, shown, UINT64_MAX);
        env_directory_close(home);
        env_memory_free(disk);
        count++;
    }
    fclose(page);
    CHECK_EQUAL(3, count);
}

TEST_MAIN(CASE(the_examples_of_the_page_are_written_and_read_as_they_stand),
          CASE(buckets_are_read_in_seconds_rounded_up_and_the_rest_is_the_eighth),
          CASE(a_segment_without_an_entry_has_all_in_the_eighth),
          CASE(what_no_segment_has_is_refused), CASE(every_flipped_bit_is_refused))
