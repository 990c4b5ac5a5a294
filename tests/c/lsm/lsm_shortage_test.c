/*
 * lsm_shortage: memory and space run out anywhere in a life of writes, flushes, compactions, clears
 * and scans. What was refused is not there, what was acknowledged is, now and after a recovery.
 */
#include "lsm_fixture.h"

enum { KEYS = 40, STEPS = 260, VALUE_BYTES = 1800 };

/* What the store must hold: the counter of each key, 0: absent. */
typedef struct life {
    fixture store;
    uint64_t seed;
    uint32_t counters[KEYS];
    uint32_t step;
    uint32_t refused;
} life;

static slice value_of(uint32_t counter, uint8_t out[VALUE_BYTES])
{
    memset(out, (int)counter, VALUE_BYTES);
    memcpy(out, &counter, sizeof counter);
    return slice_make(out, VALUE_BYTES - counter % 1000);
}

static void check_all(life *self)
{
    static char found[VALUE_BYTES + 1];
    static uint8_t wanted[VALUE_BYTES];
    char text[16];
    uint64_t live = 0;
    for (uint32_t i = 0; i < KEYS; i++) {
        pykv_status status =
            fixture_get(&self->store, fixture_key(i, text), 0, found, sizeof found);
        CHECK_EQUAL(self->counters[i] != 0 ? PYKV_OK : PYKV_NOT_FOUND, status);
        if (status == PYKV_OK) {
            slice value = value_of(self->counters[i], wanted);
            CHECK_BYTES(value.data, found, value.size);
            live++;
        }
    }
    CHECK_EQUAL(live, fixture_count(&self->store));
}

/* True if the operation was done; else it was refused for want of memory or space. */
static bool was_done(life *self, pykv_status status)
{
    bool refused = status == PYKV_NO_MEMORY || status == PYKV_NO_SPACE;
    CHECK(refused || status == PYKV_OK);
    self->refused += refused;
    return !refused;
}

static void write_pair(life *self)
{
    static uint8_t value[VALUE_BYTES];
    char texts[2][16];
    uint32_t first = (uint32_t)check_random(&self->seed, KEYS);
    uint32_t second = (uint32_t)check_random(&self->seed, KEYS);
    uint32_t counter = self->step + 1;
    record batch[2] = {{.kind = RECORD_PUT, .key = fixture_key(first, texts[0])},
                       {.kind = RECORD_DELETE, .key = fixture_key(second, texts[1])}};
    batch[0].value = value_of(counter, value);
    if (was_done(self, lsm_write(self->store.store, batch, 2, 0))) {
        self->counters[first] = counter;
        self->counters[second] = 0;
    }
}

static void put_one(life *self, int32_t flags)
{
    static uint8_t value[VALUE_BYTES];
    char text[16];
    uint32_t index = (uint32_t)check_random(&self->seed, KEYS);
    slice key = fixture_key(index, text);
    uint32_t counter = self->step + 1;
    if (was_done(self, lsm_put(self->store.store, key, value_of(counter, value), flags))) {
        self->counters[index] = counter;
    }
}

static void scan_all(life *self)
{
    lsm_scan *scan;
    pykv_rows rows;
    pykv_range range = {.reverse = self->step % 2 == 0};
    if (!was_done(self, lsm_scan_open(self->store.store, NULL, &range, &scan))) {
        return;
    }
    uint64_t live = 0;
    uint64_t seen = 0;
    bool whole = true;
    for (uint32_t i = 0; i < KEYS; i++) {
        live += self->counters[i] != 0;
    }
    do {
        whole = was_done(self, lsm_scan_next(scan, 5000, &rows));
        seen += whole ? rows.count : 0;
    } while (whole && rows.count > 0);
    CHECK(!whole || seen == live);
    lsm_scan_free(self->store.store, scan);
}

static void do_step(life *self)
{
    int32_t more;
    lsm *store = self->store.store;
    switch (check_random(&self->seed, 24)) {
    case 0:
        (void)was_done(self, lsm_flush(store));
        break;
    case 1:
        (void)was_done(self, lsm_maintain_step(store, PYKV_ROLE_DATA, &more));
        break;
    case 2:
        (void)was_done(self, lsm_maintain_step(store, PYKV_ROLE_LOG, &more));
        break;
    case 3:
        scan_all(self);
        break;
    case 4:
        if (self->step % 3 == 0 && was_done(self, lsm_clear(store, 0))) {
            memset(self->counters, 0, sizeof self->counters);
        }
        break;
    case 5:
        (void)was_done(self, lsm_compact(store, NULL));
        break;
    case 6:
    case 7:
    case 8:
        write_pair(self);
        break;
    default:
        put_one(self, 0);
        break;
    }
    self->step++;
}

static life life_begin(uint64_t seed)
{
    return (life){.store = fixture_new(), .seed = seed};
}

/* Nothing runs out any more: everything is there, works, and is there after the process died. */
static void life_end(life *self)
{
    check_all(self);
    CHECK_OK(lsm_compact(self->store.store, NULL));
    CHECK_EQUAL(PYKV_STATE_OPEN, lsm_state(self->store.store));
    put_one(self, 0);
    check_all(self);
    if (self->seed % 2 == 0) {
        fixture_recover(&self->store);
    } else {
        fixture_reopen(&self->store);
    }
    check_all(self);
    CHECK_EQUAL(fixture_stats(&self->store).table_count, fixture_files(&self->store, ".tbl", NULL));
    fixture_free(&self->store);
}

TEST(memory_that_is_missing_once_anywhere_costs_one_operation)
{
    uint64_t rounds = check_count("PYKV_LSM_SHORTAGES", 30);
    uint64_t chance = check_seed();
    for (uint64_t round = 0; round < rounds; round++) {
        int64_t blocks = mem_block_count();
        life self = life_begin(check_seed() + round);
        for (uint32_t i = 0; i < STEPS; i++) {
            (void)mem_fail_at(1 + check_random(&chance, 60), 0);
            do_step(&self);
            (void)mem_fail_at(0, 0);
        }
        CHECK(self.refused > 0);
        life_end(&self);
        CHECK_EQUAL(blocks, mem_block_count());
    }
}

TEST(memory_that_is_missing_for_a_while_ends_nothing)
{
    uint64_t rounds = check_count("PYKV_LSM_SHORTAGES", 30);
    uint64_t chance = check_seed();
    for (uint64_t round = 0; round < rounds; round++) {
        life self = life_begin(check_seed() + round);
        for (uint32_t i = 0; i < STEPS; i++) {
            bool scarce = i / 20 % 2 == 1;
            (void)mem_fail_at(scarce ? 1 + check_random(&chance, 200) : 0, 1);
            do_step(&self);
            (void)mem_fail_at(0, 0);
        }
        life_end(&self);
    }
}

TEST(a_disk_that_fills_up_and_empties_again_ends_nothing)
{
    uint64_t rounds = check_count("PYKV_LSM_SHORTAGES", 30);
    uint64_t chance = check_seed();
    for (uint64_t round = 0; round < rounds; round++) {
        life self = life_begin(check_seed() + round);
        for (uint32_t i = 0; i < STEPS; i++) {
            if (i % 20 == 0) {
                bool full = i / 20 % 2 == 1;
                env_memory_set_capacity(self.store.disk,
                                        full ? 1000 + check_random(&chance, 600000) : UINT64_MAX);
            }
            do_step(&self);
        }
        env_memory_set_capacity(self.store.disk, UINT64_MAX);
        life_end(&self);
    }
}

TEST_MAIN(CASE(memory_that_is_missing_once_anywhere_costs_one_operation),
          CASE(memory_that_is_missing_for_a_while_ends_nothing),
          CASE(a_disk_that_fills_up_and_empties_again_ends_nothing))
