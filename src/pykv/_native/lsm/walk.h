/*
 * walk: what scans and cursors walk over: the rows of a range at one moment, whose view is kept
 * until the walk or its store ends.
 *
 * Thread-safety: a walk is used by one thread at a time; ending it beside the store's close is
 * safe. Invariant: a walk is in the store's list iff its store is set.
 */
#ifndef PYKV_LSM_WALK_H
#define PYKV_LSM_WALK_H

#include "lsm/key_space.h"
#include "lsm/snapshot.h"
#include "lsm/store.h"
#include "lsm/user_iterator.h"

/* What a walk counts for in the memory budget: a chunk of rows of the usual size, and the windows
 * of a merge over about eight memtables and tables. */
enum { LSM_WALK_BYTES = 128 * 1024 };

typedef struct lsm_walk {
    lsm *store;            /* NULL once ended */
    struct lsm_walk *next; /* guarded by the store's writer lock */
    view *view;
    user_iterator *rows;
} lsm_walk;

/* An iterator over the rows of a range of a namespace, by stored keys, at moment, whose view and
 * time must be set and stay. */
PYKV_NODISCARD pykv_status lsm_rows_new(lsm *store, uint32_t space, const lsm_moment *moment,
                                        const pykv_range *range, user_iterator **rows_out);

/* Begins at the first row of a range of a namespace, or behind the last for a reverse one, at the
 * moment of snapshot (NULL: now). Requires self to be zeros, which it is after a failure. */
PYKV_NODISCARD pykv_status lsm_walk_begin(lsm_walk *self, lsm *store, uint32_t space,
                                          const lsm_snapshot *snapshot, const pykv_range *range);

/* Gives back what is the store's, unless its close has done so. */
void lsm_walk_end(lsm *store, lsm_walk *self);

/* Ends every walk. */
void lsm_walk_end_all(lsm *self);

#endif
