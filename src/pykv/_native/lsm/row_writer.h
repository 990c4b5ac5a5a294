/*
 * row_writer: where a fill of the user iterator writes its rows: to memory of its own, and to the
 * arrays of the request as long as they have room. Rows are copied by moves of 16 bytes.
 *
 * A loop over rows works on a copy whose address nobody takes, so that it stays in registers.
 * Private to user_iterator_walk.c. Not thread-safe.
 */
#ifndef PYKV_LSM_ROW_WRITER_H
#define PYKV_LSM_ROW_WRITER_H

#include <string.h>

#include "base/invariant.h"
#include "lsm/user_iterator.h"

/* For what a loop over rows is made of. */
#define INLINE_ALWAYS inline __attribute__((always_inline))

enum { ROWS_BYTES_FIRST = 64 * 1024, ROWS_COUNT_FIRST = 512, COPY_INLINE_MAX = 256 };

/* Rows on their way out; data and offsets are the memory of rows. */
typedef struct row_writer {
    user_iterator_rows *rows;
    uint8_t *data;
    uint64_t *offsets;
    size_t size;
    size_t capacity;
    size_t count;
    size_t count_max; /* rows that offsets has room for */
    size_t chunk_bytes;
    size_t row_limit;
    size_t prefix_bytes;
    bool keys_only;
    /* the arrays of the request, if there are any */
    pykv_items_room *keys;
    pykv_items_room *values;
    int64_t *key_offsets; /* of the end of the next row */
    int64_t *value_offsets;
    uint64_t key_bytes;
    uint64_t value_bytes;
    size_t arrays_count;
} row_writer;

/* Makes room for bytes and for more rows. */
static inline pykv_status writer_grow(row_writer *self, size_t bytes, size_t row_count)
{
    buffer *data = &self->rows->data;
    buffer *offsets = &self->rows->offsets;
    data->size = self->size;
    offsets->size = 2 * self->count * sizeof(uint64_t);
    pykv_status status = buffer_reserve(data, bytes);
    if (status == PYKV_OK) {
        status = buffer_reserve(offsets, (2 * row_count + 1) * sizeof(uint64_t));
    }
    self->data = data->data;
    self->capacity = data->capacity;
    self->offsets = (uint64_t *)(void *)offsets->data;
    self->count_max = offsets->capacity == 0 ? 0 : (offsets->capacity / sizeof(uint64_t) - 1) / 2;
    return status;
}

static inline void begin_arrays(row_writer *self, const user_iterator_request *request)
{
    self->keys = request->keys;
    self->values = request->values;
    self->key_offsets = request->keys->offsets + request->rows_done + 1;
    self->value_offsets = request->values->offsets + request->rows_done + 1;
    self->key_bytes = request->keys->used_bytes;
    self->value_bytes = request->values->used_bytes;
}

static inline pykv_status writer_begin(row_writer *self, const user_iterator_request *request,
                                       user_iterator_rows *rows)
{
    PYKV_ASSERT(request->chunk_bytes > 0 && request->row_limit > 0);
    *self = (row_writer){.rows = rows,
                         .chunk_bytes = request->chunk_bytes,
                         .row_limit = request->row_limit,
                         .prefix_bytes = request->prefix_bytes,
                         .keys_only = request->keys_only};
    buffer_clear(&rows->offsets);
    if (request->keys != NULL) {
        begin_arrays(self, request);
        return writer_grow(self, 0, 1);
    }
    size_t bytes =
        request->chunk_bytes < ROWS_BYTES_FIRST ? request->chunk_bytes : ROWS_BYTES_FIRST;
    size_t count = request->row_limit < ROWS_COUNT_FIRST ? request->row_limit : ROWS_COUNT_FIRST;
    return writer_grow(self, bytes, count);
}

static inline void writer_end(row_writer *self)
{
    self->offsets[2 * self->count] = self->size;
    self->rows->data.size = self->size;
    self->rows->offsets.size = (2 * self->count + 1) * sizeof(uint64_t);
    self->rows->count = self->count;
    self->rows->arrays_count = self->arrays_count;
    if (self->keys != NULL) {
        self->keys->used_bytes = self->key_bytes;
        self->values->used_bytes = self->value_bytes;
    }
}

static inline bool writer_is_full(const row_writer *self)
{
    return self->count + self->arrays_count >= self->row_limit || self->size >= self->chunk_bytes;
}

static inline void copy_bytes(uint8_t *out, const uint8_t *from, size_t size)
{
    if (PYKV_UNLIKELY(size > COPY_INLINE_MAX)) {
        memcpy(out, from, size);
    } else if (size >= 32) {
        for (size_t i = 0; i + 32 < size; i += 32) {
            memcpy(out + i, from + i, 32);
        }
        memcpy(out + size - 32, from + size - 32, 32);
    } else if (size >= 16) {
        memcpy(out, from, 16);
        memcpy(out + size - 16, from + size - 16, 16);
    } else if (size >= 8) {
        memcpy(out, from, 8);
        memcpy(out + size - 8, from + size - 8, 8);
    } else {
        for (size_t i = 0; i < size; i++) {
            out[i] = from[i];
        }
    }
}

/* Writes a row to the arrays. False: it has no room there. */
static INLINE_ALWAYS bool write_to_arrays(row_writer *self, slice key, slice value)
{
    if (PYKV_UNLIKELY(key.size > self->keys->data_bytes - self->key_bytes ||
                      value.size > self->values->data_bytes - self->value_bytes)) {
        return false;
    }
    copy_bytes(self->keys->data + self->key_bytes, key.data, key.size);
    copy_bytes(self->values->data + self->value_bytes, value.data, value.size);
    self->key_bytes += key.size;
    self->value_bytes += value.size;
    self->key_offsets[self->arrays_count] = (int64_t)self->key_bytes;
    self->value_offsets[self->arrays_count] = (int64_t)self->value_bytes;
    self->arrays_count++;
    return true;
}

#endif
