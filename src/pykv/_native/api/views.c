/*
 * views: the part of pykv.h that shows values where they stand.
 */
#include <stddef.h>

#include "api/handle.h"
#include "api/reads.h"
#include "base/memory.h"

typedef struct value_view {
    pykv_view shown; /* the first member: what the user has */
    uint64_t stamp;
    engine_life *life;
    held_value held;
} value_view;

_Static_assert(offsetof(value_view, shown) == 0, "a pykv_view is a value_view");

static pykv_status hold(pykv_store *store, pykv_snapshot *snapshot, slice key, int32_t flags,
                        value_view *self)
{
    epoch_token token;
    pykv_status status = handle_enter_reader(store, &token);
    if (status != PYKV_OK) {
        return status;
    }
    status = handle_check_sizes(key.size, 0);
    if (status == PYKV_OK) {
        status =
            store->ops->hold(store->engine, snapshots_inner(snapshot), key, flags, &self->held);
    }
    if (status == PYKV_OK) {
        self->life = handle_root(store)->life;
        engine_life_join(self->life);
    }
    handle_leave_reader(store, token);
    return status;
}

pykv_status pykv_view_open(pykv_store *store, pykv_snapshot *snapshot, const void *key,
                           size_t key_length, int32_t flags, pykv_view **view_out)
{
    value_view *self = mem_alloc_zeroed(1, sizeof *self);
    if (self == NULL) {
        return error_set_no_memory(sizeof *self);
    }
    pykv_status status = hold(store, snapshot, slice_make(key, key_length), flags, self);
    if (status != PYKV_OK) {
        mem_free(self);
        return status;
    }
    self->stamp = process_stamp();
    self->shown = (pykv_view){.data = self->held.data,
                              .length = self->held.length,
                              .is_copy = held_value_is_copy(&self->held)};
    *view_out = &self->shown;
    return PYKV_OK;
}

void pykv_view_free(pykv_view *view)
{
    value_view *self = (value_view *)view;
    if (self == NULL || self->stamp != process_stamp()) {
        return;
    }
    held_value_release(&self->held);
    engine_life_leave(self->life);
    mem_free(self);
}
