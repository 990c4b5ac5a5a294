/*
 * scan: rows in order at one moment, in chunks.
 */
#include "base/error.h"
#include "base/memory.h"
#include "lsm/space.h"
#include "lsm/walk.h"

enum { SCAN_CHUNK_BYTES = 64 * 1024 };

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

static pykv_status fill(lsm_scan *self, size_t chunk_bytes)
{
    self->request.chunk_bytes = chunk_bytes != 0 ? chunk_bytes : SCAN_CHUNK_BYTES;
    self->request.row_limit = self->rows_left < SIZE_MAX ? (size_t)self->rows_left : SIZE_MAX;
    pykv_status status = PYKV_OK;
    do {
        status = user_iterator_fill(self->walk.rows, &self->request, &self->rows);
    } while (status == PYKV_OK && self->rows.count == 0 && self->rows.more &&
             !gate_is_shut(&self->walk.store->gate));
    if (status == PYKV_OK && self->rows.count == 0 && self->rows.more) {
        return error_set(PYKV_CLOSED, "the store was closed before the scan came to its next row");
    }
    if (status == PYKV_OK) {
        self->rows_left -= self->rows.count;
        self->is_done = !self->rows.more || self->rows_left == 0;
    }
    return status;
}

pykv_status lsm_scan_next(lsm_scan *self, size_t chunk_bytes, pykv_rows *rows_out)
{
    if (self->failure.status != PYKV_OK) {
        error_restore(&self->failure);
        return self->failure.status;
    }
    *rows_out = (pykv_rows){0};
    if (self->is_done) {
        return PYKV_OK;
    }
    pykv_status status = fill(self, chunk_bytes);
    if (status != PYKV_OK) {
        self->failure = *error_last();
        return status;
    }
    rows_out->count = self->rows.count;
    rows_out->data = self->rows.data.data;
    rows_out->offsets = (const uint64_t *)(const void *)self->rows.offsets.data;
    return PYKV_OK;
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
