/*
 * read: lookups at a moment, for gets and for writes that ask what is there.
 */
#ifndef PYKV_LSM_READ_H
#define PYKV_LSM_READ_H

#include "log/log_format.h"
#include "lsm/snapshot.h"
#include "lsm/store.h"

/* True if an operation of that kind and deadline is a value that is there. */
bool lsm_is_live(lsm *self, uint8_t kind, uint64_t deadline_us);

/* The same at a moment. */
static inline bool lsm_is_live_at(lsm *self, const lsm_moment *moment, uint8_t kind,
                                  uint64_t deadline_us)
{
    if (PYKV_LIKELY(deadline_us == 0 || moment->now_us == 0)) {
        return lsm_is_live(self, kind, deadline_us);
    }
    if (deadline_us <= moment->now_us) {
        store_clock_tell(&self->clock, deadline_us);
        return false;
    }
    return kind_is_value(kind);
}

/* With the flags of a get: whether the key is there is enough, its value need not be read. */
enum { LSM_NO_VALUE = 1 << 16 };

/* As lsm_get, at a moment. The caller is inside the epoch. */
PYKV_NODISCARD pykv_status lsm_find(lsm *self, const lsm_moment *moment, slice key, uint64_t hash,
                                    int32_t flags, pykv_pinned *pinned_out);

#endif
