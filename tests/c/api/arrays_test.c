/*
 * arrays: many rows put, read and deleted by arrays of the caller's, of both engines.
 */
#include "api_fixture.h"

#include "base/memory.h"

enum { ROWS = 2500, WIDTH = 8, VALUE_MAX = 40 };

/* Rows of which number i has a value of i % VALUE_MAX bytes, all i. */
typedef struct table {
    uint8_t keys[ROWS * WIDTH];
    uint8_t values[ROWS * VALUE_MAX];
    int64_t offsets[ROWS + 1];
    pykv_items key_items;
    pykv_items value_items;
} table;

static table *table_new(void)
{
    table *self = calloc(1, sizeof *self);
    CHECK(self != NULL);
    for (uint32_t i = 0; i < ROWS; i++) {
        char text[WIDTH + 1];
        snprintf(text, sizeof text, "%08x", i * 2654435761U);
        memcpy(self->keys + (size_t)i * WIDTH, text, WIDTH);
        size_t length = i % VALUE_MAX;
        memset(self->values + self->offsets[i], (int)(i % 251), length);
        self->offsets[i + 1] = self->offsets[i] + (int64_t)length;
    }
    self->key_items = (pykv_items){.data = self->keys, .data_bytes = ROWS * WIDTH, .width = WIDTH};
    self->value_items = (pykv_items){.data = self->values,
                                     .data_bytes = (uint64_t)self->offsets[ROWS],
                                     .offsets = self->offsets};
    return self;
}

static api_fixture new_store(int32_t engine)
{
    api_fixture f = {.options = {.engine = engine}};
    f.path = check_temporary_directory();
    CHECK_OK(api_open(&f));
    return f;
}

static uint64_t put(api_fixture *f, const table *rows, int32_t flags)
{
    uint64_t done;
    CHECK_OK(
        pykv_put_arrays(f->store, ROWS, &rows->key_items, &rows->value_items, 0, flags, &done));
    return done;
}

/* Reads all rows into room of data_bytes, and grows it as asked. Returns the number of calls. */
static int expect_all(api_fixture *f, pykv_snapshot *snapshot, const table *rows,
                      uint64_t data_bytes)
{
    static uint8_t found[ROWS];
    static int64_t offsets[ROWS + 1];
    pykv_items_room room = {.data_bytes = data_bytes, .offsets = offsets};
    room.data = malloc(data_bytes + 1);
    CHECK(room.data != NULL);
    uint64_t done = 0;
    int calls = 0;
    while (calls == 0 || done < ROWS) {
        room.data[room.data_bytes] = 0xA5;
        CHECK_OK(
            pykv_get_arrays(f->store, snapshot, ROWS, &rows->key_items, 0, &room, found, &done));
        CHECK_EQUAL(0xA5, room.data[room.data_bytes]);
        CHECK((room.needed_bytes > room.data_bytes) == (done < ROWS));
        if (done < ROWS) {
            room.data_bytes = room.needed_bytes;
            room.data = realloc(room.data, room.data_bytes + 1);
            CHECK(room.data != NULL);
        }
        calls++;
    }
    CHECK_EQUAL((uint64_t)rows->offsets[ROWS], room.used_bytes);
    CHECK_BYTES(rows->values, room.data, room.used_bytes);
    CHECK_BYTES(rows->offsets, offsets, sizeof offsets);
    for (size_t i = 0; i < ROWS; i++) {
        CHECK_EQUAL(1, found[i]);
    }
    free(room.data);
    return calls;
}

TEST(what_is_put_by_arrays_is_read_by_arrays_in_as_many_calls_as_room_needs)
{
    table *rows = table_new();
    for (int32_t engine = PYKV_ENGINE_BITCASK; engine <= PYKV_ENGINE_LSM; engine++) {
        api_fixture f = new_store(engine);
        CHECK_EQUAL(ROWS, put(&f, rows, 0));
        CHECK_EQUAL(1, expect_all(&f, NULL, rows, (uint64_t)rows->offsets[ROWS]));
        CHECK_EQUAL(4, expect_all(&f, NULL, rows, 0));
        CHECK_EQUAL(ROWS, api_stats(&f).last_sequence);
        api_reopen(&f);
        CHECK_EQUAL(1, expect_all(&f, NULL, rows, 1 << 20));
        api_free(&f);
    }
    free(rows);
}

/* A caller who made room as told was told so again after each run of 1,000 keys. */
TEST(room_that_was_measured_once_is_enough)
{
    static uint8_t found[ROWS];
    static int64_t offsets[ROWS + 1];
    static uint8_t data[ROWS * VALUE_MAX];
    table *rows = table_new();
    const uint64_t all_bytes = (uint64_t)rows->offsets[ROWS];
    const uint64_t some_bytes = (uint64_t)rows->offsets[1000];
    for (int32_t engine = PYKV_ENGINE_BITCASK; engine <= PYKV_ENGINE_LSM; engine++) {
        api_fixture f = new_store(engine);
        CHECK_EQUAL(ROWS, put(&f, rows, 0));
        for (uint64_t begun = 0; begun <= 1000; begun += 1000) {
            pykv_items_room room = {.data = data, .offsets = offsets};
            uint64_t done = 0;
            room.data_bytes = begun > 0 ? some_bytes : 0;
            CHECK_OK(pykv_get_arrays(f.store, NULL, ROWS, &rows->key_items, PYKV_MEASURE, &room,
                                     found, &done));
            CHECK_EQUAL(begun, done);
            CHECK_EQUAL(all_bytes, room.needed_bytes);
            room.data_bytes = room.needed_bytes;
            CHECK_OK(pykv_get_arrays(f.store, NULL, ROWS, &rows->key_items, PYKV_MEASURE, &room,
                                     found, &done));
            CHECK_EQUAL(ROWS, done);
            CHECK_EQUAL(0, room.needed_bytes);
            CHECK_BYTES(rows->values, data, all_bytes);
        }
        api_free(&f);
    }
    free(rows);
}

TEST(absent_keys_are_empty_and_marked_so)
{
    static uint8_t found[ROWS];
    static int64_t offsets[ROWS + 1];
    uint8_t data[64];
    api_fixture f = api_new();
    const pykv_items keys = {.data = (const uint8_t *)"acabad", .data_bytes = 6, .width = 2};
    pykv_items_room room = {.data = data, .data_bytes = sizeof data, .offsets = offsets};
    uint64_t done = 0;
    CHECK_OK(api_put(&f, "ab", "first"));
    CHECK_OK(api_put(&f, "ad", ""));
    CHECK_OK(pykv_get_arrays(f.store, NULL, 3, &keys, 0, &room, found, &done));
    CHECK_EQUAL(3, done);
    const int64_t wanted[] = {0, 0, 5, 5};
    CHECK_BYTES(wanted, offsets, sizeof wanted);
    CHECK_BYTES("\0\1\1", found, 3);
    CHECK_BYTES("first", data, 5);
    done = 0;
    room.used_bytes = 0;
    CHECK_OK(pykv_get_arrays(f.store, NULL, 0, &keys, 0, &room, found, &done));
    CHECK_EQUAL(0, done);
    api_free(&f);
}

TEST(a_snapshot_is_read_at_its_moment)
{
    table *rows = table_new();
    api_fixture f = new_store(PYKV_ENGINE_LSM);
    pykv_snapshot *snapshot;
    put(&f, rows, 0);
    CHECK_OK(pykv_snapshot_new(f.store, &snapshot));
    CHECK_OK(pykv_clear(f.store, 0));
    CHECK_EQUAL(1, expect_all(&f, snapshot, rows, 1 << 20));
    pykv_snapshot_free(snapshot);
    api_free(&f);
    free(rows);
}

TEST(keys_without_values_are_deleted)
{
    table *rows = table_new();
    for (int32_t engine = PYKV_ENGINE_BITCASK; engine <= PYKV_ENGINE_LSM; engine++) {
        api_fixture f = new_store(engine);
        uint64_t count;
        uint64_t done;
        put(&f, rows, 0);
        CHECK_OK(pykv_put_arrays(f.store, ROWS - 1, &rows->key_items, NULL, 0, 0, &done));
        CHECK_EQUAL(ROWS - 1, done);
        CHECK_OK(pykv_count(f.store, &count));
        CHECK_EQUAL(1, count);
        api_free(&f);
    }
    free(rows);
}

/* Of a last item that is wrong nothing before it is written. */
TEST(what_is_refused_changes_nothing)
{
    table *rows = table_new();
    api_fixture f = api_new();
    uint64_t done;
    uint64_t count;
    pykv_items *values = &rows->value_items;
    rows->offsets[ROWS] = rows->offsets[ROWS - 1] - 1;
    CHECK_STATUS(PYKV_INVALID_ARGUMENT,
                 pykv_put_arrays(f.store, ROWS, &rows->key_items, values, 0, 0, &done));
    CHECK_EQUAL(0, done);
    rows->offsets[ROWS] = (int64_t)values->data_bytes + 1;
    CHECK_STATUS(PYKV_INVALID_ARGUMENT,
                 pykv_put_arrays(f.store, ROWS, &rows->key_items, values, 0, 0, &done));
    CHECK_STATUS(PYKV_INVALID_ARGUMENT,
                 pykv_put_arrays(f.store, ROWS + 1, &rows->key_items, NULL, 0, 0, &done));
    CHECK_STATUS(PYKV_INVALID_ARGUMENT,
                 pykv_put_arrays(f.store, UINT64_MAX, &rows->key_items, values, 0, 0, &done));
    CHECK_OK(pykv_count(f.store, &count));
    CHECK_EQUAL(0, count);
    CHECK_EQUAL(0, api_stats(&f).last_sequence);
    api_free(&f);
    free(rows);
}

/* Runs are 1,000 rows; what is larger than the option for batches is refused only as one batch. */
TEST(a_run_is_a_batch_and_all_are_one_where_that_is_asked_for)
{
    table *rows = table_new();
    api_fixture f = {.options = {.engine = PYKV_ENGINE_LSM, .batch_bytes_max = 32 << 10}};
    uint64_t done;
    f.path = check_temporary_directory();
    CHECK_OK(api_open(&f));
    CHECK_STATUS(PYKV_BATCH_TOO_LARGE, pykv_put_arrays(f.store, ROWS, &rows->key_items,
                                                       &rows->value_items, 0, PYKV_ATOMIC, &done));
    CHECK_EQUAL(0, done);
    CHECK_EQUAL(0, api_stats(&f).last_sequence);
    CHECK_EQUAL(ROWS, put(&f, rows, 0));
    CHECK_EQUAL(ROWS, api_stats(&f).last_sequence);
    api_free(&f);
    free(rows);
}

/* put_arrays and delete_arrays of a store with a small batch_bytes_max were refused where put_many
 * was not, and that after the first runs were written: a run was cut at four mebibytes alone. */
TEST(a_run_ends_before_the_option_for_batches_and_a_larger_row_is_one)
{
    enum { LIMIT = 4096, LARGE = 5000, VALUES = 1000 + LARGE };
    static const uint8_t data[VALUES];
    static const int64_t offsets[] = {0, 500, 500 + LARGE, VALUES};
    const pykv_items large = {.data = data, .data_bytes = VALUES, .offsets = offsets};
    table *rows = table_new();
    for (int32_t engine = PYKV_ENGINE_BITCASK; engine <= PYKV_ENGINE_LSM; engine++) {
        api_fixture f = {.options = {.engine = engine, .batch_bytes_max = LIMIT}};
        uint64_t count;
        uint64_t done;
        f.path = check_temporary_directory();
        CHECK_OK(api_open(&f));
        CHECK_EQUAL(ROWS, put(&f, rows, 0));
        expect_all(&f, NULL, rows, 1 << 20);
        CHECK_OK(pykv_put_arrays(f.store, 3, &rows->key_items, &large, 0, 0, &done));
        CHECK_EQUAL(3, done);
        CHECK_OK(pykv_put_arrays(f.store, ROWS, &rows->key_items, NULL, 0, 0, &done));
        CHECK_EQUAL(ROWS, done);
        CHECK_OK(pykv_count(f.store, &count));
        CHECK_EQUAL(0, count);
        api_free(&f);
    }
    free(rows);
}

TEST(a_run_ends_before_four_mebibytes_and_a_larger_row_is_one)
{
    enum { LARGE = 3 << 20, HUGE = 5 << 20 };
    static const int64_t offsets[] = {0, LARGE, 2 * LARGE, 2 * LARGE + HUGE};
    api_fixture f = api_new();
    uint8_t *data = calloc(1, 2 * LARGE + HUGE);
    CHECK(data != NULL);
    const pykv_items keys = {.data = (const uint8_t *)"abc", .data_bytes = 3, .width = 1};
    const pykv_items values = {.data = data, .data_bytes = 2 * LARGE + HUGE, .offsets = offsets};
    uint64_t done;
    pykv_pinned pinned;
    CHECK_OK(pykv_put_arrays(f.store, 3, &keys, &values, 0, 0, &done));
    CHECK_EQUAL(3, done);
    CHECK_OK(pykv_get(f.store, "c", 1, 0, &pinned));
    CHECK_EQUAL(HUGE, pinned.length);
    pykv_unpin(f.store, &pinned);
    free(data);
    api_free(&f);
}

/* Some allocation fails: the rows that were done are the first ones, and the store works. */
TEST(a_call_without_memory_says_how_far_it_came)
{
    table *rows = table_new();
    bool failed = true;
    for (uint64_t k = 1; failed; k += 5) {
        api_fixture f = new_store(PYKV_ENGINE_LSM);
        uint64_t done = 0;
        mem_fail_at(k, 0);
        pykv_status status =
            pykv_put_arrays(f.store, ROWS, &rows->key_items, &rows->value_items, 0, 0, &done);
        mem_fail_at(0, 0);
        failed = status == PYKV_NO_MEMORY;
        CHECK(failed || (status == PYKV_OK && done == ROWS));
        CHECK_EQUAL(done, api_stats(&f).last_sequence);
        CHECK(done % 1000 == 0 || done == ROWS);
        put(&f, rows, 0);
        expect_all(&f, NULL, rows, 1 << 20);
        api_free(&f);
    }
    free(rows);
}

TEST(a_closed_store_refuses_also_no_rows)
{
    static uint8_t found[1];
    static int64_t offsets[2];
    api_fixture f = api_new();
    const pykv_items keys = {.width = 1};
    pykv_items_room room = {.offsets = offsets};
    uint64_t done = 0;
    CHECK_OK(pykv_close(f.store, -1));
    CHECK_STATUS(PYKV_CLOSED, pykv_get_arrays(f.store, NULL, 0, &keys, 0, &room, found, &done));
    CHECK_STATUS(PYKV_CLOSED, pykv_put_arrays(f.store, 0, &keys, NULL, 0, 0, &done));
    api_free(&f);
}

TEST_MAIN(CASE(what_is_put_by_arrays_is_read_by_arrays_in_as_many_calls_as_room_needs),
          CASE(room_that_was_measured_once_is_enough), CASE(absent_keys_are_empty_and_marked_so),
          CASE(a_snapshot_is_read_at_its_moment), CASE(keys_without_values_are_deleted),
          CASE(what_is_refused_changes_nothing),
          CASE(a_run_is_a_batch_and_all_are_one_where_that_is_asked_for),
          CASE(a_run_ends_before_the_option_for_batches_and_a_larger_row_is_one),
          CASE(a_run_ends_before_four_mebibytes_and_a_larger_row_is_one),
          CASE(a_call_without_memory_says_how_far_it_came),
          CASE(a_closed_store_refuses_also_no_rows))
