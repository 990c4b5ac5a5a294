/*
 * delete_range_history_test: whatever was written, flushed, compacted and recovered in between, a
 * range delete removes the keys of its range that were put before it, for those who read later.
 */
#include "lsm_fixture.h"

#include "lsm/delete_range.h"
#include "lsm/room.h"

enum { KEY_COUNT = 64, SCAN_COUNT = 3, SNAPSHOT_COUNT = 3, BATCH_MAX = 5, VALUE_BYTES_MAX = 2000 };

/* Number of the value of each key; 0: absent. */
typedef struct contents {
    uint32_t values[KEY_COUNT];
} contents;

/* A scan that is open, and what it has to show. */
typedef struct open_scan {
    lsm_scan *scan; /* NULL: none */
    contents seen;
    uint32_t from; /* keys from .. to - 1 */
    uint32_t to;
    bool reverse;
} open_scan;

/* A snapshot that is kept, and what it has to show. */
typedef struct kept {
    lsm_snapshot *snapshot; /* NULL: none */
    contents seen;
} kept;

typedef struct history {
    fixture store;
    uint64_t chance;
    contents now;
    uint32_t last_value;
    open_scan scans[SCAN_COUNT];
    kept snapshots[SNAPSHOT_COUNT];
} history;

static uint32_t roll(history *self, uint32_t bound)
{
    return (uint32_t)check_random(&self->chance, bound);
}

/* Some values are large, so that tables have many blocks. */
static slice value_of(uint32_t number, uint8_t out[VALUE_BYTES_MAX])
{
    size_t size = number % 5 == 0 ? 300 + number % 1700 : 4 + number % 9;
    memset(out, (int)(number % 251), size);
    memcpy(out, &number, sizeof number);
    return slice_make(out, size);
}

static uint32_t number_of(slice value)
{
    uint8_t wanted[VALUE_BYTES_MAX];
    uint32_t number;
    CHECK(value.size >= sizeof number);
    memcpy(&number, value.data, sizeof number);
    CHECK(slice_equal(value, value_of(number, wanted)));
    return number;
}

static uint32_t index_of(slice key)
{
    char name[16];
    for (uint32_t i = 0; i < KEY_COUNT; i++) {
        if (slice_equal(key, fixture_key(i, name))) {
            return i;
        }
    }
    CHECK(false);
    return 0;
}

/* ---- writing ---- */

static void delete_keys(contents *self, uint32_t from, uint32_t to)
{
    for (uint32_t i = from; i < to; i++) {
        self->values[i] = 0;
    }
}

/* A range of the keys: from .. to - 1; KEY_COUNT stands for no end at all. */
static void choose_range(history *self, uint32_t *from, uint32_t *to)
{
    uint32_t a = roll(self, KEY_COUNT + 1);
    uint32_t b = roll(self, 3) == 0 ? roll(self, KEY_COUNT + 1) : a + 1 + roll(self, 8);
    b = b < KEY_COUNT ? b : KEY_COUNT;
    *from = a < b ? a : b;
    *to = a < b ? b : a;
}

/* Fills one write and does the same to what is to come. */
static void choose_write(history *self, record *out, char names[2][16],
                         uint8_t value[VALUE_BYTES_MAX])
{
    uint32_t what = roll(self, 10);
    uint32_t index = roll(self, KEY_COUNT);
    uint32_t to;
    *out = (record){.kind = RECORD_PUT, .key = fixture_key(index, names[0])};
    if (what < 6) {
        self->now.values[index] = ++self->last_value;
        out->value = value_of(self->last_value, value);
    } else if (what < 7) {
        out->kind = RECORD_DELETE;
        self->now.values[index] = 0;
    } else {
        choose_range(self, &index, &to);
        out->kind = RECORD_RANGE_DELETE;
        out->key = index == 0 ? slice_make("", 0) : fixture_key(index, names[0]);
        out->value = to == KEY_COUNT ? slice_make("", 0) : fixture_key(to, names[1]);
        delete_keys(&self->now, index, to);
    }
}

static void write_some(history *self)
{
    record operations[BATCH_MAX];
    char names[BATCH_MAX][2][16];
    static uint8_t values[BATCH_MAX][VALUE_BYTES_MAX];
    uint32_t count = roll(self, 3) == 0 ? 1 + roll(self, BATCH_MAX) : 1;
    for (uint32_t i = 0; i < count; i++) {
        choose_write(self, &operations[i], names[i], values[i]);
    }
    CHECK_OK(lsm_write(self->store.store, operations, count, 0));
}

/* ---- reading ---- */

static void check_gets(history *self, const lsm_snapshot *snapshot, const contents *seen)
{
    char name[16];
    epoch_token token = epoch_enter(&lsm_gate(self->store.store)->readers);
    for (uint32_t i = 0; i < KEY_COUNT; i++) {
        pykv_pinned found = {0};
        pykv_status status =
            lsm_get_at(self->store.store, snapshot, fixture_key(i, name), 0, &found);
        CHECK_EQUAL(seen->values[i] != 0 ? PYKV_OK : PYKV_NOT_FOUND, status);
        if (status == PYKV_OK) {
            CHECK_EQUAL(seen->values[i], number_of(slice_make(found.data, found.length)));
            mem_free(found.owned);
        }
    }
    epoch_leave(&lsm_gate(self->store.store)->readers, token);
}

static void check_many(history *self, const lsm_snapshot *snapshot, const contents *seen)
{
    lsm_many *many;
    char names[KEY_COUNT][16];
    const void *keys[KEY_COUNT];
    size_t lengths[KEY_COUNT];
    for (uint32_t i = 0; i < KEY_COUNT; i++) {
        lengths[i] = fixture_key(i, names[i]).size;
        keys[i] = names[i];
    }
    CHECK_OK(lsm_many_new(self->store.store, &many));
    epoch_token token = epoch_enter(&lsm_gate(self->store.store)->readers);
    CHECK_OK(lsm_many_get(many, snapshot, KEY_COUNT, keys, lengths, 0));
    for (uint32_t i = 0; i < KEY_COUNT; i++) {
        const uint8_t *value = lsm_many_values(many)[i];
        uint32_t number =
            value == NULL ? 0 : number_of(slice_make(value, lsm_many_lengths(many)[i]));
        CHECK_EQUAL(seen->values[i], number);
    }
    lsm_many_release(many);
    epoch_leave(&lsm_gate(self->store.store)->readers, token);
    lsm_many_free(many);
}

static void begin_scan(history *self, const kept *at, open_scan *which)
{
    char names[2][16];
    uint32_t from;
    uint32_t to;
    choose_range(self, &from, &to);
    pykv_range range = {.has_start = from > 0, .has_stop = to < KEY_COUNT};
    slice start = fixture_key(from, names[0]);
    slice stop = fixture_key(to, names[1]);
    range.start = start.data;
    range.start_length = start.size;
    range.stop = stop.data;
    range.stop_length = stop.size;
    *which = (open_scan){.seen = at == NULL ? self->now : at->seen,
                         .from = from,
                         .to = to,
                         .reverse = roll(self, 2) == 0};
    range.reverse = which->reverse;
    CHECK_OK(
        lsm_scan_open(self->store.store, at == NULL ? NULL : at->snapshot, &range, &which->scan));
}

/* Reads the scan to its end and compares. */
static void end_scan(history *self, open_scan *which)
{
    pykv_rows rows = {.count = 1};
    contents got = {{0}};
    int64_t last = which->reverse ? KEY_COUNT : -1;
    while (rows.count > 0) {
        CHECK_OK(lsm_scan_next(which->scan, 1 + roll(self, 4000), &rows));
        for (size_t i = 0; i < rows.count; i++) {
            const uint64_t *at = rows.offsets + 2 * i;
            uint32_t index = index_of(slice_make(rows.data + at[0], at[1] - at[0]));
            CHECK(which->reverse ? index < last : index > last);
            last = index;
            got.values[index] = number_of(slice_make(rows.data + at[1], at[2] - at[1]));
        }
    }
    for (uint32_t i = 0; i < KEY_COUNT; i++) {
        bool inside = i >= which->from && i < which->to;
        CHECK_EQUAL(inside ? which->seen.values[i] : 0, got.values[i]);
    }
    lsm_scan_free(self->store.store, which->scan);
    which->scan = NULL;
}

static void end_scans(history *self)
{
    for (int i = 0; i < SCAN_COUNT; i++) {
        if (self->scans[i].scan != NULL) {
            end_scan(self, &self->scans[i]);
        }
    }
}

static void check_at(history *self, const kept *at)
{
    open_scan once;
    const lsm_snapshot *snapshot = at == NULL ? NULL : at->snapshot;
    const contents *seen = at == NULL ? &self->now : &at->seen;
    check_gets(self, snapshot, seen);
    check_many(self, snapshot, seen);
    for (int i = 0; i < 4; i++) {
        begin_scan(self, at, &once);
        end_scan(self, &once);
    }
}

static void check_all(history *self)
{
    check_at(self, NULL);
    for (int i = 0; i < SNAPSHOT_COUNT; i++) {
        if (self->snapshots[i].snapshot != NULL) {
            check_at(self, &self->snapshots[i]);
        }
    }
}

/* Takes a snapshot, or reads one for the last time. */
static void turn_snapshot(history *self, kept *which)
{
    if (which->snapshot == NULL) {
        which->seen = self->now;
        CHECK_OK(lsm_snapshot_new(self->store.store, &which->snapshot));
    } else {
        check_at(self, which);
        lsm_snapshot_free(self->store.store, which->snapshot);
        which->snapshot = NULL;
    }
}

static void end_snapshots(history *self)
{
    for (int i = 0; i < SNAPSHOT_COUNT; i++) {
        if (self->snapshots[i].snapshot != NULL) {
            turn_snapshot(self, &self->snapshots[i]);
        }
    }
}

/* ---- everything else ---- */

/* Seals the memtable without a flush. */

static void seal(history *self)
{
    lsm *store = self->store.store;
    mutex_lock(&store->writer);
    pykv_status status = lsm_switch_memtable(store);
    mutex_unlock(&store->writer);
    if (status == PYKV_WOULD_BLOCK) {
        CHECK_OK(wal_prepare_next(store->log));
    } else {
        CHECK_OK(status);
    }
}

static void maintain(history *self)
{
    int32_t more;
    for (uint32_t steps = roll(self, 4); steps > 0; steps--) {
        CHECK_OK(lsm_maintain_step(self->store.store, PYKV_ROLE_DATA, &more));
    }
}

static void restart(history *self, bool dies)
{
    end_scans(self);
    end_snapshots(self);
    if (dies) {
        fixture_recover(&self->store);
    } else {
        fixture_reopen(&self->store);
    }
}

static void step(history *self)
{
    uint32_t what = roll(self, 100);
    open_scan *scan = &self->scans[roll(self, SCAN_COUNT)];
    if (what < 66) {
        write_some(self);
    } else if (what < 72) {
        seal(self);
    } else if (what < 80) {
        maintain(self);
    } else if (what < 84) {
        CHECK_OK(lsm_flush(self->store.store));
    } else if (what < 87) {
        turn_snapshot(self, &self->snapshots[roll(self, SNAPSHOT_COUNT)]);
    } else if (what < 94) {
        if (scan->scan == NULL) {
            begin_scan(self, NULL, scan);
        } else {
            end_scan(self, scan);
        }
    } else if (what < 95) {
        CHECK_OK(lsm_compact(self->store.store, NULL));
        CHECK_EQUAL(0, fixture_stats(&self->store).deleted_range_count);
    } else if (what < 98) {
        check_all(self);
    } else if (what == 98) {
        restart(self, roll(self, 2) == 0);
    } else if (roll(self, 4) == 0) {
        CHECK_OK(lsm_clear(self->store.store, 0));
        delete_keys(&self->now, 0, KEY_COUNT);
    }
}

TEST(random_histories_read_as_they_were_written)
{
    for (int round = 0; round < 6; round++) {
        history self = {.store = fixture_new(), .chance = check_seed() * 64 + (uint64_t)round};
        for (int i = 0; i < 500; i++) {
            step(&self);
        }
        check_all(&self);
        restart(&self, round % 2 == 0);
        check_all(&self);
        fixture_free(&self.store);
    }
}

TEST_MAIN(CASE(random_histories_read_as_they_were_written))
