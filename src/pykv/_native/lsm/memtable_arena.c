/*
 * memtable_arena: chunks in a list, the newest being filled. See memtable_arena.h.
 */
#include "lsm/memtable_arena.h"

#include <stddef.h>

#include "base/error.h"
#include "base/invariant.h"

typedef struct memtable_chunk {
    struct memtable_chunk *older;
    uint64_t size; /* of data */
    _Alignas(16) uint8_t data[];
} memtable_chunk;

void memtable_arena_init(memtable_arena *self, kept_memory *memory, uint64_t limit_bytes)
{
    uint64_t share = limit_bytes / MEMTABLE_ARENA_CHUNK_SHARE;
    self->memory = memory;
    self->next = NULL;
    self->left = 0;
    self->chunk_bytes = MEMTABLE_ARENA_CHUNK_BYTES_MIN;
    self->chunk_bytes_max =
        share > MEMTABLE_ARENA_CHUNK_BYTES_MIN ? share : MEMTABLE_ARENA_CHUNK_BYTES_MIN;
    self->chunks = NULL;
    self->spare = NULL;
    self->reserved = 0;
    atomic_init(&self->allocated, 0);
}

static void give_back(memtable_arena *self, memtable_chunk *chunk)
{
    if (chunk != NULL) {
        kept_memory_give(self->memory, chunk, sizeof *chunk + chunk->size);
    }
}

void memtable_arena_reset(memtable_arena *self)
{
    while (self->chunks != NULL) {
        memtable_chunk *older = self->chunks->older;
        give_back(self, self->chunks);
        self->chunks = older;
    }
    give_back(self, self->spare);
    memtable_arena_init(self, self->memory, self->chunk_bytes_max * MEMTABLE_ARENA_CHUNK_SHARE);
}

static uint64_t spare_size(const memtable_arena *self)
{
    return self->spare != NULL ? self->spare->size : 0;
}

pykv_status memtable_arena_reserve(memtable_arena *self, uint64_t size)
{
    if (size > self->left && size > spare_size(self)) {
        uint64_t bytes = size > self->chunk_bytes ? size : self->chunk_bytes;
        memtable_chunk *chunk = kept_memory_take(self->memory, sizeof *chunk + bytes);
        if (chunk == NULL) {
            return error_set_no_memory(sizeof *chunk + bytes);
        }
        uint64_t replaced = self->spare != NULL ? sizeof *chunk + self->spare->size : 0;
        give_back(self, self->spare);
        chunk->size = bytes;
        self->spare = chunk;
        atomic_fetch_add_explicit(&self->allocated, sizeof *chunk + bytes - replaced,
                                  memory_order_relaxed);
    }
    self->reserved = size;
    return PYKV_OK;
}

/* Makes the spare chunk the current one; the next is twice as large, up to the most. */
static void use_spare(memtable_arena *self)
{
    memtable_chunk *chunk = self->spare;
    chunk->older = self->chunks;
    self->chunks = chunk;
    self->spare = NULL;
    self->next = chunk->data;
    self->left = chunk->size;
    if (self->chunk_bytes < self->chunk_bytes_max) {
        uint64_t doubled = self->chunk_bytes * 2;
        self->chunk_bytes = doubled < self->chunk_bytes_max ? doubled : self->chunk_bytes_max;
    }
}

void *memtable_arena_take(memtable_arena *self, uint64_t size)
{
    PYKV_ASSERT(size <= self->reserved);
    self->reserved -= size;
    if (size > self->left) {
        use_spare(self);
    }
    void *taken = self->next;
    self->next += size;
    self->left -= size;
    return taken;
}

uint64_t memtable_arena_allocated(const memtable_arena *self)
{
    return atomic_load_explicit(&self->allocated, memory_order_relaxed);
}
