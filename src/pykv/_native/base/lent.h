/*
 * lent: threads that a store's user lends to it work here in steps, and wait between them.
 *
 * The library starts no threads (pykv.h, convention 6): pykv_maintain lends one for a role,
 * PYKV_ROLE_LOG or PYKV_ROLE_DATA. It does bounded steps until it is told to leave. Between two
 * steps it rests as long as the step asked for, or until the role is called because there is work.
 * The calls are counted, so that none is missed that comes while a thread works.
 *
 * Thread-safe. The lock is a leaf: nothing is called while it is held.
 *
 * Invariant: after lent_dismiss no thread begins a step, but those that were in one end it.
 */
#ifndef PYKV_BASE_LENT_H
#define PYKV_BASE_LENT_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "pykv.h"

#include "base/annotate.h"
#include "base/mutex.h"

enum { LENT_ROLE_END = PYKV_ROLE_DATA + 1 }; /* roles are indexes below it */

typedef struct lent {
    /* Own synchronisation. */
    _Atomic int32_t thread_count[LENT_ROLE_END]; /* that are inside, by role */
    _Atomic uint32_t dismissed;

    mutex lock;
    condition called[LENT_ROLE_END];
    condition left;
    uint64_t call_count[LENT_ROLE_END] GUARDED_BY(lock);
} lent;

/* One bounded step of a role's work. Returns the microseconds to rest then; 0: there is more to do
 * now. */
typedef uint64_t (*lent_step)(void *context, int32_t role);

void lent_init(lent *self);
/* Requires that no thread is inside. */
void lent_destroy(lent *self);

/* PYKV_INVALID_ARGUMENT unless role is one. */
PYKV_NODISCARD pykv_status lent_check_role(int32_t role);

/* Calls step, with context and role, until lent_dismiss. PYKV_OK, or what lent_check_role says. */
PYKV_NODISCARD pykv_status lent_serve(lent *self, int32_t role, lent_step step, void *context);

/* Ends the rest of a role's threads: there may be work. Cheap enough for a writer now and then. */
void lent_call(lent *self, int32_t role);
void lent_call_all(lent *self);

/* Threads of a role that are inside; without a barrier, so a guess by the time it is seen. */
static inline int32_t lent_count(const lent *self, int32_t role)
{
    return atomic_load_explicit(&self->thread_count[role], memory_order_relaxed);
}

/* True while a thread is inside. After lent_dismiss and a false, self may be destroyed. */
bool lent_any(lent *self);

/* Tells the threads to leave, for good, and new ones not to begin. Does not wait. */
void lent_dismiss(lent *self);

/* Waits until a thread leaves, pause_us at most. False: they ran out. */
bool lent_wait(lent *self, uint64_t pause_us);

#endif
