/*
 * changes: the part of pykv.h that reads the change feed.
 */
#include "api/handle.h"
#include "base/error.h"
#include "base/memory.h"

struct pykv_changes {
    pykv_store *store;
    uint64_t stamp;
    change_feed *feed;
};

/* Enters a call that only engines with a feed take. */
static pykv_status enter(pykv_store *store, epoch_token *token_out)
{
    pykv_status status = handle_enter_long(store, token_out);
    if (status == PYKV_OK && store->ops->changes_open == NULL) {
        handle_leave_long(store, *token_out);
        return error_set(PYKV_NOT_SUPPORTED, "a namespace has no change feed of its own: ask "
                                             "its store");
    }
    return status;
}

pykv_status pykv_changes_open(pykv_store *store, uint64_t since, int32_t flags,
                              pykv_changes **changes_out)
{
    epoch_token token;
    pykv_status status = enter(store, &token);
    if (status != PYKV_OK) {
        return status;
    }
    pykv_changes *self = mem_alloc_zeroed(1, sizeof *self);
    if (self == NULL) {
        status = error_set_no_memory(sizeof *self);
    } else {
        self->store = store;
        self->stamp = process_stamp();
        status = store->ops->changes_open(store->engine, since, flags, &self->feed);
    }
    handle_leave_long(store, token);
    if (status != PYKV_OK) {
        mem_free(self);
        return status;
    }
    *changes_out = self;
    return PYKV_OK;
}

pykv_status pykv_changes_next(pykv_changes *self, size_t chunk_bytes, int64_t timeout_us,
                              const pykv_change **changes_out, size_t *count_out)
{
    epoch_token token;
    pykv_status status = handle_enter_long(self->store, &token);
    if (status != PYKV_OK) {
        return status;
    }
    status = change_feed_next(self->feed, chunk_bytes, timeout_us, changes_out, count_out);
    handle_leave_long(self->store, token);
    return status;
}

void pykv_changes_close(pykv_changes *self)
{
    if (self != NULL && self->stamp == process_stamp()) {
        self->store->ops->changes_free(self->store->engine, self->feed);
        mem_free(self);
    }
}

/* ---- pins ---- */

pykv_status pykv_pin_history(pykv_store *store, const pykv_pin *pin)
{
    epoch_token token;
    pykv_status status = enter(store, &token);
    if (status == PYKV_OK) {
        status = store->ops->pin_history(store->engine, pin);
        handle_leave_long(store, token);
    }
    return status;
}

pykv_status pykv_unpin_history(pykv_store *store, const char *name)
{
    epoch_token token;
    pykv_status status = enter(store, &token);
    if (status == PYKV_OK) {
        status = store->ops->unpin_history(store->engine, name);
        handle_leave_long(store, token);
    }
    return status;
}

pykv_status pykv_list_pins(pykv_store *store, pykv_pin *pins_out, size_t capacity,
                           size_t *count_out)
{
    epoch_token token;
    pykv_status status = enter(store, &token);
    if (status == PYKV_OK) {
        status = store->ops->list_pins(store->engine, pins_out, capacity, count_out);
        handle_leave_long(store, token);
    }
    return status;
}
