/*
 * memory_budget: atomic numbers. Only the sums matter, so every access is relaxed.
 */
#include "base/memory_budget.h"

#include <stdatomic.h>

#include "base/invariant.h"

void memory_budget_init(memory_budget *self, uint64_t limit_bytes)
{
    memory_budget_init_spare(self, limit_bytes, 0);
}

void memory_budget_init_spare(memory_budget *self, uint64_t limit_bytes, uint64_t spare_bytes)
{
    atomic_init(&self->used_bytes, 0);
    atomic_init(&self->forced_bytes, 0);
    atomic_init(&self->limit_bytes, limit_bytes);
    self->spare_bytes = spare_bytes;
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

void memory_budget_release(memory_budget *self, uint64_t bytes)
{
    uint64_t before = atomic_fetch_sub_explicit(&self->used_bytes, bytes, memory_order_relaxed);
    PYKV_ASSERT(before >= bytes);
}

void memory_budget_force(memory_budget *self, uint64_t bytes)
{
    atomic_fetch_add_explicit(&self->forced_bytes, bytes, memory_order_relaxed);
    atomic_fetch_add_explicit(&self->used_bytes, bytes, memory_order_relaxed);
}

void memory_budget_unforce(memory_budget *self, uint64_t bytes)
{
    uint64_t before = atomic_fetch_sub_explicit(&self->forced_bytes, bytes, memory_order_relaxed);
    PYKV_ASSERT(before >= bytes);
    memory_budget_release(self, bytes);
}

void memory_budget_set_limit(memory_budget *self, uint64_t limit_bytes)
{
    atomic_store_explicit(&self->limit_bytes, limit_bytes, memory_order_relaxed);
}

uint64_t memory_budget_limit(const memory_budget *self)
{
    uint64_t limit = atomic_load_explicit(&self->limit_bytes, memory_order_relaxed);
    if (self->spare_bytes == 0) {
        return limit;
    }
    uint64_t forced = atomic_load_explicit(&self->forced_bytes, memory_order_relaxed);
    return limit > forced + self->spare_bytes ? limit : forced + self->spare_bytes;
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
