/*
 * reads: the reading part of pykv.h.
 */
#include "api/reads.h"

#include "api/handle.h"
#include "base/memory.h"

struct pykv_many {
    pykv_store *store;
    void *inner; /* the engine's */
    bool inside; /* counted into the store until the results are released */
    epoch_token token;
};

struct pykv_scan {
    pykv_store *store;
    uint64_t stamp;
    void *inner; /* the engine's */
};

pykv_status pykv_get(pykv_store *store, const void *key, size_t key_length, int32_t flags,
                     pykv_pinned *pinned_out)
{
    epoch_token token;
    pykv_status status = handle_enter_reader(store, &token);
    if (PYKV_UNLIKELY(status != PYKV_OK)) {
        return status;
    }
    status = handle_check_sizes(key_length, 0);
    if (PYKV_LIKELY(status == PYKV_OK)) {
        status = store->ops->get(store->engine, slice_make(key, key_length), flags, pinned_out);
    }
    if (PYKV_LIKELY(status == PYKV_OK)) {
        pinned_out->token = token;
        return PYKV_OK;
    }
    handle_leave_reader(store, token);
    return status;
}

void pykv_unpin(pykv_store *store, pykv_pinned *pinned)
{
    if (PYKV_UNLIKELY(pinned->owned != NULL)) {
        mem_free(pinned->owned);
    }
    handle_leave_reader(store, (epoch_token)pinned->token);
}

pykv_status pykv_contains(pykv_store *store, const void *key, size_t key_length, int32_t flags)
{
    epoch_token token;
    pykv_status status = handle_enter_reader(store, &token);
    if (PYKV_UNLIKELY(status != PYKV_OK)) {
        return status;
    }
    status = handle_check_sizes(key_length, 0);
    if (PYKV_LIKELY(status == PYKV_OK)) {
        status = store->ops->contains(store->engine, NULL, slice_make(key, key_length), flags);
    }
    handle_leave_reader(store, token);
    return status;
}

pykv_status reads_expires_at(pykv_store *store, const void *at, slice key, int32_t flags,
                             uint64_t *deadline_us_out)
{
    epoch_token token;
    pykv_status status = handle_enter_reader(store, &token);
    if (status != PYKV_OK) {
        return status;
    }
    status = handle_check_sizes(key.size, 0);
    if (status == PYKV_OK) {
        status = store->ops->expires_at(store->engine, at, key, flags, deadline_us_out);
    }
    handle_leave_reader(store, token);
    return status;
}

pykv_status reads_count(pykv_store *store, const void *snapshot, const pykv_range *range,
                        uint64_t *count_out)
{
    epoch_token token;
    pykv_status status = handle_enter(store, &token);
    if (status == PYKV_OK) {
        status = store->ops->count(store->engine, snapshot, range, count_out);
        handle_leave(store, token);
    }
    return status;
}

pykv_status pykv_count(pykv_store *store, uint64_t *count_out)
{
    return reads_count(store, NULL, NULL, count_out);
}

pykv_status pykv_count_range(pykv_store *store, const pykv_range *range, uint64_t *count_out)
{
    return reads_count(store, NULL, range, count_out);
}

pykv_status pykv_approximate_size(pykv_store *store, const pykv_range *range, uint64_t *bytes_out)
{
    epoch_token token;
    pykv_status status = handle_enter(store, &token);
    if (status == PYKV_OK) {
        status = store->ops->approximate_size(store->engine, range, bytes_out);
        handle_leave(store, token);
    }
    return status;
}

/* ---- many ---- */

pykv_status pykv_many_new(pykv_store *store, pykv_many **many_out)
{
    pykv_many *self = mem_alloc_zeroed(1, sizeof *self);
    if (self == NULL) {
        return error_set_no_memory(sizeof *self);
    }
    pykv_status status = store->ops->many_new(store->engine, &self->inner);
    if (status != PYKV_OK) {
        mem_free(self);
        return status;
    }
    self->store = store;
    *many_out = self;
    return PYKV_OK;
}

void pykv_many_release(pykv_many *self)
{
    self->store->ops->many_release(self->inner);
    if (self->inside) {
        self->inside = false;
        handle_leave_reader(self->store, self->token);
    }
}

void pykv_many_free(pykv_many *self)
{
    if (self != NULL) {
        pykv_many_release(self);
        self->store->ops->many_free(self->inner);
        mem_free(self);
    }
}

static pykv_status check_keys(size_t count, const size_t *key_lengths)
{
    for (size_t i = 0; i < count; i++) {
        if (PYKV_UNLIKELY(key_lengths[i] > PYKV_KEY_BYTES_MAX)) {
            return handle_refuse_sizes(key_lengths[i], 0);
        }
    }
    return PYKV_OK;
}

pykv_status reads_get_many(pykv_many *self, const void *snapshot, size_t count,
                           const void *const *keys, const size_t *key_lengths, int32_t flags)
{
    pykv_many_release(self);
    pykv_status status = handle_enter_reader(self->store, &self->token);
    if (status != PYKV_OK) {
        return status;
    }
    self->inside = true;
    status = check_keys(count, key_lengths);
    if (status == PYKV_OK) {
        status = self->store->ops->many_get(self->inner, snapshot, count, keys, key_lengths, flags);
    }
    if (status != PYKV_OK) {
        pykv_many_release(self);
    }
    return status;
}

pykv_status pykv_get_many(pykv_many *self, size_t count, const void *const *keys,
                          const size_t *key_lengths, int32_t flags)
{
    return reads_get_many(self, NULL, count, keys, key_lengths, flags);
}

const uint8_t *const *pykv_many_values(const pykv_many *self)
{
    return self->store->ops->many_values(self->inner);
}

const size_t *pykv_many_lengths(const pykv_many *self)
{
    return self->store->ops->many_lengths(self->inner);
}

/* ---- scans ---- */

/* names: of the namespaces. */
static pykv_status open_scan(pykv_store *store, bool names, const void *snapshot,
                             const pykv_range *range, pykv_scan **scan_out)
{
    static const pykv_range all = {0};
    epoch_token token;
    pykv_status status = handle_enter(store, &token);
    if (status != PYKV_OK) {
        return status;
    }
    pykv_scan *self = mem_alloc_zeroed(1, sizeof *self);
    if (self == NULL) {
        status = error_set_no_memory(sizeof *self);
    } else {
        self->store = store;
        self->stamp = process_stamp();
        status = names ? store->ops->names_scan(store->engine, &self->inner)
                       : store->ops->scan_open(store->engine, snapshot,
                                               range != NULL ? range : &all, &self->inner);
    }
    handle_leave(store, token);
    if (status != PYKV_OK) {
        mem_free(self);
        return status;
    }
    *scan_out = self;
    return PYKV_OK;
}

pykv_status reads_scan_open(pykv_store *store, const void *snapshot, const pykv_range *range,
                            pykv_scan **scan_out)
{
    return open_scan(store, false, snapshot, range, scan_out);
}

pykv_status reads_scan_names(pykv_store *store, pykv_scan **scan_out)
{
    return open_scan(store, true, NULL, NULL, scan_out);
}

pykv_status pykv_scan_open(pykv_store *store, const pykv_range *range, pykv_scan **scan_out)
{
    return reads_scan_open(store, NULL, range, scan_out);
}

pykv_status pykv_scan_next(pykv_scan *self, size_t chunk_bytes, int32_t flags, pykv_rows *rows_out)
{
    epoch_token token;
    pykv_status status = handle_enter(self->store, &token);
    if (status != PYKV_OK) {
        return status;
    }
    if ((flags & PYKV_NO_WAIT) != 0) {
        status = PYKV_WOULD_BLOCK;
    } else {
        status = self->store->ops->scan_next(self->inner, chunk_bytes, rows_out);
    }
    handle_leave(self->store, token);
    return status;
}

pykv_status reads_scan_next_arrays(pykv_scan *self, uint64_t rows_max, int32_t flags,
                                   pykv_items_room *keys, pykv_items_room *values,
                                   uint64_t *rows_done, pykv_rows *rows_out)
{
    const engine_ops *ops = self->store->ops;
    epoch_token token;
    pykv_status status = handle_enter(self->store, &token);
    if (status != PYKV_OK) {
        return status;
    }
    if ((flags & PYKV_NO_WAIT) != 0) {
        status = PYKV_WOULD_BLOCK;
    } else {
        status = ops->scan_next_arrays(self->inner, rows_max, keys, values, rows_done, rows_out);
    }
    handle_leave(self->store, token);
    return status;
}

void pykv_scan_close(pykv_scan *self)
{
    if (self == NULL || self->stamp != process_stamp()) {
        return;
    }
    self->store->ops->scan_free(self->store->engine, self->inner);
    mem_free(self);
}
