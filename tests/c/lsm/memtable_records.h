/*
 * memtable_records: records and nodes made by hand, for the tests of the tree's parts.
 */
#ifndef PYKV_TESTS_LSM_MEMTABLE_RECORDS_H
#define PYKV_TESTS_LSM_MEMTABLE_RECORDS_H

#include "harness/check.h"

#include "lsm/memtable_build.h"
#include "lsm/memtable_find.h"
#include "lsm/memtable_insert.h"
#include "lsm/memtable_keys.h"
#include "lsm/memtable_search.h"

enum { RECORDS_MAX = 20000 };

typedef struct memtable_records {
    epoch entered;
    reclaimer readers;
    memtable_tree tree;
    memtable_record *records[RECORDS_MAX]; /* owned */
    size_t count;
    uint8_t *room; /* for one key */
} memtable_records;

static inline memtable_records *memtable_records_open(void)
{
    memtable_records *self = calloc(1, sizeof *self);
    CHECK(self != NULL);
    self->room = malloc(MEMTABLE_KEY_ROOM);
    CHECK(self->room != NULL);
    epoch_init(&self->entered);
    reclaimer_init(&self->readers, &self->entered);
    CHECK_OK(memtable_tree_init(&self->tree, &self->readers, NULL));
    return self;
}

static inline void memtable_records_close(memtable_records *self)
{
    memtable_tree_reset(&self->tree);
    CHECK(!reclaimer_sweep(&self->readers));
    reclaimer_destroy(&self->readers);
    for (size_t i = 0; i < self->count; i++) {
        free(self->records[i]);
    }
    free(self->room);
    free(self);
}

/* A record of the next sequence, without a value. */
static inline const memtable_record *memtable_records_make(memtable_records *self, slice key)
{
    iterator_entry entry = {.key = key, .sequence = self->count + 1, .kind = 1};
    memtable_record *made = malloc(memtable_record_bytes(key.size, 0, false));
    CHECK(made != NULL && self->count < RECORDS_MAX);
    memtable_record_store(made, &entry);
    self->records[self->count++] = made;
    return made;
}

static inline const memtable_record *memtable_records_text(memtable_records *self, const char *key)
{
    return memtable_records_make(self, slice_make(key, strlen(key)));
}

/* Makes a record and puts it into the tree. */
static inline const memtable_record *memtable_records_insert(memtable_records *self, slice key)
{
    const memtable_record *made = memtable_records_make(self, key);
    CHECK_OK(memtable_tree_reserve(&self->tree, 1));
    memtable_insert(&self->tree, made);
    return made;
}

/* A leaf of those keys, sorted, whose common length is common_length. */
static inline memtable_node *memtable_records_leaf(memtable_records *self, const char *const *keys,
                                                   uint32_t count, size_t common_length)
{
    memtable_run run = {.count = 0};
    for (uint32_t i = 0; i < count; i++) {
        const memtable_record *made = memtable_records_text(self, keys[i]);
        memtable_run_insert(&run, i, made, key_word(memtable_record_key(made), common_length));
    }
    CHECK_OK(memtable_pool_reserve(self->tree.pool, 1));
    memtable_pool_supply(self->tree.pool, 1);
    return memtable_build_leaf(self->tree.pool, &run, 0, count, common_length, false);
}

/* Checks the invariants of every node, and counts records below. */
static inline size_t memtable_records_check(const memtable_node *node)
{
    size_t count = memtable_node_count(node);
    if (node->level == 0) {
        for (size_t i = 0; i < count; i++) {
            slice key = memtable_record_key(node->of.leaf.records[i]);
            CHECK(key.size >= node->common_length);
            CHECK_EQUAL(key_word(key, node->common_length), node->of.leaf.words[i]);
            CHECK_BYTES(memtable_node_sample(node)->bytes, key.data, node->common_length);
        }
        return count;
    }
    CHECK(count >= 2 && count <= MEMTABLE_CHILDREN);
    size_t below = 0;
    for (uint32_t i = 0; i < count; i++) {
        const memtable_node *child = memtable_node_child(node, i);
        CHECK_EQUAL(node->level - 1, child->level);
        if (i > 0) {
            const memtable_record *separator = node->of.inner.records[i - 1];
            CHECK(separator == memtable_first_record(child));
            CHECK_EQUAL(key_word(memtable_record_key(separator), node->common_length),
                        node->of.inner.words[i - 1]);
        }
        const memtable_record *first = memtable_first_record(child);
        const memtable_record *last = memtable_last_record(child);
        CHECK(memtable_record_compare(first, last, 0) <= 0);
        CHECK_BYTES(first->bytes, last->bytes, node->common_length);
        CHECK_BYTES(memtable_node_sample(node)->bytes, last->bytes, node->common_length);
        below += memtable_records_check(child);
    }
    return below;
}

#endif
