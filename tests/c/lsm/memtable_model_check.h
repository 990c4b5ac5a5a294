/*
 * memtable_model_check: compares a memtable with the array of its model.
 */
#ifndef PYKV_TESTS_LSM_MEMTABLE_MODEL_CHECK_H
#define PYKV_TESTS_LSM_MEMTABLE_MODEL_CHECK_H

#include "lsm/memtable_model.h"

/* The entry is the one at index of the array, in every field. */
static inline void memtable_model_same(const memtable_model *self, size_t index,
                                       const iterator_entry *entry)
{
    uint8_t value[40];
    const model_entry *wanted = &self->entries[index];
    CHECK(index < self->count);
    CHECK_EQUAL(wanted->sequence, entry->sequence);
    CHECK_EQUAL(wanted->kind, entry->kind);
    CHECK_EQUAL(wanted->deadline_us, entry->deadline_us);
    CHECK_EQUAL((uint32_t)wanted->sequence ^ 0xABCD, entry->body_crc);
    CHECK(slice_equal(wanted->key, entry->key));
    size_t size = wanted->kind == RECORD_PUT ? memtable_model_value(wanted->sequence, value) : 0;
    CHECK(slice_equal(slice_make(value, size), entry->value));
}

/* Looks a key up at a snapshot in both. Returns whether it is there. */
static inline bool memtable_model_get(memtable_model *self, slice key, uint64_t snapshot)
{
    iterator_entry entry;
    size_t index = memtable_model_place(self, key, snapshot);
    bool wanted = index < self->count && slice_equal(self->entries[index].key, key);
    epoch_token token = epoch_enter(self->readers.readers);
    bool found = memtable_get(self->table, key, memtable_key_hash(key), snapshot, &entry);
    epoch_leave(self->readers.readers, token);
    CHECK_EQUAL(wanted, found);
    if (found) {
        memtable_model_same(self, index, &entry);
    }
    return found;
}

/* A walk over the whole table and back, and the facts that stats tell. */
static inline void memtable_model_check(memtable_model *self)
{
    iterator *walk;
    size_t index = 0;
    memtable_stats stats;
    CHECK_OK(memtable_iterator_new(self->table, &walk));
    for (iterator_seek_first(walk); iterator_valid(walk); iterator_next(walk)) {
        memtable_model_same(self, index++, iterator_current(walk));
    }
    CHECK_EQUAL(self->count, index);
    for (iterator_seek_last(walk); iterator_valid(walk); iterator_previous(walk)) {
        memtable_model_same(self, --index, iterator_current(walk));
    }
    CHECK_EQUAL(0, index);
    CHECK_OK(walk->status);
    iterator_free(walk);
    memtable_stats_read(self->table, &stats);
    CHECK_EQUAL(self->count, stats.count);
    CHECK_EQUAL(self->count == 0 ? 0 : 1, stats.sequence_min);
    CHECK_EQUAL(self->sequence, stats.sequence_max);
    CHECK(stats.used_bytes <= stats.allocated_bytes);
}

#endif
