/*
 * epoch: readers count themselves in and out, a ticket walks over the counters.
 *
 * Why a ticket is right. A reader adds to its counter and then, behind a full barrier, loads the
 * pointers it reads. epoch_begin puts a full barrier between the writer's unlink and its looks at
 * the counters. So for each counter either the look sees the reader, or the reader sees the unlink.
 * One look that sees zero at each of the 64 counters after epoch_begin is therefore enough: who
 * entered before was counted in one of them and has left.
 *
 * Why it ends. The phase that is not current gets no reader but those few that loaded the phase
 * before the last flip; the ticket waits for it to drain, flips, and waits for the other one,
 * which from then on gets no new readers either.
 *
 * A leave releases and a look acquires, so the reader's loads come before the writer's reuse.
 */
#include "base/epoch.h"

#include <stdatomic.h>
#include <stddef.h>

#include "base/invariant.h"
#include "base/thread_hint.h"

/* Steps of a ticket: a look at each line, the flip, a look at each line under the other phase. */
enum { STEP_FLIP = EPOCH_LINE_COUNT, STEP_PASSED = 2 * EPOCH_LINE_COUNT + 1 };

_Static_assert(EPOCH_LINE_COUNT <= (int)THREAD_HINT_COUNT, "every line is used");

/*
 * A locked operation is a full barrier on x86-64, and the only one that the thread sanitizer
 * understands. Elsewhere it does not order a later plain load, and a fence is needed.
 */
#if defined(__x86_64__) || defined(__SANITIZE_THREAD__)
#define FENCE_AFTER_LOCKED_OPERATION() ((void)0)
#else
#define FENCE_AFTER_LOCKED_OPERATION() atomic_thread_fence(memory_order_seq_cst)
#endif

void epoch_init(epoch *self)
{
    for (size_t i = 0; i < EPOCH_LINE_COUNT; i++) {
        atomic_init(&self->lines[i].active[0], 0);
        atomic_init(&self->lines[i].active[1], 0);
    }
    atomic_init(&self->phase, 0);
}

epoch_token epoch_enter(epoch *self)
{
    uint32_t line = thread_hint() % EPOCH_LINE_COUNT;
    uint32_t phase = atomic_load_explicit(&self->phase, memory_order_relaxed);
    atomic_fetch_add_explicit(&self->lines[line].active[phase], 1, memory_order_seq_cst);
    FENCE_AFTER_LOCKED_OPERATION();
    return line * 2 + phase;
}

void epoch_leave(epoch *self, epoch_token token)
{
    _Atomic int64_t *active = &self->lines[token / 2].active[token % 2];
    int64_t before = atomic_fetch_sub_explicit(active, 1, memory_order_release);
    PYKV_ASSERT(before > 0);
}

void epoch_begin(epoch *self, epoch_ticket *ticket_out)
{
    atomic_fetch_add_explicit(&self->phase, 0, memory_order_seq_cst);
    FENCE_AFTER_LOCKED_OPERATION();
    ticket_out->step = 0;
}

/* True if no reader is counted in the line under the phase that is not current. */
static bool stale_line_empty(epoch *self, uint32_t line)
{
    uint32_t stale = atomic_load_explicit(&self->phase, memory_order_relaxed) ^ 1;
    return atomic_load_explicit(&self->lines[line].active[stale], memory_order_acquire) == 0;
}

bool epoch_passed(epoch *self, epoch_ticket *ticket)
{
    for (; ticket->step < STEP_PASSED; ticket->step++) {
        if (ticket->step == STEP_FLIP) {
            atomic_fetch_xor_explicit(&self->phase, 1, memory_order_seq_cst);
        } else if (!stale_line_empty(self, ticket->step % (STEP_FLIP + 1))) {
            return false;
        }
    }
    return true;
}

int64_t epoch_reader_count(epoch *self)
{
    int64_t count = 0;
    for (size_t i = 0; i < EPOCH_LINE_COUNT; i++) {
        count += atomic_load_explicit(&self->lines[i].active[0], memory_order_acquire);
        count += atomic_load_explicit(&self->lines[i].active[1], memory_order_acquire);
    }
    return count;
}
