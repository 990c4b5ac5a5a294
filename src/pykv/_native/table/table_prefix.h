/*
 * table_prefix: keys as numbers, and numbers as places, for the interpolating search of
 * table_index. Pure: thread-safe.
 */
#ifndef PYKV_TABLE_TABLE_PREFIX_H
#define PYKV_TABLE_TABLE_PREFIX_H

#include "base/coding.h"
#include "table/table_index.h"

/* The eight bytes of a key from start on, padded with zeros, as a number in the order of keys: of
 * two keys alike up to start, the one with the lower number is the lower. Requires start within the
 * key or at its end. */
static inline uint64_t table_prefix(slice key, size_t start)
{
    size_t size = key.size - start;
    if (size >= 8) {
        return __builtin_bswap64(load_u64(key.data + start));
    }
    uint64_t prefix = 0;
    for (size_t i = 0; i < size; i++) {
        prefix |= (uint64_t)key.data[start + i] << (56 - 8 * i);
    }
    return prefix;
}

/* The place of a prefix between the lowest and the highest, below block_count; it never falls as
 * the prefix rises. */
static inline uint32_t table_index_place(const table_index *self, uint64_t prefix)
{
    __extension__ typedef unsigned __int128 wide;
    return (uint32_t)((wide)(prefix - self->prefix_min) * self->scale >> 64);
}

#endif
