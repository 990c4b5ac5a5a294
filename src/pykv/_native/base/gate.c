/*
 * gate: shutting, and the wait for what is inside.
 *
 * Calls signal nothing when they leave, which keeps them short: the wait looks again and again.
 */
#include "base/gate.h"

#include "base/invariant.h"

enum {
    GATE_POLL_US = 200,
    GATE_LENT_US = 1000000 /* that lent threads may take, beyond the timeout, to end a step */
};

void gate_init(gate *self)
{
    epoch_init(&self->readers);
    epoch_init(&self->others);
    atomic_init(&self->closing, 0);
    lent_init(&self->lent);
}

void gate_destroy(gate *self)
{
    lent_destroy(&self->lent);
}

void gate_shut(gate *self)
{
    atomic_store_explicit(&self->closing, 1, memory_order_seq_cst);
    lent_dismiss(&self->lent);
}

static bool calls_are_inside(gate *self)
{
    return epoch_reader_count(&self->readers) != 0 || epoch_reader_count(&self->others) != 0;
}

/* Waits for pause_us, or less; returns how long it was at least. */
static uint64_t wait_some(gate *self, uint64_t pause_us)
{
    return lent_wait(&self->lent, pause_us) ? 1 : pause_us;
}

bool gate_drain(gate *self, int64_t timeout_us, gate_clock now_us, void *context)
{
    uint64_t began = now_us(context);
    uint64_t waited = 0;
    PYKV_ASSERT(gate_is_shut(self));
    for (;;) {
        bool calls = calls_are_inside(self) && !PYKV_PLANTED(183);
        if (!calls && !lent_any(&self->lent)) {
            return true;
        }
        uint64_t limit = timeout_us < 0 ? UINT64_MAX : (uint64_t)timeout_us;
        limit += calls || timeout_us < 0 ? 0 : GATE_LENT_US;
        uint64_t elapsed = now_us(context) - began;
        elapsed = elapsed > waited ? elapsed : waited;
        if (elapsed >= limit) {
            return false;
        }
        uint64_t left = limit - elapsed;
        waited += wait_some(self, left < GATE_POLL_US ? left : GATE_POLL_US);
    }
}
