/*
 * cursor_test: a cursor beside a model: the sorted keys of its moment, and a place among them.
 */
#include "lsm_fixture.h"

#include "lsm/walk.h"

enum { KEYS = 200, MOVES = 4000 };

typedef struct model {
    bool there[KEYS];
    uint32_t from; /* keys of the range */
    uint32_t to;
    int64_t at; /* -1: before the first, KEYS: behind the last */
} model;

/* The nearest key that is there from number on in a direction; -1 or KEYS: none. */
static int64_t look(const model *self, int64_t number, int step)
{
    while (number >= self->from && number < self->to && !self->there[number]) {
        number += step;
    }
    if (number < (int64_t)self->from) {
        return step > 0 ? look(self, self->from, 1) : -1;
    }
    if (number >= (int64_t)self->to) {
        return step < 0 ? look(self, (int64_t)self->to - 1, -1) : KEYS;
    }
    return number;
}

static void move_model(model *self, int32_t move, uint32_t key)
{
    bool is_off = self->at < 0 || self->at == KEYS;
    switch (move) {
    case PYKV_FIRST:
        self->at = look(self, self->from, 1);
        break;
    case PYKV_LAST:
        self->at = look(self, (int64_t)self->to - 1, -1);
        break;
    case PYKV_NEXT:
        self->at = self->at == KEYS ? KEYS : look(self, is_off ? self->from : self->at + 1, 1);
        break;
    case PYKV_PREVIOUS:
        self->at =
            self->at < 0 ? -1 : look(self, is_off ? (int64_t)self->to - 1 : self->at - 1, -1);
        break;
    case PYKV_SEEK:
        self->at = look(self, key, 1);
        break;
    default:
        self->at = look(self, key, -1);
        break;
    }
}

static void expect_move(lsm_cursor *cursor, model *wanted, int32_t move, uint32_t number)
{
    char text[16];
    pykv_row row;
    slice key = fixture_key(number, text);
    pykv_status at_once = lsm_cursor_move(cursor, move, key, PYKV_NO_WAIT, &row);
    pykv_status status =
        at_once != PYKV_WOULD_BLOCK ? at_once : lsm_cursor_move(cursor, move, key, 0, &row);
    move_model(wanted, move, number);
    bool is_on = wanted->at >= 0 && wanted->at < KEYS;
    CHECK_EQUAL(is_on ? PYKV_OK : PYKV_NOT_FOUND, status);
    if (is_on) {
        key = fixture_key((uint32_t)wanted->at, text);
        CHECK_EQUAL(key.size, row.key_length);
        CHECK_BYTES(key.data, row.key, key.size);
        CHECK_EQUAL((uint64_t)wanted->at % 50, row.value_length);
    }
}

/* Rows in tables and memtables, some deleted. */
static void write_rows(fixture *self, model *rows, uint64_t *seed)
{
    char key[16];
    static const uint8_t value[50] = {0};
    memset(rows, 0, sizeof *rows);
    for (int i = 0; i < 3 * KEYS; i++) {
        uint32_t number = (uint32_t)check_random(seed, KEYS);
        rows->there[number] = check_random(seed, 3) != 0;
        if (rows->there[number]) {
            CHECK_OK(
                lsm_put(self->store, fixture_key(number, key), slice_make(value, number % 50), 0));
        } else {
            CHECK_OK(lsm_delete(self->store, fixture_key(number, key), 0, NULL));
        }
        if (i % 150 == 149) {
            CHECK_OK(lsm_flush(self->store));
        }
    }
}

static void wander(fixture *self, lsm_cursor *cursor, model *rows, uint64_t *seed)
{
    int32_t way = PYKV_NEXT;
    rows->at = -1;
    for (int i = 0; i < MOVES; i++) {
        if (check_random(seed, 12) == 0) {
            way = (int32_t)(PYKV_NEXT + check_random(seed, 2));
        }
        bool far = check_random(seed, 40) == 0;
        int32_t move = far ? (int32_t)(1 + check_random(seed, 6)) : way;
        expect_move(cursor, rows, move, (uint32_t)check_random(seed, KEYS));
        if (i == MOVES / 2) {
            CHECK_OK(lsm_clear(self->store, 0)); /* which it does not see */
            CHECK_OK(lsm_compact(self->store, NULL));
        }
    }
}

TEST(a_cursor_finds_what_a_sorted_list_of_its_moment_has)
{
    uint64_t seed = check_seed();
    for (int round = 0; round < 4; round++) {
        fixture self = fixture_new();
        model rows;
        lsm_cursor *cursor;
        char start[16];
        char stop[16];
        write_rows(&self, &rows, &seed);
        rows.from = round % 2 == 0 ? 0 : 30;
        rows.to = round % 2 == 0 ? KEYS : 120;
        pykv_range range = {.has_start = round % 2,
                            .start = fixture_key(rows.from, start).data,
                            .start_length = 9,
                            .has_stop = round % 2,
                            .stop = fixture_key(rows.to, stop).data,
                            .stop_length = 9,
                            .reverse = round == 3,
                            .limit = 1};
        CHECK_OK(lsm_cursor_open(self.store, NULL, round == 0 ? NULL : &range, &cursor));
        CHECK_EQUAL(1, fixture_stats(&self).open_scan_count);
        wander(&self, cursor, &rows, &seed);
        lsm_cursor_free(self.store, cursor);
        CHECK_EQUAL(0, fixture_stats(&self).open_scan_count);
        fixture_free(&self);
    }
}

TEST(most_steps_need_no_wait_and_a_place_does)
{
    fixture self = fixture_new();
    lsm_cursor *cursor;
    pykv_row row;
    slice none = slice_make("", 0);
    int waits = 0;
    fixture_fill(&self, 0, 1000, 10);
    CHECK_OK(lsm_cursor_open(self.store, NULL, NULL, &cursor));
    CHECK_EQUAL(PYKV_WOULD_BLOCK, lsm_cursor_move(cursor, PYKV_FIRST, none, PYKV_NO_WAIT, &row));
    CHECK_EQUAL(PYKV_NOT_FOUND, lsm_cursor_move(cursor, PYKV_PREVIOUS, none, 0, &row));
    for (int i = 0; i < 1000; i++) {
        if (lsm_cursor_move(cursor, PYKV_NEXT, none, PYKV_NO_WAIT, &row) == PYKV_WOULD_BLOCK) {
            waits++;
            CHECK_OK(lsm_cursor_move(cursor, PYKV_NEXT, none, 0, &row));
        }
    }
    CHECK(waits <= 7);
    CHECK_EQUAL(PYKV_NOT_FOUND, lsm_cursor_move(cursor, PYKV_NEXT, none, 0, &row));
    CHECK_STATUS(PYKV_INVALID_ARGUMENT, lsm_cursor_move(cursor, 7, none, 0, &row));
    lsm_cursor_free(self.store, cursor);
    lsm_cursor_free(self.store, NULL);
    fixture_free(&self);
}

TEST(a_damaged_block_is_told_again_until_the_cursor_goes_to_a_place)
{
    fixture self = fixture_new();
    lsm_cursor *cursor;
    pykv_row row;
    uint64_t size;
    char name[32];
    slice none = slice_make("", 0);
    fixture_fill(&self, 0, 60, 500);
    CHECK_OK(lsm_flush(self.store));
    fixture_close(&self);
    fixture_files(&self, ".tbl", name);
    fixture_bytes(&self, name, &size)[5000] ^= 1;
    CHECK_OK(fixture_open(&self));
    CHECK_OK(lsm_cursor_open(self.store, NULL, NULL, &cursor));
    pykv_status status;
    do {
        status = lsm_cursor_move(cursor, PYKV_NEXT, none, 0, &row);
    } while (status == PYKV_OK);
    CHECK_EQUAL(PYKV_CORRUPTION, status);
    CHECK_STATUS(PYKV_CORRUPTION, lsm_cursor_move(cursor, PYKV_PREVIOUS, none, 0, &row));
    CHECK_OK(lsm_cursor_move(cursor, PYKV_LAST, none, 0, &row));
    CHECK_BYTES("key-00059", row.key, 9);
    lsm_cursor_free(self.store, cursor);
    fixture_free(&self);
}

TEST(without_memory_a_move_fails_and_is_made_again)
{
    fixture self = fixture_new();
    lsm_cursor *cursor;
    pykv_row row;
    char text[16];
    slice key = fixture_key(7, text);
    fixture_fill(&self, 0, 50, 100);
    for (uint64_t at = 1; at < 40; at++) {
        (void)mem_fail_at(at, 0);
        pykv_status status = lsm_cursor_open(self.store, NULL, NULL, &cursor);
        if (status == PYKV_OK) {
            status = lsm_cursor_move(cursor, PYKV_SEEK_BACK, key, 0, &row);
            (void)mem_fail_at(0, 0);
            CHECK(status == PYKV_OK || status == PYKV_NO_MEMORY);
            CHECK_OK(lsm_cursor_move(cursor, PYKV_SEEK_BACK, key, 0, &row));
            CHECK_BYTES("key-00007", row.key, 9);
            lsm_cursor_free(self.store, cursor);
        }
        (void)mem_fail_at(0, 0);
        CHECK(status == PYKV_OK || status == PYKV_NO_MEMORY);
    }
    fixture_free(&self);
}

TEST_MAIN(CASE(a_cursor_finds_what_a_sorted_list_of_its_moment_has),
          CASE(most_steps_need_no_wait_and_a_place_does),
          CASE(a_damaged_block_is_told_again_until_the_cursor_goes_to_a_place),
          CASE(without_memory_a_move_fails_and_is_made_again))
