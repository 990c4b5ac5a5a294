/*
 * scan: rows in order at one moment, in chunks.
 */
#include "base/error.h"
#include "base/invariant.h"
#include "base/memory.h"
#include "lsm/space.h"
#include "lsm/walk.h"

enum { SCAN_CHUNK_BYTES = 64 * 1024, SCAN_CHUNK_ROWS = 1024 };

struct lsm_scan {
    lsm_walk walk;
    user_iterator_request request;
    uint64_t rows_left;
    user_iterator_rows rows;
    bool is_done;
    pykv_error failure; /* status PYKV_OK: none yet */
};

pykv_status lsm_scan_open_in(lsm *store, uint32_t space, const lsm_snapshot *snapshot,
                             const pykv_range *range, lsm_scan **scan_out)
{
    static const pykv_range everything = {.keys_only = 0};
    range = range != NULL ? range : &everything;
    lsm_scan *self = mem_alloc_zeroed(1, sizeof *self);
    if (self == NULL) {
        return error_set_no_memory(sizeof *self);
    }
    self->request.keys_only = range->keys_only != 0;
    self->request.is_reverse = range->reverse != 0;
    self->request.prefix_bytes = key_space_prefix_bytes(space);
    self->rows_left = range->limit != 0 ? range->limit : UINT64_MAX;
    pykv_status status = lsm_walk_begin(&self->walk, store, space, snapshot, range);
    if (status != PYKV_OK) {
        mem_free(self);
        return status;
    }
    *scan_out = self;
    return PYKV_OK;
}

pykv_status lsm_scan_open(lsm *store, const lsm_snapshot *snapshot, const pykv_range *range,
                          lsm_scan **scan_out)
{
    return lsm_scan_open_in(store, KEY_SPACE_STORED, snapshot, range, scan_out);
}

/* At most rows_max rows. */
static pykv_status fill(lsm_scan *self, uint64_t rows_max)
{
    uint64_t row_limit = self->rows_left < rows_max ? self->rows_left : rows_max;
    self->request.row_limit = row_limit < SIZE_MAX ? (size_t)row_limit : SIZE_MAX;
    pykv_status status = PYKV_OK;
    size_t count = 0;
    do {
        status = user_iterator_fill(self->walk.rows, &self->request, &self->rows);
        count = self->rows.count + self->rows.arrays_count;
    } while (status == PYKV_OK && count == 0 && self->rows.more &&
             !gate_is_shut(&self->walk.store->gate));
    if (status == PYKV_OK && count == 0 && self->rows.more) {
        return error_set(PYKV_CLOSED, "the store was closed before the scan came to its next row");
    }
    if (status == PYKV_OK) {
        self->rows_left -= count;
        self->is_done = !self->rows.more || self->rows_left == 0;
    }
    return status;
}

/* The next rows of the request, which are at most rows_max. */
static pykv_status next(lsm_scan *self, uint64_t rows_max, pykv_rows *rows_out)
{
    if (self->failure.status != PYKV_OK) {
        error_restore(&self->failure);
        return self->failure.status;
    }
    *rows_out = (pykv_rows){0};
    self->rows.arrays_count = 0;
    if (self->is_done) {
        return PYKV_OK;
    }
    pykv_status status = fill(self, rows_max);
    if (status != PYKV_OK) {
        self->failure = *error_last();
        return status;
    }
    rows_out->count = self->rows.count;
    rows_out->data = self->rows.data.data;
    rows_out->offsets = (const uint64_t *)(const void *)self->rows.offsets.data;
    return PYKV_OK;
}

pykv_status lsm_scan_next(lsm_scan *self, size_t chunk_bytes, pykv_rows *rows_out)
{
    self->request.chunk_bytes = chunk_bytes != 0 ? chunk_bytes : SCAN_CHUNK_BYTES;
    self->request.keys = NULL;
    self->request.values = NULL;
    return next(self, UINT64_MAX, rows_out);
}

pykv_status lsm_scan_next_arrays(lsm_scan *self, uint64_t rows_max, pykv_items_room *keys,
                                 pykv_items_room *values, uint64_t *rows_done,
                                 pykv_rows *row_left_out)
{
    self->request.chunk_bytes = SIZE_MAX;
    self->request.keys = keys;
    self->request.values = values;
    self->request.rows_done = *rows_done;
    pykv_status status =
        next(self, rows_max < SCAN_CHUNK_ROWS ? rows_max : SCAN_CHUNK_ROWS, row_left_out);
    if (status == PYKV_OK) {
        *rows_done += self->rows.arrays_count;
        row_left_out->count = PYKV_PLANTED(190) ? 0 : row_left_out->count;
    }
    return status;
}

void lsm_scan_free(lsm *store, lsm_scan *self)
{
    if (self == NULL) {
        return;
    }
    lsm_walk_end(store, &self->walk);
    user_iterator_rows_reset(&self->rows);
    mem_free(self);
}

pykv_status lsm_count_in(lsm *self, uint32_t space, const lsm_snapshot *snapshot,
                         const pykv_range *range, uint64_t *count_out)
{
    pykv_range keys = range != NULL ? *range : (pykv_range){.limit = 0};
    lsm_scan *walk = NULL;
    pykv_rows rows = {.count = 0};
    uint64_t count = 0;
    keys.keys_only = 1;
    pykv_status status = lsm_scan_open_in(self, space, snapshot, &keys, &walk);
    if (status != PYKV_OK || walk == NULL) {
        return status;
    }
    do {
        status = lsm_scan_next(walk, 0, &rows);
        count += status == PYKV_OK ? rows.count : 0;
    } while (status == PYKV_OK && rows.count > 0);
    lsm_scan_free(self, walk);
    if (status == PYKV_OK) {
        *count_out = count;
    }
    return status;
}

pykv_status lsm_count(lsm *self, const lsm_snapshot *snapshot, const pykv_range *range,
                      uint64_t *count_out)
{
    return lsm_count_in(self, KEY_SPACE_STORED, snapshot, range, count_out);
}
