/*
 * space: the calls of lsm.h by user keys of a namespace (lsm/key_space.h), where they do more than
 * to pass on a stored key. Each is as that of lsm.h without _in in its name.
 *
 * Writes to a namespace that was dropped are refused with PYKV_CLOSED, with the writer lock held:
 * nothing comes behind the drop. Reads of one find nothing.
 */
#ifndef PYKV_LSM_SPACE_H
#define PYKV_LSM_SPACE_H

#include "base/pins.h"
#include "lsm/key_space.h"
#include "lsm/lsm.h"

/* ---- reads ---- */

PYKV_NODISCARD pykv_status lsm_get_in(lsm *self, uint32_t space, const lsm_snapshot *snapshot,
                                      slice key, int32_t flags, pykv_pinned *pinned_out);
/* Finds and keeps the value of key at a snapshot; NULL: now. As lsm_get_in. */
PYKV_NODISCARD pykv_status lsm_hold_in(lsm *self, uint32_t space, const lsm_snapshot *snapshot,
                                       slice key, int32_t flags, held_value *out);
PYKV_NODISCARD pykv_status lsm_contains_in(lsm *self, uint32_t space, const lsm_snapshot *snapshot,
                                           slice key, int32_t flags);
PYKV_NODISCARD pykv_status lsm_expires_at_in(lsm *self, uint32_t space,
                                             const lsm_snapshot *snapshot, slice key, int32_t flags,
                                             uint64_t *deadline_us_out);
/* Its keys are those of the namespace. */
PYKV_NODISCARD pykv_status lsm_many_new_in(lsm *store, uint32_t space, lsm_many **many_out);
PYKV_NODISCARD pykv_status lsm_scan_open_in(lsm *store, uint32_t space,
                                            const lsm_snapshot *snapshot, const pykv_range *range,
                                            lsm_scan **scan_out);
PYKV_NODISCARD pykv_status lsm_cursor_open_in(lsm *store, uint32_t space,
                                              const lsm_snapshot *snapshot, const pykv_range *range,
                                              lsm_cursor **cursor_out);
PYKV_NODISCARD pykv_status lsm_near_in(lsm *self, uint32_t space, const lsm_snapshot *snapshot,
                                       int32_t move, slice key, pykv_row *row_out);
PYKV_NODISCARD pykv_status lsm_count_in(lsm *self, uint32_t space, const lsm_snapshot *snapshot,
                                        const pykv_range *range, uint64_t *count_out);
PYKV_NODISCARD pykv_status lsm_approximate_size_in(lsm *self, uint32_t space,
                                                   const pykv_range *range, uint64_t *bytes_out);

/* ---- writes ---- */

PYKV_NODISCARD pykv_status lsm_put_in(lsm *self, uint32_t space, slice key, slice value,
                                      uint64_t deadline_us, int32_t flags);
PYKV_NODISCARD pykv_status lsm_delete_in(lsm *self, uint32_t space, slice key, int32_t flags,
                                         int32_t *existed_out);
PYKV_NODISCARD pykv_status lsm_compare_and_set_in(lsm *self, uint32_t space, slice key,
                                                  const slice *expected, const slice *value,
                                                  uint64_t deadline_us, int32_t flags,
                                                  int32_t *swapped_out);
PYKV_NODISCARD pykv_status lsm_delete_range_in(lsm *self, uint32_t space, slice start, slice stop,
                                               int32_t flags);
/* The namespace of each operation is its namespace_id. */
PYKV_NODISCARD pykv_status lsm_write_in(lsm *self, record *operations, size_t count, int32_t flags);
/* Removes every key of the namespace. */
PYKV_NODISCARD pykv_status lsm_clear_in(lsm *self, uint32_t space, int32_t flags);

/* ---- upkeep ---- */

/* As lsm_stats, but key_count and live_bytes are those of the namespace, unless the default one is
 * alone: key_count exact up to 1,000 keys, else a guess by block indexes, as live_bytes is; it has
 * what overwrites and deletes left behind, and no values in segments. 0 where they cannot be
 * read. */
void lsm_stats_in(lsm *self, uint32_t space, pykv_stats *out);

/* range NULL: in the default namespace, everything that the store holds. */
PYKV_NODISCARD pykv_status lsm_compact_in(lsm *self, uint32_t space, const pykv_range *range,
                                          pykv_progress *progress);

/* The rows of the tables come to the namespace. */
PYKV_NODISCARD pykv_status lsm_ingest_in(lsm *self, uint32_t space, const char *const *paths,
                                         size_t count, bool moves);

#endif
