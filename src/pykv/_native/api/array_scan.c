/*
 * array_scan: the part of pykv.h that gives the rows of a scan in arrays of the caller's.
 *
 * The engine writes rows into the two rooms itself, and gives what it found beyond, the first that
 * did not fit and maybe some that were not asked for: they are kept for the next call.
 */
#include <string.h>

#include "api/items_room.h"
#include "api/reads.h"
#include "base/annotate.h"
#include "base/error.h"
#include "base/invariant.h"
#include "base/memory.h"
#include "base/process.h"

struct pykv_array_scan {
    uint64_t stamp; /* of the process that opened it */
    pykv_store *store;
    pykv_scan *scan;
    pykv_rows rows; /* that were found beyond the arrays */
    size_t at;      /* the first of them that was not given yet */
};

pykv_status pykv_array_scan_open(pykv_store *store, pykv_snapshot *snapshot,
                                 const pykv_range *range, pykv_array_scan **scan_out)
{
    pykv_array_scan *self = mem_alloc_zeroed(1, sizeof *self);
    if (self == NULL) {
        return error_set_no_memory(sizeof *self);
    }
    self->stamp = process_stamp();
    self->store = store;
    pykv_status status = snapshot == NULL ? pykv_scan_open(store, range, &self->scan)
                                          : pykv_scan_open_at(snapshot, range, &self->scan);
    if (status != PYKV_OK) {
        mem_free(self);
        return status;
    }
    *scan_out = self;
    return PYKV_OK;
}

/* How many of the chunk's rows fit, at most rows; a room that is full says so. */
static size_t rows_that_fit(const pykv_array_scan *self, size_t rows, pykv_items_room *keys,
                            pykv_items_room *values)
{
    const uint64_t *offsets = self->rows.offsets + 2 * self->at;
    uint64_t key_room = keys->data_bytes - keys->used_bytes;
    uint64_t value_room = values->data_bytes - values->used_bytes;
    uint64_t key_bytes = 0;
    uint64_t value_bytes = 0;
    for (size_t i = 0; i < rows; i++, offsets += 2) {
        key_bytes += offsets[1] - offsets[0];
        value_bytes += offsets[2] - offsets[1];
        if (PYKV_UNLIKELY(key_bytes > key_room || value_bytes > value_room)) {
            keys->needed_bytes = key_bytes > key_room ? keys->used_bytes + key_bytes : 0;
            values->needed_bytes = value_bytes > value_room ? values->used_bytes + value_bytes : 0;
            return i;
        }
    }
    return rows;
}

/* Copies rows that fit behind the first rows_done. */
static void copy_rows(pykv_array_scan *self, size_t rows, pykv_items_room *keys,
                      pykv_items_room *values, uint64_t rows_done)
{
    const uint64_t *offsets = self->rows.offsets + 2 * self->at;
    int64_t *key_offsets = keys->offsets + rows_done + 1;
    int64_t *value_offsets = values->offsets + rows_done + 1;
    uint64_t key_at = keys->used_bytes;
    uint64_t value_at = values->used_bytes;
    for (size_t i = 0; i < rows; i++, offsets += 2) {
        size_t key_length = (size_t)(offsets[1] - offsets[0]);
        size_t value_length = (size_t)(offsets[2] - offsets[1]);
        memcpy(keys->data + key_at, self->rows.data + offsets[0], key_length);
        memcpy(values->data + value_at, self->rows.data + offsets[1], value_length);
        key_at += key_length;
        value_at += value_length;
        key_offsets[i] = (int64_t)key_at;
        value_offsets[i] = (int64_t)value_at;
    }
    keys->used_bytes = key_at;
    values->used_bytes = value_at;
    self->at += rows;
}

static pykv_status add_rows(pykv_array_scan *self, uint64_t rows_max, int32_t flags,
                            pykv_items_room *keys, pykv_items_room *values, uint64_t *rows_done)
{
    while (*rows_done < rows_max) {
        if (self->at == self->rows.count) {
            self->at = 0;
            self->rows.count = 0;
            uint64_t before = *rows_done;
            pykv_status status = reads_scan_next_arrays(self->scan, rows_max - *rows_done, flags,
                                                        keys, values, rows_done, &self->rows);
            if (status != PYKV_OK || (self->rows.count == 0 && *rows_done == before)) {
                return status;
            }
        }
        uint64_t wanted = rows_max - *rows_done;
        size_t left = self->rows.count - self->at;
        size_t rows = rows_that_fit(self, left < wanted ? left : (size_t)wanted, keys, values);
        copy_rows(self, rows, keys, values, *rows_done);
        *rows_done += rows;
        if (keys->needed_bytes != 0 || values->needed_bytes != 0) {
            break;
        }
    }
    return PYKV_OK;
}

pykv_status pykv_array_scan_next(pykv_array_scan *self, uint64_t rows_max, int32_t flags,
                                 pykv_items_room *keys, pykv_items_room *values,
                                 uint64_t *rows_done)
{
    pykv_status status = pykv_check_open(self->store);
    if (status == PYKV_OK) {
        status = items_room_begin(keys, *rows_done);
    }
    if (status == PYKV_OK) {
        status = items_room_begin(values, *rows_done);
    }
    return status == PYKV_OK ? add_rows(self, rows_max, flags, keys, values, rows_done) : status;
}

void pykv_array_scan_close(pykv_array_scan *self)
{
    if (self == NULL || self->stamp != process_stamp()) {
        return;
    }
    pykv_scan_close(self->scan);
    mem_free(self);
}
