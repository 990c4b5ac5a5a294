/*
 * keydir_space: numbered items of one size whose addresses never change, in memory that grows by
 * blocks. The key directory keeps its bucket headers in one and its units in another.
 *
 *   pointers   one for each granule of 64 items; the table doubles when it is full, and the tables
 *              it outgrew stay until reset, so a reader may go on with an old one
 *   blocks     runs of granules that were allocated together, a 32nd part of what is there, at most
 *              KEYDIR_BLOCK_ITEMS_MAX items: small directories stay small, large ones get long runs
 *   regions    once there are MEM_LARGE_PAGE_BYTES, blocks are cut from regions of that size, which
 *              are mapped: a heap would leave a gap as large before each; one that is used up goes
 *              into a large page
 *
 * A block of fewer than 64 items takes a granule of its own: the numbers behind it are not used.
 *
 * Thread-safety: keydir_space_item by any thread for a number that reached it through an acquiring
 * load of something stored with release after the number was made; the rest by one writer.
 */
#ifndef PYKV_BITCASK_KEYDIR_SPACE_H
#define PYKV_BITCASK_KEYDIR_SPACE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "pykv.h"

#include "base/annotate.h"

enum { KEYDIR_GRANULE_ITEMS = 64, KEYDIR_BLOCK_ITEMS_MAX = 2048 };

typedef struct keydir_pointers {
    struct keydir_pointers *older;
    uint64_t capacity;
    _Atomic(uint8_t *) items[];
} keydir_pointers;

typedef struct keydir_block {
    struct keydir_block *next;
    uint8_t *memory;
    bool is_region; /* mapped, not of the heap */
} keydir_block;

typedef struct keydir_space {
    uint32_t item_bytes; /* constant */
    /* own synchronisation */
    _Atomic(keydir_pointers *) pointers;
    _Atomic uint64_t bytes; /* of all blocks and tables */
    /* the writer's */
    uint64_t granule_count;
    uint64_t item_count;
    keydir_block *blocks; /* all memory owned, regions too */
    uint8_t *region;      /* the newest, or NULL */
    uint64_t region_used; /* bytes cut from it */
} keydir_space;

/* Items of the next block: a 32nd part of what is there, a power of two, at least least. */
uint64_t keydir_space_block_items(const keydir_space *self, uint64_t least);

void keydir_space_init(keydir_space *self, uint32_t item_bytes);
void keydir_space_reset(keydir_space *self);

/* Adds item_count items, zeroed if asked; their numbers run from *first_out, a multiple of 64.
 * PYKV_NO_MEMORY, with nothing changed. */
PYKV_NODISCARD pykv_status keydir_space_extend(keydir_space *self, uint64_t item_count, bool zeroed,
                                               uint64_t *first_out);

/* As keydir_space_extend, for items in memory that is borrowed until the reset. */
PYKV_NODISCARD pykv_status keydir_space_adopt(keydir_space *self, uint8_t *memory,
                                              uint64_t item_count);

/* The item of this number. Pass the item_bytes that the space was made with. */
static inline void *keydir_space_item(const keydir_space *self, uint64_t number,
                                      uint32_t item_bytes)
{
    const keydir_pointers *pointers = atomic_load_explicit(&self->pointers, memory_order_acquire);
    uint8_t *granule =
        atomic_load_explicit(&pointers->items[number / KEYDIR_GRANULE_ITEMS], memory_order_relaxed);
    return granule + number % KEYDIR_GRANULE_ITEMS * item_bytes;
}

#endif
