/*
 * merge_pick: which segments to merge, and when.
 */
#ifndef PYKV_BITCASK_MERGE_PICK_H
#define PYKV_BITCASK_MERGE_PICK_H

#include "bitcask/merge_state.h"

/* Segments that merging now would be worth it, by dead bytes: sets inputs_out (borrowed pointers)
 * and returns how many. thorough: every segment with a dead byte or a droppable tombstone. After a
 * merge that found no room, once: those whose live records fit what room there was. */
size_t merge_pick(bitcask *store, bool thorough, segment *inputs_out[MERGE_INPUTS_MAX])
    REQUIRES(store->writer);

/* True if the active segment should be sealed, so that rows of it that expire can be reaped. */
bool merge_active_has_aged(bitcask *store) REQUIRES(store->writer);

/* True if rows whose deadlines passed long ago are so much of a segment that it is to be merged
 * whatever the store's space is. Each time of that they are gone. */
bool merge_reap_is_due(bitcask *store) REQUIRES(store->writer);

/* True if the store's space is above its limit, or there are values to be packed or rows to be
 * reaped. */
bool merge_is_due(bitcask *store) REQUIRES(store->writer);

/* Dead bytes of the segments that may be merged now, what has expired included. */
uint64_t merge_dead_bytes(bitcask *store) REQUIRES(store->writer);

/* What a thorough merge makes less: bytes on disk, those whose values are to be packed twice. */
uint64_t merge_owed_bytes(bitcask *store) REQUIRES(store->writer);

#endif
