/*
 * walk_model: a sorted array of operations, divided among children at random, for the tests of the
 * merging and the user iterator.
 */
#ifndef PYKV_TESTS_LSM_WALK_MODEL_H
#define PYKV_TESTS_LSM_WALK_MODEL_H

#include "array_iterator.h"

#include "base/memory.h"
#include "base/reclaim.h"
#include "log/log_format.h"
#include "lsm/memtable_keys.h"

enum { WALK_CHILDREN_MAX = 12 };

typedef struct walk_model {
    iterator_entry *entries; /* sorted; bytes are owned */
    size_t count;
    iterator_entry *parts[WALK_CHILDREN_MAX]; /* of each child; bytes are borrowed */
    size_t part_counts[WALK_CHILDREN_MAX];
    size_t child_count;
    array_control control;
    epoch entered;
    reclaimer readers;
    uint64_t seed;
    int64_t blocks_before; /* of memory */
} walk_model;

static inline int walk_order(const void *left, const void *right)
{
    const iterator_entry *a = left;
    const iterator_entry *b = right;
    int order = slice_compare(a->key, b->key);
    return order != 0 ? order : (a->sequence < b->sequence) - (a->sequence > b->sequence);
}

static inline slice walk_copy(slice from)
{
    uint8_t *copy = malloc(from.size + 1);
    CHECK(copy != NULL);
    if (from.size > 0) {
        memcpy(copy, from.data, from.size);
    }
    return slice_make(copy, from.size);
}

/* An operation of a sequence: a put with a value that tells it, or, one in five, a delete; one in
 * seven expires at 1000 times its sequence. */
static inline iterator_entry walk_operation(slice key, uint64_t sequence)
{
    uint8_t value[64];
    size_t size = sequence % sizeof value;
    memset(value, (int)(sequence % 251), size);
    memcpy(value, &sequence, size < 8 ? size : 8);
    uint8_t kind = sequence % 5 == 0 ? RECORD_DELETE : RECORD_PUT;
    iterator_entry made = {.key = walk_copy(key),
                           .value = walk_copy(slice_make(value, kind == RECORD_PUT ? size : 0)),
                           .sequence = sequence,
                           .deadline_us = sequence % 7 == 0 ? sequence * 1000 : 0,
                           .body_crc = (uint32_t)sequence * 31,
                           .kind = kind};
    return made;
}

/* Divides the sorted entries among the children: to change_one_in of them falls a new child. */
static inline void walk_model_divide(walk_model *self, size_t child_count, uint64_t change_one_in)
{
    size_t child = 0;
    self->child_count = child_count;
    for (size_t c = 0; c < child_count; c++) {
        self->parts[c] = malloc((self->count + 1) * sizeof *self->parts[c]);
        CHECK(self->parts[c] != NULL);
        self->part_counts[c] = 0;
    }
    for (size_t i = 0; i < self->count; i++) {
        if (check_random(&self->seed, change_one_in) == 0) {
            child = check_random(&self->seed, child_count);
        }
        self->parts[child][self->part_counts[child]++] = self->entries[i];
    }
}

/* count operations on keys of numbers below key_count. */
static inline void walk_model_open(walk_model *self, uint64_t seed, memtable_keys keys,
                                   size_t count, uint64_t key_count)
{
    uint8_t *room = malloc(MEMTABLE_KEY_ROOM);
    *self = (walk_model){.count = count, .seed = seed | 1, .blocks_before = mem_block_count()};
    self->entries = malloc((count + 1) * sizeof *self->entries);
    CHECK(room != NULL && self->entries != NULL);
    for (size_t i = 0; i < count; i++) {
        slice key = memtable_key(keys, check_random(&self->seed, key_count), room);
        self->entries[i] = walk_operation(key, i + 1);
    }
    qsort(self->entries, count, sizeof *self->entries, walk_order);
    free(room);
    self->control.seed = self->seed + 2;
    self->control.window_max = (uint32_t)check_random(&self->seed, 20);
    epoch_init(&self->entered);
    reclaimer_init(&self->readers, &self->entered);
}

/* Requires all iterators freed; checks that all memory was given back. */
static inline void walk_model_close(walk_model *self)
{
    CHECK_EQUAL(0, self->control.live);
    CHECK(!reclaimer_sweep(&self->readers));
    reclaimer_destroy(&self->readers);
    CHECK_EQUAL(self->blocks_before, mem_block_count());
    for (size_t i = 0; i < self->count; i++) {
        free((void *)(uintptr_t)self->entries[i].key.data);
        free((void *)(uintptr_t)self->entries[i].value.data);
    }
    for (size_t c = 0; c < self->child_count; c++) {
        free(self->parts[c]);
    }
    free(self->entries);
}

#endif
