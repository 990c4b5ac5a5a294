/*
 * scan_test: rows come in order, at one moment, in chunks, and a scan may outlive its store.
 */
#include "lsm_fixture.h"

#include "lsm/user_iterator.h"
#include "lsm/walk.h"

/* Keys 0 to 99, some in tables, some in memtables, some both, without every fifth. */
static fixture mixed(void)
{
    fixture self = fixture_new();
    char key[16];
    fixture_fill(&self, 0, 60, 10);
    CHECK_OK(lsm_flush(self.store));
    fixture_fill(&self, 40, 100, 12);
    for (uint32_t i = 0; i < 100; i += 5) {
        CHECK_OK(lsm_delete(self.store, fixture_key(i, key), 0, NULL));
    }
    return self;
}

static pykv_range between(const char *start, const char *stop)
{
    return (pykv_range){.start = start,
                        .start_length = strlen(start),
                        .has_start = 1,
                        .stop = stop,
                        .stop_length = strlen(stop),
                        .has_stop = 1};
}

/* Checks that a scan gives the keys from, from + step, .. before to, but for every fifth. */
static void expect_rows(fixture *self, const pykv_range *range, size_t chunk, int from, int to)
{
    lsm_scan *scan;
    pykv_rows rows;
    int step = from <= to ? 1 : -1;
    int at = from;
    CHECK_OK(lsm_scan_open(self->store, NULL, range, &scan));
    CHECK_EQUAL(1, fixture_stats(self).open_scan_count);
    do {
        CHECK_OK(lsm_scan_next(scan, chunk, &rows));
        for (size_t i = 0; i < rows.count; i++) {
            char key[16];
            at += at % 5 == 0 ? step : 0;
            slice wanted = fixture_key((uint32_t)at, key);
            const uint64_t *place = rows.offsets + 2 * i;
            CHECK_EQUAL(wanted.size, place[1] - place[0]);
            CHECK_BYTES(wanted.data, rows.data + place[0], wanted.size);
            bool no_values = range != NULL && range->keys_only != 0;
            CHECK_EQUAL(no_values ? 0 : at < 40 ? 10 : 12, place[2] - place[1]);
            at += step;
        }
    } while (rows.count > 0);
    at += at % 5 == 0 && at != to ? step : 0;
    CHECK_EQUAL(to, at);
    CHECK_OK(lsm_scan_next(scan, chunk, &rows));
    CHECK_EQUAL(0, rows.count);
    lsm_scan_free(self->store, scan);
    CHECK_EQUAL(0, fixture_stats(self).open_scan_count);
}

TEST(all_rows_come_in_order_whatever_the_chunk)
{
    fixture self = mixed();
    expect_rows(&self, NULL, 0, 0, 100);
    expect_rows(&self, NULL, 1, 0, 100);
    expect_rows(&self, NULL, 100, 0, 100);
    CHECK_EQUAL(80, fixture_count(&self));
    fixture_free(&self);
}

TEST(a_range_bounds_the_rows_in_both_directions)
{
    fixture self = mixed();
    pykv_range range = between("key-00021", "key-00063");
    expect_rows(&self, &range, 64, 21, 63);
    range.keys_only = 1;
    expect_rows(&self, &range, 64, 21, 63);
    range.reverse = 1;
    expect_rows(&self, &range, 64, 62, 20);
    range.keys_only = 0;
    expect_rows(&self, &range, 0, 62, 20);
    range = between("key-00063", "key-00021");
    expect_rows(&self, &range, 0, 1, 1);
    fixture_free(&self);
}

TEST(a_limit_ends_the_scan)
{
    fixture self = mixed();
    pykv_range range = {.limit = 4};
    expect_rows(&self, &range, 0, 0, 5);
    expect_rows(&self, &range, 1, 0, 5);
    fixture_free(&self);
}

/* Room for rows of two arrays. */
typedef struct array_rooms {
    uint8_t data[2][2000];
    int64_t offsets[2][128];
    pykv_items_room keys;
    pykv_items_room values;
} array_rooms;

static void rooms_begin(array_rooms *self, uint64_t key_bytes)
{
    memset(self, 0xa5, sizeof *self);
    self->keys = (pykv_items_room){
        .data = self->data[0], .data_bytes = key_bytes, .offsets = self->offsets[0]};
    self->values = (pykv_items_room){
        .data = self->data[1], .data_bytes = sizeof self->data[1], .offsets = self->offsets[1]};
    self->offsets[0][0] = 0;
    self->offsets[1][0] = 0;
}

/* Checks rows of mixed() from *at on, in a direction. */
static void expect_in_arrays(const array_rooms *self, uint64_t count, int step, int *at)
{
    char key[16];
    for (uint64_t i = 0; i < count; i++) {
        *at += *at % 5 == 0 ? step : 0;
        slice wanted = fixture_key((uint32_t)*at, key);
        CHECK_EQUAL(wanted.size, (size_t)(self->offsets[0][i + 1] - self->offsets[0][i]));
        CHECK_BYTES(wanted.data, self->data[0] + self->offsets[0][i], wanted.size);
        CHECK_EQUAL(*at < 40 ? 10 : 12, self->offsets[1][i + 1] - self->offsets[1][i]);
        *at += step;
    }
}

TEST(rows_go_to_arrays_and_the_one_without_room_is_given_beside_them)
{
    fixture self = mixed();
    array_rooms *rooms = mem_alloc(sizeof *rooms);
    CHECK(rooms != NULL);
    for (int32_t reverse = 0; reverse < 2; reverse++) {
        const pykv_range range = {.reverse = reverse, .limit = 70};
        int step = reverse != 0 ? -1 : 1;
        int at = reverse != 0 ? 99 : 0;
        lsm_scan *scan;
        uint64_t total = 0;
        pykv_rows left;
        CHECK_OK(lsm_scan_open(self.store, NULL, &range, &scan));
        for (uint64_t given = 1; given > 0; total += given) {
            uint64_t done = 0;
            char key[16];
            rooms_begin(rooms, 50);
            CHECK_OK(lsm_scan_next_arrays(scan, 9, &rooms->keys, &rooms->values, &done, &left));
            CHECK(done <= 9 && left.count <= 1 && rooms->keys.used_bytes <= 50);
            CHECK_EQUAL(0xa5, rooms->data[0][50]);
            CHECK_EQUAL(rooms->keys.used_bytes, (uint64_t)rooms->offsets[0][done]);
            expect_in_arrays(rooms, done, step, &at);
            if (left.count > 0) {
                at += at % 5 == 0 ? step : 0;
                slice wanted = fixture_key((uint32_t)at, key);
                CHECK_BYTES(wanted.data, left.data, wanted.size);
                CHECK(rooms->keys.used_bytes + wanted.size > 50);
                at += step;
            }
            given = done + left.count;
        }
        CHECK_EQUAL(70, total);
        lsm_scan_free(self.store, scan);
    }
    mem_free(rooms);
    fixture_free(&self);
}

TEST(a_scan_sees_the_moment_it_was_opened_at)
{
    fixture self = fixture_new();
    lsm_scan *scan;
    pykv_rows rows;
    fixture_put(&self, "a", "1");
    fixture_put(&self, "b", "1");
    CHECK_OK(lsm_scan_open(self.store, NULL, NULL, &scan));
    fixture_put(&self, "a", "2");
    fixture_delete(&self, "b");
    fixture_put(&self, "c", "1");
    fixture_fill(&self, 0, 300, 1000);
    CHECK_OK(lsm_compact(self.store, NULL));
    CHECK_OK(lsm_scan_next(scan, 0, &rows));
    CHECK_EQUAL(2, rows.count);
    CHECK_BYTES("a1b1", rows.data, 4);
    lsm_scan_free(self.store, scan);
    fixture_free(&self);
}

TEST(a_damaged_block_ends_the_scan_for_good)
{
    fixture self = fixture_new();
    lsm_scan *scan;
    pykv_rows rows;
    uint64_t size;
    char name[32];
    fixture_fill(&self, 0, 60, 500);
    CHECK_OK(lsm_flush(self.store));
    fixture_close(&self);
    fixture_files(&self, ".tbl", name);
    fixture_bytes(&self, name, &size)[2000] ^= 1;
    CHECK_OK(fixture_open(&self));
    CHECK_OK(lsm_scan_open(self.store, NULL, NULL, &scan));
    pykv_status status = PYKV_OK;
    while (status == PYKV_OK) {
        status = lsm_scan_next(scan, 500, &rows);
        CHECK(status != PYKV_OK || rows.count > 0);
    }
    CHECK_EQUAL(PYKV_CORRUPTION, status);
    CHECK_STATUS(PYKV_CORRUPTION, lsm_scan_next(scan, 500, &rows));
    lsm_scan_free(self.store, scan);
    uint64_t count = 7;
    CHECK_STATUS(PYKV_CORRUPTION, lsm_count(self.store, NULL, NULL, &count));
    CHECK_EQUAL(7, count);
    fixture_free(&self);
}

TEST(scans_are_ended_by_the_close_and_freed_after_it)
{
    fixture self = mixed();
    lsm_scan *scans[3];
    for (int i = 0; i < 3; i++) {
        CHECK_OK(lsm_scan_open(self.store, NULL, NULL, &scans[i]));
    }
    lsm_scan_free(self.store, scans[1]);
    CHECK_EQUAL(2, fixture_stats(&self).open_scan_count);
    CHECK_OK(lsm_close(self.store, -1));
    lsm_scan_free(self.store, scans[0]);
    lsm_scan_free(self.store, scans[2]);
    lsm_scan_free(self.store, NULL);
    fixture_free(&self);
}

TEST(ending_all_scans_gives_back_what_they_hold)
{
    fixture self = mixed();
    lsm_scan *scan;
    CHECK_OK(lsm_scan_open(self.store, NULL, NULL, &scan));
    CHECK_OK(lsm_compact(self.store, NULL));
    size_t files = fixture_files(&self, ".tbl", NULL);
    lsm_walk_end_all(self.store);
    CHECK_EQUAL(0, fixture_stats(&self).open_scan_count);
    fixture_maintain(&self, PYKV_ROLE_DATA);
    CHECK(fixture_files(&self, ".tbl", NULL) < files);
    lsm_scan_free(self.store, scan);
    fixture_free(&self);
}

TEST(without_memory_a_scan_is_not_opened_and_nothing_is_held)
{
    fixture self = mixed();
    lsm_scan *scan;
    pykv_status status = PYKV_NO_MEMORY;
    for (uint64_t at = 1; status != PYKV_OK; at++) {
        int64_t blocks = mem_block_count();
        (void)mem_fail_at(at, 0);
        status = lsm_scan_open(self.store, NULL, NULL, &scan);
        (void)mem_fail_at(0, 0);
        CHECK(status == PYKV_OK || status == PYKV_NO_MEMORY);
        CHECK(status == PYKV_OK || blocks == mem_block_count());
    }
    lsm_scan_free(self.store, scan);
    fixture_free(&self);
}

/* Between a close and the next row it once said that it had come to the end. */
TEST(a_scan_that_a_close_interrupts_does_not_end_as_if_it_had_shown_all)
{
    enum { WRITES = USER_ITERATOR_SKIPPED_MAX + 1000 };
    fixture self = {.options = {.memtable_bytes = 16 << 20, .compression = PYKV_CODEC_NONE}};
    lsm_scan *scan;
    pykv_rows rows;
    CHECK_OK(env_memory_new(check_seed(), 64 << 20, &self.disk));
    CHECK_OK(fixture_open(&self));
    fixture_put(&self, "z", "1");
    CHECK_OK(lsm_scan_open(self.store, NULL, NULL, &scan));
    fixture_fill(&self, 0, WRITES, 1); /* which the scan passes over */
    gate_shut(lsm_gate(self.store));
    CHECK_STATUS(PYKV_CLOSED, lsm_scan_next(scan, 0, &rows));
    CHECK_STATUS(PYKV_CLOSED, lsm_scan_next(scan, 0, &rows));
    lsm_scan_free(self.store, scan);
    fixture_close(&self);
    fixture_free(&self);
}

TEST_MAIN(CASE(all_rows_come_in_order_whatever_the_chunk),
          CASE(a_range_bounds_the_rows_in_both_directions), CASE(a_limit_ends_the_scan),
          CASE(rows_go_to_arrays_and_the_one_without_room_is_given_beside_them),
          CASE(a_scan_sees_the_moment_it_was_opened_at),
          CASE(a_damaged_block_ends_the_scan_for_good),
          CASE(scans_are_ended_by_the_close_and_freed_after_it),
          CASE(ending_all_scans_gives_back_what_they_hold),
          CASE(without_memory_a_scan_is_not_opened_and_nothing_is_held),
          CASE(a_scan_that_a_close_interrupts_does_not_end_as_if_it_had_shown_all))
