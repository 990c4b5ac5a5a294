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

/* True if the store's space is above its limit, or a pick would be made. */
bool merge_is_due(bitcask *store) REQUIRES(store->writer);

#endif
