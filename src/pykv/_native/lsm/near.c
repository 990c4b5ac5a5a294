/*
 * near: the one row at an end of the store, or beside a key.
 */
#include "base/error.h"
#include "base/memory.h"
#include "lsm/walk.h"

/* Copies a row into one piece of memory. */
static pykv_status copy_row(const iterator_entry *found, pykv_row *row_out)
{
    size_t size = found->key.size + found->value.size;
    uint8_t *copy = mem_alloc(size + 1);
    if (copy == NULL) {
        return error_set_no_memory(size + 1);
    }
    if (found->key.size > 0) {
        memcpy(copy, found->key.data, found->key.size);
    }
    if (found->value.size > 0) {
        memcpy(copy + found->key.size, found->value.data, found->value.size);
    }
    *row_out = (pykv_row){.key = copy,
                          .key_length = found->key.size,
                          .value = copy + found->key.size,
                          .value_length = found->value.size,
                          .owned = copy};
    return PYKV_OK;
}

/* To the last row up to key. */
static pykv_status seek_back(user_iterator *rows, slice key)
{
    buffer behind = {0};
    pykv_status status = buffer_append(&behind, key.data, key.size);
    if (status == PYKV_OK) {
        status = buffer_append(&behind, "", 1);
    }
    if (status == PYKV_OK) {
        status = user_iterator_seek_back(rows, slice_make(behind.data, behind.size));
    }
    buffer_reset(&behind);
    return status;
}

static pykv_status go(user_iterator *rows, int32_t move, slice key)
{
    switch (move) {
    case PYKV_FIRST:
        return user_iterator_seek_first(rows);
    case PYKV_LAST:
        return user_iterator_seek_last(rows);
    case PYKV_SEEK:
        return user_iterator_seek(rows, key);
    case PYKV_SEEK_BACK:
        return seek_back(rows, key);
    default:
        return error_set(PYKV_INVALID_ARGUMENT, "%d does not name a row", move);
    }
}

pykv_status lsm_near(lsm *self, const lsm_snapshot *snapshot, int32_t move, slice key,
                     pykv_row *row_out)
{
    static const pykv_range everything = {.limit = 0};
    lsm_moment moment;
    user_iterator *rows;
    pykv_status status = lsm_moment_acquire(self, snapshot, &moment);
    if (status != PYKV_OK) {
        return status;
    }
    status = lsm_rows_new(self, &moment, &everything, &rows);
    if (status == PYKV_OK) {
        status = go(rows, move, key);
        const iterator_entry *found = status == PYKV_OK ? user_iterator_row(rows) : NULL;
        if (found != NULL) {
            status = copy_row(found, row_out);
        } else if (status == PYKV_OK) {
            status = PYKV_NOT_FOUND;
        }
        user_iterator_free(rows);
    }
    view_release(moment.view);
    return status;
}
