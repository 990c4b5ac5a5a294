/*
 * index_builder: makes the index block of a table. The layout stands in docs/format/table.md. Not
 * thread-safe.
 */
#ifndef PYKV_TABLE_INDEX_BUILDER_H
#define PYKV_TABLE_INDEX_BUILDER_H

#include <stdint.h>

#include "pykv.h"

#include "base/annotate.h"
#include "base/buffer.h"
#include "table/table_entry.h"

/* What the index says of a data block, but for its separator. */
typedef struct index_entry {
    uint32_t size; /* as stored, without the trailer */
    uint32_t raw_bytes;
    uint32_t entry_count;
} index_entry;

typedef struct index_builder {
    buffer entries;
    buffer separator; /* key of the last one added */
    uint32_t count;
} index_builder;

#define INDEX_BUILDER_EMPTY {BUFFER_EMPTY, BUFFER_EMPTY, 0}

/* The shortest separator between the last entry of a block and the first one of the next, which is
 * after it. Borrows from their keys. */
table_position index_separator(table_position last, table_position next);

/* Adds the next data block, with its separator. */
PYKV_NODISCARD pykv_status index_builder_add(index_builder *self, const index_entry *entry,
                                             table_position separator);

/* Appends the payload of the index, which has at least one block. */
PYKV_NODISCARD pykv_status index_builder_finish(const index_builder *self, buffer *out);

void index_builder_reset(index_builder *self);

#endif
