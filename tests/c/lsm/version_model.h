/*
 * version_model: operations in a sorted array that says what a version of them must answer.
 * version_history.h makes both. Header only.
 */
#ifndef PYKV_TESTS_LSM_VERSION_MODEL_H
#define PYKV_TESTS_LSM_VERSION_MODEL_H

#include "lsm/memtable_keys.h"
#include "lsm/version.h"
#include "lsm/version_fixture.h"

enum { MODEL_KEY_ROOM = 256 };

typedef struct version_model {
    version_fixture *disk;
    table_entry *entries; /* in order; keys are owned, values are the sequences */
    uint8_t *levels;      /* of each entry; level 0 stands for all tables of it */
    size_t count;
    uint64_t key_count;
    memtable_keys keys;
    uint64_t seed;
    version *made;
} version_model;

VERSION_UNUSED static slice model_key(const version_model *self, uint64_t number, uint8_t *room)
{
    slice key = memtable_key(self->keys, number, room);
    return key.size > MODEL_KEY_ROOM ? slice_make(key.data, MODEL_KEY_ROOM) : key;
}

static inline int model_order(const void *left, const void *right)
{
    const table_entry *a = left;
    const table_entry *b = right;
    return table_position_compare(table_position_make(a->key, a->sequence),
                                  table_position_make(b->key, b->sequence));
}

VERSION_UNUSED static void model_close(version_model *self)
{
    version_release(self->made);
    for (size_t i = 0; i < self->count; i++) {
        free((void *)(uintptr_t)self->entries[i].key.data);
    }
    free(self->entries);
    free(self->levels);
}

/* How many entries come before the place. */
VERSION_UNUSED static size_t model_rank(const version_model *self, slice key, uint64_t sequence)
{
    size_t low = 0;
    size_t high = self->count;
    table_entry place = {.key = key, .sequence = sequence};
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (model_order(&self->entries[middle], &place) < 0) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

/* The newest operation on key up to sequence, or NULL. */
VERSION_UNUSED static const table_entry *model_get(const version_model *self, slice key,
                                                   uint64_t sequence)
{
    size_t rank = model_rank(self, key, sequence);
    return rank < self->count && slice_equal(self->entries[rank].key, key) ? &self->entries[rank]
                                                                           : NULL;
}

/* Checks what a get said of a key. */
VERSION_UNUSED static void model_check(const version_model *self, slice key, uint64_t sequence,
                                       pykv_status status, const table_found *found)
{
    const table_entry *wanted = model_get(self, key, sequence);
    CHECK_EQUAL(wanted == NULL ? PYKV_NOT_FOUND : PYKV_OK, status);
    if (wanted != NULL) {
        CHECK_EQUAL(wanted->sequence, found->sequence);
        CHECK_EQUAL(wanted->kind, found->kind);
        CHECK(slice_equal(wanted->value, found->value));
    }
}

/* A key to ask for: mostly one that there is, or may be; and a sequence to ask at. */
VERSION_UNUSED static slice model_ask(version_model *self, uint8_t *room, uint64_t *sequence_out)
{
    uint64_t chance = check_random(&self->seed, 4);
    *sequence_out = chance == 0 ? UINT64_MAX : check_random(&self->seed, self->count + 3);
    return model_key(self, check_random(&self->seed, self->key_count + self->key_count / 4 + 2),
                     room);
}

#endif
