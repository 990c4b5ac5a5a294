/*
 * scan_rows: rows on their way to the arrays of the caller, or to a chunk. See scan_rows.h.
 */
#include "bitcask/scan_rows.h"

#include "base/annotate.h"
#include "base/invariant.h"

void scan_rows_begin(scan_rows *self, uint64_t chunk_bytes)
{
    self->count = 0;
    self->chunk_bytes = chunk_bytes;
    self->array_count = 0;
    self->array_max = 0;
    buffer_clear(&self->rows);
    buffer_clear(&self->offsets);
}

void scan_rows_begin_arrays(scan_rows *self, uint64_t rows_max, pykv_items_room *keys,
                            pykv_items_room *values, uint64_t rows_done)
{
    PYKV_ASSERT(rows_max > 0);
    scan_rows_begin(self, 0);
    self->array_max = rows_max;
    self->rows_before = rows_done;
    self->keys = (scan_array){keys, keys->used_bytes};
    self->values = (scan_array){values, values->used_bytes};
}

static inline bool has_room(const scan_array *self, size_t size)
{
    return size <= self->room->data_bytes - self->used_bytes;
}

static inline void copy_item(scan_array *self, slice item, uint64_t index)
{
    if (item.size > 0) {
        memcpy(self->room->data + self->used_bytes, item.data, item.size);
        self->used_bytes += item.size;
    }
    self->room->offsets[index + 1] = (int64_t)self->used_bytes;
}

static pykv_status add_to_chunk(scan_rows *self, slice key, slice value)
{
    pykv_status status = buffer_reserve(&self->rows, key.size + value.size);
    uint64_t at[2] = {self->rows.size, self->rows.size + key.size};
    if (PYKV_LIKELY(status == PYKV_OK)) {
        status = buffer_append(&self->offsets, at, sizeof at);
    }
    if (PYKV_LIKELY(status == PYKV_OK)) {
        status = buffer_append(&self->rows, key.data, key.size);
    }
    if (PYKV_LIKELY(status == PYKV_OK)) {
        status = buffer_append(&self->rows, value.data, value.size);
    }
    self->count++;
    return status;
}

pykv_status scan_rows_add(scan_rows *self, slice key, slice value)
{
    bool goes_to_arrays = self->count < self->array_max && self->count == self->array_count;
    if (goes_to_arrays && has_room(&self->keys, key.size) && has_room(&self->values, value.size)) {
        uint64_t index = self->rows_before + self->count;
        copy_item(&self->keys, key, index);
        copy_item(&self->values, value, index);
        self->array_count++;
        self->count++;
        return PYKV_OK;
    }
    if (goes_to_arrays) {
        self->array_max = self->count + 1; /* the one without room is the last that is wanted */
    }
    return add_to_chunk(self, key, value);
}

pykv_status scan_rows_give(scan_rows *self, uint64_t *array_count_out, pykv_rows *chunk_out)
{
    static const uint8_t no_bytes[1] = {0}; /* of rows that are all empty */
    uint64_t end = self->rows.size;
    pykv_status status = buffer_append(&self->offsets, &end, sizeof end);
    if (status != PYKV_OK) {
        return status;
    }
    if (self->array_count > 0) {
        self->keys.room->used_bytes = self->keys.used_bytes;
        self->values.room->used_bytes = self->values.used_bytes;
    }
    *array_count_out = self->array_count;
    chunk_out->count = (size_t)(self->count - self->array_count);
    chunk_out->data = self->rows.data != NULL ? self->rows.data : no_bytes;
    chunk_out->offsets = (const uint64_t *)(const void *)self->offsets.data;
    return PYKV_OK;
}

void scan_rows_reset(scan_rows *self)
{
    buffer_reset(&self->rows);
    buffer_reset(&self->offsets);
}
