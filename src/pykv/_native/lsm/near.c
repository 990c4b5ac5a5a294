/*
 * near: the one row at an end of the store, or beside a key.
 */
#include "base/error.h"
#include "base/memory.h"
#include "lsm/space.h"
#include "lsm/walk.h"

/* Copies a row into one piece of memory, without the prefix of its key. */
static pykv_status copy_row(const iterator_entry *found, uint32_t space, pykv_row *row_out)
{
    slice key = key_space_strip(found->key, key_space_prefix_bytes(space));
    size_t size = key.size + found->value.size;
    uint8_t *copy = mem_alloc(size + 1);
    if (copy == NULL) {
        return error_set_no_memory(size + 1);
    }
    if (key.size > 0) {
        memcpy(copy, key.data, key.size);
    }
    if (found->value.size > 0) {
        memcpy(copy + key.size, found->value.data, found->value.size);
    }
    *row_out = (pykv_row){.key = copy,
                          .key_length = key.size,
                          .value = copy + key.size,
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

/* The same in a namespace. */
static pykv_status go_in(user_iterator *rows, uint32_t space, int32_t move, slice key)
{
    stored_key stored;
    pykv_status status = stored_key_make(space, key, &stored);
    if (status == PYKV_OK) {
        status = go(rows, move, stored.key);
        stored_key_reset(&stored);
    }
    return status;
}

pykv_status lsm_near_in(lsm *self, uint32_t space, const lsm_snapshot *snapshot, int32_t move,
                        slice key, pykv_row *row_out)
{
    lsm_moment moment;
    user_iterator *rows;
    pykv_status status = lsm_moment_acquire(self, snapshot, &moment);
    if (status != PYKV_OK) {
        return status;
    }
    status = lsm_rows_new(self, space, &moment, NULL, &rows);
    if (status == PYKV_OK) {
        status = go_in(rows, space, move, key);
        const iterator_entry *found = status == PYKV_OK ? user_iterator_row(rows) : NULL;
        if (found != NULL) {
            status = copy_row(found, space, row_out);
        } else if (status == PYKV_OK) {
            status = PYKV_NOT_FOUND;
        }
        user_iterator_free(rows);
    }
    view_release(moment.view);
    return status;
}

pykv_status lsm_near(lsm *self, const lsm_snapshot *snapshot, int32_t move, slice key,
                     pykv_row *row_out)
{
    return lsm_near_in(self, KEY_SPACE_STORED, snapshot, move, key, row_out);
}
