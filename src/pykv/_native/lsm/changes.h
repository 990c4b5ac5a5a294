/*
 * changes: the change feed of an LSM store: the operations in its logs, in order, as long as the
 * logs are there.
 *
 * A feed looks up, with the writer lock, how far it may read and in which log, and reads files of
 * its own. One that waits sleeps on `feeds.moved`, with the writer lock, and is woken when a sync
 * has ended, or a write became visible, and by close.
 *
 * Thread-safety: a feed is used by one thread at a time; closing it beside the store's close is
 * safe. Invariant: a feed is in the store's list iff its store is set.
 */
#ifndef PYKV_LSM_CHANGES_H
#define PYKV_LSM_CHANGES_H

#include "lsm/store.h"

/* PYKV_HISTORY_GONE unless a feed may begin behind sequence since. */
PYKV_NODISCARD pykv_status lsm_changes_check(const lsm *self, uint64_t since)
    REQUIRES(self->writer);

/* Wakes feeds that wait, after more may be read, or the gate was shut. */
static inline void lsm_changes_wake(lsm *self) REQUIRES(self->writer)
{
    if (PYKV_UNLIKELY(self->feeds.waiting_count > 0)) {
        condition_broadcast(&self->feeds.moved);
    }
}

/* The lowest sequence behind which a feed goes on; there is one. */
uint64_t lsm_changes_lowest(const lsm *self) REQUIRES(self->writer);

/* Ends every feed. */
void lsm_changes_end_all(lsm *self);

#endif
