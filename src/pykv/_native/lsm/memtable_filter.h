/*
 * memtable_filter: says of most keys that a memtable does not hold that it does not, for one access
 * to memory.
 *
 * A Bloom filter in blocks of one cache line: the high half of a key's hash chooses the block,
 * six bits in it come from the hash multiplied once more. It takes a sixty-fourth of what the
 * memtable is to hold: an entry takes at least 64 bytes of a memtable, so there are 8 bits or more
 * a key when it is full, and 20 for records of a hundred bytes. One that holds more, as that of a
 * store that is open read-only may, is searched for more and more keys that are not there.
 *
 * Thread-safety: one writer, any number of readers. A reader sees a key if the adding came before
 * something that it acquired.
 */
#ifndef PYKV_LSM_MEMTABLE_FILTER_H
#define PYKV_LSM_MEMTABLE_FILTER_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "pykv.h"

#include "base/annotate.h"
#include "base/kept_memory.h"

enum {
    MEMTABLE_FILTER_SHARE = 64,
    MEMTABLE_FILTER_BLOCK_BYTES = 64,
    MEMTABLE_FILTER_BLOCK_WORDS = 8,
    MEMTABLE_FILTER_PROBES = 6
};

typedef struct memtable_filter {
    kept_memory *memory;     /* borrowed; of the words */
    _Atomic uint64_t *words; /* owned; block_count blocks */
    uint64_t block_count;
} memtable_filter;

/* An empty filter for a memtable of limit_bytes. PYKV_NO_MEMORY. */
PYKV_NODISCARD pykv_status memtable_filter_init(memtable_filter *self, kept_memory *memory,
                                                uint64_t limit_bytes);
void memtable_filter_reset(memtable_filter *self);

/* Bytes of memory held. */
uint64_t memtable_filter_bytes(const memtable_filter *self);

/* Enters a key by its hash. */
void memtable_filter_add(memtable_filter *self, uint64_t hash);

/* The block of a hash. */
static inline _Atomic uint64_t *memtable_filter_block(const memtable_filter *self, uint64_t hash)
{
    uint64_t index = (hash >> 32) * self->block_count >> 32;
    return self->words + index * MEMTABLE_FILTER_BLOCK_WORDS;
}

/* 9 bits for each probe, from the top. */
static inline uint64_t memtable_filter_bits(uint64_t hash)
{
    return hash * UINT64_C(0x9e3779b97f4a7c15);
}

static inline void memtable_filter_prefetch(const memtable_filter *self, uint64_t hash)
{
    __builtin_prefetch(memtable_filter_block(self, hash));
}

/* False if no key of this hash was added. */
static inline bool memtable_filter_may_hold(const memtable_filter *self, uint64_t hash)
{
    const _Atomic uint64_t *line = memtable_filter_block(self, hash);
    uint64_t bits = memtable_filter_bits(hash);
    for (uint32_t i = 0; i < MEMTABLE_FILTER_PROBES; i++, bits <<= 9) {
        uint64_t word = atomic_load_explicit(&line[bits >> 61], memory_order_relaxed);
        if ((word >> (bits >> 55 & 63) & 1) == 0) {
            return false;
        }
    }
    return true;
}

#endif
