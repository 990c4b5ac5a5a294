/*
 * scan: the rows of the moment at which it was opened, whatever is done to the store afterwards.
 */
#include "bitcask_fixture.h"

#include "bitcask/merge.h"
#include "bitcask/merge_pick.h"
#include "bitcask/named_fixture.h"
#include "bitcask/scan.h"

enum { SCAN_KEYS = 200, SCAN_CHUNK = 1000 };

/* Reads what is left of a scan. Checks that it is key-0 .. key-(count - 1), each once, with
 * values of value_bytes 'v's. */
static void expect_rows(scan *rows_of, uint32_t count, size_t value_bytes)
{
    bool seen[SCAN_KEYS] = {false};
    uint32_t row_count = 0;
    pykv_rows rows;
    for (;;) {
        CHECK_OK(scan_next(rows_of, SCAN_CHUNK, &rows));
        if (rows.count == 0) {
            break;
        }
        for (size_t i = 0; i < rows.count; i++) {
            const uint64_t *at = rows.offsets + 2 * i;
            char key[16] = "";
            CHECK(at[1] - at[0] < sizeof key);
            memcpy(key, rows.data + at[0], at[1] - at[0]);
            uint32_t number = (uint32_t)strtoul(key + 4, NULL, 10);
            CHECK(number < count && !seen[number]);
            seen[number] = true;
            row_count++;
            CHECK_EQUAL(value_bytes, at[2] - at[1]);
            for (uint64_t j = at[1]; j < at[2]; j++) {
                CHECK_EQUAL('v', rows.data[j]);
            }
        }
    }
    CHECK_EQUAL(count, row_count);
}

/* Too many rows for what else there is: the segments are walked. */
static fixture filled(void)
{
    fixture f = fixture_new();
    fixture_fill(&f, 0, SCAN_KEYS, 30); /* displaced */
    fixture_fill(&f, 0, SCAN_KEYS, 100);
    return f;
}

/* Puts, overwrites and deletes; seals and merges. */
static void disturb(fixture *f)
{
    char key[16];
    fixture_fill(f, 0, SCAN_KEYS / 2, 10);
    fixture_fill(f, SCAN_KEYS, SCAN_KEYS * 2, 10);
    for (uint32_t i = SCAN_KEYS / 4; i < SCAN_KEYS; i += 2) {
        snprintf(key, sizeof key, "key-%u", i);
        fixture_delete(f, key);
    }
    CHECK_OK(bitcask_compact(f->store, NULL));
}

TEST(a_scan_shows_the_moment_it_was_opened_through_writes_deletes_and_merges)
{
    fixture f = filled();
    scan *first;
    scan *second;
    uint64_t before = bitcask_count(f.store);
    CHECK_OK(scan_open(f.store, false, &first));
    CHECK_OK(scan_open(f.store, false, &second));
    disturb(&f);
    expect_rows(first, SCAN_KEYS, 100);
    fixture_maintain(&f, PYKV_ROLE_DATA, 10);
    disturb(&f);
    expect_rows(second, SCAN_KEYS, 100);
    CHECK(bitcask_count(f.store) != before);
    scan_free(first);
    scan_free(second);
    fixture_free(&f);
}

TEST(a_clear_and_what_follows_it_do_not_reach_an_open_scan)
{
    fixture f = filled();
    scan *before;
    scan *after;
    CHECK_OK(scan_open(f.store, false, &before));
    CHECK_OK(bitcask_clear(f.store, 0));
    CHECK_OK(scan_open(f.store, false, &after));
    fixture_fill(&f, 0, 50, 20);
    CHECK_OK(bitcask_compact(f.store, NULL));
    fixture_maintain(&f, PYKV_ROLE_DATA, 10);
    expect_rows(before, SCAN_KEYS, 100);
    expect_rows(after, 0, 0);
    scan_free(before);
    scan_free(after);
    CHECK_OK(scan_open(f.store, false, &after));
    expect_rows(after, 50, 20);
    scan_free(after);
    fixture_free(&f);
}

/* Half of the rows are read before anything changes, half after. */
TEST(changes_between_two_chunks_show_neither_twice_nor_never)
{
    fixture f = filled();
    scan *rows_of;
    pykv_rows rows;
    bool seen[SCAN_KEYS] = {false};
    uint32_t row_count = 0;
    CHECK_OK(scan_open(f.store, true, &rows_of));
    do {
        CHECK_OK(scan_next(rows_of, 1, &rows));
        for (size_t i = 0; i < rows.count; i++) {
            uint64_t begin = rows.offsets[2 * i];
            char key[16] = "";
            memcpy(key, rows.data + begin, rows.offsets[2 * i + 1] - begin);
            CHECK_EQUAL(rows.offsets[2 * i + 1], rows.offsets[2 * i + 2]); /* keys only */
            uint32_t number = (uint32_t)strtoul(key + 4, NULL, 10);
            CHECK(number < SCAN_KEYS && !seen[number]);
            seen[number] = true;
            row_count++;
        }
        disturb(&f);
    } while (rows.count > 0);
    CHECK_EQUAL(SCAN_KEYS, row_count);
    scan_free(rows_of);
    fixture_free(&f);
}

/* The slots of a merge's output are swung in steps: a scan opened between two finds each row once,
 * where it stands in the input or where it stands in the output. */
TEST(scans_opened_between_the_steps_of_a_merge_show_every_row_once)
{
    enum { SCANS = 32 };
    fixture f = filled();
    segment *inputs[MERGE_INPUTS_MAX];
    scan *scans[SCANS];
    size_t scan_count = 0;
    bool more = true;
    CHECK_OK(bitcask_flush(f.store));
    mutex_lock(&f.store->writer);
    size_t picked = merge_pick(f.store, true, inputs);
    mutex_unlock(&f.store->writer);
    CHECK(picked > 1);
    mutex_lock(&f.store->merge_lock);
    CHECK_OK(merge_begin(f.store, inputs, picked));
    while (more) {
        CHECK(scan_count < SCANS);
        CHECK_OK(scan_open(f.store, false, &scans[scan_count++]));
        CHECK_OK(merge_step(f.store, &more));
    }
    mutex_unlock(&f.store->merge_lock);
    CHECK(scan_count > 3);
    fixture_fill(&f, 0, SCAN_KEYS, 10);
    for (size_t i = 0; i < scan_count; i++) {
        expect_rows(scans[i], SCAN_KEYS, 100);
        scan_free(scans[i]);
    }
    fixture_free(&f);
}

TEST(what_a_scan_holds_is_let_go_with_the_last_one_that_needs_it)
{
    fixture f = filled();
    scan *rows_of;
    pykv_stats stats;
    const segment *oldest = f.store->segments[0];
    CHECK_OK(scan_open(f.store, false, &rows_of));
    disturb(&f);
    bitcask_stats(f.store, &stats);
    CHECK_EQUAL(1, stats.open_scan_count);
    CHECK(stats.undo_bytes > 0);
    CHECK(oldest->removed); /* by a merge, and still there for the scan */
    CHECK_EQUAL(1, oldest->pin_count);
    expect_rows(rows_of, SCAN_KEYS, 100);
    scan_free(rows_of);
    fixture_maintain(&f, PYKV_ROLE_DATA, 10);
    bitcask_stats(f.store, &stats);
    CHECK_EQUAL(0, stats.open_scan_count);
    CHECK_EQUAL(0, undo_bytes(&f.store->spaces.main.directory->undo));
    fixture_fill(&f, 0, 10, 10);
    bitcask_stats(f.store, &stats);
    CHECK_EQUAL(0, stats.undo_bytes);
    for (size_t i = 0; i < f.store->segment_count; i++) {
        CHECK_EQUAL(0, f.store->segments[i]->pin_count);
    }
    fixture_free(&f);
}

TEST(a_scan_of_segments_that_are_not_mapped_shows_the_same)
{
    fixture f = filled();
    scan *rows_of;
    f.options.no_mapped_reads = 1;
    fixture_reopen(&f);
    CHECK_OK(scan_open(f.store, false, &rows_of));
    disturb(&f);
    expect_rows(rows_of, SCAN_KEYS, 100);
    scan_free(rows_of);
    fixture_free(&f);
}

TEST(the_end_of_the_store_ends_its_scans_but_not_their_handles)
{
    fixture f = filled();
    scan *rows_of;
    pykv_rows rows;
    CHECK_OK(scan_open(f.store, false, &rows_of));
    CHECK_OK(scan_next(rows_of, SCAN_CHUNK, &rows));
    CHECK(rows.count > 0);
    uint8_t first = rows.data[0];
    CHECK_OK(bitcask_close(f.store, 0));
    CHECK_EQUAL(first, rows.data[0]); /* its user may be reading it */
    CHECK_STATUS(PYKV_CLOSED, scan_next(rows_of, SCAN_CHUNK, &rows));
    scan_free(rows_of);
    fixture_free(&f);
}

TEST(a_damaged_record_is_reported_and_not_passed_over)
{
    fixture f = fixture_new();
    uint64_t size;
    scan *rows_of;
    pykv_rows rows = {.count = 77};
    fixture_fill(&f, 0, 5, 10);
    fixture_close(&f);
    uint8_t *data = fixture_bytes(&f, "00000001.log", &size);
    uint8_t *at = memmem(data, size, "key-3v", 6);
    CHECK(at != NULL);
    at[8] ^= 4;
    CHECK_OK(fixture_open(&f));
    CHECK_OK(scan_open(f.store, false, &rows_of));
    CHECK_STATUS(PYKV_CORRUPTION, scan_next(rows_of, 0, &rows));
    CHECK_EQUAL(77, rows.count);
    CHECK(strstr(error_last()->path, "00000001.log") != NULL);
    CHECK(error_last()->offset < (uint64_t)(at - data));
    scan_free(rows_of);
    fixture_free(&f);
}

/* A scan once went on behind a failure, without the rows around it, and came to an end. */
TEST(a_scan_that_failed_gives_the_same_failure_for_ever_and_others_are_not_touched)
{
    fixture f = fixture_new();
    scan *rows_of;
    pykv_rows rows = {.count = 77};
    fixture_fill(&f, 0, 20, 1000);
    fixture_close(&f);
    uint8_t *at = fixture_damage(&f, "key-3v");
    CHECK_OK(fixture_open(&f));
    CHECK_OK(scan_open(f.store, false, &rows_of));
    CHECK_STATUS(PYKV_CORRUPTION, scan_next(rows_of, 0, &rows));
    uint64_t offset = error_last()->offset;
    at[8] ^= 4;
    for (int i = 0; i < 3; i++) {
        (void)error_set(PYKV_NOT_FOUND, "another failure of this thread");
        CHECK_EQUAL(PYKV_CORRUPTION, scan_next(rows_of, 0, &rows));
        CHECK_EQUAL(PYKV_CORRUPTION, error_last()->status);
        CHECK_EQUAL(offset, error_last()->offset);
        CHECK_EQUAL(77, rows.count);
    }
    scan_free(rows_of);
    CHECK_OK(scan_open(f.store, false, &rows_of));
    expect_rows(rows_of, 20, 1000);
    scan_free(rows_of);
    fixture_free(&f);
}

/* A pointer of nothing is no argument for memcmp and its like, even of no bytes. */
TEST(rows_of_no_bytes_have_an_address)
{
    fixture f = fixture_new();
    scan *rows_of;
    pykv_rows rows;
    fixture_put(&f, "", "");
    CHECK_OK(scan_open(f.store, false, &rows_of));
    CHECK_OK(scan_next(rows_of, 0, &rows));
    CHECK_EQUAL(1, rows.count);
    CHECK(rows.data != NULL);
    CHECK_EQUAL(0, rows.offsets[2]);
    scan_free(rows_of);
    fixture_free(&f);
}

/* The number of rows that a scan with this limit gives, in chunks of about chunk_bytes. */
static uint64_t count_rows(fixture *f, uint64_t limit, size_t chunk_bytes)
{
    scan *rows_of;
    pykv_rows rows;
    uint64_t count = 0;
    CHECK_OK(scan_open(f->store, false, &rows_of));
    scan_set_limit(rows_of, limit);
    do {
        CHECK_OK(scan_next(rows_of, chunk_bytes, &rows));
        count += rows.count;
    } while (rows.count > 0);
    CHECK_OK(scan_next(rows_of, chunk_bytes, &rows));
    CHECK_EQUAL(0, rows.count);
    scan_free(rows_of);
    return count;
}

TEST(a_scan_ends_at_its_limit_wherever_a_chunk_ends)
{
    fixture f = filled();
    static const size_t chunks[] = {1, 1000, 0};
    for (size_t i = 0; i < sizeof chunks / sizeof chunks[0]; i++) {
        CHECK_EQUAL(1, count_rows(&f, 1, chunks[i]));
        CHECK_EQUAL(100, count_rows(&f, 100, chunks[i]));
        CHECK_EQUAL(SCAN_KEYS, count_rows(&f, SCAN_KEYS, chunks[i]));
        CHECK_EQUAL(SCAN_KEYS, count_rows(&f, UINT64_MAX, chunks[i]));
        CHECK_EQUAL(SCAN_KEYS, count_rows(&f, 0, chunks[i]));
    }
    fixture_free(&f);
}

/* Rows of a scan in arrays: each call wants at most 7, and room for keys is scarce. */
static uint32_t count_in_arrays(scan *rows_of, bool *seen)
{
    uint32_t count = 0;
    uint8_t key_data[40];
    uint8_t value_data[2000];
    int64_t key_offsets[8] = {0};
    int64_t value_offsets[8] = {0};
    pykv_rows left;
    uint64_t done;
    do {
        pykv_items_room keys = {
            .data = key_data, .data_bytes = sizeof key_data, .offsets = key_offsets};
        pykv_items_room values = {
            .data = value_data, .data_bytes = sizeof value_data, .offsets = value_offsets};
        done = 0;
        CHECK_OK(scan_next_arrays(rows_of, 7, &keys, &values, &done, &left));
        CHECK(done <= 7 && keys.used_bytes <= sizeof key_data);
        CHECK_EQUAL(keys.used_bytes, (uint64_t)key_offsets[done]);
        CHECK_EQUAL(values.used_bytes, (uint64_t)value_offsets[done]);
        CHECK_EQUAL(done * 100, values.used_bytes);
        for (uint64_t i = 0; i < done + left.count; i++) {
            bool is_left = i >= done;
            const uint64_t *at = left.offsets + (is_left ? 2 * (i - done) : 0);
            const uint8_t *data = is_left ? left.data + at[0] : key_data + key_offsets[i];
            uint64_t size =
                is_left ? at[1] - at[0] : (uint64_t)(key_offsets[i + 1] - key_offsets[i]);
            char key[16] = "";
            memcpy(key, data, (size_t)size);
            uint32_t number = (uint32_t)strtoul(key + 4, NULL, 10);
            CHECK(number < SCAN_KEYS && !seen[number]);
            seen[number] = true;
            count++;
        }
    } while (done + left.count > 0);
    return count;
}

/* Some of the segments hold current rows only, others dead ones too. */
TEST(a_scan_gives_every_row_once_in_arrays_or_beside_them)
{
    for (uint64_t limit = 0; limit < 200; limit += 33) {
        fixture f = filled();
        scan *rows_of;
        bool seen[SCAN_KEYS] = {false};
        fixture_fill(&f, 90, 100, 100);
        CHECK_OK(scan_open(f.store, false, &rows_of));
        scan_set_limit(rows_of, limit);
        disturb(&f);
        CHECK_EQUAL(limit == 0 ? SCAN_KEYS : limit, count_in_arrays(rows_of, seen));
        scan_free(rows_of);
        fixture_free(&f);
    }
}

/* ---- few rows among much else, which are read one by one ---- */

enum { FEW_ROWS = 20 };

/* Rows of the default namespace, each between some of another one. */
static fixture with_few_rows(void)
{
    fixture f = fixture_new();
    space *other = named_make(&f, "other");
    for (uint32_t i = 0; i < FEW_ROWS; i++) {
        fixture_fill(&f, i, i + 1, 100);
        named_fill(&f, other, 10 * i, 10 * i + 10, 1000);
    }
    named_let_go(&f, other);
    return f;
}

TEST(few_rows_are_those_of_the_moment_whatever_is_done_to_them)
{
    fixture f = with_few_rows();
    scan *before;
    scan *behind;
    CHECK_OK(scan_open(f.store, false, &before));
    fixture_fill(&f, 0, FEW_ROWS / 2, 50);
    CHECK_OK(bitcask_delete(f.store, fixture_text("key-15"), 0, NULL));
    CHECK_OK(scan_open(f.store, false, &behind));
    fixture_fill(&f, 0, 3 * FEW_ROWS, 10);
    CHECK_OK(bitcask_flush(f.store));
    CHECK_OK(bitcask_compact(f.store, NULL));
    CHECK_OK(bitcask_clear(f.store, 0));
    expect_rows(before, FEW_ROWS, 100);
    pykv_rows rows;
    CHECK_OK(scan_next(behind, 1 << 20, &rows));
    CHECK_EQUAL(FEW_ROWS - 1, rows.count);
    scan_free(before);
    scan_free(behind);
    fixture_free(&f);
}

/* Of such a store a scan once decoded all that stands between its rows. */
TEST(what_stands_between_few_rows_is_not_read)
{
    fixture f = with_few_rows();
    scan *rows_of;
    pykv_rows rows;
    fixture_close(&f);
    (void)fixture_damage(&f, "key-3n");
    CHECK_OK(fixture_open(&f));
    CHECK_OK(scan_open(f.store, false, &rows_of));
    expect_rows(rows_of, FEW_ROWS, 100);
    scan_free(rows_of);
    fixture_close(&f);
    (void)fixture_damage(&f, "key-0v");
    CHECK_OK(fixture_open(&f));
    CHECK_OK(scan_open(f.store, false, &rows_of));
    CHECK_STATUS(PYKV_CORRUPTION, scan_next(rows_of, 1 << 20, &rows));
    scan_free(rows_of);
    fixture_free(&f);
}

TEST(few_rows_that_expired_are_not_shown)
{
    fixture f = with_few_rows();
    scan *rows_of;
    uint64_t now = bitcask_now(f.store);
    CHECK_OK(bitcask_put_until(f.store, fixture_text("late"), fixture_text("1"), now, 0));
    CHECK_OK(scan_open(f.store, false, &rows_of));
    expect_rows(rows_of, FEW_ROWS, 100);
    scan_free(rows_of);
    fixture_free(&f);
}

TEST_MAIN(CASE(a_scan_gives_every_row_once_in_arrays_or_beside_them),
          CASE(rows_of_no_bytes_have_an_address),
          CASE(a_scan_ends_at_its_limit_wherever_a_chunk_ends),
          CASE(a_scan_shows_the_moment_it_was_opened_through_writes_deletes_and_merges),
          CASE(a_clear_and_what_follows_it_do_not_reach_an_open_scan),
          CASE(changes_between_two_chunks_show_neither_twice_nor_never),
          CASE(scans_opened_between_the_steps_of_a_merge_show_every_row_once),
          CASE(what_a_scan_holds_is_let_go_with_the_last_one_that_needs_it),
          CASE(a_scan_of_segments_that_are_not_mapped_shows_the_same),
          CASE(the_end_of_the_store_ends_its_scans_but_not_their_handles),
          CASE(few_rows_are_those_of_the_moment_whatever_is_done_to_them),
          CASE(what_stands_between_few_rows_is_not_read), CASE(few_rows_that_expired_are_not_shown),
          CASE(a_damaged_record_is_reported_and_not_passed_over),
          CASE(a_scan_that_failed_gives_the_same_failure_for_ever_and_others_are_not_touched))
