/*
 * approximate_test: guesses of sizes, beside what was written.
 */
#include "lsm_fixture.h"

#include "lsm/approximate.h"

static uint64_t size_of(fixture *self, const char *start, const char *stop)
{
    uint64_t bytes = UINT64_MAX;
    pykv_range range = {.has_start = start != NULL, .has_stop = stop != NULL};
    if (start != NULL) {
        range.start = start;
        range.start_length = strlen(start);
    }
    if (stop != NULL) {
        range.stop = stop;
        range.stop_length = strlen(stop);
    }
    CHECK_OK(lsm_approximate_size(self->store, &range, &bytes));
    return bytes;
}

static void expect_about(uint64_t wanted, uint64_t got, uint64_t tolerance)
{
    CHECK(got + tolerance >= wanted);
    CHECK(got <= wanted + tolerance);
}

/* 1,000 rows of 1,000 bytes, in several tables of blocks of 1 KiB. */
TEST(a_part_of_the_tables_is_right_to_a_block_a_table)
{
    fixture self = fixture_new();
    fixture_fill(&self, 0, 1000, 1000);
    CHECK_OK(lsm_compact(self.store, NULL));
    uint64_t all = size_of(&self, NULL, NULL);
    expect_about(1000 * 1030, all, 60000);
    uint64_t tolerance = 4096;
    expect_about(all / 2, size_of(&self, "key-00500", NULL), tolerance);
    expect_about(all / 10, size_of(&self, "key-00200", "key-00300"), tolerance);
    expect_about(all / 100, size_of(&self, "key-00200", "key-00210"), tolerance);
    CHECK_EQUAL(0, size_of(&self, "l", NULL));
    CHECK_EQUAL(0, size_of(&self, NULL, "a"));
    CHECK_EQUAL(0, size_of(&self, "key-00500", "key-00400"));
    CHECK_OK(lsm_approximate_size(self.store, NULL, &tolerance));
    CHECK_EQUAL(all, tolerance);
    fixture_free(&self);
}

TEST(a_few_rows_in_memory_are_counted_exactly)
{
    fixture self = fixture_new();
    CHECK_EQUAL(0, size_of(&self, NULL, NULL));
    fixture_fill(&self, 0, 100, 10);
    uint64_t each = memtable_entry_bytes(9, 10, false);
    CHECK_EQUAL(100 * each, size_of(&self, NULL, NULL));
    CHECK_EQUAL(30 * each, size_of(&self, "key-00020", "key-00050"));
    CHECK_EQUAL(0, size_of(&self, "x", NULL));
    fixture_free(&self);
}

TEST(many_rows_in_memory_are_taken_for_evenly_spread)
{
    fixture self = {.options = {.memtable_bytes = 8 << 20, .compression = PYKV_CODEC_NONE}};
    CHECK_OK(env_memory_new(check_seed(), 64 << 20, &self.disk));
    CHECK_OK(fixture_open(&self));
    char key[16];
    static const uint8_t value[100] = {0};
    for (uint32_t i = 0; i < 20000; i++) {
        uint8_t bytes[4] = {(uint8_t)(i >> 8), (uint8_t)i, 7, 7};
        memcpy(key, bytes, sizeof bytes);
        CHECK_OK(lsm_put(self.store, slice_make(key, 4), slice_make(value, 100), 0));
    }
    uint64_t all = size_of(&self, NULL, NULL);
    CHECK_EQUAL(fixture_stats(&self).memtable_bytes, all);
    uint64_t half = 0;
    pykv_range range = {.has_stop = 1, .stop = "\x27\x10", .stop_length = 2};
    CHECK_OK(lsm_approximate_size(self.store, &range, &half));
    expect_about(all / 2, half, all / 20);
    fixture_close(&self);
    fixture_free(&self);
}

TEST(without_memory_no_size_is_given)
{
    fixture self = fixture_new();
    fixture_put(&self, "a", "1");
    uint64_t bytes = 7;
    (void)mem_fail_at(1, 0);
    CHECK_STATUS(PYKV_NO_MEMORY, lsm_approximate_size(self.store, NULL, &bytes));
    (void)mem_fail_at(0, 0);
    CHECK_EQUAL(7, bytes);
    fixture_free(&self);
}

TEST_MAIN(CASE(a_part_of_the_tables_is_right_to_a_block_a_table),
          CASE(a_few_rows_in_memory_are_counted_exactly),
          CASE(many_rows_in_memory_are_taken_for_evenly_spread),
          CASE(without_memory_no_size_is_given))
