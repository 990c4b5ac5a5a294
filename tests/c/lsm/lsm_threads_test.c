/*
 * lsm_threads: writers, readers, a scanner, somebody who clears, and threads lent for both roles,
 * all at once on one store, until it is closed under their hands; meant for the sanitizers too.
 *
 * The model. The counters of a key rise, and each key has a twin that is written with it in one
 * batch. So a reader finds the counter that was acknowledged before it asked, or a higher one that
 * was begun before it was answered; or nothing, if a clear may have come after that write. Twins
 * are equal at every moment.
 */
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <unistd.h>

#include "lsm_fixture.h"

enum { WRITERS = 3, READERS = 2, PAIRS = 90, TEXT_BYTES = 16, VALUE_BYTES_MAX = 1500 };

/* What is known of a pair: counters, and how many clears had ended when the write began. */
typedef struct pair {
    _Atomic uint64_t begun;
    _Atomic uint64_t acknowledged; /* counter << 16 | clears */
} pair;

typedef struct crowd {
    fixture store;
    pair pairs[PAIRS];
    _Atomic uint64_t clears_begun;
    _Atomic uint64_t clears_ended;
    _Atomic int32_t writing;
    _Atomic uint64_t scans_ended;
    uint64_t writes;
    bool clears;
} crowd;

typedef struct worker {
    crowd *of;
    uint64_t seed;
    uint32_t number;
    pthread_t thread;
} worker;

static slice key_of(uint32_t index, bool twin, char out[TEXT_BYTES])
{
    return slice_make(out, (size_t)snprintf(out, TEXT_BYTES, "%c-%04u", twin ? 'b' : 'a', index));
}

/* ---- writers ---- */

/* Writes the next counter to a pair of the worker's own. False: the store is closing. */
static bool write_pair(worker *self, uint32_t index)
{
    uint8_t value[VALUE_BYTES_MAX];
    char texts[2][TEXT_BYTES];
    pair *written = &self->of->pairs[index];
    epoch_token token;
    gate *counted = lsm_gate(self->of->store.store);
    uint64_t clears = atomic_load(&self->of->clears_ended);
    uint64_t counter = atomic_load(&written->begun) + 1;
    size_t size = sizeof counter + check_random(&self->seed, sizeof value - sizeof counter);
    record batch[2] = {{.kind = RECORD_PUT, .key = key_of(index, false, texts[0])},
                       {.kind = RECORD_PUT, .key = key_of(index, true, texts[1])}};
    memset(value, (int)counter, size);
    memcpy(value, &counter, sizeof counter);
    batch[0].value = batch[1].value = slice_make(value, size);
    if (!gate_enter(counted, &counted->others, &token)) {
        return false;
    }
    atomic_store(&written->begun, counter);
    CHECK_OK(lsm_write(self->of->store.store, batch, 2, counter % 64 == 0 ? PYKV_SYNC : 0));
    atomic_store(&written->acknowledged, counter << 16 | clears);
    epoch_leave(&counted->others, token);
    return true;
}

static void *write_some(void *argument)
{
    worker *self = argument;
    bool open = true;
    for (uint64_t i = 0; i < self->of->writes && open; i++) {
        uint32_t own = (uint32_t)check_random(&self->seed, PAIRS / WRITERS);
        open = write_pair(self, own * WRITERS + self->number);
    }
    atomic_fetch_sub(&self->of->writing, 1);
    return NULL;
}

/* ---- readers ---- */

typedef struct expectation {
    uint64_t least;
    uint64_t clears_before;
} expectation;

static expectation expect_from(crowd *self, uint32_t index)
{
    uint64_t acknowledged = atomic_load(&self->pairs[index].acknowledged);
    return (expectation){acknowledged >> 16, acknowledged & 0xffff};
}

/* Checks what was read of a pair against what was expected before. */
static void check_found(crowd *self, uint32_t index, expectation wanted, slice found)
{
    uint64_t counter;
    if (found.size == 0) {
        CHECK(wanted.least == 0 || atomic_load(&self->clears_begun) > wanted.clears_before);
        return;
    }
    memcpy(&counter, found.data, sizeof counter);
    CHECK(counter >= wanted.least);
    CHECK(counter <= atomic_load(&self->pairs[index].begun));
    for (size_t i = sizeof counter; i < found.size; i++) {
        CHECK(found.data[i] == (uint8_t)counter);
    }
}

static bool get_one(worker *self, gate *counted)
{
    char text[TEXT_BYTES];
    epoch_token token;
    pykv_pinned pinned = {0};
    uint32_t index = (uint32_t)check_random(&self->seed, PAIRS);
    slice key = key_of(index, check_random(&self->seed, 2) == 0, text);
    expectation wanted = expect_from(self->of, index);
    if (!gate_enter(counted, &counted->readers, &token)) {
        return false;
    }
    pykv_status status = lsm_get(self->of->store.store, key, 0, &pinned);
    CHECK(status == PYKV_OK || status == PYKV_NOT_FOUND);
    check_found(self->of, index, wanted, slice_make(pinned.data, pinned.length));
    mem_free(pinned.owned);
    epoch_leave(&counted->readers, token);
    return true;
}

static bool get_twins(worker *self, gate *counted, lsm_many *many)
{
    char texts[2][TEXT_BYTES];
    epoch_token token;
    uint32_t index = (uint32_t)check_random(&self->seed, PAIRS);
    slice first = key_of(index, false, texts[0]);
    slice second = key_of(index, true, texts[1]);
    const void *keys[] = {first.data, second.data};
    size_t lengths[] = {first.size, second.size};
    expectation wanted = expect_from(self->of, index);
    if (!gate_enter(counted, &counted->readers, &token)) {
        return false;
    }
    CHECK_OK(lsm_many_get(many, NULL, 2, keys, lengths, 0));
    const uint8_t *const *values = lsm_many_values(many);
    const size_t *sizes = lsm_many_lengths(many);
    CHECK_EQUAL(sizes[0], sizes[1]);
    CHECK(sizes[0] == 0 || memcmp(values[0], values[1], sizes[0]) == 0);
    check_found(self->of, index, wanted, slice_make(values[0], sizes[0]));
    lsm_many_release(many);
    epoch_leave(&counted->readers, token);
    return true;
}

static void *read_some(void *argument)
{
    worker *self = argument;
    gate *counted = lsm_gate(self->of->store.store);
    lsm_many *many;
    bool open = true;
    CHECK_OK(lsm_many_new(self->of->store.store, &many));
    while (open) {
        open = get_one(self, counted) && get_twins(self, counted, many);
        sched_yield();
    }
    lsm_many_free(many);
    return NULL;
}

/* ---- the scanner ---- */

typedef struct snapshot {
    expectation wanted[PAIRS];
    uint64_t counters[2][PAIRS]; /* 0: absent */
    uint64_t row_count;
} snapshot;

static void note_row(snapshot *self, const uint8_t *key, slice value)
{
    uint32_t index = (uint32_t)strtoul((const char *)key + 2, NULL, 10);
    CHECK(index < PAIRS && value.size >= sizeof(uint64_t));
    CHECK_EQUAL(0, self->counters[key[0] == 'b'][index]);
    memcpy(&self->counters[key[0] == 'b'][index], value.data, sizeof(uint64_t));
    self->row_count++;
}

/* Rows of the next chunk into self. False: no more of them, or the store is closing. */
static bool scan_chunk(gate *counted, lsm_scan *scan, snapshot *self, bool *closing_out)
{
    pykv_rows rows = {0};
    epoch_token token;
    char text[TEXT_BYTES];
    if (!gate_enter(counted, &counted->others, &token)) {
        *closing_out = true;
        return false;
    }
    pykv_status status = lsm_scan_next(scan, 3000, &rows);
    *closing_out = status == PYKV_CLOSED;
    CHECK(status == PYKV_OK || (*closing_out && gate_is_shut(counted)));
    for (size_t i = 0; i < rows.count; i++) {
        const uint64_t *at = rows.offsets + 2 * i;
        CHECK(at[1] - at[0] < sizeof text);
        memcpy(text, rows.data + at[0], at[1] - at[0]);
        text[at[1] - at[0]] = '\0';
        note_row(self, (const uint8_t *)text, slice_make(rows.data + at[1], at[2] - at[1]));
    }
    epoch_leave(&counted->others, token);
    return rows.count > 0;
}

static void check_snapshot(crowd *of, const snapshot *self)
{
    for (uint32_t i = 0; i < PAIRS; i++) {
        uint64_t counter = self->counters[0][i];
        CHECK_EQUAL(counter, self->counters[1][i]);
        check_found(of, i, self->wanted[i],
                    slice_make(&counter, counter == 0 ? 0 : sizeof counter));
    }
}

static bool scan_once(worker *self, gate *counted, snapshot *seen)
{
    crowd *of = self->of;
    lsm_scan *scan;
    epoch_token token;
    bool closing = false;
    pykv_range range = {.reverse = check_random(&self->seed, 2) == 0};
    memset(seen, 0, sizeof *seen);
    for (uint32_t i = 0; i < PAIRS; i++) {
        seen->wanted[i] = expect_from(of, i);
    }
    if (!gate_enter(counted, &counted->others, &token)) {
        return false;
    }
    CHECK_OK(lsm_scan_open(of->store.store, NULL, &range, &scan));
    epoch_leave(&counted->others, token);
    while (scan_chunk(counted, scan, seen, &closing)) {
        sched_yield();
    }
    lsm_scan_free(of->store.store, scan);
    if (!closing) {
        check_snapshot(of, seen);
        atomic_fetch_add(&of->scans_ended, 1);
    }
    return !closing;
}

static void *scan_some(void *argument)
{
    worker *self = argument;
    gate *counted = lsm_gate(self->of->store.store);
    snapshot *seen = malloc(sizeof *seen);
    while (scan_once(self, counted, seen)) {
    }
    free(seen);
    return NULL;
}

/* ---- the others ---- */

static bool upkeep_once(worker *self, gate *counted, uint64_t round)
{
    lsm *store = self->of->store.store;
    epoch_token token;
    if (!gate_enter(counted, &counted->others, &token)) {
        return false;
    }
    if (self->of->clears && round % 8 == 7) {
        atomic_fetch_add(&self->of->clears_begun, 1);
        CHECK_OK(lsm_clear(store, 0));
        atomic_fetch_add(&self->of->clears_ended, 1);
    } else if (round % 4 == 3) {
        pykv_report report;
        CHECK_OK(lsm_verify(store, NULL, &report));
        CHECK_EQUAL(0, report.damage_count);
    } else {
        pykv_stats stats;
        CHECK_OK(lsm_flush(store));
        lsm_stats(store, &stats);
        CHECK_EQUAL(PYKV_STATE_OPEN, stats.state);
    }
    epoch_leave(&counted->others, token);
    return true;
}

static void *keep_up(void *argument)
{
    worker *self = argument;
    gate *counted = lsm_gate(self->of->store.store);
    for (uint64_t round = 0; upkeep_once(self, counted, round); round++) {
        usleep(3000);
    }
    return NULL;
}

static void *lend_log(void *argument)
{
    CHECK_OK(lsm_maintain(((worker *)argument)->of->store.store, PYKV_ROLE_LOG));
    return NULL;
}

static void *lend_data(void *argument)
{
    CHECK_OK(lsm_maintain(((worker *)argument)->of->store.store, PYKV_ROLE_DATA));
    return NULL;
}

/* ---- all at once ---- */

static void check_after_reopen(crowd *self)
{
    char text[TEXT_BYTES];
    static char value[VALUE_BYTES_MAX + 1];
    for (uint32_t i = 0; i < PAIRS; i++) {
        for (int twin = 0; twin < 2; twin++) {
            expectation wanted = expect_from(self, i);
            slice key = key_of(i, twin == 1, text);
            pykv_status status = fixture_get(&self->store, key, 0, value, sizeof value);
            bool found = status == PYKV_OK;
            check_found(self, i, wanted, slice_make(value, found ? sizeof(uint64_t) : 0));
        }
    }
}

static void run(bool lends, bool clears)
{
    static crowd of;
    enum { LENT = 4, OTHERS = 2 + LENT };
    worker workers[WRITERS + READERS + OTHERS];
    void *(*const others[OTHERS])(void *) = {scan_some, keep_up,   lend_log,
                                             lend_data, lend_data, lend_data};
    size_t count = 0;
    of = (crowd){.store = fixture_new(), .writing = WRITERS, .clears = clears};
    of.writes = check_count("PYKV_LSM_WRITES", 600);
    for (size_t i = 0; i < WRITERS + READERS + (lends ? OTHERS : 2); i++) {
        worker *made = &workers[count++];
        *made = (worker){.of = &of, .seed = check_seed() + i, .number = (uint32_t)i};
        void *(*work)(void *) = i < WRITERS             ? write_some
                                : i < WRITERS + READERS ? read_some
                                                        : others[i - WRITERS - READERS];
        CHECK_EQUAL(0, pthread_create(&made->thread, NULL, work, made));
    }
    while (atomic_load(&of.writing) > 0 || atomic_load(&of.scans_ended) == 0) {
        usleep(1000);
    }
    CHECK_OK(lsm_close(of.store.store, -1));
    for (size_t i = 0; i < count; i++) {
        CHECK_EQUAL(0, pthread_join(workers[i].thread, NULL));
    }
    fixture_kill(&of.store);
    CHECK_OK(fixture_open(&of.store));
    CHECK(of.store.store->clean_open);
    check_after_reopen(&of);
    fixture_free(&of.store);
}

/* ---- readers that open the store beside its writer ---- */

/* Reader and writer are two processes elsewhere: what they share of a mapping is no race there. */
#if defined(__SANITIZE_THREAD__)
enum { MAPS = 0 };
#else
enum { MAPS = 1 };
#endif

static void *write_beside(void *argument)
{
    worker *self = argument;
    fixture *store = &self->of->store;
    char text[16];
    uint8_t value[700] = {0};
    for (uint64_t i = 0; i < self->of->writes; i++) {
        slice key = fixture_key((uint32_t)i, text);
        CHECK_OK(lsm_put(store->store, key, slice_make(value, sizeof value),
                         i % 50 == 0 ? PYKV_SYNC : 0));
        atomic_store(&self->of->pairs[0].acknowledged, i + 1);
        if (i % 200 == 199) {
            CHECK_OK(lsm_compact(store->store, NULL));
        }
    }
    atomic_store(&self->of->writing, 0);
    return NULL;
}

TEST(a_reader_opens_beside_a_live_writer_and_sees_all_that_was_acknowledged)
{
    static crowd of;
    worker writer = {.of = &of};
    of = (crowd){.store = fixture_blank(), .writing = 1};
    of.store.options.log_sink = MAPS ? PYKV_LOG_AUTO : PYKV_LOG_PWRITE;
    of.store.options.no_mapped_reads = !MAPS;
    CHECK_OK(fixture_open(&of.store));
    of.writes = check_count("PYKV_LSM_WRITES", 600) * 2;
    CHECK_EQUAL(0, pthread_create(&writer.thread, NULL, write_beside, &writer));
    while (atomic_load(&of.writing) > 0) {
        fixture reader = of.store;
        reader.options.read_only = 1;
        uint64_t least = atomic_load(&of.pairs[0].acknowledged);
        CHECK_OK(fixture_open(&reader));
        uint64_t count = fixture_count(&reader);
        CHECK(count >= least && count <= atomic_load(&of.pairs[0].acknowledged) + 1);
        CHECK_EQUAL(count, fixture_stats(&reader).last_sequence);
        fixture_kill(&reader);
    }
    CHECK_EQUAL(0, pthread_join(writer.thread, NULL));
    fixture_free(&of.store);
}

/* ---- counters that everybody raises ---- */

static void *raise_counter(void *argument)
{
    worker *self = argument;
    lsm *store = self->of->store.store;
    for (uint64_t i = 0; i < self->of->writes / 3; i++) {
        int32_t swapped = 0;
        while (swapped == 0) {
            char found[24];
            char raised[24];
            CHECK_OK(fixture_get(&self->of->store, fixture_text("n"), 0, found, sizeof found));
            slice before = fixture_text(found);
            snprintf(raised, sizeof raised, "%ld", strtol(found, NULL, 10) + 1);
            slice after = fixture_text(raised);
            CHECK_OK(
                lsm_compare_and_set(store, fixture_text("n"), &before, &after, 0, 0, &swapped));
        }
        if (i % 40 == self->number) {
            CHECK_OK(lsm_flush(store));
        }
    }
    return NULL;
}

static void run_counters(int32_t durability)
{
    static crowd of;
    worker workers[WRITERS];
    char wanted[16];
    of = (crowd){.store = fixture_blank()};
    of.store.options.durability = durability;
    of.store.options.interval_us = 1;
    of.writes = check_count("PYKV_LSM_WRITES", 600);
    CHECK_OK(fixture_open(&of.store));
    fixture_put(&of.store, "n", "0");
    for (uint32_t i = 0; i < WRITERS; i++) {
        workers[i] = (worker){.of = &of, .number = i};
        CHECK_EQUAL(0, pthread_create(&workers[i].thread, NULL, raise_counter, &workers[i]));
    }
    for (uint32_t i = 0; i < WRITERS; i++) {
        CHECK_EQUAL(0, pthread_join(workers[i].thread, NULL));
    }
    snprintf(wanted, sizeof wanted, "%u", WRITERS * (unsigned)(of.writes / 3));
    fixture_expect(&of.store, "n", wanted);
    fixture_recover(&of.store);
    fixture_expect(&of.store, "n", wanted);
    fixture_free(&of.store);
}

TEST(no_swap_is_lost_whatever_the_durability)
{
    run_counters(PYKV_DURABILITY_OS);
    run_counters(PYKV_DURABILITY_SYNC);
    run_counters(PYKV_DURABILITY_INTERVAL);
}

TEST(with_lent_threads_every_reader_sees_what_was_acknowledged)
{
    run(true, false);
}

TEST(with_lent_threads_and_clears_too)
{
    run(true, true);
}

TEST(without_lent_threads_too)
{
    run(false, true);
}

TEST_MAIN(CASE(with_lent_threads_every_reader_sees_what_was_acknowledged),
          CASE(with_lent_threads_and_clears_too), CASE(without_lent_threads_too),
          CASE(no_swap_is_lost_whatever_the_durability),
          CASE(a_reader_opens_beside_a_live_writer_and_sees_all_that_was_acknowledged))
