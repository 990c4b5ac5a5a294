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

void kept_memory_init(kept_memory *self, uint64_t bytes_max, memory_budget *budget)
{
    *self = (kept_memory){.budget = budget, .bytes_max = bytes_max};
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
        mem_free_sized(block, block->size);
        block = older;
    }
}

/* Brings the budget up to date. */
static void count(kept_memory *self) REQUIRES(self->lock)
{
    uint64_t before = self->counted_bytes;
    uint64_t ahead = self->bytes > self->announced_bytes ? self->bytes : self->announced_bytes;
    uint64_t now = (PYKV_PLANTED(260) ? 0 : self->taken_bytes) + ahead;
    if (self->budget == NULL || PYKV_PLANTED(169)) {
        return;
    }
    if (now >= before) {
        memory_budget_force(self->budget, now - before);
    } else {
        memory_budget_unforce(self->budget, before - now);
    }
    self->counted_bytes = now;
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

/* Notes bytes as taken. Returns how many of them were announced. */
static uint64_t note_taken(kept_memory *self, size_t size) REQUIRES(self->lock)
{
    uint64_t announced = size < self->announced_bytes ? size : self->announced_bytes;
    self->taken_bytes += size;
    self->announced_bytes -= announced;
    count(self);
    return announced;
}

/* The heap gave nothing. */
static void note_untaken(kept_memory *self, size_t size, uint64_t announced)
{
    mutex_lock(&self->lock);
    self->taken_bytes -= size;
    self->announced_bytes += announced;
    count(self);
    mutex_unlock(&self->lock);
}

void *kept_memory_take(kept_memory *self, size_t size)
{
    if (self == NULL) {
        return mem_alloc_sized(size);
    }
    mutex_lock(&self->lock);
    kept_block *block = find(self, size);
    self->use_count++;
    if (block == NULL) {
        note_wanted(self, size);
    }
    uint64_t announced = note_taken(self, size);
    mutex_unlock(&self->lock);
    if (block != NULL) {
        return block;
    }
    void *fresh = mem_alloc_sized(size);
    if (fresh == NULL) {
        note_untaken(self, size, announced);
    }
    return fresh;
}

void kept_memory_announce(kept_memory *self, uint64_t bytes)
{
    mutex_lock(&self->lock);
    self->announced_bytes = bytes;
    count(self);
    mutex_unlock(&self->lock);
}

void kept_memory_count(kept_memory *self, uint64_t before, uint64_t bytes)
{
    if (self == NULL || before == bytes) {
        return;
    }
    mutex_lock(&self->lock);
    PYKV_ASSERT(self->taken_bytes >= before);
    self->taken_bytes = self->taken_bytes - before + bytes;
    count(self);
    mutex_unlock(&self->lock);
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

/* Keeps a block of which taken bytes were taken here before. */
static void keep(kept_memory *self, void *block, size_t size, size_t taken)
{
    kept_block *given = block;
    PYKV_ASSERT(size >= sizeof *given);
    mutex_lock(&self->lock);
    PYKV_ASSERT(self->taken_bytes >= taken);
    *given = (kept_block){self->newest, size};
    self->newest = given;
    self->bytes += size;
    self->taken_bytes -= taken;
    self->use_count++;
    kept_block *rest = self->bytes > self->bytes_max ? cut(self) : NULL;
    count(self);
    mutex_unlock(&self->lock);
    free_chain(rest);
}

void kept_memory_give(kept_memory *self, void *block, size_t size)
{
    if (self == NULL || block == NULL) {
        mem_free_sized(block, size);
        return;
    }
    keep(self, block, size, size);
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
        void *block = size == 0 ? NULL : mem_alloc_sized(size);
        if (block != NULL) {
            touch(block, size);
            keep(self, block, size, 0);
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
        count(self);
    }
    mutex_unlock(&self->lock);
    free_chain(idle);
}

void kept_memory_end(kept_memory *self)
{
    mutex_lock(&self->lock);
    self->bytes_max = 0;
    self->announced_bytes = 0;
    kept_block *all = take_all(self);
    count(self);
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
