/*
 * merge_copy: the first phase of a merge: COPY of merge.h.
 */
#ifndef PYKV_BITCASK_MERGE_COPY_H
#define PYKV_BITCASK_MERGE_COPY_H

#include "bitcask/merge_state.h"

/* Copies what is needed of about BITCASK_STEP_BYTES of the inputs; behind the last of them the
 * phase is COMMIT. */
PYKV_NODISCARD pykv_status merge_copy_step(bitcask *store, merge *self) REQUIRES(store->merge_lock);

#endif
