/*
 * block_search: finds entries in a block: one by its tag, or the first that is not before a
 * position. The block was checked.
 */
#ifndef PYKV_TABLE_BLOCK_SEARCH_H
#define PYKV_TABLE_BLOCK_SEARCH_H

#include "table/block_reader.h"

/* The newest entry of position.key that is not newer than position.sequence, and its place; false:
 * the block has none. hash is that of the key. Compares keys only where the tag is right. */
bool block_find(const block *self, table_position position, uint64_t hash, uint32_t *index_out,
                block_entry *entry_out);

/* Where the first entry whose tag is right stands, and asks the processor for what is read of it;
 * entry_count: the block has no such entry. */
uint32_t block_fetch(const block *self, uint64_t hash);

/* As block_find, with what block_fetch gave. */
bool block_find_fetched(const block *self, uint32_t first, const table_position *position,
                        uint64_t hash, uint32_t *index_out, block_entry *entry_out);

/* The first entry that is not before position; entry_count if all are. */
uint32_t block_seek(const block *self, table_position position);

#endif
