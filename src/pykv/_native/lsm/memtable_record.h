/*
 * memtable_record: one operation as a memtable holds it, in its arena, never moved or changed.
 *
 *   offset size  field
 *        0    8  trailer      sequence and kind (internal_key.h)
 *        8    4  value_size
 *       12    4  body_crc
 *       16    4  key_shape    size of the key; highest bit: a deadline stands behind the value
 *       20       key, value, deadline u64 if any, up to a multiple of 8
 *
 * In memory only. Thread-safe: a record is written before it is published.
 */
#ifndef PYKV_LSM_MEMTABLE_RECORD_H
#define PYKV_LSM_MEMTABLE_RECORD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "base/coding.h"
#include "base/iterator.h"
#include "base/slice.h"
#include "lsm/internal_key.h"

enum { MEMTABLE_RECORD_GRANULE_BYTES = 8, MEMTABLE_DEADLINE_BYTES = 8 };

typedef struct memtable_record {
    uint64_t trailer;
    uint32_t value_size;
    uint32_t body_crc;
    uint32_t key_shape;
    uint8_t bytes[];
} memtable_record;

#define MEMTABLE_RECORD_EXPIRES (UINT32_C(1) << 31)

static inline size_t memtable_record_key_size(const memtable_record *self)
{
    return self->key_shape & ~MEMTABLE_RECORD_EXPIRES;
}

/* Bytes that a record takes. */
static inline uint64_t memtable_record_bytes(size_t key_size, size_t value_size, bool expires)
{
    uint64_t extra = expires ? MEMTABLE_DEADLINE_BYTES : 0;
    uint64_t bytes = offsetof(memtable_record, bytes) + key_size + value_size + extra;
    return round_up(bytes, MEMTABLE_RECORD_GRANULE_BYTES);
}

static inline slice memtable_record_key(const memtable_record *self)
{
    return slice_make(self->bytes, memtable_record_key_size(self));
}

/* Writes an entry into memory of memtable_record_bytes. */
static inline void memtable_record_store(memtable_record *self, const iterator_entry *entry)
{
    self->trailer = internal_trailer(entry->sequence, entry->kind);
    self->value_size = (uint32_t)entry->value.size;
    self->body_crc = entry->body_crc;
    self->key_shape =
        (uint32_t)entry->key.size | (entry->deadline_us != 0 ? MEMTABLE_RECORD_EXPIRES : 0);
    uint8_t *out = self->bytes;
    if (entry->key.size != 0) {
        memcpy(out, entry->key.data, entry->key.size);
    }
    out += entry->key.size;
    if (entry->value.size != 0) {
        memcpy(out, entry->value.data, entry->value.size);
    }
    if (entry->deadline_us != 0) {
        store_u64(out + entry->value.size, entry->deadline_us);
    }
}

/* The entry, which borrows from the record. */
static inline void memtable_record_load(const memtable_record *self, iterator_entry *out)
{
    bool expires = (self->key_shape & MEMTABLE_RECORD_EXPIRES) != 0;
    out->key = memtable_record_key(self);
    const uint8_t *value = out->key.data + out->key.size;
    out->value = slice_make(value, self->value_size);
    out->sequence = internal_sequence(self->trailer);
    out->deadline_us = expires ? load_u64(value + self->value_size) : 0;
    out->body_crc = self->body_crc;
    out->kind = internal_kind(self->trailer);
}

#endif
