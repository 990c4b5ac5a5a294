/*
 * delete_range: what writes do for the range deletes among them.
 *
 * A range delete goes into the log as one record and into the memtable's set
 * (lsm/memtable_ranges.h). A flush takes the set over into the version (version_take_ranges), from
 * where compactions drop what it hides.
 */
#ifndef PYKV_LSM_DELETE_RANGE_H
#define PYKV_LSM_DELETE_RANGE_H

#include "lsm/memtable_ranges.h"
#include "lsm/store.h"

enum { LSM_BATCH_RANGES_MAX = 1024 }; /* range deletes of a batch */

/* True if there is one among operations. */
static inline bool lsm_deletes_ranges(const record *operations, size_t count)
{
    bool any = operations[0].kind == RECORD_RANGE_DELETE;
    for (size_t i = 1; i < count; i++) {
        any = any || operations[i].kind == RECORD_RANGE_DELETE;
    }
    return any;
}

/* Takes those out of an array that delete nothing, as their range is empty. PYKV_BATCH_TOO_LARGE:
 * too many are left. */
PYKV_NODISCARD pykv_status lsm_drop_empty_ranges(record *operations, size_t *count);

/* True if range deletes wait for compactions: the version has VERSION_RANGES_STOP fragments or
 * VERSION_RANGE_BYTES_STOP of their keys. */
bool lsm_has_too_many_ranges(lsm *self) REQUIRES(self->writer);

/* Before room is made for a write with range deletes. PYKV_WOULD_BLOCK: lsm_wait_for_ranges. */
PYKV_NODISCARD pykv_status lsm_make_range_room(lsm *self) REQUIRES(self->writer);

/* Waits for a compaction, if there are too many. *waited_out: there were. PYKV_CLOSED: the store is
 * being closed; else as lsm_wait_for_range_room. */
PYKV_NODISCARD pykv_status lsm_wait_for_ranges(lsm *self, bool *waited_out) EXCLUDES(self->writer);

#endif
