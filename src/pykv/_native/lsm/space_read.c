/*
 * space_read: reads of single keys of a namespace.
 */
#include "base/memory.h"
#include "lsm/read.h"
#include "lsm/space.h"

pykv_status lsm_get_in(lsm *self, uint32_t space, const lsm_snapshot *snapshot, slice key,
                       int32_t flags, pykv_pinned *pinned_out)
{
    stored_key stored;
    pykv_status status = stored_key_make(space, key, &stored);
    if (status == PYKV_OK) {
        status = lsm_get_at(self, snapshot, stored.key, flags, pinned_out);
        stored_key_reset(&stored);
    }
    return status;
}

pykv_status lsm_contains_in(lsm *self, uint32_t space, const lsm_snapshot *snapshot, slice key,
                            int32_t flags)
{
    pykv_pinned pinned = {.owned = NULL};
    pykv_status status = lsm_get_in(self, space, snapshot, key, flags | LSM_NO_VALUE, &pinned);
    if (status == PYKV_OK) {
        mem_free(pinned.owned);
    }
    return status;
}

pykv_status lsm_expires_at_in(lsm *self, uint32_t space, const lsm_snapshot *snapshot, slice key,
                              int32_t flags, uint64_t *deadline_us_out)
{
    stored_key stored;
    pykv_status status = stored_key_make(space, key, &stored);
    if (status == PYKV_OK) {
        status = lsm_expires_at(self, snapshot, stored.key, flags, deadline_us_out);
        stored_key_reset(&stored);
    }
    return status;
}
