/*
 * health: which work of a store is failing, and the state that the store is in by that.
 *
 * A failure stands until the same work succeeds, or has nothing to do any more; that other work
 * succeeds does not hide it. The store is degraded too as long as it has a value segment that a
 * compaction could not read.
 */
#ifndef PYKV_LSM_HEALTH_H
#define PYKV_LSM_HEALTH_H

#include "lsm/store.h"

/* Notes how work ended; of a failure the thread's last error is kept, and stays. */
void lsm_note(lsm *self, lsm_work work, pykv_status status) REQUIRES(self->writer);
void lsm_note_result(lsm *self, lsm_work work, pykv_status status) EXCLUDES(self->writer);

/* Forgets all failures: what still fails will fail again. */
void lsm_note_nothing(lsm *self) REQUIRES(self->writer);

/* Forgets which value segments could not be read: compactions try them again. */
void lsm_try_values_again(lsm *self) REQUIRES(self->writer);

/* PYKV_STATE_* but CLOSED. */
int32_t lsm_state_now(lsm *self) REQUIRES(self->writer);

/* How often the work has failed that a writer waits for who finds the memtables or level 0 full. */
uint64_t lsm_failures_of_room(const lsm *self) REQUIRES(self->writer);

/* The failure, as the caller's own, of that work, if it failed since there were so many: of
 * flushes, and of compactions where it is level 0, or, for_ranges, range deletes that are too many.
 * PYKV_OK: it may go well. */
PYKV_NODISCARD pykv_status lsm_failure_of_room(lsm *self, uint64_t since, bool for_ranges)
    EXCLUDES(self->writer);

#endif
