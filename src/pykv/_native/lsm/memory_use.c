/*
 * memory_use: sums over a view.
 */
#include "lsm/memory_use.h"

#include "base/invariant.h"

static uint64_t allocated_bytes(const memtable *of)
{
    memtable_stats stats;
    memtable_stats_read(of, &stats);
    return stats.allocated_bytes;
}

static uint64_t memtable_bytes(lsm *self, const view *now)
{
    uint64_t grown = allocated_bytes(now->active);
    uint64_t bytes = grown > self->options.memtable_bytes ? grown : self->options.memtable_bytes;
    for (uint32_t i = 0; i < now->immutable_count; i++) {
        bytes += allocated_bytes(now->immutables[i]);
    }
    return bytes + kept_memory_bytes(&self->memory);
}

void lsm_memory_renew(lsm *self)
{
    uint64_t before = self->memtable_memory_bytes;
    uint64_t now = PYKV_PLANTED(169) ? before : memtable_bytes(self, lsm_view(self));
    if (now >= before) {
        memory_budget_force(&self->budget, now - before);
    } else {
        memory_budget_release(&self->budget, before - now);
    }
    self->memtable_memory_bytes = now;
    uint64_t wanted = self->options.memory_budget_bytes;
    uint64_t needed = now + block_source_cached_table_bytes(&self->source) + LSM_CACHE_BYTES_MIN;
    memory_budget_set_limit(&self->budget, wanted > needed ? wanted : needed);
}

void lsm_memory_trim(lsm *self)
{
    if (memory_budget_used(&self->budget) > memory_budget_limit(&self->budget) &&
        !block_cache_trim(self->cache)) {
        /* Readers hold the rest; the next step tries again. */
    }
}
