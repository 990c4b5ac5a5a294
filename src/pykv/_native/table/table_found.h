/*
 * table_found: an entry of a held block as the result of a get. Pure: thread-safe.
 */
#ifndef PYKV_TABLE_TABLE_FOUND_H
#define PYKV_TABLE_TABLE_FOUND_H

#include "table/table_reader.h"

/* The position to look for a key at: behind the separator that stands before all its entries. */
static inline table_position table_found_position(slice key, uint64_t sequence)
{
    return table_position_make(key, sequence < TABLE_SEQUENCE_MAX ? sequence : TABLE_SEQUENCE_MAX);
}

static inline void table_found_fill(block_hold hold, uint32_t index, const block_entry *entry,
                                    table_found *out)
{
    out->value = entry->value;
    out->sequence = block_sequence(hold.block, index);
    out->deadline_us = entry->deadline_us;
    out->body_crc = block_body_crc(hold.block, index);
    out->kind = entry->kind;
    out->hold = hold;
}

#endif
