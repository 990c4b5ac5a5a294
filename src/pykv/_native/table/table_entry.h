/*
 * table_entry: what a table holds: entries in the order of their positions.
 *
 * A position is a key and a sequence: keys rise byte by byte, a shorter prefix first, and sequences
 * of one key fall, so that the newest comes first. Pure values, borrowed bytes: thread-safe.
 */
#ifndef PYKV_TABLE_TABLE_ENTRY_H
#define PYKV_TABLE_TABLE_ENTRY_H

#include <stdint.h>

#include "base/iterator.h"
#include "base/slice.h"

/* Kinds that the table layer knows; every number up to TABLE_KIND_MAX is kept as it is. */
enum { TABLE_PUT = 1, TABLE_DELETE = 2, TABLE_KIND_MAX = 15 };

/* The highest sequence an entry may have. A position may have UINT64_MAX: before all of a key. */
#define TABLE_SEQUENCE_MAX (UINT64_MAX - 1)

/* Of all entries of a table that was made outside of a store: the lowest, so that the index, which
 * compares with it, is right whatever they count as. */
#define TABLE_SEQUENCE_FOREIGN UINT64_C(1)

/* What iterators over tables show, and what tables are built from. Not every table keeps body_crc.
 */
typedef iterator_entry table_entry;

/* A place between entries: before every entry of key whose sequence is at most sequence. */
typedef struct table_position {
    slice key;
    uint64_t sequence;
} table_position;

static inline table_position table_position_make(slice key, uint64_t sequence)
{
    table_position made = {key, sequence};
    return made;
}

/* Negative, zero or positive as left comes before, is, or comes after right. */
static inline int table_position_compare(table_position left, table_position right)
{
    int order = slice_compare(left.key, right.key);
    if (order != 0) {
        return order;
    }
    return (left.sequence < right.sequence) - (left.sequence > right.sequence);
}

#endif
