/*
 * extent: two-level table of extents; leaves are made on demand and stay until reset.
 */
#include "bitcask/extent.h"

#include <stdbool.h>

#include "base/error.h"
#include "base/memory.h"

enum { EXTENT_COUNT = EXTENT_LEAF_COUNT * EXTENT_LEAF_EXTENTS };

static uint64_t extents_of(uint64_t bytes)
{
    uint64_t count = bytes / EXTENT_BYTES + (bytes % EXTENT_BYTES != 0);
    return count == 0 ? 1 : count;
}

void extent_init(extent_map *self)
{
    for (uint64_t i = 0; i < EXTENT_LEAF_COUNT; i++) {
        atomic_init(&self->leaves[i], NULL);
    }
    self->search_from = 0;
}

void extent_reset(extent_map *self)
{
    for (uint64_t i = 0; i < EXTENT_LEAF_COUNT; i++) {
        mem_free(atomic_load_explicit(&self->leaves[i], memory_order_relaxed));
    }
    extent_init(self);
}

static bool extent_is_free(const extent_map *self, uint64_t extent)
{
    return extent_segment(self, extent * EXTENT_GRANULES) == NULL;
}

static pykv_status make_leaves(extent_map *self, uint64_t first, uint64_t count)
{
    for (uint64_t i = first / EXTENT_LEAF_EXTENTS; i <= (first + count - 1) / EXTENT_LEAF_EXTENTS;
         i++) {
        if (atomic_load_explicit(&self->leaves[i], memory_order_relaxed) != NULL) {
            continue;
        }
        _Atomic(struct segment *) *leaf = mem_alloc_zeroed(EXTENT_LEAF_EXTENTS, sizeof *leaf);
        if (leaf == NULL) {
            return error_set_no_memory(EXTENT_LEAF_EXTENTS * sizeof *leaf);
        }
        atomic_store_explicit(&self->leaves[i], leaf, memory_order_release);
    }
    return PYKV_OK;
}

static void fill(extent_map *self, uint64_t first, uint64_t count, struct segment *segment)
{
    for (uint64_t extent = first; extent < first + count; extent++) {
        _Atomic(struct segment *) *leaf =
            atomic_load_explicit(&self->leaves[extent / EXTENT_LEAF_EXTENTS], memory_order_relaxed);
        atomic_store_explicit(&leaf[extent % EXTENT_LEAF_EXTENTS], segment, memory_order_release);
    }
}

/* First extent of a free run of count at or behind from, EXTENT_COUNT if there is none. */
static uint64_t find_run(const extent_map *self, uint64_t from, uint64_t count)
{
    uint64_t first = from;
    while (first + count <= EXTENT_COUNT) {
        uint64_t length = 0;
        while (length < count && extent_is_free(self, first + length)) {
            length++;
        }
        if (length == count) {
            return first;
        }
        first += length + 1;
    }
    return EXTENT_COUNT;
}

pykv_status extent_take(extent_map *self, struct segment *segment, uint64_t bytes,
                        uint64_t *base_out)
{
    uint64_t count = extents_of(bytes);
    uint64_t first = find_run(self, self->search_from, count);
    if (first == EXTENT_COUNT) {
        first = find_run(self, 0, count);
    }
    if (first == EXTENT_COUNT) {
        return error_set(PYKV_NO_SPACE, "the store holds 8 TiB, the most it can address");
    }
    pykv_status status = make_leaves(self, first, count);
    if (status != PYKV_OK) {
        return status;
    }
    fill(self, first, count, segment);
    self->search_from = first + count;
    *base_out = first * EXTENT_GRANULES;
    return PYKV_OK;
}

uint64_t extent_room_at(const extent_map *self, uint64_t base, uint64_t bytes)
{
    uint64_t first = base / EXTENT_GRANULES;
    uint64_t count = extents_of(bytes);
    uint64_t length = 0;
    while (length < count && first + length < EXTENT_COUNT &&
           extent_is_free(self, first + length)) {
        length++;
    }
    return length == count ? bytes : length * EXTENT_BYTES;
}

pykv_status extent_take_at(extent_map *self, struct segment *segment, uint64_t bytes, uint64_t base)
{
    uint64_t count = extents_of(bytes);
    uint64_t first = base / EXTENT_GRANULES;
    if (base % EXTENT_GRANULES != 0 || first >= EXTENT_COUNT || count > EXTENT_COUNT - first ||
        find_run(self, first, count) != first) {
        return error_set(PYKV_CORRUPTION, "the directory image places two segments at one address");
    }
    pykv_status status = make_leaves(self, first, count);
    if (status != PYKV_OK) {
        return status;
    }
    fill(self, first, count, segment);
    if (self->search_from < first + count) {
        self->search_from = first + count;
    }
    return PYKV_OK;
}

void extent_give_back(extent_map *self, uint64_t base, uint64_t bytes)
{
    fill(self, base / EXTENT_GRANULES, extents_of(bytes), NULL);
}
