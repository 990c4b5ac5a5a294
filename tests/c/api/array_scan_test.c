/*
 * array_scan: the rows of a scan in two rooms of the caller's, however small these are.
 */
#include "api_fixture.h"

enum { ROWS = 1200 };

typedef struct rooms {
    uint8_t key_data[ROWS * 16 + 1];
    uint8_t value_data[ROWS * 16 + 1];
    int64_t key_offsets[ROWS + 1];
    int64_t value_offsets[ROWS + 1];
    pykv_items_room keys;
    pykv_items_room values;
} rooms;

static void rooms_begin(rooms *self, uint64_t key_bytes, uint64_t value_bytes)
{
    self->keys = (pykv_items_room){
        .data = self->key_data, .data_bytes = key_bytes, .offsets = self->key_offsets};
    self->values = (pykv_items_room){
        .data = self->value_data, .data_bytes = value_bytes, .offsets = self->value_offsets};
    self->key_data[key_bytes] = 0xA5;
    self->value_data[value_bytes] = 0xA5;
}

/* Each row was put with its key as its value. Marks the numbers that are there. */
static void expect_rows(const rooms *self, uint64_t count, bool *seen)
{
    CHECK_EQUAL(0xA5, self->key_data[self->keys.data_bytes]);
    CHECK_EQUAL(0xA5, self->value_data[self->values.data_bytes]);
    CHECK_BYTES(self->key_offsets, self->value_offsets, (count + 1) * sizeof(int64_t));
    CHECK_EQUAL(self->keys.used_bytes, (uint64_t)self->key_offsets[count]);
    CHECK_BYTES(self->key_data, self->value_data, self->keys.used_bytes);
    for (uint64_t i = 0; i < count; i++) {
        unsigned number;
        char key[32] = {0};
        memcpy(key, self->key_data + self->key_offsets[i],
               (size_t)(self->key_offsets[i + 1] - self->key_offsets[i]));
        CHECK_EQUAL(1, sscanf(key, "key-%u", &number));
        CHECK(number < ROWS && !seen[number]);
        seen[number] = true;
    }
}

static void expect_all_seen(const bool *seen)
{
    for (size_t i = 0; i < ROWS; i++) {
        CHECK(seen[i]);
    }
}

static api_fixture filled(int32_t engine)
{
    api_fixture f = {.options = {.engine = engine}};
    f.path = check_temporary_directory();
    CHECK_OK(api_open(&f));
    api_fill(&f, 0, ROWS);
    return f;
}

/* In chunks of rows_max rows, and rooms of so many bytes. */
static void expect_scan(api_fixture *f, rooms *space, uint64_t rows_max, uint64_t key_bytes,
                        uint64_t value_bytes)
{
    bool seen[ROWS] = {false};
    pykv_array_scan *scan;
    uint64_t done = 1;
    CHECK_OK(pykv_array_scan_open(f->store, NULL, NULL, &scan));
    while (done > 0) {
        done = 0;
        rooms_begin(space, key_bytes, value_bytes);
        CHECK_OK(pykv_array_scan_next(scan, rows_max, 0, &space->keys, &space->values, &done));
        CHECK(done <= rows_max);
        expect_rows(space, done, seen);
    }
    CHECK_EQUAL(0, space->keys.needed_bytes);
    CHECK_EQUAL(0, space->values.needed_bytes);
    pykv_array_scan_close(scan);
    expect_all_seen(seen);
}

TEST(every_row_comes_once_whatever_the_chunks_and_the_rooms)
{
    rooms *space = malloc(sizeof *space);
    CHECK(space != NULL);
    for (int32_t engine = PYKV_ENGINE_BITCASK; engine <= PYKV_ENGINE_LSM; engine++) {
        api_fixture f = filled(engine);
        expect_scan(&f, space, ROWS, ROWS * 16, ROWS * 16);
        expect_scan(&f, space, 7, ROWS * 16, ROWS * 16);
        expect_scan(&f, space, 1, ROWS * 16, ROWS * 16);
        expect_scan(&f, space, ROWS, 100, ROWS * 16);
        expect_scan(&f, space, ROWS, ROWS * 16, 8);
        api_free(&f);
    }
    free(space);
}

TEST(a_room_that_is_full_says_what_it_needs_and_is_gone_on_with)
{
    rooms *space = malloc(sizeof *space);
    CHECK(space != NULL);
    bool seen[ROWS] = {false};
    api_fixture f = filled(PYKV_ENGINE_LSM);
    pykv_array_scan *scan;
    uint64_t done = 0;
    int calls = 0;
    CHECK_OK(pykv_array_scan_open(f.store, NULL, NULL, &scan));
    rooms_begin(space, 3, 3);
    while (done < ROWS) {
        CHECK_OK(pykv_array_scan_next(scan, ROWS, 0, &space->keys, &space->values, &done));
        CHECK((space->keys.needed_bytes > space->keys.data_bytes) == (done < ROWS));
        space->keys.data_bytes = space->keys.needed_bytes + (done < ROWS ? 500 : 0);
        space->values.data_bytes = space->keys.data_bytes;
        calls++;
    }
    CHECK(calls > 10);
    space->keys.data_bytes = space->keys.used_bytes;
    space->values.data_bytes = space->keys.used_bytes;
    space->key_data[space->keys.used_bytes] = 0xA5;
    space->value_data[space->keys.used_bytes] = 0xA5;
    expect_rows(space, ROWS, seen);
    pykv_array_scan_close(scan);
    api_free(&f);
    free(space);
}

TEST(the_bounds_and_the_snapshot_are_those_of_a_scan)
{
    rooms *space = malloc(sizeof *space);
    CHECK(space != NULL);
    api_fixture f = filled(PYKV_ENGINE_LSM);
    const pykv_range range = {.start = "key-10",
                              .start_length = 6,
                              .has_start = 1,
                              .stop = "key-11",
                              .stop_length = 6,
                              .has_stop = 1};
    pykv_snapshot *snapshot;
    pykv_array_scan *scan;
    uint64_t done = 0;
    CHECK_OK(pykv_snapshot_new(f.store, &snapshot));
    CHECK_OK(pykv_clear(f.store, 0));
    CHECK_OK(pykv_array_scan_open(f.store, snapshot, &range, &scan));
    rooms_begin(space, ROWS * 16, ROWS * 16);
    CHECK_OK(pykv_array_scan_next(scan, ROWS, 0, &space->keys, &space->values, &done));
    CHECK_EQUAL(111, done); /* 10, 100 to 109, 1000 to 1099 */
    pykv_array_scan_close(scan);
    pykv_snapshot_free(snapshot);
    api_free(&f);
    f = filled(PYKV_ENGINE_BITCASK);
    CHECK_STATUS(PYKV_NOT_SUPPORTED, pykv_array_scan_open(f.store, NULL, &range, &scan));
    api_free(&f);
    free(space);
}

TEST(close_ends_it_also_where_rows_were_read_ahead)
{
    rooms *space = malloc(sizeof *space);
    CHECK(space != NULL);
    api_fixture f = filled(PYKV_ENGINE_LSM);
    pykv_array_scan *scan;
    uint64_t done = 0;
    CHECK_OK(pykv_array_scan_open(f.store, NULL, NULL, &scan));
    rooms_begin(space, 100, 100);
    CHECK_OK(pykv_array_scan_next(scan, 2, 0, &space->keys, &space->values, &done));
    CHECK_OK(pykv_close(f.store, -1));
    CHECK_STATUS(PYKV_CLOSED,
                 pykv_array_scan_next(scan, 9, 0, &space->keys, &space->values, &done));
    CHECK_EQUAL(2, done);
    pykv_array_scan_close(scan);
    pykv_array_scan_close(NULL);
    api_free(&f);
    free(space);
}

TEST_MAIN(CASE(every_row_comes_once_whatever_the_chunks_and_the_rooms),
          CASE(a_room_that_is_full_says_what_it_needs_and_is_gone_on_with),
          CASE(the_bounds_and_the_snapshot_are_those_of_a_scan),
          CASE(close_ends_it_also_where_rows_were_read_ahead))
