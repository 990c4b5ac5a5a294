/*
 * brake: writers slow down as flushes and compactions fall behind (lsm/pace.h).
 *
 * Only where a thread is lent that does that work meanwhile; else writers do it themselves
 * (lsm/room.h). A write pays for those before it, before it takes a lock: so only writes that may
 * wait are slowed down, and none is by more than PACE_AHEAD_US_MAX.
 */
#ifndef PYKV_LSM_BRAKE_H
#define PYKV_LSM_BRAKE_H

#include "lsm/store.h"

/* Tables of level 0 that no compaction has read slow writers down from SLOW on; all of them, read
 * or not, from CROWD on: about as many are being read as come meanwhile. */
enum {
    LSM_LEVEL0_SLOW = 28,
    LSM_LEVEL0_CROWD = 56,
    LSM_LEVEL0_STOP = 72,   /* at which they wait */
    LSM_LEVEL0_PARTS = 1024 /* of a table, in which what was read of it counts */
};

/* Tables of level 0 at which writers wait, or where no thread is lent, work. */
uint32_t lsm_level0_stop(lsm *self);

/* Sets the pace by the debts of now: after each change of the view, or of another debt. */
void lsm_brake_renew(lsm *self) REQUIRES(self->writer);

/* Says how many tables of level 0 a compaction that runs has read by now. *parts: what it said
 * last, 0 at first. */
void lsm_brake_note(lsm *self, double tables, uint64_t *parts) EXCLUDES(self->writer);

/* Says that it runs no more. */
void lsm_brake_forget(lsm *self, uint64_t *parts) EXCLUDES(self->writer);

/* True if a write has to wait: lsm_brake_wait. Costs nothing while nothing is slowed down. */
static inline bool lsm_brake_is_on(const lsm *self)
{
    return pacer_is_on(&self->pacer);
}
bool lsm_brake_holds(lsm *self);

/* Waits in portions until what was written is paid for, or the debt is gone. */
void lsm_brake_wait(lsm *self) EXCLUDES(self->writer);

/* Charges a write that was appended. */
void lsm_brake_charge(lsm *self, uint64_t bytes) REQUIRES(self->writer);

#endif
