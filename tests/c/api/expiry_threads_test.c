/*
 * expiry_threads: what a reader saw expire does not come back, whoever writes, flushes, merges and
 * compacts beside it. Run it under ThreadSanitizer: make test-c FLAVOR=tsan T=expiry_threads.
 */
#include <pthread.h>
#include <stdatomic.h>
#include <unistd.h>

#include "api_fixture.h"

enum { KEY_COUNT = 32, READERS = 2, RUN_US = 200000, TTL_US_MAX = 3000, VALUE_BYTES = 200 };

typedef struct shared {
    api_fixture store;
    _Atomic bool stop;
    _Atomic uint32_t broken; /* line of the first expectation that failed */
    _Atomic uint64_t reads;
    _Atomic uint64_t gone; /* reads that found a key gone which the reader had seen */
} shared;

static shared now;

/* What one reader saw of one key. */
typedef struct sight {
    uint64_t number;
    bool gone;
} sight;

static void note(bool good, int line)
{
    uint32_t none = 0;
    if (!good) {
        (void)atomic_compare_exchange_strong(&now.broken, &none, (uint32_t)line);
        atomic_store(&now.stop, true);
    }
}

#define EXPECT(condition) note((condition), __LINE__)

/* A touch that met its row alive may end after the deadline that the row had, so those that are
 * touched may come back. */
static bool is_touched(uint64_t number)
{
    return number % 16 == 0;
}

/* Puts numbers that rise, each for a short time. */
static void *write_keys(void *context)
{
    uint64_t value[VALUE_BYTES / sizeof(uint64_t)] = {0};
    uint64_t chance = check_seed();
    (void)context;
    while (!atomic_load(&now.stop)) {
        uint64_t clock = 0;
        uint8_t key = (uint8_t)check_random(&chance, KEY_COUNT);
        value[0]++;
        EXPECT(pykv_now(now.store.store, &clock) == PYKV_OK);
        uint64_t until = clock + 1 + check_random(&chance, TTL_US_MAX);
        EXPECT(pykv_put_until(now.store.store, &key, 1, value, sizeof value, until, 0) == PYKV_OK);
        if (is_touched(value[0])) {
            pykv_status status = pykv_touch(now.store.store, &key, 1, until + TTL_US_MAX, 0);
            EXPECT(status == PYKV_OK || status == PYKV_NOT_FOUND);
        }
    }
    return NULL;
}

static void see(sight *seen, const uint8_t *data, size_t length)
{
    uint64_t number = 0;
    EXPECT(length == VALUE_BYTES);
    memcpy(&number, data, sizeof number);
    bool may_be_there = !seen->gone || is_touched(number);
    EXPECT(number > seen->number || (number == seen->number && may_be_there));
    *seen = (sight){number, false};
}

static void look_at(sight *seen, uint8_t key)
{
    pykv_pinned pinned;
    pykv_status status = pykv_get(now.store.store, &key, 1, 0, &pinned);
    if (status == PYKV_OK) {
        see(seen, pinned.data, pinned.length);
        pykv_unpin(now.store.store, &pinned);
    } else {
        EXPECT(status == PYKV_NOT_FOUND);
        atomic_fetch_add(&now.gone, seen->number != 0 && !seen->gone);
        seen->gone = true;
    }
    atomic_fetch_add(&now.reads, 1);
}

/* A scan shows the moment when it was opened, which is later than what was read before. */
static void scan_all(sight *seen)
{
    pykv_scan *scan;
    pykv_rows rows = {.count = 1};
    bool shown[KEY_COUNT] = {false};
    if (pykv_scan_open(now.store.store, NULL, &scan) != PYKV_OK) {
        EXPECT(false);
        return;
    }
    while (rows.count > 0 && !atomic_load(&now.stop)) {
        EXPECT(pykv_scan_next(scan, 0, 0, &rows) == PYKV_OK);
        for (size_t i = 0; i < rows.count; i++) {
            const uint64_t *at = &rows.offsets[2 * i];
            uint8_t key = rows.data[at[0]];
            see(&seen[key], rows.data + at[1], at[2] - at[1]);
            shown[key] = true;
        }
    }
    for (size_t i = 0; i < KEY_COUNT; i++) {
        seen[i].gone |= !shown[i] && rows.count == 0;
    }
    pykv_scan_close(scan);
}

static void *read_keys(void *context)
{
    sight seen[KEY_COUNT] = {{0, false}};
    uint64_t chance = check_seed() + (uint64_t)(uintptr_t)context;
    while (!atomic_load(&now.stop)) {
        if (check_random(&chance, 200) == 0) {
            scan_all(seen);
        } else {
            uint8_t key = (uint8_t)check_random(&chance, KEY_COUNT);
            look_at(&seen[key], key);
        }
    }
    return NULL;
}

static void *keep_up(void *context)
{
    uint64_t chance = check_seed() + 99;
    (void)context;
    while (!atomic_load(&now.stop)) {
        int32_t more;
        int32_t role = check_random(&chance, 4) == 0 ? PYKV_ROLE_LOG : PYKV_ROLE_DATA;
        EXPECT(pykv_maintain_step(now.store.store, role, &more) == PYKV_OK);
        uint64_t roll = check_random(&chance, 100);
        if (roll == 0) {
            EXPECT(pykv_compact(now.store.store, NULL, NULL) == PYKV_OK);
        } else if (roll < 4) {
            EXPECT(pykv_flush(now.store.store) == PYKV_OK);
        }
    }
    return NULL;
}

static void run(int32_t engine)
{
    pthread_t threads[READERS + 2];
    now.store = (api_fixture){.options = {.engine = engine}};
    if (engine == PYKV_ENGINE_LSM) {
        now.store.options.memtable_bytes = 64 * 1024;
        now.store.options.table_bytes = 64 * 1024;
        now.store.options.compression = PYKV_CODEC_NONE;
    } else {
        now.store.options.segment_bytes = 64 * 1024;
    }
    now.store.path = check_temporary_directory();
    CHECK_OK(api_open(&now.store));
    atomic_store(&now.stop, false);
    CHECK_EQUAL(0, pthread_create(&threads[0], NULL, write_keys, NULL));
    CHECK_EQUAL(0, pthread_create(&threads[1], NULL, keep_up, NULL));
    for (size_t i = 0; i < READERS; i++) {
        void *number = (void *)(uintptr_t)(i + 1);
        CHECK_EQUAL(0, pthread_create(&threads[2 + i], NULL, read_keys, number));
    }
    for (int waited = 0; waited < RUN_US && !atomic_load(&now.stop); waited += 10000) {
        usleep(10000);
    }
    atomic_store(&now.stop, true);
    for (size_t i = 0; i < READERS + 2; i++) {
        CHECK_EQUAL(0, pthread_join(threads[i], NULL));
    }
    CHECK_EQUAL(0, atomic_load(&now.broken));
    api_free(&now.store);
}

TEST(what_expired_for_a_reader_of_an_lsm_store_does_not_come_back)
{
    run(PYKV_ENGINE_LSM);
    CHECK(atomic_load(&now.gone) > 0);
}

TEST(what_expired_for_a_reader_of_a_bitcask_does_not_come_back)
{
    run(PYKV_ENGINE_BITCASK);
    CHECK(atomic_load(&now.gone) > 0);
}

TEST_MAIN(CASE(what_expired_for_a_reader_of_an_lsm_store_does_not_come_back),
          CASE(what_expired_for_a_reader_of_a_bitcask_does_not_come_back))
