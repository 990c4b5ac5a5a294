/*
 * pace: shares of debts, and a clock of what is paid for.
 */
#include "lsm/pace.h"

#include "base/invariant.h"

enum { BYTES_PER_KIB = 1024, NS_PER_US = 1000 };

static double share_of(const pace_debt *debt)
{
    PYKV_ASSERT(debt->soft < debt->stop);
    if (debt->now <= debt->soft) {
        return 0;
    }
    double share = (double)(debt->now - debt->soft) / (double)(debt->stop - debt->soft);
    return share < 1 ? share : 1;
}

uint64_t pace_ns_per_kib(const pace_debt *debts, uint32_t count)
{
    double most = 0;
    for (uint32_t i = 0; i < count; i++) {
        double share = share_of(&debts[i]);
        most = share > most ? share : most;
    }
    uint64_t pace = (uint64_t)(most * most * (double)PACE_SLOWEST_NS_PER_KIB);
    return most > 0 && pace == 0 ? 1 : pace;
}

void pacer_charge(pacer *self, uint64_t bytes, uint64_t now_us)
{
    uint64_t now_ns = now_us * NS_PER_US;
    uint64_t limit_ns = now_ns + (uint64_t)PACE_AHEAD_US_MAX * NS_PER_US;
    uint64_t until_ns = atomic_load_explicit(&self->paid_until_ns, memory_order_relaxed);
    uint64_t pace = atomic_load_explicit(&self->ns_per_kib, memory_order_relaxed);
    double cost_ns = (double)bytes * (double)pace / (double)BYTES_PER_KIB;
    until_ns = until_ns > now_ns ? until_ns : now_ns;
    if (cost_ns < (double)(limit_ns - now_ns)) {
        until_ns += (uint64_t)cost_ns;
    } else {
        until_ns = limit_ns;
    }
    atomic_store_explicit(&self->paid_until_ns, until_ns < limit_ns ? until_ns : limit_ns,
                          memory_order_relaxed);
}

uint64_t pacer_wait_us(const pacer *self, uint64_t now_us)
{
    uint64_t until_us =
        atomic_load_explicit(&self->paid_until_ns, memory_order_relaxed) / NS_PER_US;
    return until_us >= now_us + PACE_PORTION_US ? until_us - now_us : 0;
}

void pacer_settle(pacer *self, uint64_t until_us, uint64_t now_us)
{
    if (until_us <= now_us) {
        return;
    }
    uint64_t until_ns = atomic_load_explicit(&self->paid_until_ns, memory_order_relaxed);
    uint64_t rest_ns = (until_us - now_us) * NS_PER_US;
    uint64_t left_ns = until_ns > rest_ns ? until_ns - rest_ns : 0;
    atomic_store_explicit(&self->paid_until_ns, left_ns, memory_order_relaxed);
}
