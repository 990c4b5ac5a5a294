/*
 * kept_memory: a chain through the blocks themselves. It is short, and walked once for a block of
 * many kilobytes.
 */
#include "base/kept_memory.h"

#include <string.h>

#include "base/invariant.h"
#include "base/memory.h"

enum { PAGE_BYTES = 4096 };

typedef struct kept_block {
    struct kept_block *older;
    size_t size;
} kept_block;

void kept_memory_init(kept_memory *self, uint64_t bytes_max)
{
    *self = (kept_memory){.bytes_max = bytes_max};
    mutex_init(&self->lock);
}

void kept_memory_destroy(kept_memory *self)
{
    kept_memory_end(self);
    mutex_destroy(&self->lock);
}

static void free_chain(kept_block *block)
{
    while (block != NULL) {
        kept_block *older = block->older;
        mem_free(block);
        block = older;
    }
}

/* Remembers that there was no block of that size. */
static void note_wanted(kept_memory *self, size_t size) REQUIRES(self->lock)
{
    if (size >= KEPT_MEMORY_PREPARED_BYTES_MIN && size != self->wanted[0]) {
        self->wanted[1] = self->wanted[0];
        self->wanted[0] = size;
    }
}

static kept_block *find(kept_memory *self, size_t size) REQUIRES(self->lock)
{
    for (kept_block **link = &self->newest; *link != NULL; link = &(*link)->older) {
        kept_block *block = *link;
        if (block->size == size) {
            *link = PYKV_PLANTED(113) ? block : block->older;
            self->bytes -= size;
            return block;
        }
    }
    return NULL;
}

void *kept_memory_take(kept_memory *self, size_t size)
{
    kept_block *block = NULL;
    if (self != NULL) {
        mutex_lock(&self->lock);
        block = find(self, size);
        self->use_count++;
        if (block == NULL) {
            note_wanted(self, size);
        }
        mutex_unlock(&self->lock);
    }
    return block != NULL ? block : mem_alloc_aligned(KEPT_MEMORY_ALIGNMENT, size);
}

/* Unlinks the oldest blocks, so that no more than bytes_max are kept, and returns them. */
static kept_block *cut(kept_memory *self) REQUIRES(self->lock)
{
    uint64_t bytes = 0;
    kept_block **link = &self->newest;
    while (*link != NULL && bytes + (*link)->size <= self->bytes_max) {
        bytes += (*link)->size;
        link = &(*link)->older;
    }
    kept_block *rest = *link;
    *link = NULL;
    self->bytes = bytes;
    return rest;
}

void kept_memory_give(kept_memory *self, void *block, size_t size)
{
    kept_block *given = block;
    if (self == NULL || block == NULL) {
        mem_free(block);
        return;
    }
    PYKV_ASSERT(size >= sizeof *given);
    mutex_lock(&self->lock);
    *given = (kept_block){self->newest, size};
    self->newest = given;
    self->bytes += size;
    self->use_count++;
    kept_block *rest = self->bytes > self->bytes_max ? cut(self) : NULL;
    mutex_unlock(&self->lock);
    free_chain(rest);
}

/* The size of a block to make ahead: the wanted one of that number, or 0. */
static size_t size_to_prepare(kept_memory *self, size_t number) REQUIRES(self->lock)
{
    size_t size = self->wanted[number];
    bool has_room = self->bytes <= self->bytes_max && size <= self->bytes_max - self->bytes;
    for (const kept_block *block = self->newest; block != NULL && has_room; block = block->older) {
        has_room = block->size != size;
    }
    return has_room ? size : 0;
}

static void touch(uint8_t *block, size_t size)
{
    for (size_t at = 0; at < size; at += PAGE_BYTES) {
        *(volatile uint8_t *)(block + at) = 0;
    }
}

void kept_memory_prepare(kept_memory *self)
{
    for (size_t i = 0; i < KEPT_MEMORY_WANTED; i++) {
        mutex_lock(&self->lock);
        size_t size = size_to_prepare(self, i);
        mutex_unlock(&self->lock);
        void *block = size == 0 ? NULL : mem_alloc_aligned(KEPT_MEMORY_ALIGNMENT, size);
        if (block != NULL) {
            touch(block, size);
            kept_memory_give(self, block, size);
        }
    }
}

static kept_block *take_all(kept_memory *self) REQUIRES(self->lock)
{
    kept_block *all = self->newest;
    self->newest = NULL;
    self->bytes = 0;
    memset(self->wanted, 0, sizeof self->wanted);
    return all;
}

void kept_memory_age(kept_memory *self, uint64_t now_us)
{
    kept_block *idle = NULL;
    mutex_lock(&self->lock);
    if (self->use_count != self->idle_count) {
        self->idle_count = self->use_count;
        self->idle_since_us = now_us;
    } else if (now_us - self->idle_since_us >= KEPT_MEMORY_IDLE_US) {
        idle = take_all(self);
    }
    mutex_unlock(&self->lock);
    free_chain(idle);
}

void kept_memory_end(kept_memory *self)
{
    mutex_lock(&self->lock);
    self->bytes_max = 0;
    kept_block *all = take_all(self);
    mutex_unlock(&self->lock);
    free_chain(all);
}

uint64_t kept_memory_bytes(kept_memory *self)
{
    mutex_lock(&self->lock);
    uint64_t bytes = self->bytes;
    mutex_unlock(&self->lock);
    return bytes;
}
