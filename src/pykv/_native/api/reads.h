/*
 * reads: what reads of now and reads at a snapshot share. snapshot is the engine's, or NULL: now.
 */
#ifndef PYKV_API_READS_H
#define PYKV_API_READS_H

#include "pykv.h"

#include "base/annotate.h"
#include "base/slice.h"

/* As pykv_expires_at, pykv_count_range, pykv_get_many and pykv_scan_open. */
PYKV_NODISCARD pykv_status reads_expires_at(pykv_store *store, const void *snapshot, slice key,
                                            int32_t flags, uint64_t *deadline_us_out);
PYKV_NODISCARD pykv_status reads_count(pykv_store *store, const void *snapshot,
                                       const pykv_range *range, uint64_t *count_out);
PYKV_NODISCARD pykv_status reads_get_many(pykv_many *self, const void *snapshot, size_t count,
                                          const void *const *keys, const size_t *key_lengths,
                                          int32_t flags);
PYKV_NODISCARD pykv_status reads_scan_open(pykv_store *store, const void *snapshot,
                                           const pykv_range *range, pykv_scan **scan_out);

/* Adds rows of a scan to two arrays, as lsm_scan_next_arrays does, if the engine can; else gives a
 * chunk of rows to copy. There are no more when neither comes. */
PYKV_NODISCARD pykv_status reads_scan_next_arrays(pykv_scan *self, uint64_t rows_max, int32_t flags,
                                                  pykv_items_room *keys, pykv_items_room *values,
                                                  uint64_t *rows_done, pykv_rows *rows_out);

/* As pykv_namespaces. */
PYKV_NODISCARD pykv_status reads_scan_names(pykv_store *store, pykv_scan **scan_out);

/* As pykv_cursor_new and pykv_find_row. */
PYKV_NODISCARD pykv_status reads_cursor_new(pykv_store *store, const void *snapshot,
                                            const pykv_range *range, pykv_cursor **cursor_out);
PYKV_NODISCARD pykv_status reads_find_row(pykv_store *store, const void *snapshot, int32_t move,
                                          const void *key, size_t key_length, pykv_row *row_out);

/* The engine's; NULL of NULL. */
const void *snapshots_inner(const pykv_snapshot *snapshot);

#endif
