/*
 * compaction_pace: a clock of what is paid for.
 */
#include "lsm/compaction_pace.h"

#include "base/invariant.h"

#define US_PER_SECOND UINT64_C(1000000)

void compaction_pace_charge(compaction_pace *self, uint64_t bytes, uint64_t now_us)
{
    if (self->bytes_per_second == 0 || PYKV_PLANTED(167)) {
        return;
    }
    uint64_t cost_us = bytes * US_PER_SECOND / self->bytes_per_second;
    uint64_t until = atomic_load_explicit(&self->paid_until_us, memory_order_relaxed);
    uint64_t next;
    do {
        next = (until > now_us ? until : now_us) + cost_us;
    } while (!atomic_compare_exchange_weak_explicit(&self->paid_until_us, &until, next,
                                                    memory_order_relaxed, memory_order_relaxed));
}

uint64_t compaction_pace_wait_us(const compaction_pace *self, uint64_t now_us)
{
    uint64_t until = atomic_load_explicit(&self->paid_until_us, memory_order_relaxed);
    return until > now_us ? until - now_us : 0;
}
