/*
 * delete_range: the call, and the limits of range deletes.
 */
#include "lsm/delete_range.h"

#include "base/error.h"
#include "lsm/lsm.h"
#include "lsm/room.h"
#include "lsm/version_ranges.h"

pykv_status lsm_drop_empty_ranges(record *operations, size_t *count)
{
    size_t kept = 0;
    size_t range_count = 0;
    for (size_t i = 0; i < *count; i++) {
        bool is_range = operations[i].kind == RECORD_RANGE_DELETE;
        if (!is_range || range_is_before(operations[i].key, operations[i].value)) {
            range_count += is_range;
            operations[kept++] = operations[i];
        }
    }
    *count = kept;
    return range_count <= LSM_BATCH_RANGES_MAX
               ? PYKV_OK
               : error_set(PYKV_BATCH_TOO_LARGE,
                           "the batch deletes %zu ranges; a batch may delete %d", range_count,
                           LSM_BATCH_RANGES_MAX);
}

bool lsm_has_too_many_ranges(lsm *self)
{
    const range_set *now = lsm_view(self)->version->ranges;
    return now != NULL &&
           (now->count >= VERSION_RANGES_STOP || now->key_bytes >= VERSION_RANGE_BYTES_STOP);
}

pykv_status lsm_make_range_room(lsm *self)
{
    if (lsm_has_too_many_ranges(self)) {
        return PYKV_WOULD_BLOCK;
    }
    memtable_ranges_close_crowded(lsm_view(self)->active);
    return PYKV_OK;
}

pykv_status lsm_wait_for_ranges(lsm *self, bool *waited_out)
{
    mutex_lock(&self->writer);
    bool waits = lsm_has_too_many_ranges(self);
    mutex_unlock(&self->writer);
    *waited_out = waits;
    if (waits && gate_is_shut(&self->gate)) {
        return error_set(PYKV_CLOSED,
                         "the store was closed before compactions made room for a range delete");
    }
    return waits ? lsm_wait_for_range_room(self) : PYKV_OK;
}

pykv_status lsm_delete_range(lsm *self, slice start, slice stop, int32_t flags)
{
    record operation = {.kind = RECORD_RANGE_DELETE, .key = start, .value = stop};
    return lsm_write(self, &operation, 1, flags);
}
