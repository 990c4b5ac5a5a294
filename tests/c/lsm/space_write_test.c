/*
 * space_write_test: writes by user keys of a namespace, beside a model.
 */
#include "lsm_fixture.h"

#include "lsm/names.h"
#include "lsm/space.h"

enum { SPACE_COUNT = 4, KEY_COUNT = 6, ROUNDS = 3000 };

/* In their order. */
static const char *const keys[KEY_COUNT] = {"", "a", "b", "\xfe", "\xff", "\xff\x01"};

/* What is there: the number of the write that put it, 0: nothing. */
typedef struct model {
    uint32_t rows[SPACE_COUNT][KEY_COUNT];
} model;

static slice key_of(size_t index)
{
    return fixture_text(keys[index]);
}

static void delete_range(model *self, size_t space, size_t from, size_t to)
{
    for (size_t i = from; i < to; i++) {
        self->rows[space][i] = 0;
    }
}

/* Writes three operations, to any namespaces, as one batch. */
static void write_batch(fixture *self, model *want, uint64_t *state, uint32_t number)
{
    record operations[3];
    char value[16];
    snprintf(value, sizeof value, "%u", number);
    for (size_t i = 0; i < 3; i++) {
        size_t space = check_random(state, SPACE_COUNT);
        size_t key = check_random(state, KEY_COUNT);
        size_t end = key + 1 + check_random(state, KEY_COUNT - key);
        operations[i] = (record){.namespace_id = (uint32_t)space, .key = key_of(key)};
        switch (check_random(state, 4)) {
        case 0:
            operations[i].kind = RECORD_RANGE_DELETE;
            operations[i].value = end < KEY_COUNT ? key_of(end) : slice_make("", 0);
            delete_range(want, space, key, end);
            break;
        case 1:
            operations[i].kind = RECORD_DELETE;
            want->rows[space][key] = 0;
            break;
        default:
            operations[i].kind = RECORD_PUT;
            operations[i].value = fixture_text(value);
            want->rows[space][key] = number;
        }
    }
    CHECK_OK(lsm_write_in(self->store, operations, 3, 0));
}

static void write_one(fixture *self, model *want, uint64_t *state, uint32_t number)
{
    char value[16];
    size_t space = check_random(state, SPACE_COUNT);
    size_t key = check_random(state, KEY_COUNT);
    uint32_t *row = &want->rows[space][key];
    int32_t changed = 0;
    snprintf(value, sizeof value, "%u", number);
    slice wanted = fixture_text(value);
    switch (check_random(state, 6)) {
    case 0:
        CHECK_OK(lsm_delete_in(self->store, (uint32_t)space, key_of(key), 0, &changed));
        CHECK_EQUAL(*row != 0, changed != 0);
        *row = 0;
        break;
    case 1:
        CHECK_OK(lsm_compare_and_set_in(self->store, (uint32_t)space, key_of(key), NULL, &wanted, 0,
                                        0, &changed));
        CHECK_EQUAL(*row == 0, changed != 0);
        *row = *row == 0 ? number : *row;
        break;
    case 2:
        CHECK_OK(
            lsm_delete_range_in(self->store, (uint32_t)space, key_of(key), slice_make("", 0), 0));
        delete_range(want, space, key, KEY_COUNT);
        break;
    case 3:
        if (check_random(state, 20) == 0) {
            CHECK_OK(lsm_clear_in(self->store, (uint32_t)space, 0));
            delete_range(want, space, 0, KEY_COUNT);
        }
        break;
    default:
        CHECK_OK(lsm_put_in(self->store, (uint32_t)space, key_of(key), wanted, 0, 0));
        *row = number;
    }
}

static void compare(fixture *self, const model *want, size_t space)
{
    lsm_scan *scan;
    pykv_rows rows;
    char value[16];
    size_t at = 0;
    CHECK_OK(lsm_scan_open_in(self->store, (uint32_t)space, NULL, NULL, &scan));
    CHECK_OK(lsm_scan_next(scan, 0, &rows));
    for (size_t i = 0; i < KEY_COUNT; i++) {
        if (want->rows[space][i] == 0) {
            continue;
        }
        CHECK(at < rows.count);
        const uint64_t *place = rows.offsets + 2 * at++;
        snprintf(value, sizeof value, "%u", want->rows[space][i]);
        CHECK(slice_equal(key_of(i), slice_make(rows.data + place[0], place[1] - place[0])));
        CHECK(slice_equal(fixture_text(value),
                          slice_make(rows.data + place[1], place[2] - place[1])));
    }
    CHECK_EQUAL(at, rows.count);
    lsm_scan_free(self->store, scan);
}

TEST(writes_change_the_rows_of_their_namespace_and_no_others)
{
    fixture self = fixture_new();
    uint64_t state = check_seed();
    model want = {.rows = {{0}}};
    uint32_t id;
    CHECK_OK(name_book_make(lsm_name_book(self.store), fixture_text("one"), 0, &id));
    CHECK_OK(name_book_make(lsm_name_book(self.store), fixture_text("two"), 0, &id));
    CHECK_OK(name_book_make(lsm_name_book(self.store), fixture_text("three"), 0, &id));
    for (uint32_t round = 1; round <= ROUNDS; round++) {
        if (check_random(&state, 4) == 0) {
            write_batch(&self, &want, &state, round);
        } else {
            write_one(&self, &want, &state, round);
        }
        compare(&self, &want, check_random(&state, SPACE_COUNT));
        if (round % 700 == 0) {
            CHECK_OK(lsm_flush(self.store));
        }
        if (round % 900 == 0) {
            fixture_kill(&self);
            CHECK_OK(fixture_open(&self));
            CHECK_OK(name_book_make(lsm_name_book(self.store), fixture_text("one"), 0, &id));
        }
    }
    CHECK_OK(lsm_compact_in(self.store, 2, NULL, NULL));
    for (size_t i = 0; i < SPACE_COUNT; i++) {
        compare(&self, &want, i);
    }
    fixture_free(&self);
}

TEST(the_prefix_of_a_key_does_not_count_as_bytes_of_a_batch)
{
    fixture self = fixture_blank();
    self.options.batch_bytes_max = 4096;
    CHECK_OK(fixture_open(&self));
    uint32_t id;
    uint8_t bytes[2048] = {0};
    CHECK_OK(name_book_make(lsm_name_book(self.store), fixture_text("one"), 0, &id));
    record operations[2] = {{.kind = RECORD_PUT, .namespace_id = id, .key = slice_make(bytes, 48)},
                            {.kind = RECORD_PUT, .namespace_id = id, .key = slice_make(bytes, 47)}};
    operations[0].value = slice_make(bytes, 2000);
    operations[1].value = slice_make(bytes, 2001);
    CHECK_OK(lsm_write_in(self.store, operations, 2, 0));
    operations[0] = (record){.kind = RECORD_PUT, .namespace_id = id, .key = slice_make(bytes, 49)};
    operations[1] = operations[0];
    operations[0].value = slice_make(bytes, 2000);
    operations[1].value = slice_make(bytes, 2000);
    CHECK_STATUS(PYKV_BATCH_TOO_LARGE, lsm_write_in(self.store, operations, 2, 0));
    fixture_free(&self);
}

TEST_MAIN(CASE(writes_change_the_rows_of_their_namespace_and_no_others),
          CASE(the_prefix_of_a_key_does_not_count_as_bytes_of_a_batch))
