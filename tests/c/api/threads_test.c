/*
 * threads_test: everything at once: writers, readers, lookups of many keys, scans, syncs, lent
 * threads, compaction, clears; then a close in the middle of it. Run it under ThreadSanitizer:
 * make test-c FLAVOR=tsan T=threads.
 *
 * Writers put pairs of keys with one value in one batch, so whoever sees a pair must see two equal
 * values or none.
 */
#include <pthread.h>
#include <stdatomic.h>
#include <unistd.h>

#include "api_fixture.h"

enum {
    PAIR_COUNT = 24,
    KEY_BYTES = 16,
    WRITER_COUNT = 2,
    THREADS_MAX = 16,
    RUN_US = 400000,
    VALUE_BYTES = 8
};

typedef struct shared {
    api_fixture store;
    bool clears;
    _Atomic bool stop;
    _Atomic uint32_t broken; /* line of the first expectation that failed */
    _Atomic uint64_t done;
    _Atomic uint64_t acked[WRITER_COUNT]; /* last counter value that was acknowledged */
} shared;

static shared now;

static void note(bool good, int line)
{
    uint32_t none = 0;
    if (!good) {
        (void)atomic_compare_exchange_strong(&now.broken, &none, (uint32_t)line);
        atomic_store(&now.stop, true);
    }
}

#define EXPECT(condition) note((condition), __LINE__)

/* True while the call succeeded; a closing store ends the loop without a complaint. */
static bool goes_on(pykv_status status, int line)
{
    if (status == PYKV_CLOSED) {
        return false;
    }
    note(status == PYKV_OK, line);
    atomic_fetch_add_explicit(&now.done, 1, memory_order_relaxed);
    return !atomic_load(&now.stop);
}

#define GOES_ON(call) goes_on((call), __LINE__)

static size_t pair_key(uint64_t pair, int half, char out[KEY_BYTES])
{
    return (size_t)snprintf(out, KEY_BYTES, "pair-%u-%d", (unsigned)pair, half);
}

static pykv_status put_pair(uint64_t pair, uint64_t value)
{
    char keys[2][KEY_BYTES];
    const void *key_data[2] = {keys[0], keys[1]};
    const void *values[2] = {&value, &value};
    const size_t value_lengths[2] = {sizeof value, sizeof value};
    size_t key_lengths[2];
    for (int half = 0; half < 2; half++) {
        key_lengths[half] = pair_key(pair, half, keys[half]);
    }
    return pykv_write_many(now.store.store, 2, key_data, key_lengths, values, value_lengths, 0);
}

/* Puts pairs, deletes some, counts up a key of its own. */
static void *write_pairs(void *context)
{
    uint64_t writer = (uint64_t)(uintptr_t)context;
    uint64_t chance = check_seed() + writer;
    uint64_t counter = 0;
    bool more = true;
    char own[KEY_BYTES];
    size_t own_length = (size_t)snprintf(own, sizeof own, "counter-%u", (unsigned)writer);
    while (more) {
        uint64_t pair = check_random(&chance, PAIR_COUNT);
        if (check_random(&chance, 8) == 0) {
            char keys[2][KEY_BYTES];
            const void *data[2] = {keys[0], keys[1]};
            size_t lengths[2] = {pair_key(pair, 0, keys[0]), pair_key(pair, 1, keys[1])};
            more = GOES_ON(pykv_write_many(now.store.store, 2, data, lengths, NULL, NULL, 0));
        } else {
            more = GOES_ON(put_pair(pair, check_random(&chance, UINT32_MAX)));
        }
        counter++;
        pykv_status status = more ? pykv_put(now.store.store, own, own_length, &counter,
                                             sizeof counter, counter % 64 == 0 ? PYKV_SYNC : 0)
                                  : PYKV_CLOSED;
        if (status == PYKV_OK) {
            atomic_store(&now.acked[writer], counter);
        }
        more = more && GOES_ON(status);
    }
    return NULL;
}

static void *look_up_pairs(void *context)
{
    pykv_many *many;
    bool more = true;
    (void)context;
    EXPECT(pykv_many_new(now.store.store, &many) == PYKV_OK);
    while (more) {
        char keys[2 * PAIR_COUNT][KEY_BYTES];
        const void *data[2 * PAIR_COUNT];
        size_t lengths[2 * PAIR_COUNT];
        for (int i = 0; i < 2 * PAIR_COUNT; i++) {
            data[i] = keys[i];
            lengths[i] = pair_key((uint64_t)i / 2, i % 2, keys[i]);
        }
        more = GOES_ON(pykv_get_many(many, 2 * PAIR_COUNT, data, lengths, 0));
        for (size_t i = 0; more && i < 2 * PAIR_COUNT; i += 2) {
            const uint8_t *first = pykv_many_values(many)[i];
            const uint8_t *second = pykv_many_values(many)[i + 1];
            EXPECT((first == NULL) == (second == NULL));
            EXPECT(first == NULL || second == NULL || memcmp(first, second, VALUE_BYTES) == 0);
        }
        pykv_many_release(many);
    }
    pykv_many_free(many);
    return NULL;
}

static void *read_counters(void *context)
{
    uint64_t last[WRITER_COUNT] = {0};
    bool more = true;
    (void)context;
    for (uint64_t i = 0; more; i++) {
        char key[KEY_BYTES];
        pykv_pinned pinned;
        uint64_t writer = i % WRITER_COUNT;
        uint64_t acked = atomic_load(&now.acked[writer]);
        size_t length = (size_t)snprintf(key, sizeof key, "counter-%u", (unsigned)writer);
        pykv_status status = pykv_get(now.store.store, key, length, 0, &pinned);
        if (status == PYKV_OK) {
            uint64_t seen;
            memcpy(&seen, pinned.data, sizeof seen);
            EXPECT(seen >= last[writer] && (now.clears || seen >= acked));
            last[writer] = seen;
            pykv_unpin(now.store.store, &pinned);
        } else if (status == PYKV_NOT_FOUND) {
            EXPECT(now.clears || acked == 0);
            status = PYKV_OK;
        }
        more = GOES_ON(status);
    }
    return NULL;
}

/* Takes the halves of the pairs from rows. */
static void collect(const pykv_rows *rows, uint64_t values[2 * PAIR_COUNT])
{
    for (size_t i = 0; i < rows->count; i++) {
        const uint64_t *at = rows->offsets + 2 * i;
        for (int half = 0; half < 2 * PAIR_COUNT; half++) {
            char key[KEY_BYTES];
            size_t length = pair_key((uint64_t)half / 2, half % 2, key);
            if (at[1] - at[0] == length && memcmp(rows->data + at[0], key, length) == 0) {
                EXPECT(values[half] == UINT64_MAX && at[2] - at[1] == VALUE_BYTES);
                memcpy(&values[half], rows->data + at[1], VALUE_BYTES);
            }
        }
    }
}

static void *scan_pairs(void *context)
{
    bool more = true;
    (void)context;
    while (more) {
        pykv_scan *rows_of = NULL;
        pykv_rows rows = {.count = 1};
        uint64_t values[2 * PAIR_COUNT];
        memset(values, 0xFF, sizeof values);
        more = GOES_ON(pykv_scan_open(now.store.store, NULL, &rows_of));
        while (more && rows.count > 0) {
            more = GOES_ON(pykv_scan_next(rows_of, 200, 0, &rows));
            if (more) {
                collect(&rows, values);
            }
        }
        for (int i = 0; more && i < 2 * PAIR_COUNT; i += 2) {
            EXPECT(values[i] == values[i + 1]);
        }
        pykv_scan_close(rows_of);
    }
    return NULL;
}

static void *look_after(void *context)
{
    static pykv_report report;
    bool more = true;
    (void)context;
    for (int i = 0; more; i++) {
        pykv_stats stats;
        uint64_t count;
        more = GOES_ON(pykv_get_stats(now.store.store, &stats)) &&
               GOES_ON(pykv_count(now.store.store, &count));
        if (more && i % 4 == 0) {
            more = GOES_ON(pykv_flush(now.store.store));
        }
        if (more && i % 8 == 0) {
            more = GOES_ON(pykv_compact(now.store.store, NULL, NULL));
        }
        if (more && i % 16 == 0) {
            more = GOES_ON(pykv_verify(now.store.store, NULL, &report));
            EXPECT(!more || report.damage_count == 0);
        }
        if (more && now.clears && i % 4 == 1) {
            more = GOES_ON(pykv_clear(now.store.store, 0));
        }
        usleep(500);
    }
    return NULL;
}

static void *lend(void *role)
{
    pykv_status status = pykv_maintain(now.store.store, (int32_t)(intptr_t)role);
    EXPECT(status == PYKV_OK);
    return NULL;
}

static void check_after(void)
{
    CHECK_OK(api_open(&now.store));
    CHECK_EQUAL(1, api_stats(&now.store).clean_open);
    for (unsigned writer = 0; writer < WRITER_COUNT && !now.clears; writer++) {
        char key[KEY_BYTES];
        pykv_pinned pinned;
        uint64_t seen;
        size_t length = (size_t)snprintf(key, sizeof key, "counter-%u", writer);
        pykv_status status = pykv_get(now.store.store, key, length, 0, &pinned);
        if (status == PYKV_NOT_FOUND) { /* a writer that never got its turn */
            CHECK_EQUAL(0, atomic_load(&now.acked[writer]));
            continue;
        }
        CHECK_OK(status);
        memcpy(&seen, pinned.data, sizeof seen);
        pykv_unpin(now.store.store, &pinned);
        CHECK(seen >= atomic_load(&now.acked[writer]));
    }
}

static void *close_it(void *context)
{
    EXPECT(pykv_close(now.store.store, -1) == PYKV_OK);
    return context;
}

static void run_all(int32_t log_sink, bool clears)
{
    pthread_t threads[THREADS_MAX];
    size_t count = 0;
    memset(&now, 0, sizeof now);
    now.clears = clears;
    now.store = api_new();
    now.store.options.log_sink = log_sink;
    now.store.options.space_amplification_max = 1.2;
    api_reopen(&now.store);
    void *(*const bodies[])(void *) = {write_pairs, write_pairs,   look_up_pairs, scan_pairs,
                                       look_after,  read_counters, lend,          lend};
    const intptr_t contexts[] = {0, 1, 0, 0, 0, 0, PYKV_ROLE_LOG, PYKV_ROLE_DATA};
    for (size_t i = 0; i < sizeof bodies / sizeof bodies[0]; i++) {
        CHECK_EQUAL(0, pthread_create(&threads[count++], NULL, bodies[i], (void *)contexts[i]));
    }
    usleep(RUN_US);
    CHECK_EQUAL(0, pthread_create(&threads[count++], NULL, close_it, NULL));
    CHECK_OK(pykv_close(now.store.store, -1));
    for (size_t i = 0; i < count; i++) {
        CHECK_EQUAL(0, pthread_join(threads[i], NULL));
    }
    pykv_free(now.store.store);
    if (atomic_load(&now.broken) != 0) {
        check_failed(__FILE__, (int)atomic_load(&now.broken), "a thread saw what may not be: %s",
                     pykv_last_error()->text);
    }
    CHECK(atomic_load(&now.done) > 100);
    check_after();
    api_free(&now.store);
}

TEST(threads_see_whole_batches_and_lose_nothing_with_the_pwrite_log)
{
    run_all(PYKV_LOG_PWRITE, false);
}

TEST(threads_see_whole_batches_and_lose_nothing_with_the_mapped_log)
{
    run_all(PYKV_LOG_MAPPED, false);
}

TEST(a_clear_takes_both_halves_of_a_pair_for_every_reader)
{
    run_all(PYKV_LOG_AUTO, true);
}

TEST_MAIN(CASE(threads_see_whole_batches_and_lose_nothing_with_the_pwrite_log),
          CASE(threads_see_whole_batches_and_lose_nothing_with_the_mapped_log),
          CASE(a_clear_takes_both_halves_of_a_pair_for_every_reader))
