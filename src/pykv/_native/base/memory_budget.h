/*
 * memory_budget: how many bytes a store may hold in memory, and how many it holds.
 *
 * One budget is shared by all that takes memory in proportion to data: cached blocks, memtables,
 * filters, iterators. Each reserves before it allocates and releases after it freed. What cannot be
 * done without is forced instead: it counts whatever the limit. Thread-safe, without a lock.
 *
 * The limit is what it was set to, or, with a spare, what is forced and the spare, if that is more:
 * so who reserves is never left with nothing.
 *
 * Invariants: (1) used bytes exceed the limit only by what was forced, or while a limit that was
 * lowered has not been met yet; (2) what is forced is used.
 */
#ifndef PYKV_BASE_MEMORY_BUDGET_H
#define PYKV_BASE_MEMORY_BUDGET_H

#include <stdbool.h>
#include <stdint.h>

#include "base/annotate.h"

typedef struct memory_budget {
    _Alignas(64) _Atomic uint64_t used_bytes;
    _Atomic uint64_t forced_bytes; /* of these */
    _Atomic uint64_t limit_bytes;  /* as it was set */
    uint64_t spare_bytes;          /* constant; 0: the limit is what it was set to */
} memory_budget;

void memory_budget_init(memory_budget *self, uint64_t limit_bytes);

/* The same with a spare. */
void memory_budget_init_spare(memory_budget *self, uint64_t limit_bytes, uint64_t spare_bytes);

/* Counts bytes as used, unless they would exceed the limit: then nothing changes, and false. */
PYKV_NODISCARD bool memory_budget_reserve(memory_budget *self, uint64_t bytes);

/* Takes back what was reserved. */
void memory_budget_release(memory_budget *self, uint64_t bytes);

/* Counts bytes as used in any case, and takes them back. */
void memory_budget_force(memory_budget *self, uint64_t bytes);
void memory_budget_unforce(memory_budget *self, uint64_t bytes);

void memory_budget_set_limit(memory_budget *self, uint64_t limit_bytes);

/* The limit in force. */
uint64_t memory_budget_limit(const memory_budget *self);
uint64_t memory_budget_used(const memory_budget *self);

/* Bytes up to the limit; 0 at or above it. */
uint64_t memory_budget_left(const memory_budget *self);

#endif
