/*
 * table_index: which data block of a table a position belongs to.
 *
 * Decoded and checked once, when the table is opened, into flat arrays. A separator's prefix is its
 * eight bytes behind what all separators begin with, as a number; a table of places, one a block,
 * interpolates between the lowest and the highest prefix, so that a search looks at one place and,
 * where keys are spread evenly, at one or two prefixes. Where they are not, the places are far
 * apart and the search between them is binary. Full separators decide between equal prefixes.
 * Immutable: any number of threads may search.
 */
#ifndef PYKV_TABLE_TABLE_INDEX_H
#define PYKV_TABLE_TABLE_INDEX_H

#include <stdbool.h>
#include <stdint.h>

#include "pykv.h"

#include "base/annotate.h"
#include "table/index_builder.h"
#include "table/table_entry.h"
#include "table/table_format.h"

/* Arrays have one element a block, and one more where said. All lie in one piece of memory. */
typedef struct table_index {
    uint32_t block_count;
    uint32_t common_length; /* of what all separators begin with */
    uint64_t prefix_min;
    uint64_t prefix_max;
    uint64_t scale; /* places a prefix, times 2^64 */
    const uint64_t *prefixes;
    const uint32_t
        *places; /* one more: the first block whose prefix belongs to the place or later */
    const uint64_t *offsets;    /* one more: of the blocks in the file, and of the end */
    const uint64_t *sequences;  /* of the separators */
    const uint64_t *key_starts; /* one more: of the separators in keys */
    const uint32_t *raw_bytes;
    const uint32_t *entry_counts;
    const uint8_t *keys;
    void *memory;
    uint64_t memory_bytes;
} table_index;

/* Decodes a payload that stands at offset of path. PYKV_CORRUPTION, PYKV_NO_MEMORY. Safe on
 * arbitrary bytes. The payload is not needed afterwards. Free with table_index_close. */
PYKV_NODISCARD pykv_status table_index_open(slice payload, const char *path, uint64_t offset,
                                            table_index *out);
void table_index_close(table_index *self);

/* The first block whose separator is not before position: the only one that may hold the first
 * entry that is not before it, unless that is the first of the next block. block_count: all entries
 * are before position. */
uint32_t table_index_find(const table_index *self, table_position position);

/* The same search in three steps, each of which asks the processor for what the next one reads:
 * aim, approach, reach. For who searches for several keys side by side. */
typedef struct table_search {
    uint64_t prefix;
    uint32_t low; /* behind aim: the place; behind approach: the first block in question */
    uint32_t high;
    bool is_decided; /* low is the answer */
} table_search;

void table_index_aim(const table_index *self, slice key, table_search *out);
void table_index_approach(const table_index *self, table_search *search);
uint32_t table_index_reach(const table_index *self, const table_search *search,
                           const table_position *position);

/* The separator of a block, borrowed. */
static inline table_position table_index_separator(const table_index *self, uint32_t block_index)
{
    uint64_t start = self->key_starts[block_index];
    return table_position_make(
        slice_make(self->keys + start, self->key_starts[block_index + 1] - start),
        self->sequences[block_index]);
}

static inline block_handle table_index_handle(const table_index *self, uint32_t block_index)
{
    uint64_t offset = self->offsets[block_index];
    uint64_t end = self->offsets[block_index + 1];
    block_handle handle = {offset, (uint32_t)(end - offset - TABLE_TRAILER_BYTES)};
    return handle;
}

#endif
