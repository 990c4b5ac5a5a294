/*
 * expiry: the part of pykv.h that is about deadlines alone.
 */
#include "api/handle.h"
#include "api/reads.h"
#include "base/buffer.h"
#include "base/invariant.h"
#include "base/memory.h"

pykv_status pykv_expires_at(pykv_store *store, const void *key, size_t key_length, int32_t flags,
                            uint64_t *deadline_us_out)
{
    return reads_expires_at(store, NULL, slice_make(key, key_length), flags, deadline_us_out);
}

pykv_status pykv_now(pykv_store *store, uint64_t *now_us_out)
{
    epoch_token token;
    pykv_store *root = handle_root(store);
    pykv_status status = handle_enter(store, &token);
    if (status == PYKV_OK) {
        *now_us_out = root->ops->now(root->engine);
        handle_leave(store, token);
    }
    return status;
}

/* Copies the value of key. */
static pykv_status copy_value(pykv_store *store, slice key, int32_t flags, buffer *copy)
{
    epoch_token token;
    pykv_pinned pinned = {.owned = NULL};
    pykv_status status = handle_enter_reader(store, &token);
    if (status != PYKV_OK) {
        return status;
    }
    status = store->ops->get(store->engine, key, flags, &pinned);
    if (status == PYKV_OK) {
        buffer_clear(copy);
        status = buffer_append(copy, pinned.data, pinned.length);
        mem_free(pinned.owned);
    }
    handle_leave_reader(store, token);
    return status;
}

/* Sets the deadline if the value is still that of copy. */
static pykv_status set_deadline(pykv_store *store, slice key, const buffer *copy,
                                uint64_t deadline_us, int32_t flags, int32_t *set_out)
{
    epoch_token token;
    slice value = slice_make(copy->data, copy->size);
    slice kept = slice_make(copy->data, PYKV_PLANTED(326) ? 0 : copy->size);
    pykv_status status = handle_enter(store, &token);
    if (status == PYKV_OK) {
        status = store->ops->compare_and_set(store->engine, key, &value, &kept,
                                             PYKV_PLANTED(327) ? 0 : deadline_us, flags, set_out);
        handle_leave(store, token);
    }
    return status;
}

pykv_status pykv_touch(pykv_store *store, const void *key, size_t key_length, uint64_t deadline_us,
                       int32_t flags)
{
    buffer copy = BUFFER_EMPTY;
    int32_t set = 0;
    slice name = slice_make(key, key_length);
    pykv_status status = handle_check_sizes(key_length, 0);
    while (status == PYKV_OK && set == 0) {
        status = copy_value(store, name, flags & PYKV_NO_WAIT, &copy);
        if (status == PYKV_OK) {
            status = set_deadline(store, name, &copy, deadline_us, flags, &set);
        }
    }
    buffer_reset(&copy);
    if (status == PYKV_NOT_FOUND) {
        pykv_status done = pykv_write_many(store, 0, NULL, NULL, NULL, NULL, flags);
        status = done == PYKV_OK ? PYKV_NOT_FOUND : done;
    }
    return status;
}
