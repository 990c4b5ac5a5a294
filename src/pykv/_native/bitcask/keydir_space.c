/*
 * keydir_space: numbered items whose addresses never change. See keydir_space.h.
 *
 * Invariants: (1) granules 0 .. granule_count of the current table are set, and older tables agree
 * with it as far as they reach; (2) bytes is the sum of all blocks and tables.
 */
#include "bitcask/keydir_space.h"

#include <string.h>

#include "base/error.h"
#include "base/invariant.h"
#include "base/memory.h"
#include "env/env.h"

enum { KEYDIR_POINTERS_LEAST = 8, KEYDIR_BLOCK_SHARE = 32, KEYDIR_BLOCK_ALIGNMENT = 64 };

static void add_bytes(keydir_space *self, uint64_t bytes)
{
    atomic_fetch_add_explicit(&self->bytes, bytes, memory_order_relaxed);
}

static uint64_t granules_of(uint64_t item_count)
{
    return (item_count + KEYDIR_GRANULE_ITEMS - 1) / KEYDIR_GRANULE_ITEMS;
}

uint64_t keydir_space_block_items(const keydir_space *self, uint64_t least)
{
    uint64_t share = self->item_count / KEYDIR_BLOCK_SHARE;
    uint64_t item_count = least;
    while (item_count * 2 <= share && item_count * 2 <= KEYDIR_BLOCK_ITEMS_MAX) {
        item_count *= 2;
    }
    return item_count;
}

void keydir_space_init(keydir_space *self, uint32_t item_bytes)
{
    self->item_bytes = item_bytes;
    atomic_init(&self->pointers, NULL);
    atomic_init(&self->bytes, 0);
    self->granule_count = 0;
    self->item_count = 0;
    self->blocks = NULL;
    self->region = NULL;
    self->region_used = 0;
}

void keydir_space_reset(keydir_space *self)
{
    keydir_block *block = self->blocks;
    while (block != NULL) {
        keydir_block *next = block->next;
        if (block->is_region) {
            mem_unmap(block->memory, MEM_LARGE_PAGE_BYTES);
        } else {
            mem_free(block->memory);
        }
        mem_free(block);
        block = next;
    }
    keydir_pointers *pointers = atomic_load_explicit(&self->pointers, memory_order_relaxed);
    while (pointers != NULL) {
        keydir_pointers *older = pointers->older;
        mem_free(pointers);
        pointers = older;
    }
    keydir_space_init(self, self->item_bytes);
}

/* Makes the table of pointers long enough for granule_count granules. */
static pykv_status reserve_pointers(keydir_space *self, uint64_t granule_count)
{
    keydir_pointers *older = atomic_load_explicit(&self->pointers, memory_order_relaxed);
    uint64_t capacity = older != NULL ? older->capacity : 0;
    if (granule_count <= capacity) {
        return PYKV_OK;
    }
    capacity = capacity * 2 > KEYDIR_POINTERS_LEAST ? capacity * 2 : KEYDIR_POINTERS_LEAST;
    capacity = capacity > granule_count ? capacity : granule_count;
    uint64_t bytes = sizeof(keydir_pointers) + capacity * sizeof(_Atomic(uint8_t *));
    keydir_pointers *pointers = mem_alloc(bytes);
    if (pointers == NULL) {
        return error_set_no_memory(bytes);
    }
    pointers->older = older;
    pointers->capacity = capacity;
    for (uint64_t i = 0; i < capacity; i++) {
        uint8_t *granule = NULL;
        if (i < self->granule_count) {
            granule = atomic_load_explicit(&older->items[i], memory_order_relaxed);
        }
        atomic_init(&pointers->items[i], granule);
    }
    atomic_store_explicit(&self->pointers, pointers, memory_order_release);
    add_bytes(self, bytes);
    return PYKV_OK;
}

/* Enters the granules of memory; the table has room. Returns the number of the first item. */
static uint64_t add_granules(keydir_space *self, uint8_t *memory, uint64_t item_count)
{
    keydir_pointers *pointers = atomic_load_explicit(&self->pointers, memory_order_relaxed);
    uint64_t granule_bytes = (uint64_t)KEYDIR_GRANULE_ITEMS * self->item_bytes;
    uint64_t first_granule = self->granule_count;
    uint64_t count = granules_of(item_count);
    PYKV_ASSERT(first_granule + count <= pointers->capacity);
    for (uint64_t i = 0; i < count; i++) {
        uint8_t *granule = memory + i * granule_bytes;
        atomic_store_explicit(&pointers->items[first_granule + i], granule, memory_order_release);
    }
    self->granule_count += count;
    self->item_count += item_count;
    add_bytes(self, item_count * self->item_bytes);
    return first_granule * KEYDIR_GRANULE_ITEMS;
}

pykv_status keydir_space_adopt(keydir_space *self, uint8_t *memory, uint64_t item_count)
{
    pykv_status status = reserve_pointers(self, self->granule_count + granules_of(item_count));
    if (status == PYKV_OK) {
        add_granules(self, memory, item_count);
    }
    return status;
}

/* Memory that the space owns until its reset: a region, or bytes of the heap; NULL if it is short.
 */
static uint8_t *own_memory(keydir_space *self, uint64_t bytes, bool is_region)
{
    keydir_block *block = mem_alloc(sizeof *block);
    if (block == NULL) {
        return NULL;
    }
    block->is_region = is_region && !PYKV_PLANTED(292);
    block->memory =
        block->is_region ? mem_map(bytes, false) : mem_alloc_aligned(KEYDIR_BLOCK_ALIGNMENT, bytes);
    if (block->memory == NULL) {
        mem_free(block);
        return NULL;
    }
    block->next = self->blocks;
    self->blocks = block;
    return block->memory;
}

/* Cuts bytes off the region, or off a new one. */
static uint8_t *cut_memory(keydir_space *self, uint64_t bytes)
{
    if (self->region == NULL || self->region_used + bytes > MEM_LARGE_PAGE_BYTES) {
        uint8_t *region = own_memory(self, MEM_LARGE_PAGE_BYTES, true);
        if (region == NULL) {
            return NULL;
        }
        if (self->region != NULL) {
            env_use_large_pages(self->region, MEM_LARGE_PAGE_BYTES);
        }
        self->region = region;
        self->region_used = 0;
    }
    uint8_t *memory = self->region + self->region_used;
    self->region_used += bytes;
    return memory;
}

static uint8_t *memory_for(keydir_space *self, uint64_t bytes)
{
    bool large = self->item_count * self->item_bytes >= MEM_LARGE_PAGE_BYTES;
    if (large && bytes <= MEM_LARGE_PAGE_BYTES && bytes % KEYDIR_BLOCK_ALIGNMENT == 0) {
        return cut_memory(self, bytes);
    }
    return own_memory(self, bytes, false);
}

pykv_status keydir_space_extend(keydir_space *self, uint64_t item_count, bool zeroed,
                                uint64_t *first_out)
{
    PYKV_ASSERT(item_count > 0);
    pykv_status status = reserve_pointers(self, self->granule_count + granules_of(item_count));
    if (status != PYKV_OK) {
        return status;
    }
    uint64_t bytes = item_count * self->item_bytes;
    uint8_t *memory = memory_for(self, bytes);
    if (memory == NULL) {
        return error_set_no_memory(bytes);
    }
    if (zeroed) {
        memset(memory, 0, bytes);
    }
    *first_out = add_granules(self, memory, item_count);
    return PYKV_OK;
}
