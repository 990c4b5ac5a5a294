/*
 * memory_budget: two atomic numbers. Only the sums matter, so every access is relaxed.
 */
#include "table/memory_budget.h"

#include <stdatomic.h>

#include "base/invariant.h"

void memory_budget_init(memory_budget *self, uint64_t limit_bytes)
{
    atomic_init(&self->used_bytes, 0);
    atomic_init(&self->limit_bytes, limit_bytes);
}

bool memory_budget_reserve(memory_budget *self, uint64_t bytes)
{
    uint64_t used = memory_budget_used(self);
    uint64_t limit;
    do {
        limit = memory_budget_limit(self);
        if (bytes > limit || used > limit - bytes) {
            return false;
        }
    } while (!atomic_compare_exchange_weak_explicit(&self->used_bytes, &used, used + bytes,
                                                    memory_order_relaxed, memory_order_relaxed));
    return true;
}

void memory_budget_force(memory_budget *self, uint64_t bytes)
{
    atomic_fetch_add_explicit(&self->used_bytes, bytes, memory_order_relaxed);
}

void memory_budget_release(memory_budget *self, uint64_t bytes)
{
    uint64_t before = atomic_fetch_sub_explicit(&self->used_bytes, bytes, memory_order_relaxed);
    PYKV_ASSERT(before >= bytes);
}

void memory_budget_set_limit(memory_budget *self, uint64_t limit_bytes)
{
    atomic_store_explicit(&self->limit_bytes, limit_bytes, memory_order_relaxed);
}

uint64_t memory_budget_limit(const memory_budget *self)
{
    return atomic_load_explicit(&self->limit_bytes, memory_order_relaxed);
}

uint64_t memory_budget_used(const memory_budget *self)
{
    return atomic_load_explicit(&self->used_bytes, memory_order_relaxed);
}

uint64_t memory_budget_left(const memory_budget *self)
{
    uint64_t limit = memory_budget_limit(self);
    uint64_t used = memory_budget_used(self);
    return used < limit ? limit - used : 0;
}
