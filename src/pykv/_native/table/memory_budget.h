/*
 * memory_budget: how many bytes a store may hold in memory, and how many it holds.
 *
 * One budget is shared by all that takes memory in proportion to data: cached blocks, memtables,
 * filters, iterators. Each reserves before it allocates and releases after it freed. Thread-safe,
 * without a lock.
 *
 * Invariant: used bytes exceed the limit only by what was forced, or while a limit that was lowered
 * has not been met yet.
 */
#ifndef PYKV_TABLE_MEMORY_BUDGET_H
#define PYKV_TABLE_MEMORY_BUDGET_H

#include <stdbool.h>
#include <stdint.h>

#include "base/annotate.h"

typedef struct memory_budget {
    _Alignas(64) _Atomic uint64_t used_bytes;
    _Atomic uint64_t limit_bytes;
} memory_budget;

void memory_budget_init(memory_budget *self, uint64_t limit_bytes);

/* Counts bytes as used, unless they would exceed the limit: then nothing changes, and false. */
PYKV_NODISCARD bool memory_budget_reserve(memory_budget *self, uint64_t bytes);

/* Counts bytes as used in any case: for what cannot be done without. */
void memory_budget_force(memory_budget *self, uint64_t bytes);

/* Takes back what was reserved or forced. */
void memory_budget_release(memory_budget *self, uint64_t bytes);

void memory_budget_set_limit(memory_budget *self, uint64_t limit_bytes);
uint64_t memory_budget_limit(const memory_budget *self);
uint64_t memory_budget_used(const memory_budget *self);

/* Bytes up to the limit; 0 at or above it. */
uint64_t memory_budget_left(const memory_budget *self);

#endif
