/*
 * gate: counts the calls into a store, and lets its close wait until they have left.
 *
 * A call counts itself in, then looks whether the gate is closed, and in that case counts itself
 * out again. Close shuts the gate, then waits for those that came before. There are two counts:
 *
 *   readers  calls whose pointers stay valid while they are inside: what is unlinked is freed when
 *            they have left (base/epoch.h, base/reclaim.h)
 *   others   long calls, and those that wait for readers: only counted
 *
 * Lent threads (base/lent.h) are in neither; they leave by themselves when the gate is shut.
 *
 * Thread-safe. Invariant: once gate_drain returned true nothing is inside, nor will be.
 */
#ifndef PYKV_BASE_GATE_H
#define PYKV_BASE_GATE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/annotate.h"
#include "base/epoch.h"
#include "base/lent.h"

typedef struct gate {
    epoch readers; /* first: its address costs readers nothing */
    epoch others;  /* no ticket is taken of it */
    _Atomic uint32_t closing;
    lent lent;
} gate;

/* Reads a monotonic clock in microseconds. */
typedef uint64_t (*gate_clock)(void *context);

void gate_init(gate *self);
/* Requires that nothing is inside. */
void gate_destroy(gate *self);

static inline bool gate_is_shut(const gate *self)
{
    return atomic_load_explicit(&self->closing, memory_order_seq_cst) != 0;
}

/* Enters one of the two counts. True: leave it with *token_out; false: the gate is shut. Wait-free.
 */
static inline bool gate_enter(gate *self, epoch *calls, epoch_token *token_out)
{
    epoch_token token = epoch_enter(calls);
    if (PYKV_UNLIKELY(gate_is_shut(self))) {
        epoch_leave(calls, token);
        return false;
    }
    *token_out = token;
    return true;
}

/* Shuts the gate for good and dismisses lent threads. */
void gate_shut(gate *self);

/* Requires gate_shut. Waits until no call is inside and no lent thread: for calls at most
 * timeout_us (negative: for ever), for lent threads, which end a step, a second more. False: time
 * ran out. Time is what now_us says, or what was waited where that clock stands still. */
bool gate_drain(gate *self, int64_t timeout_us, gate_clock now_us, void *context);

#endif
