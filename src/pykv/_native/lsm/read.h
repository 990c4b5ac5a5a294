/*
 * read: lookups at a moment, for gets and for writes that ask what is there.
 */
#ifndef PYKV_LSM_READ_H
#define PYKV_LSM_READ_H

#include "lsm/store.h"

/* True if an operation of that kind and deadline is a value that is there. */
bool lsm_is_live(lsm *self, uint8_t kind, uint64_t deadline_us);

/* As lsm_get, in a view and at a sequence. The caller is inside the epoch. */
PYKV_NODISCARD pykv_status lsm_find(lsm *self, const view *now, uint64_t sequence, slice key,
                                    uint64_t hash, int32_t flags, pykv_pinned *pinned_out);

#endif
