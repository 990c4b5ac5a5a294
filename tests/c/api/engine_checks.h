/*
 * engine_checks: each function of an engine's table does its work on a store.
 *
 * Header only: every test program includes it once.
 */
#ifndef PYKV_TESTS_ENGINE_CHECKS_H
#define PYKV_TESTS_ENGINE_CHECKS_H

#include "engine_subject.h"

static void read_many(const engine_ops *ops, void *store)
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

static void scan_backwards(const engine_subject *self, void *store)
{
    void *scan;
    pykv_rows rows;
    pykv_range range = {.reverse = 1};
    pykv_status status = self->ops->scan_open(store, NULL, &range, &scan);
    CHECK_EQUAL(self->has_order ? PYKV_OK : PYKV_NOT_SUPPORTED, status);
    if (status == PYKV_OK) {
        CHECK_OK(self->ops->scan_next(scan, 0, &rows));
        CHECK_BYTES("d3c2", rows.data, 4);
        self->ops->scan_free(store, scan);
    }
}

static void scan_all(const engine_ops *ops, void *store)
{
    void *scan;
    pykv_rows rows;
    pykv_range range = {0};
    CHECK_OK(ops->scan_open(store, NULL, &range, &scan));
    CHECK_OK(ops->scan_next(scan, 0, &rows));
    CHECK_EQUAL(2, rows.count);
    ops->scan_free(store, scan);
}

static void read_all(const engine_subject *self, void *store)
{
    const engine_ops *ops = self->ops;
    pykv_pinned pinned = {0};
    gate *counted = ops->gate(store);
    epoch *of_scans = ops->calls_are_readers ? &counted->readers : &counted->others;
    epoch_token token;
    CHECK(gate_enter(counted, &counted->readers, &token));
    CHECK_OK(ops->get(store, text("d"), 0, &pinned));
    CHECK_BYTES("3", pinned.data, 1);
    mem_free(pinned.owned);
    CHECK_EQUAL(PYKV_NOT_FOUND, ops->contains(store, NULL, text("b"), 0));
    read_many(ops, store);
    epoch_leave(&counted->readers, token);
    CHECK(gate_enter(counted, of_scans, &token));
    scan_all(ops, store);
    scan_backwards(self, store);
    epoch_leave(of_scans, token);
}

static void keep_up(const engine_subject *self, void *store)
{
    const engine_ops *ops = self->ops;
    pykv_stats stats = {0};
    pykv_report report = {0};
    int32_t more;
    CHECK_OK(ops->sync(store));
    CHECK_OK(ops->flush(store));
    CHECK_OK(ops->resume(store));
    pykv_range from = {.start = "a", .start_length = 1, .has_start = 1};
    CHECK_EQUAL(self->has_order ? PYKV_OK : PYKV_NOT_SUPPORTED, ops->compact(store, &from, NULL));
    CHECK_OK(ops->compact(store, NULL, NULL));
    CHECK_OK(ops->verify(store, NULL, &report));
    CHECK_EQUAL(0, report.damage_count);
    CHECK_OK(ops->maintain_step(store, PYKV_ROLE_DATA, &more));
    CHECK_STATUS(PYKV_INVALID_ARGUMENT, ops->maintain(store, 0));
    ops->stats(store, &stats);
    CHECK_EQUAL(ops->home->engine, stats.engine);
    self->check_stats(&stats);
    CHECK_EQUAL(PYKV_STATE_OPEN, ops->state(store));
}

/* Makes a store, uses it, repairs it and destroys it. */
static void engine_check(const engine_subject *self)
{
    const engine_ops *ops = self->ops;
    env *disk;
    pykv_report report;
    CHECK_OK(env_memory_new(check_seed(), 128 << 20, &disk));
    void *store = open_store(self, disk);
    write_all(ops, store);
    read_all(self, store);
    keep_up(self, store);
    CHECK_OK(ops->clear(store, 0));
    CHECK_EQUAL(0, count_of(ops, store));
    CHECK_OK(ops->put(store, text("z"), text("26"), 0, 0));
    gate *counted = ops->gate(store);
    CHECK_OK(ops->close(store, -1));
    CHECK(counted->closing);
    ops->free(store);
    CHECK_OK(ops->repair(disk, STORE_PATH, &report));
    store = open_store(self, disk);
    CHECK_EQUAL(1, count_of(ops, store));
    CHECK_OK(ops->close(store, 0));
    ops->free(store);
    CHECK_OK(ops->destroy(disk, STORE_PATH));
    CHECK_STATUS(PYKV_PATH_NOT_FOUND, ops->destroy(disk, STORE_PATH));
    env_memory_free(disk);
}

/* A table of functions has as many words as functions, but for what stands before them. */
static void engine_check_whole(const engine_ops *ops)
{
    void (*functions[(sizeof *ops - offsetof(engine_ops, open)) / sizeof(void (*)(void))])(void);
    memcpy(functions, (const char *)ops + offsetof(engine_ops, open), sizeof functions);
    for (size_t i = 0; i < sizeof functions / sizeof functions[0]; i++) {
        CHECK(functions[i] != NULL);
    }
    CHECK(ops->operation_bytes >= sizeof(record));
}

#endif
