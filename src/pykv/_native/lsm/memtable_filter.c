/*
 * memtable_filter: the writer's side of the filter. See memtable_filter.h.
 */
#include "lsm/memtable_filter.h"

#include "base/error.h"

pykv_status memtable_filter_init(memtable_filter *self, kept_memory *memory, uint64_t limit_bytes)
{
    uint64_t block_count = limit_bytes / MEMTABLE_FILTER_SHARE / MEMTABLE_FILTER_BLOCK_BYTES;
    block_count = block_count == 0 ? 1 : block_count;
    block_count = block_count > UINT32_MAX ? UINT32_MAX : block_count;
    uint64_t bytes = block_count * MEMTABLE_FILTER_BLOCK_BYTES;
    _Atomic uint64_t *words = kept_memory_take(memory, bytes);
    if (words == NULL) {
        return error_set_no_memory(bytes);
    }
    for (uint64_t i = 0; i < block_count * MEMTABLE_FILTER_BLOCK_WORDS; i++) {
        atomic_init(&words[i], 0);
    }
    self->memory = memory;
    self->words = words;
    self->block_count = block_count;
    return PYKV_OK;
}

void memtable_filter_reset(memtable_filter *self)
{
    kept_memory_give(self->memory, self->words, memtable_filter_bytes(self));
    self->words = NULL;
    self->block_count = 0;
}

uint64_t memtable_filter_bytes(const memtable_filter *self)
{
    return self->block_count * MEMTABLE_FILTER_BLOCK_BYTES;
}

void memtable_filter_add(memtable_filter *self, uint64_t hash)
{
    _Atomic uint64_t *block = memtable_filter_block(self, hash);
    uint64_t bits = memtable_filter_bits(hash);
    for (uint32_t i = 0; i < MEMTABLE_FILTER_PROBES; i++, bits <<= 9) {
        _Atomic uint64_t *word = &block[bits >> 61];
        uint64_t old = atomic_load_explicit(word, memory_order_relaxed);
        uint64_t set = old | UINT64_C(1) << (bits >> 55 & 63);
        atomic_store_explicit(word, set, memory_order_relaxed);
    }
}
