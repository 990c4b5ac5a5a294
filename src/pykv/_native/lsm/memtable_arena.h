/*
 * memtable_arena: the memory of a memtable's records: handed out piece by piece, freed at once.
 *
 * Chunks grow from 64 KiB to a sixteenth of the memtable's limit, so that a small memtable stays
 * small and little is left over at the end of a chunk. Reserving is what can fail: it sets a spare
 * chunk aside that holds all that was asked for, whatever still fits into the current one.
 *
 * Not thread-safe, but for memtable_arena_allocated; handed-out memory never moves.
 *
 * Invariant: what was reserved and not taken yet fits into the current chunk or into the spare.
 */
#ifndef PYKV_LSM_MEMTABLE_ARENA_H
#define PYKV_LSM_MEMTABLE_ARENA_H

#include <stdatomic.h>
#include <stdint.h>

#include "pykv.h"

#include "base/annotate.h"
#include "base/kept_memory.h"

enum { MEMTABLE_ARENA_CHUNK_BYTES_MIN = 64 * 1024, MEMTABLE_ARENA_CHUNK_SHARE = 16 };

struct memtable_chunk; /* memtable_arena.c */

typedef struct memtable_arena {
    kept_memory *memory; /* borrowed; of the chunks */
    uint8_t *next;       /* first free byte of the current chunk */
    uint64_t left;       /* free bytes behind it */
    uint64_t chunk_bytes;
    uint64_t chunk_bytes_max;
    struct memtable_chunk *chunks; /* newest first; owned */
    struct memtable_chunk *spare;  /* owned; NULL: none */
    uint64_t reserved;             /* bytes that may be taken without another reserve */
    _Atomic uint64_t allocated;
} memtable_arena;

/* memory: where chunks come from and go back to.  limit_bytes: what the memtable is meant to hold.
 * Allocates nothing. */
void memtable_arena_init(memtable_arena *self, kept_memory *memory, uint64_t limit_bytes);

/* Gives every chunk back. */
void memtable_arena_reset(memtable_arena *self);

/* Makes sure that memtable_arena_take serves size bytes in all, in any pieces, and withdraws what
 * was reserved before. PYKV_NO_MEMORY; then as before the call. */
PYKV_NODISCARD pykv_status memtable_arena_reserve(memtable_arena *self, uint64_t size);

/* Returns size bytes, a multiple of 8, aligned to 8. Requires them reserved. */
void *memtable_arena_take(memtable_arena *self, uint64_t size);

/* Bytes of memory held. Thread-safe. */
uint64_t memtable_arena_allocated(const memtable_arena *self);

#endif
