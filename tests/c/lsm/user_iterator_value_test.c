/*
 * user_iterator_value: rows come with the values that they point to, in both directions, and
 * without reading them where only keys are wanted.
 */
#include "base/error.h"
#include "lsm/user_iterator.h"
#include "lsm/values_store.h"
#include "lsm/walk.h"

enum { KEYS = 30 };

static fixture flushed(void)
{
    fixture self = values_store_new();
    values_put(&self, 0, KEYS, 0);
    CHECK_OK(lsm_flush(self.store));
    fixture_put(&self, "key-00003x", "small");
    return self;
}

static uint64_t walk(fixture *self, const pykv_range *range, pykv_status *status_out)
{
    lsm_scan *scan;
    pykv_rows rows = {.count = 0};
    uint64_t count = 0;
    CHECK_OK(lsm_scan_open(self->store, NULL, range, &scan));
    do {
        *status_out = lsm_scan_next(scan, 0, &rows);
        count += *status_out == PYKV_OK ? rows.count : 0;
    } while (*status_out == PYKV_OK && rows.count > 0);
    lsm_scan_free(self->store, scan);
    return count;
}

TEST(a_walk_with_single_steps_shows_each_value)
{
    fixture self = flushed();
    lsm_walk rows;
    pykv_range all = {.keys_only = 0};
    CHECK_OK(lsm_walk_begin(&rows, self.store, KEY_SPACE_STORED, NULL, &all));
    CHECK_OK(user_iterator_seek(rows.rows, fixture_text("key-00004")));
    CHECK(slice_equal(values_value(4, 0), user_iterator_row(rows.rows)->value));
    CHECK_OK(user_iterator_previous(rows.rows));
    CHECK(slice_equal(fixture_text("small"), user_iterator_row(rows.rows)->value));
    CHECK_OK(user_iterator_previous(rows.rows));
    CHECK(slice_equal(values_value(3, 0), user_iterator_row(rows.rows)->value));
    CHECK_OK(user_iterator_next(rows.rows));
    CHECK_OK(user_iterator_next(rows.rows));
    CHECK(slice_equal(values_value(4, 0), user_iterator_row(rows.rows)->value));
    lsm_walk_end(self.store, &rows);
    fixture_free(&self);
}

TEST(a_damaged_value_ends_a_scan_of_values_and_not_one_of_keys)
{
    fixture self = flushed();
    char name[32];
    uint64_t size;
    pykv_status status;
    pykv_range keys = {.keys_only = 1};
    pykv_range backward = {.reverse = 1};
    CHECK_EQUAL(KEYS + 1, walk(&self, NULL, &status));
    CHECK_EQUAL(1, fixture_files(&self, ".val", name));
    fixture_bytes(&self, name, &size)[300] ^= 1;
    CHECK_EQUAL(0, walk(&self, NULL, &status));
    CHECK_EQUAL(PYKV_CORRUPTION, status);
    CHECK_EQUAL(KEYS, walk(&self, &backward, &status));
    CHECK_EQUAL(PYKV_CORRUPTION, status);
    CHECK_EQUAL(KEYS + 1, walk(&self, &keys, &status));
    CHECK_OK(status);
    fixture_free(&self);
}

TEST_MAIN(CASE(a_walk_with_single_steps_shows_each_value),
          CASE(a_damaged_value_ends_a_scan_of_values_and_not_one_of_keys))
