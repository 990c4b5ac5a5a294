/*
 * fork_test: a store belongs to the process that opened it. A forked child is told so by every
 * call, holds nothing that keeps the parent's lock or log, and may open stores of its own.
 */
#include "api_fixture.h"

#include "base/child.h"

static api_fixture store;
static pykv_scan *rows_of;
static pykv_many *many;
static pykv_batch *batch;
static int gate[2];  /* the child lives until the writing end is closed */
static int ready[2]; /* the child writes when it runs */

static void begin(int32_t log_sink)
{
    store = api_new();
    store.options.log_sink = log_sink;
    api_reopen(&store);
    api_fill(&store, 0, 100);
    CHECK_OK(pykv_scan_open(store.store, NULL, &rows_of));
    CHECK_OK(pykv_many_new(store.store, &many));
    CHECK_OK(pykv_batch_new(&batch));
    CHECK_OK(pykv_batch_put(batch, "batch", 5, "1", 1));
}

static void end(void)
{
    pykv_scan_close(rows_of);
    pykv_many_free(many);
    pykv_batch_free(batch);
    api_free(&store);
}

/* Counts the calls that are not refused as they should be. */
static int misuse_store(void)
{
    static pykv_report report;
    const void *keys[1] = {"key-1"};
    const size_t lengths[1] = {5};
    pykv_pinned pinned;
    pykv_stats stats;
    pykv_rows rows;
    pykv_scan *other;
    int32_t number;
    uint64_t count;
    const pykv_status got[] = {
        pykv_get(store.store, "key-1", 5, 0, &pinned),
        pykv_contains(store.store, "key-1", 5, 0),
        pykv_put(store.store, "key-1", 5, "x", 1, 0),
        pykv_delete(store.store, "key-1", 5, 0, &number),
        pykv_compare_and_set(store.store, "k", 1, NULL, 0, 1, "x", 1, 0, 0, &number),
        pykv_write_many(store.store, 1, keys, lengths, keys, lengths, 0),
        pykv_write(store.store, batch, 0),
        pykv_clear(store.store, 0),
        pykv_get_many(many, 1, keys, lengths, 0),
        pykv_scan_open(store.store, NULL, &other),
        pykv_scan_next(rows_of, 0, 0, &rows),
        pykv_count(store.store, &count),
        pykv_sync(store.store),
        pykv_flush(store.store),
        pykv_compact(store.store, NULL, NULL),
        pykv_get_stats(store.store, &stats),
        pykv_verify(store.store, NULL, &report),
        pykv_resume(store.store),
        pykv_maintain(store.store, PYKV_ROLE_LOG),
        pykv_maintain_step(store.store, PYKV_ROLE_DATA, &number),
    };
    int wrong = pykv_state(store.store) != PYKV_STATE_CLOSED;
    for (size_t i = 0; i < sizeof got / sizeof got[0]; i++) {
        wrong += got[i] != PYKV_FORKED;
    }
    pykv_scan_close(rows_of);
    pykv_many_free(many);
    wrong += pykv_close(store.store, 0) != PYKV_OK;
    pykv_free(store.store);
    return wrong;
}

static void check_parent_goes_on(void)
{
    pykv_rows rows = {0};
    CHECK_OK(pykv_scan_next(rows_of, 1 << 20, 0, &rows));
    CHECK_EQUAL(100, rows.count);
    CHECK_OK(api_put(&store, "later", "1"));
    api_expect(&store, "key-99", "key-99");
    CHECK_EQUAL(PYKV_STATE_OPEN, pykv_state(store.store));
}

TEST(every_call_of_a_child_is_refused_and_the_parent_goes_on)
{
    for (int32_t log_sink = PYKV_LOG_PWRITE; log_sink <= PYKV_LOG_MAPPED; log_sink++) {
        begin(log_sink);
        CHECK_EQUAL(0, child_run(misuse_store));
        check_parent_goes_on();
        pykv_scan_close(rows_of);
        pykv_many_free(many);
        pykv_batch_free(batch);
        api_reopen(&store);
        CHECK_EQUAL(1, api_stats(&store).clean_open);
        CHECK_EQUAL(101, api_stats(&store).key_count);
        api_free(&store);
    }
}

static int live_on(void)
{
    char byte = 1;
    close(gate[1]);
    return write(ready[1], &byte, 1) == 1 && read(gate[0], &byte, 1) == 0 ? 0 : 1;
}

static char *shared_path;

/* Opens the store, leaves a child behind that lives on, and dies without closing. */
static int die_with_a_child_alive(void)
{
    pykv_store *own;
    if (pykv_open(shared_path, NULL, &own) != PYKV_OK ||
        pykv_put(own, "key", 3, "value", 5, 0) != PYKV_OK) {
        return 1;
    }
    char byte;
    if (child_start(live_on) < 0 || read(ready[0], &byte, 1) != 1) {
        return 2;
    }
    close(gate[1]);
    raise(SIGKILL);
    return 3;
}

/* The descriptor of the lock is inherited: if the child kept it the store would stay locked for as
 * long as it lives. */
TEST(the_lock_is_free_when_the_parent_died_though_its_child_lives)
{
    pykv_store *own = NULL;
    pykv_pinned pinned;
    shared_path = check_temporary_directory();
    CHECK_EQUAL(0, pipe(gate));
    CHECK_EQUAL(0, pipe(ready));
    CHECK_EQUAL(CHILD_SIGNALLED + SIGKILL, child_run(die_with_a_child_alive));
    CHECK_OK(pykv_open(shared_path, NULL, &own));
    CHECK_OK(pykv_get(own, "key", 3, 0, &pinned));
    CHECK_BYTES("value", pinned.data, 5);
    pykv_unpin(own, &pinned);
    pykv_free(own);
    for (int i = 0; i < 2; i++) {
        close(gate[i]);
        close(ready[i]);
    }
    free(shared_path);
}

static int open_another(void)
{
    pykv_store *own = NULL;
    pykv_pinned pinned;
    char path[600];
    snprintf(path, sizeof path, "%s/of-the-child", store.path);
    if (pykv_open(path, NULL, &own) != PYKV_OK || pykv_put(own, "a", 1, "b", 1, 0) != PYKV_OK ||
        pykv_get(own, "a", 1, 0, &pinned) != PYKV_OK) {
        return 1;
    }
    pykv_unpin(own, &pinned);
    if (pykv_close(own, -1) != PYKV_OK) {
        return 2;
    }
    pykv_free(own);
    return pykv_destroy(path) == PYKV_OK ? 0 : 3;
}

TEST(a_child_may_open_a_store_of_its_own)
{
    store = api_new();
    CHECK_EQUAL(0, child_run(open_another));
    CHECK_OK(api_put(&store, "a", "1"));
    api_free(&store);
}

TEST(what_the_parent_pins_stays_pinned)
{
    pykv_pinned pinned;
    begin(PYKV_LOG_AUTO);
    CHECK_OK(pykv_get(store.store, "key-5", 5, 0, &pinned));
    CHECK_EQUAL(0, child_run(misuse_store));
    CHECK_BYTES("key-5", pinned.data, 5);
    CHECK_STATUS(PYKV_TIMED_OUT, pykv_close(store.store, 1000));
    pykv_unpin(store.store, &pinned);
    CHECK_OK(pykv_close(store.store, -1));
    end();
}

TEST_MAIN(CASE(every_call_of_a_child_is_refused_and_the_parent_goes_on),
          CASE(the_lock_is_free_when_the_parent_died_though_its_child_lives),
          CASE(a_child_may_open_a_store_of_its_own), CASE(what_the_parent_pins_stays_pinned))
