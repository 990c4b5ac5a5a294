/*
 * memtable_model: a memtable beside a plain sorted array that says what it should hold.
 *
 * The array is in the order of the iterator; a lookup in it is a walk. Every value says which
 * operation it belongs to.
 */
#ifndef PYKV_TESTS_LSM_MEMTABLE_MODEL_H
#define PYKV_TESTS_LSM_MEMTABLE_MODEL_H

#include "harness/check.h"

#include "base/memory.h"
#include "base/reclaim.h"
#include "log/log_format.h"
#include "lsm/internal_key.h"
#include "lsm/memtable.h"
#include "lsm/memtable_keys.h"

typedef struct model_entry {
    slice key; /* owned */
    uint64_t sequence;
    uint64_t deadline_us;
    uint8_t kind;
} model_entry;

typedef struct memtable_model {
    epoch entered;
    reclaimer readers;
    memtable *table;
    model_entry *entries; /* in order */
    size_t count;
    size_t capacity;
    uint64_t sequence; /* of the last operation */
    uint64_t seed;
    uint8_t *room; /* for one key */
} memtable_model;

static inline void memtable_model_open(memtable_model *self, size_t capacity, uint64_t seed)
{
    memset(self, 0, sizeof *self);
    self->seed = seed | 1;
    self->capacity = capacity;
    self->entries = calloc(capacity, sizeof *self->entries);
    self->room = malloc(MEMTABLE_KEY_ROOM);
    CHECK(self->entries != NULL && self->room != NULL);
    epoch_init(&self->entered);
    reclaimer_init(&self->readers, &self->entered);
    CHECK_OK(memtable_create(&self->readers, 1 << 20, &self->table));
}

static inline void memtable_model_close(memtable_model *self)
{
    memtable_release(self->table);
    CHECK(!reclaimer_sweep(&self->readers));
    reclaimer_destroy(&self->readers);
    for (size_t i = 0; i < self->count; i++) {
        free((void *)(uintptr_t)self->entries[i].key.data);
    }
    free(self->entries);
    free(self->room);
}

/* How many entries come before the place: by halving, on the plain order. */
static inline size_t memtable_model_place(const memtable_model *self, slice key, uint64_t sequence)
{
    size_t first = 0;
    size_t last = self->count;
    internal_key place = internal_key_place(key, sequence);
    while (first < last) {
        size_t middle = (first + last) / 2;
        const model_entry *at = &self->entries[middle];
        internal_key there = {at->key, internal_trailer(at->sequence, at->kind)};
        if (internal_key_compare(there, place) < 0) {
            first = middle + 1;
        } else {
            last = middle;
        }
    }
    return first;
}

static inline size_t memtable_model_value(uint64_t sequence, uint8_t *out)
{
    size_t size = sequence % 40;
    memset(out, (int)(sequence % 251), size);
    if (size >= 8) {
        memcpy(out, &sequence, 8);
    }
    return size;
}

/* Adds an operation of the next sequence to the array. */
static inline void memtable_model_note(memtable_model *self, slice key, uint64_t deadline_us,
                                       uint8_t kind)
{
    uint8_t *copy = malloc(key.size + 1);
    CHECK(copy != NULL && self->count < self->capacity);
    memcpy(copy, key.data, key.size);
    size_t index = memtable_model_place(self, key, self->sequence + 1);
    memmove(self->entries + index + 1, self->entries + index,
            (self->count - index) * sizeof self->entries[0]);
    self->sequence++;
    self->entries[index] =
        (model_entry){slice_make(copy, key.size), self->sequence, deadline_us, kind};
    self->count++;
}

/* Adds an operation of the next sequence to both. Every 5th is a delete, every 7th has a deadline.
 * PYKV_NO_MEMORY passes through with nothing changed. */
static inline pykv_status memtable_model_add(memtable_model *self, slice key)
{
    uint8_t value[40];
    uint64_t sequence = self->sequence + 1;
    uint8_t kind = sequence % 5 == 0 ? RECORD_DELETE : RECORD_PUT;
    size_t value_size = kind == RECORD_PUT ? memtable_model_value(sequence, value) : 0;
    uint64_t deadline_us = sequence % 7 == 0 ? sequence * 1000 : 0;
    pykv_status status = memtable_reserve(
        self->table, 1, memtable_entry_bytes(key.size, value_size, deadline_us != 0));
    if (status != PYKV_OK) {
        return status;
    }
    iterator_entry entry = {.key = key,
                            .value = slice_make(value, value_size),
                            .sequence = sequence,
                            .deadline_us = deadline_us,
                            .body_crc = (uint32_t)sequence ^ 0xABCD,
                            .kind = kind};
    memtable_add(self->table, &entry, memtable_key_hash(key));
    memtable_model_note(self, key, deadline_us, kind);
    return PYKV_OK;
}

#endif
