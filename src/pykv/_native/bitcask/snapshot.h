/*
 * snapshot: a moment that a user keeps, and reads of one key at it.
 *
 * Many keys at it: many_get_at; all rows: scan_open_at. Thread-safe, but bitcask_snapshot_free is
 * the last call. moment_give_up closes it, beside reads too.
 */
#ifndef PYKV_BITCASK_SNAPSHOT_H
#define PYKV_BITCASK_SNAPSHOT_H

#include "base/pins.h"
#include "bitcask/bitcask.h"
#include "bitcask/moment.h"

/* The moment of now. As moment_open. */
PYKV_NODISCARD pykv_status bitcask_snapshot_new(bitcask *store, store_moment **snapshot_out);

/* As bitcask_get, at the moment of the snapshot. What moment_check gives. */
PYKV_NODISCARD pykv_status bitcask_get_at(const store_moment *self, slice key, int32_t flags,
                                          pykv_pinned *pinned_out);

/* As bitcask_contains, at the moment of the snapshot. What moment_check gives. */
PYKV_NODISCARD pykv_status bitcask_contains_at(const store_moment *self, slice key, int32_t flags);

/* As bitcask_expires_at, at the moment of the snapshot. What moment_check gives. */
PYKV_NODISCARD pykv_status bitcask_deadline_at(const store_moment *self, slice key, int32_t flags,
                                               uint64_t *deadline_us_out);

/* The sequence of the last write that the moment shows. What moment_check gives. */
PYKV_NODISCARD pykv_status bitcask_snapshot_sequence(const store_moment *self,
                                                     uint64_t *sequence_out);

/* Finds and keeps the value of key at the moment; NULL: now. The caller is in the epoch. */
PYKV_NODISCARD pykv_status bitcask_hold(bitcask *store, const store_moment *moment, slice key,
                                        int32_t flags, held_value *out);

/* How many keys there were; what had expired counts until it was merged away. What moment_check
 * gives. */
PYKV_NODISCARD pykv_status bitcask_count_at(const store_moment *self, uint64_t *count_out);

void bitcask_snapshot_free(store_moment *self);

#endif
