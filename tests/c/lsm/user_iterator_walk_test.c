/*
 * user_iterator_walk: rows of every size, limits of a fill, long runs that give no row, and rows
 * that come before a failure.
 */
#include "user_operations.h"

enum { TOMBSTONES = 100000 };

/* An iterator over sorted entries, at the newest snapshot. */
static user_iterator *walk_over(array_control *control, const iterator_entry *entries, size_t count)
{
    user_iterator_options options = {.snapshot_sequence = UINT64_MAX};
    user_iterator *made;
    CHECK_OK(user_iterator_new(array_iterator_new(control, entries, count), &options, &made));
    return made;
}

static uint64_t offset(const user_iterator_rows *rows, size_t i)
{
    return ((const uint64_t *)(const void *)rows->offsets.data)[i];
}

/* Row n has a key and a value of every length up to 600, in both directions, and in one chunk or
 * in many. */
TEST(rows_of_every_size_come_out_whole)
{
    static uint8_t bytes[1200];
    static iterator_entry entries[600];
    array_control control = {.seed = 1, .window_max = 50};
    user_iterator_rows rows = {.count = 0};
    for (size_t i = 0; i < sizeof bytes; i++) {
        bytes[i] = (uint8_t)(i * 7);
    }
    for (size_t i = 0; i < 600; i++) {
        entries[i] = (iterator_entry){.key = slice_make(bytes, i),
                                      .value = slice_make(bytes + i, 599 - i),
                                      .sequence = 1,
                                      .kind = RECORD_PUT};
    }
    user_iterator *walk = walk_over(&control, entries, 600);
    for (int is_reverse = 0; is_reverse < 2; is_reverse++) {
        size_t seen = 0;
        user_iterator_request request = {.row_limit = SIZE_MAX, .is_reverse = is_reverse != 0};
        do {
            request.chunk_bytes = seen % 3 == 0 ? 700 : SIZE_MAX / 2;
            CHECK_OK(user_iterator_fill(walk, &request, &rows));
            for (size_t i = 0; i < rows.count; i++, seen++) {
                size_t n = is_reverse != 0 ? 599 - seen : seen;
                CHECK_EQUAL(offset(&rows, 2 * i) + n, offset(&rows, 2 * i + 1));
                CHECK_EQUAL(offset(&rows, 2 * i) + 599, offset(&rows, 2 * i + 2));
                CHECK_BYTES(bytes, rows.data.data + offset(&rows, 2 * i), n);
                CHECK_BYTES(bytes + n, rows.data.data + offset(&rows, 2 * i + 1), 599 - n);
            }
        } while (rows.more);
        CHECK_EQUAL(600, seen);
    }
    user_iterator_rows_reset(&rows);
    user_iterator_free(walk);
}

enum { MIXED_KEYS = 300, MIXED_MAX = 3 * MIXED_KEYS, MIXED_SEQUENCES = 1000 };

/* Up to three operations on each key, some of them deletes, or puts with a deadline around 10. */
static size_t make_mixed(uint64_t *random, uint8_t (*keys)[8], iterator_entry *entries)
{
    size_t count = 0;
    for (size_t i = 0; i < MIXED_KEYS; i++) {
        uint64_t sequence = MIXED_SEQUENCES;
        (void)memtable_key_number(i, keys[i]);
        for (uint64_t left = check_random(random, 4); left > 0; left--) {
            sequence -= 1 + check_random(random, 300);
            bool expires = check_random(random, 8) == 0;
            entries[count++] =
                (iterator_entry){.key = slice_make(keys[i], 8),
                                 .value = slice_make(keys[i], sequence % 9),
                                 .sequence = sequence,
                                 .deadline_us = expires ? 1 + check_random(random, 20) : 0,
                                 .kind = check_random(random, 8) == 0 ? RECORD_DELETE : RECORD_PUT};
        }
    }
    return count;
}

/* The rows that come next, to arrays of room_bytes each, are those of all from *seen on. */
static bool next_rows_are(user_iterator *walk, uint64_t room_bytes, const user_iterator_rows *all,
                          size_t *seen)
{
    uint8_t key_bytes[256];
    uint8_t value_bytes[256];
    int64_t key_offsets[64] = {0};
    int64_t value_offsets[64] = {0};
    pykv_items_room keys = {.data = key_bytes, .data_bytes = room_bytes, .offsets = key_offsets};
    pykv_items_room values = {
        .data = value_bytes, .data_bytes = room_bytes, .offsets = value_offsets};
    user_iterator_request request = {
        .chunk_bytes = SIZE_MAX, .row_limit = 50, .keys = &keys, .values = &values};
    user_iterator_rows rows = {.count = 0};
    CHECK_OK(user_iterator_fill(walk, &request, &rows));
    for (size_t i = 0; i < rows.arrays_count; i++, *seen += 1) {
        const uint8_t *row = all->data.data + offset(all, 2 * *seen);
        size_t size = (size_t)(value_offsets[i + 1] - value_offsets[i]);
        CHECK_EQUAL(8, key_offsets[i + 1] - key_offsets[i]);
        CHECK_EQUAL(offset(all, 2 * *seen + 2) - offset(all, 2 * *seen + 1), size);
        CHECK_BYTES(row, key_bytes + key_offsets[i], 8);
        CHECK_BYTES(row + 8, value_bytes + value_offsets[i], size);
    }
    CHECK(rows.arrays_count <= 50 && rows.count <= 1);
    for (size_t i = 0; i < rows.count; i++, *seen += 1) { /* what had no room */
        CHECK_BYTES(all->data.data + offset(all, 2 * *seen), rows.data.data, 8);
    }
    bool more = rows.more;
    user_iterator_rows_reset(&rows);
    return more;
}

TEST(rows_go_to_arrays_as_they_go_to_memory)
{
    static uint8_t keys[MIXED_KEYS][8];
    static iterator_entry entries[MIXED_MAX];
    uint64_t random = check_seed();
    for (int round = 0; round < 40; round++) {
        array_control control = {.seed = random, .window_max = 1U << round % 7};
        size_t count = make_mixed(&random, keys, entries);
        user_iterator_options options = {
            .snapshot_sequence = check_random(&random, MIXED_SEQUENCES), .now_us = 10};
        user_iterator_rows all = {.count = 0};
        user_iterator_request request = {.chunk_bytes = SIZE_MAX / 2, .row_limit = SIZE_MAX};
        user_iterator *walk;
        size_t seen = 0;
        CHECK_OK(user_iterator_new(array_iterator_new(&control, entries, count), &options, &walk));
        CHECK_OK(user_iterator_fill(walk, &request, &all));
        user_iterator_place_first(walk);
        while (next_rows_are(walk, 8 + check_random(&random, 248), &all, &seen)) {
        }
        CHECK_EQUAL(all.count, seen);
        user_iterator_rows_reset(&all);
        user_iterator_free(walk);
    }
}

/* A hundred thousand deleted keys and a row behind them: fills come back without a row, and get
 * there in the end. */
TEST(a_fill_comes_back_from_a_long_run_of_deletes_and_goes_on)
{
    static uint8_t keys[TOMBSTONES + 1][8];
    iterator_entry *entries = calloc(TOMBSTONES + 1, sizeof *entries);
    array_control control = {.seed = 1, .window_max = 64};
    user_iterator_rows rows = {.count = 0};
    for (size_t i = 0; i <= TOMBSTONES; i++) {
        (void)memtable_key_number(i, keys[i]);
        entries[i] = (iterator_entry){.key = slice_make(keys[i], 8),
                                      .value = slice_make("v", 1),
                                      .sequence = 1,
                                      .kind = RECORD_DELETE};
    }
    for (int is_reverse = 0; is_reverse < 2; is_reverse++) {
        size_t row = is_reverse != 0 ? 0 : TOMBSTONES;
        size_t fills = 1;
        entries[row].kind = RECORD_PUT;
        user_iterator *walk = walk_over(&control, entries, TOMBSTONES + 1);
        user_iterator_request request = {
            .chunk_bytes = 100, .row_limit = 100, .is_reverse = is_reverse != 0};
        if (is_reverse != 0) {
            user_iterator_place_last(walk);
        }
        CHECK_OK(user_iterator_fill(walk, &request, &rows));
        for (; rows.count == 0 && rows.more; fills++) {
            CHECK_OK(user_iterator_fill(walk, &request, &rows));
        }
        CHECK_EQUAL(1, rows.count);
        CHECK_EQUAL(TOMBSTONES / USER_ITERATOR_SKIPPED_MAX + 1, fills);
        CHECK_BYTES(keys[row], rows.data.data, 8);
        CHECK(!rows.more);
        entries[row].kind = RECORD_DELETE;
        user_iterator_free(walk);
    }
    user_iterator_rows_reset(&rows);
    free(entries);
}

/* Rows found before a failure are given first; then it is the failure's turn. */
TEST(rows_before_a_failure_are_not_lost)
{
    walk_model model;
    walk_model_open(&model, check_seed(), KEYS_ASCENDING, 100, 1000000);
    user_iterator_rows rows = {.count = 0};
    user_iterator_request request = {.chunk_bytes = SIZE_MAX, .row_limit = SIZE_MAX};
    model.control.window_max = 3;
    model.control.fail_at = 5;
    user_iterator *walk = walk_over(&model.control, model.entries, model.count);
    CHECK_OK(user_iterator_fill(walk, &request, &rows));
    CHECK(rows.count > 0 && rows.count < 20 && rows.more);
    CHECK_STATUS(PYKV_IO_FAILED, user_iterator_fill(walk, &request, &rows));
    CHECK_STATUS(PYKV_IO_FAILED, user_iterator_fill(walk, &request, &rows));
    CHECK(strstr(error_last()->text, "call 5") != NULL);
    user_iterator_rows_reset(&rows);
    user_iterator_free(walk);
    walk_model_close(&model);
}

TEST(an_operation_of_an_unknown_kind_ends_a_fill)
{
    static const char *keys[] = {"a", "b", "c"};
    iterator_entry entries[3];
    array_control control = {.seed = 1, .window_max = 3};
    user_iterator_rows rows = {.count = 0};
    for (size_t i = 0; i < 3; i++) {
        entries[i] = (iterator_entry){
            .key = slice_make(keys[i], 1), .sequence = i + 1, .kind = i == 1 ? 200 : RECORD_PUT};
    }
    for (int is_reverse = 0; is_reverse < 2; is_reverse++) {
        user_iterator_request request = {
            .chunk_bytes = 100, .row_limit = 100, .is_reverse = is_reverse != 0};
        user_iterator *walk = walk_over(&control, entries, 3);
        if (is_reverse != 0) {
            user_iterator_place_last(walk);
        }
        CHECK_OK(user_iterator_fill(walk, &request, &rows));
        CHECK_EQUAL(1, rows.count);
        CHECK_BYTES(is_reverse != 0 ? "c" : "a", rows.data.data, 1);
        CHECK_STATUS(PYKV_CORRUPTION, user_iterator_fill(walk, &request, &rows));
        CHECK(strstr(error_last()->text, "kind 200") != NULL);
        user_iterator_free(walk);
    }
    user_iterator_rows_reset(&rows);
}

/* A fill that turns on a row and gives it alone stands on the far side of it: the next fill back
 * gives it again. It was once left out. */
TEST(a_fill_that_turns_on_a_row_leaves_it_behind)
{
    static const char *keys[] = {"a", "b", "c"};
    iterator_entry entries[3];
    array_control control = {.seed = 1, .window_max = 1};
    user_iterator_rows rows = {.count = 0};
    for (size_t i = 0; i < 3; i++) {
        entries[i] =
            (iterator_entry){.key = slice_make(keys[i], 1), .sequence = i + 1, .kind = RECORD_PUT};
    }
    user_iterator *walk = walk_over(&control, entries, 3);
    for (int came_back = 0; came_back < 2; came_back++) {
        user_iterator_request request = {
            .chunk_bytes = 100, .row_limit = 1, .is_reverse = came_back == 0};
        CHECK_OK(came_back != 0 ? user_iterator_seek_back(walk, slice_make("bb", 2))
                                : user_iterator_seek(walk, slice_make("b", 1)));
        for (int i = 0; i < 3; i++, request.is_reverse = !request.is_reverse) {
            CHECK_OK(user_iterator_fill(walk, &request, &rows));
            CHECK_EQUAL(1, rows.count);
            CHECK_BYTES("b", rows.data.data, 1);
        }
    }
    user_iterator_rows_reset(&rows);
    user_iterator_free(walk);
}

TEST_MAIN(CASE(rows_of_every_size_come_out_whole), CASE(rows_go_to_arrays_as_they_go_to_memory),
          CASE(a_fill_comes_back_from_a_long_run_of_deletes_and_goes_on),
          CASE(rows_before_a_failure_are_not_lost),
          CASE(an_operation_of_an_unknown_kind_ends_a_fill),
          CASE(a_fill_that_turns_on_a_row_leaves_it_behind))
