/*
 * snapshots: the part of pykv.h that keeps a moment and reads at it.
 *
 * A snapshot of the engine stays where it is until it is freed here; closing it, and the close of
 * the store, only make it give up what it holds.
 */
#include "api/handle.h"
#include "api/reads.h"
#include "base/memory.h"

struct pykv_snapshot {
    pykv_store *store;
    uint64_t stamp;
    void *inner; /* the engine's */
};

pykv_status pykv_snapshot_new(pykv_store *store, pykv_snapshot **snapshot_out)
{
    epoch_token token;
    pykv_status status = handle_enter(store, &token);
    if (status != PYKV_OK) {
        return status;
    }
    pykv_snapshot *self = mem_alloc_zeroed(1, sizeof *self);
    status = self != NULL ? store->ops->snapshot_new(store->engine, &self->inner)
                          : error_set_no_memory(sizeof *self);
    handle_leave(store, token);
    if (status != PYKV_OK || self == NULL) {
        mem_free(self);
        return status;
    }
    self->store = store;
    self->stamp = process_stamp();
    *snapshot_out = self;
    return PYKV_OK;
}

const void *snapshots_inner(const pykv_snapshot *snapshot)
{
    return snapshot != NULL ? snapshot->inner : NULL;
}

void pykv_snapshot_close(pykv_snapshot *self)
{
    if (self != NULL && self->stamp == process_stamp()) {
        self->store->ops->snapshot_close(self->store->engine, self->inner);
    }
}

void pykv_snapshot_free(pykv_snapshot *self)
{
    if (self != NULL && self->stamp == process_stamp()) {
        self->store->ops->snapshot_free(self->store->engine, self->inner);
        mem_free(self);
    }
}

pykv_status pykv_snapshot_sequence(pykv_snapshot *self, uint64_t *sequence_out)
{
    pykv_store *store = self->store;
    epoch_token token;
    pykv_status status = handle_enter_reader(store, &token);
    if (status == PYKV_OK) {
        status = store->ops->snapshot_sequence(store->engine, self->inner, sequence_out);
        handle_leave_reader(store, token);
    }
    return status;
}

pykv_status pykv_get_at(pykv_snapshot *self, const void *key, size_t key_length, int32_t flags,
                        pykv_pinned *pinned_out)
{
    pykv_store *store = self->store;
    epoch_token token;
    pykv_status status = handle_enter_reader(store, &token);
    if (PYKV_UNLIKELY(status != PYKV_OK)) {
        return status;
    }
    status = handle_check_sizes(key_length, 0);
    if (PYKV_LIKELY(status == PYKV_OK)) {
        status = store->ops->get_at(store->engine, self->inner, slice_make(key, key_length), flags,
                                    pinned_out);
    }
    if (PYKV_LIKELY(status == PYKV_OK)) {
        pinned_out->token = token;
        return PYKV_OK;
    }
    handle_leave_reader(store, token);
    return status;
}

void pykv_unpin_at(pykv_snapshot *self, pykv_pinned *pinned)
{
    pykv_unpin(self->store, pinned);
}

pykv_status pykv_contains_at(pykv_snapshot *self, const void *key, size_t key_length, int32_t flags)
{
    pykv_store *store = self->store;
    epoch_token token;
    pykv_status status = handle_enter_reader(store, &token);
    if (PYKV_UNLIKELY(status != PYKV_OK)) {
        return status;
    }
    status = handle_check_sizes(key_length, 0);
    if (PYKV_LIKELY(status == PYKV_OK)) {
        status =
            store->ops->contains(store->engine, self->inner, slice_make(key, key_length), flags);
    }
    handle_leave_reader(store, token);
    return status;
}

pykv_status pykv_deadline_at(pykv_snapshot *self, const void *key, size_t key_length, int32_t flags,
                             uint64_t *deadline_us_out)
{
    return reads_expires_at(self->store, self->inner, slice_make(key, key_length), flags,
                            deadline_us_out);
}

pykv_status pykv_get_many_at(pykv_many *many, pykv_snapshot *self, size_t count,
                             const void *const *keys, const size_t *key_lengths, int32_t flags)
{
    return reads_get_many(many, self->inner, count, keys, key_lengths, flags);
}

pykv_status pykv_scan_open_at(pykv_snapshot *self, const pykv_range *range, pykv_scan **scan_out)
{
    return reads_scan_open(self->store, self->inner, range, scan_out);
}

pykv_status pykv_count_at(pykv_snapshot *self, const pykv_range *range, uint64_t *count_out)
{
    return reads_count(self->store, self->inner, range, count_out);
}

pykv_status pykv_cursor_new_at(pykv_snapshot *self, const pykv_range *range,
                               pykv_cursor **cursor_out)
{
    return reads_cursor_new(self->store, self->inner, range, cursor_out);
}

pykv_status pykv_find_row_at(pykv_snapshot *self, int32_t move, const void *key, size_t key_length,
                             pykv_row *row_out)
{
    return reads_find_row(self->store, self->inner, move, key, key_length, row_out);
}
