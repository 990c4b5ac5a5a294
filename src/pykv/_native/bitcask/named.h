/*
 * named: the calls of bitcask.h in a namespace. Each is as that of bitcask.h without _in in its
 * name; within is held by the caller (bitcask/space_list.h), or the default one.
 *
 * Writes to a namespace that was dropped are refused with PYKV_CLOSED, with the writer lock held:
 * nothing comes behind the drop. Reads of one find nothing.
 */
#ifndef PYKV_BITCASK_NAMED_H
#define PYKV_BITCASK_NAMED_H

#include "bitcask/many.h"
#include "bitcask/scan.h"
#include "bitcask/snapshot.h"
#include "bitcask/space.h"

/* ---- reads ---- */

PYKV_NODISCARD pykv_status bitcask_get_in(bitcask *self, space *within, slice key, int32_t flags,
                                          pykv_pinned *pinned_out);
PYKV_NODISCARD pykv_status bitcask_expires_at_in(bitcask *self, space *within, slice key,
                                                 int32_t flags, uint64_t *deadline_us_out);
PYKV_NODISCARD pykv_status bitcask_hold_in(bitcask *self, space *within, const store_moment *moment,
                                           slice key, int32_t flags, held_value *out);
PYKV_NODISCARD pykv_status many_new_in(bitcask *store, space *within, many **many_out);
PYKV_NODISCARD pykv_status scan_open_in(bitcask *store, space *within, bool keys_only,
                                        scan **scan_out);
PYKV_NODISCARD pykv_status bitcask_snapshot_new_in(bitcask *store, space *within,
                                                   store_moment **snapshot_out);
uint64_t bitcask_count_in(const space *within);

/* ---- writes ---- */

PYKV_NODISCARD pykv_status bitcask_put_in(bitcask *self, space *within, slice key, slice value,
                                          uint64_t deadline_us, int32_t flags);
PYKV_NODISCARD pykv_status bitcask_delete_in(bitcask *self, space *within, slice key, int32_t flags,
                                             int32_t *existed_out);
PYKV_NODISCARD pykv_status bitcask_compare_and_set_in(bitcask *self, space *within, slice key,
                                                      const slice *expected, const slice *value,
                                                      uint64_t deadline_us, int32_t flags,
                                                      int32_t *swapped_out);
PYKV_NODISCARD pykv_status bitcask_clear_in(bitcask *self, space *within, int32_t flags);

/* ---- upkeep ---- */

/* key_count and live_bytes are those of the namespace; of the default one live_bytes is what the
 * others leave. */
void bitcask_stats_in(bitcask *self, const space *within, pykv_stats *out);

#endif
