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

enum {
    LSM_LEVEL0_SLOW = 24, /* tables of level 0 above which writers slow down */
    LSM_LEVEL0_STOP = 48  /* and at which they wait */
};

/* Sets the pace by the debts of now: after each change of the view, or of another debt. */
void lsm_brake_renew(lsm *self) REQUIRES(self->writer);

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
