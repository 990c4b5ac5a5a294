/*
 * snapshot: moments of a store, and those that somebody keeps.
 *
 * A moment is a view, a sequence and a time. A snapshot is a moment with a reference of its view:
 * jobs know nothing of it (docs/decisions/0013). Reads at it load the moment inside the epoch, so
 * that it may be closed beside them: the reference is given up when they have left.
 *
 * The sequence of a moment bounds what a read sees. A moment taken with the writer lock shows all
 * writes up to it too, so that a feed of changes may go on behind it. Without the lock the view may
 * be older: writes that went to a memtable behind it are not seen. Snapshots take the lock.
 *
 * Thread-safe. Invariant: a snapshot is in the store's list iff it holds a moment.
 */
#ifndef PYKV_LSM_SNAPSHOT_H
#define PYKV_LSM_SNAPSHOT_H

#include "lsm/store.h"

/* What a read sees. */
typedef struct lsm_moment {
    view *view;
    uint64_t sequence;
    uint64_t now_us; /* what has a deadline up to it has expired; 0: up to the store's clock */
} lsm_moment;

/* The moment of now. The caller is inside the epoch, and the moment is good as long as that. */
static inline lsm_moment lsm_moment_now(lsm *store)
{
    view *now = lsm_view(store);
    return (lsm_moment){now, lsm_visible(store), 0};
}

/* The moment of a snapshot, or of now where snapshot is NULL. As lsm_moment_now. PYKV_CLOSED. */
PYKV_NODISCARD pykv_status lsm_moment_of(lsm *store, const lsm_snapshot *snapshot,
                                         lsm_moment *moment_out);

/* The same with a time and a reference of the view, which is the caller's: not inside the epoch. */
PYKV_NODISCARD pykv_status lsm_moment_acquire(lsm *store, const lsm_snapshot *snapshot,
                                              lsm_moment *moment_out);

/* The sequence of a snapshot's moment. The caller is inside the epoch. PYKV_CLOSED. */
PYKV_NODISCARD pykv_status lsm_snapshot_sequence(lsm *store, const lsm_snapshot *snapshot,
                                                 uint64_t *sequence_out);

/* Closes every snapshot. */
void lsm_snapshot_close_all(lsm *self);

#endif
