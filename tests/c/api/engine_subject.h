/*
 * engine_subject: an engine whose table of functions is checked, and writes through them. Included
 * by engine_checks.h.
 */
#ifndef PYKV_TESTS_ENGINE_SUBJECT_H
#define PYKV_TESTS_ENGINE_SUBJECT_H

#include "harness/check.h"

#include "api/engine.h"
#include "base/memory.h"
#include "env/env_memory.h"

#define STORE_PATH "/store"

typedef struct engine_subject {
    const engine_ops *ops;
    pykv_options options;
    bool has_order;
    void (*check_stats)(const pykv_stats *stats); /* of a store of two rows that was compacted */
} engine_subject;

static slice text(const char *characters)
{
    return slice_make(characters, strlen(characters));
}

static void *open_store(const engine_subject *self, env *disk)
{
    void *store = NULL;
    CHECK_OK(self->ops->open(disk, STORE_PATH, &self->options, &store));
    return store;
}

static uint64_t count_of(const engine_ops *ops, void *store)
{
    uint64_t count = 0;
    CHECK_OK(ops->count(store, NULL, NULL, &count));
    return count;
}

static void write_batch(const engine_ops *ops, void *store)
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

static void write_all(const engine_ops *ops, void *store)
{
    int32_t existed = 0;
    int32_t swapped = 0;
    slice one = text("1");
    slice three = text("3");
    CHECK_OK(ops->put(store, text("a"), one, 0, 0));
    write_batch(ops, store);
    CHECK_EQUAL(2, count_of(ops, store));
    CHECK_OK(ops->remove(store, text("b"), 0, &existed));
    CHECK_EQUAL(1, existed);
    CHECK_OK(ops->compare_and_set(store, text("d"), NULL, &three, 0, 0, &swapped));
    CHECK_EQUAL(1, swapped);
}

#endif
