/*
 * cursors: the part of pykv.h that goes from row to row, and finds the one beside a key.
 */
#include "api/handle.h"
#include "api/reads.h"
#include "base/memory.h"

struct pykv_cursor {
    pykv_store *store;
    uint64_t stamp;
    void *inner; /* the engine's */
};

pykv_status reads_cursor_new(pykv_store *store, const void *snapshot, const pykv_range *range,
                             pykv_cursor **cursor_out)
{
    epoch_token token;
    pykv_status status = handle_enter(store, &token);
    if (status != PYKV_OK) {
        return status;
    }
    pykv_cursor *self = mem_alloc_zeroed(1, sizeof *self);
    if (self == NULL) {
        status = error_set_no_memory(sizeof *self);
    } else {
        self->store = store;
        self->stamp = process_stamp();
        status = store->ops->cursor_open(store->engine, snapshot, range, &self->inner);
    }
    handle_leave(store, token);
    if (status != PYKV_OK) {
        mem_free(self);
        return status;
    }
    *cursor_out = self;
    return PYKV_OK;
}

pykv_status pykv_cursor_new(pykv_store *store, const pykv_range *range, pykv_cursor **cursor_out)
{
    return reads_cursor_new(store, NULL, range, cursor_out);
}

pykv_status pykv_cursor_move(pykv_cursor *self, int32_t move, const void *key, size_t key_length,
                             int32_t flags, pykv_row *row_out)
{
    epoch_token token;
    pykv_status status = handle_enter(self->store, &token);
    if (PYKV_UNLIKELY(status != PYKV_OK)) {
        return status;
    }
    status = handle_check_sizes(key_length, 0);
    if (PYKV_LIKELY(status == PYKV_OK)) {
        status = self->store->ops->cursor_move(self->inner, move, slice_make(key, key_length),
                                               flags, row_out);
    }
    handle_leave(self->store, token);
    return status;
}

void pykv_cursor_free(pykv_cursor *self)
{
    if (self != NULL && self->stamp == process_stamp()) {
        self->store->ops->cursor_free(self->store->engine, self->inner);
        mem_free(self);
    }
}

pykv_status reads_find_row(pykv_store *store, const void *snapshot, int32_t move, const void *key,
                           size_t key_length, pykv_row *row_out)
{
    epoch_token token;
    pykv_status status = handle_enter(store, &token);
    if (status != PYKV_OK) {
        return status;
    }
    status = handle_check_sizes(key_length, 0);
    if (status == PYKV_OK) {
        status =
            store->ops->near(store->engine, snapshot, move, slice_make(key, key_length), row_out);
    }
    handle_leave(store, token);
    return status;
}

pykv_status pykv_find_row(pykv_store *store, int32_t move, const void *key, size_t key_length,
                          pykv_row *row_out)
{
    return reads_find_row(store, NULL, move, key, key_length, row_out);
}

void pykv_row_free(pykv_row *row)
{
    mem_free(row->owned);
    *row = (pykv_row){.owned = NULL};
}
