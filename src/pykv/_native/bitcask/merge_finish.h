/*
 * merge_finish: the last phases of a merge: COMMIT, SWING and REMOVE of merge.h, one step of each.
 */
#ifndef PYKV_BITCASK_MERGE_FINISH_H
#define PYKV_BITCASK_MERGE_FINISH_H

#include "bitcask/merge_state.h"

PYKV_NODISCARD pykv_status merge_commit_step(bitcask *store, merge *self)
    REQUIRES(store->merge_lock);
PYKV_NODISCARD pykv_status merge_swing_step(bitcask *store, merge *self)
    REQUIRES(store->merge_lock);

/* The merge is gone when it succeeds. */
PYKV_NODISCARD pykv_status merge_remove_step(bitcask *store, merge *self)
    REQUIRES(store->merge_lock);

#endif
