/*
 * slab_arena: blocks of some kilobytes side by side in slabs, which lie on large pages.
 *
 * Who reads many blocks at random waits as much for the processor to find their pages as for their
 * bytes: thousands of small pages do not fit its table. A slab is one large page. Blocks of any
 * size share it, each in granules that follow each other; a bit a granule says which are taken. A
 * block goes to the first gap that is long enough, in the slab where one was given back last, else
 * in the first slab that has one, else in a new slab. A slab without blocks goes back to the
 * system, but for one.
 *
 * A budget counts slabs whole, gaps included: there is no new slab beyond its limit. So that slabs
 * go where blocks are few, the emptiest can be vacated: they get no more blocks, and who owns their
 * blocks gives them back. One that stays, as its blocks do, is passed over until another block of
 * it is given back.
 *
 * The system clears a slab when it is touched first, which takes as long as a hundred reads of
 * blocks. So another thread makes one ahead, and who finds no gap meanwhile gets none.
 *
 * Thread-safe; the lock is a leaf.
 *
 * Invariants: (1) the free granules of a slab are as many as its bits say; (2) no gap of a slab is
 * longer than what the list says of it; (3) gap_bytes are those of the free granules of all slabs
 * that are not vacated; (4) leaving_bytes are those of the others, and of slabs without blocks that
 * are not out of the budget yet; (5) SLAB_BYTES a slab are reserved in the budget.
 */
#ifndef PYKV_BASE_SLAB_ARENA_H
#define PYKV_BASE_SLAB_ARENA_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/annotate.h"
#include "base/memory.h"
#include "base/memory_budget.h"
#include "base/mutex.h"

enum {
    SLAB_BYTES = MEM_LARGE_PAGE_BYTES,
    SLAB_GRANULE_BYTES = 256,         /* blocks begin at multiples of it */
    SLAB_BLOCK_BYTES_MAX = 128 * 1024 /* larger ones would leave long gaps */
};

struct slab; /* slab_arena.c */

typedef struct slab_entry {
    struct slab *slab;
    uint32_t longest_max; /* granules: no gap is longer */
} slab_entry;

typedef void slab_call(void *context);

/* How hard the owner of blocks tries to have them out of slabs. */
typedef enum slab_effort {
    SLAB_GENTLE = 1, /* blocks that are in use may stay */
    SLAB_FIRM = 2    /* none stays but for those that are held */
} slab_effort;

typedef struct slab_arena {
    mutex lock;
    slab_entry *entries GUARDED_BY(lock);
    uint32_t slab_count GUARDED_BY(lock);
    uint32_t capacity GUARDED_BY(lock);
    uint32_t given_last GUARDED_BY(lock);  /* the slab to look into first */
    uint32_t empty_count GUARDED_BY(lock); /* of those that are not vacated */
    uint8_t effort GUARDED_BY(lock);       /* made for those that are vacated */
    uint32_t vain_count GUARDED_BY(lock);  /* calls to vacate that found only slabs to pass over */
    memory_budget *budget;                 /* borrowed; NULL: none counts the slabs */
    _Atomic uint64_t bytes;                /* of all slabs */
    _Atomic uint64_t gap_bytes;
    _Atomic uint64_t leaving_bytes;
    _Atomic bool is_preparing; /* a thread makes a slab ahead; set with the lock */
    slab_call *call;           /* NULL: nobody does; constant, as is its context */
    void *context;
} slab_arena;

/* Without slabs. */
void slab_arena_init(slab_arena *self, memory_budget *budget);

/* Has call called, with no lock held, when the last slab without blocks got one: it has another
 * thread call slab_arena_prepare. Requires that no other thread knows the arena yet. */
void slab_arena_let_prepare(slab_arena *self, slab_call *call, void *context);

/* Makes a slab ahead, if there are some, none of them is without blocks, and there is room that
 * leaves spare bytes of the budget. */
void slab_arena_prepare(slab_arena *self, uint64_t spare);

/* True while a thread does so. */
bool slab_arena_is_preparing(const slab_arena *self);

/* Requires that every block was given back and no other thread is inside. */
void slab_arena_destroy(slab_arena *self);

/* Returns size bytes, uninitialised, at a multiple of SLAB_GRANULE_BYTES; NULL: no gap is that
 * long, and there is no memory for another slab, or no room in the budget that leaves spare bytes
 * of it, or one is being prepared. Requires 0 < size <= SLAB_BLOCK_BYTES_MAX. Owned by the caller,
 * for slab_arena_give. */
PYKV_NODISCARD void *slab_arena_take(slab_arena *self, size_t size, uint64_t spare);

/* The same in a gap alone. */
PYKV_NODISCARD void *slab_arena_take_gap(slab_arena *self, size_t size);

/* Takes back a block of that size. */
void slab_arena_give(slab_arena *self, void *block, size_t size);

/* Vacates the emptiest slabs, as many as have those bytes, instead of those before. 0: none. One
 * that stayed, though its owner made as great an effort, is passed over. Returns how many blocks
 * they have. */
uint64_t slab_arena_vacate(slab_arena *self, uint64_t bytes, slab_effort effort);

/* True if the slab of a block, which is not given back meanwhile, is vacated. */
bool slab_arena_is_vacated(const void *block);

/* Bytes of all slabs, of what is free in those that are not vacated, and in those that are. */
uint64_t slab_arena_bytes(const slab_arena *self);
uint64_t slab_arena_gap_bytes(const slab_arena *self);
uint64_t slab_arena_leaving_bytes(const slab_arena *self);

#endif
