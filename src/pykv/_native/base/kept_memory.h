/*
 * kept_memory: blocks of memory that were given back, kept for who wants as many bytes next.
 *
 * Memory that is fresh from the system costs a page fault for each 4 KiB, which is more than what
 * is written there. Who fills and drops large blocks again and again takes those of before.
 *
 * Keeps at most bytes_max; the oldest go to the heap first. All go when nothing was taken or given
 * for a while, as far as somebody asks.
 *
 * A budget counts what is taken, from then until it is given back, and what is kept, or what was
 * announced if that is more: who takes will take kept blocks first.
 *
 * Thread-safe; the lock is a leaf. A NULL keeper is the heap, and counts nothing.
 *
 * Invariant: counted_bytes of the budget are forced.
 */
#ifndef PYKV_BASE_KEPT_MEMORY_H
#define PYKV_BASE_KEPT_MEMORY_H

#include <stddef.h>
#include <stdint.h>

#include "base/annotate.h"
#include "base/memory.h"
#include "base/memory_budget.h"
#include "base/mutex.h"

enum {
    KEPT_MEMORY_ALIGNMENT = MEM_SIZED_ALIGNMENT, /* of every block */
    KEPT_MEMORY_PREPARED_BYTES_MIN = 256 * 1024, /* smaller blocks are not made ahead */
    KEPT_MEMORY_WANTED = 2,
    KEPT_MEMORY_IDLE_US = 10 * 1000 * 1000
};

struct kept_block; /* kept_memory.c */

typedef struct kept_memory {
    memory_budget *budget; /* borrowed; NULL: none counts it */
    mutex lock;
    uint64_t bytes_max GUARDED_BY(lock);
    uint64_t bytes GUARDED_BY(lock);
    struct kept_block *newest GUARDED_BY(lock);
    /* Sizes of large blocks that were taken last when none was kept; 0: none. */
    size_t wanted[KEPT_MEMORY_WANTED] GUARDED_BY(lock);
    uint64_t use_count GUARDED_BY(lock);  /* blocks taken and given */
    uint64_t idle_count GUARDED_BY(lock); /* use_count at idle_since_us */
    uint64_t idle_since_us GUARDED_BY(lock);
    uint64_t taken_bytes GUARDED_BY(lock); /* and not given back */
    uint64_t announced_bytes GUARDED_BY(lock);
    uint64_t counted_bytes GUARDED_BY(lock);
} kept_memory;

void kept_memory_init(kept_memory *self, uint64_t bytes_max, memory_budget *budget);

/* Frees what is kept. Requires that no other thread is inside. */
void kept_memory_destroy(kept_memory *self);

/* Returns size bytes, uninitialised, or NULL. Owned by the caller, for kept_memory_give. */
PYKV_NODISCARD void *kept_memory_take(kept_memory *self, size_t size);

/* Takes a block of size bytes back that was taken here, or there with NULL. NULL is ignored. */
void kept_memory_give(kept_memory *self, void *block, size_t size);

/* Announces that so many bytes will be taken, instead of what is left of those announced before. */
void kept_memory_announce(kept_memory *self, uint64_t bytes);

/* Counts memory that is the heap's as if it was taken here: bytes now, where it was before. */
void kept_memory_count(kept_memory *self, uint64_t before, uint64_t bytes);

/* Makes blocks ahead, of sizes that were wanted lately and are not kept, and touches their pages:
 * for a thread that has the time. Does without where there is no memory. */
void kept_memory_prepare(kept_memory *self);

/* Frees what is kept if KEPT_MEMORY_IDLE_US have passed since the first call that found nothing
 * used since. now_us: of a clock that does not go back. */
void kept_memory_age(kept_memory *self, uint64_t now_us);

/* Frees what is kept, and keeps nothing from now on; nothing is announced any more. */
void kept_memory_end(kept_memory *self);

/* Bytes that are kept. */
uint64_t kept_memory_bytes(kept_memory *self);

#endif
