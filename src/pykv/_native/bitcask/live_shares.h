/*
 * live_shares: what the live records of a segment have of each namespace, so that a namespace that
 * is dropped or cleared takes its bytes out of the segment's count without a look at its keys. The
 * default namespace has what is left.
 *
 * Guarded by the store's writer lock.
 */
#ifndef PYKV_BITCASK_LIVE_SHARES_H
#define PYKV_BITCASK_LIVE_SHARES_H

#include <stddef.h>
#include <stdint.h>

#include "pykv.h"

#include "base/annotate.h"
#include "base/id_table.h"

typedef struct live_share {
    uint32_t space_id;
    uint64_t bytes;
    uint64_t count;
} live_share;

typedef id_table live_shares; /* of live_share */

/* Makes sure that a namespace has a share, so that live_shares_add cannot fail; the default one
 * needs none. PYKV_NO_MEMORY. */
PYKV_NODISCARD pykv_status live_shares_reserve(live_shares *self, uint32_t space_id);

/* The share of a namespace, NULL: it has none. Valid until the next call that changes shares. */
live_share *live_shares_find(const live_shares *self, uint32_t space_id);

/* Counts a record in; requires a share. */
void live_shares_add(live_shares *self, uint32_t space_id, uint64_t bytes);
/* Counts one out; as far as there is a share: an image says how much, and may be false. */
void live_shares_subtract(live_shares *self, uint32_t space_id, uint64_t bytes);

/* Takes the share of a namespace away and returns it; zeros where it had none. */
live_share live_shares_remove(live_shares *self, uint32_t space_id);

/* All shares together. */
live_share live_shares_sum(const live_shares *self);

#endif
