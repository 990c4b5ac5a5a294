/*
 * engine_bitcask: the table of functions is whole, and each function is the engine's own.
 */
#include "harness/check.h"

#include "api/engine.h"
#include "base/memory.h"
#include "env/env_memory.h"

#define STORE_PATH "/store"

static const engine_ops *const ops = &engine_bitcask;

/* A table of functions has as many words as functions, but for what stands before them. */
TEST(no_function_is_missing_but_those_of_what_it_does_not_support)
{
    engine_ops all = *ops;
    CHECK(all.delete_range == NULL && all.ingest == NULL);
    all.delete_range = engine_lsm.delete_range;
    all.ingest = engine_lsm.ingest;
    void (*functions[(sizeof *ops - offsetof(engine_ops, open)) / sizeof(void (*)(void))])(void);
    memcpy(functions, (const char *)&all + offsetof(engine_ops, open), sizeof functions);
    for (size_t i = 0; i < sizeof functions / sizeof functions[0]; i++) {
        CHECK(functions[i] != NULL);
    }
    CHECK_EQUAL(PYKV_ENGINE_BITCASK, ops->home->engine);
    CHECK(ops->operation_bytes >= sizeof(record));
    CHECK(ops->calls_are_readers);
}

static slice text(const char *characters)
{
    return slice_make(characters, strlen(characters));
}

static void *open_store(env *disk)
{
    void *store = NULL;
    pykv_options options = {.segment_bytes = 8192};
    CHECK_OK(ops->open(disk, STORE_PATH, &options, &store));
    return store;
}

static uint64_t count_of(void *store)
{
    uint64_t count = 0;
    CHECK_OK(ops->count(store, NULL, NULL, &count));
    return count;
}

static void write_batch(void *store)
{
    uint8_t *operations = mem_alloc_zeroed(3, ops->operation_bytes);
    CHECK(operations != NULL);
    static const char *const keys[] = {"b", "c", "a"};
    for (size_t i = 0; i < 3; i++) {
        record *written = (record *)(void *)(operations + i * ops->operation_bytes);
        written->kind = i < 2 ? RECORD_PUT : RECORD_DELETE;
        written->key = text(keys[i]);
        written->value = i < 2 ? text("2") : slice_make(NULL, 0);
    }
    CHECK_OK(ops->write(store, operations, 3, 0));
    mem_free(operations);
}

static void write_all(void *store)
{
    int32_t existed = 0;
    int32_t swapped = 0;
    slice one = text("1");
    slice three = text("3");
    CHECK_OK(ops->put(store, text("a"), one, 0, 0));
    write_batch(store);
    CHECK_EQUAL(2, count_of(store));
    CHECK_OK(ops->remove(store, text("b"), 0, &existed));
    CHECK_EQUAL(1, existed);
    CHECK_OK(ops->compare_and_set(store, text("d"), NULL, &three, 0, 0, &swapped));
    CHECK_EQUAL(1, swapped);
}

static void read_many(void *store)
{
    const void *keys[] = {"a", "c", "d"};
    size_t lengths[] = {1, 1, 1};
    void *many;
    CHECK_OK(ops->many_new(store, &many));
    CHECK_OK(ops->many_get(many, NULL, 3, keys, lengths, 0));
    CHECK(ops->many_values(many)[0] == NULL);
    CHECK_BYTES("2", ops->many_values(many)[1], 1);
    CHECK_EQUAL(1, ops->many_lengths(many)[2]);
    ops->many_release(many);
    ops->many_free(many);
}

static void scan_all(void *store)
{
    void *scan;
    pykv_rows rows;
    pykv_range range = {0};
    CHECK_OK(ops->scan_open(store, NULL, &range, &scan));
    CHECK_OK(ops->scan_next(scan, 0, &rows));
    CHECK_EQUAL(2, rows.count);
    ops->scan_free(store, scan);
    range.reverse = 1;
    CHECK_STATUS(PYKV_NOT_SUPPORTED, ops->scan_open(store, NULL, &range, &scan));
}

static void read_all(void *store)
{
    pykv_pinned pinned = {0};
    gate *counted = ops->gate(store);
    epoch_token token;
    CHECK(gate_enter(counted, &counted->readers, &token));
    CHECK_OK(ops->get(store, text("d"), 0, &pinned));
    CHECK_BYTES("3", pinned.data, 1);
    mem_free(pinned.owned);
    CHECK_EQUAL(PYKV_NOT_FOUND, ops->contains(store, text("b"), 0));
    read_many(store);
    scan_all(store);
    epoch_leave(&counted->readers, token);
}

static void keep_up(void *store)
{
    pykv_stats stats = {0};
    pykv_report report = {0};
    int32_t more;
    CHECK_OK(ops->sync(store));
    CHECK_OK(ops->flush(store));
    CHECK_OK(ops->resume(store));
    pykv_range from = {.start = "a", .start_length = 1, .has_start = 1};
    CHECK_STATUS(PYKV_NOT_SUPPORTED, ops->compact(store, &from, NULL));
    CHECK_OK(ops->compact(store, NULL, NULL));
    CHECK_OK(ops->verify(store, NULL, &report));
    CHECK_EQUAL(0, report.damage_count);
    CHECK_OK(ops->maintain_step(store, PYKV_ROLE_DATA, &more));
    CHECK_STATUS(PYKV_INVALID_ARGUMENT, ops->maintain(store, 0));
    ops->stats(store, &stats);
    CHECK_EQUAL(PYKV_ENGINE_BITCASK, stats.engine);
    CHECK_EQUAL(2, stats.key_count);
    CHECK_EQUAL(PYKV_STATE_OPEN, ops->state(store));
}

TEST(every_function_does_its_work_on_a_store)
{
    env *disk;
    pykv_report report;
    CHECK_OK(env_memory_new(check_seed(), 128 << 20, &disk));
    void *store = open_store(disk);
    write_all(store);
    read_all(store);
    keep_up(store);
    CHECK_OK(ops->clear(store, 0));
    CHECK_EQUAL(0, count_of(store));
    CHECK_OK(ops->put(store, text("z"), text("26"), 0, 0));
    gate *counted = ops->gate(store);
    CHECK_OK(ops->close(store, -1));
    CHECK(counted->closing);
    ops->free(store);
    CHECK_OK(ops->repair(disk, STORE_PATH, &report));
    store = open_store(disk);
    CHECK_EQUAL(1, count_of(store));
    CHECK_OK(ops->close(store, 0));
    ops->free(store);
    CHECK_OK(ops->destroy(disk, STORE_PATH));
    CHECK_STATUS(PYKV_PATH_NOT_FOUND, ops->destroy(disk, STORE_PATH));
    env_memory_free(disk);
}

TEST_MAIN(CASE(no_function_is_missing_but_those_of_what_it_does_not_support),
          CASE(every_function_does_its_work_on_a_store))
