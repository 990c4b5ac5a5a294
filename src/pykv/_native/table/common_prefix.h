/*
 * common_prefix: how many leading bytes two keys share. Pure: thread-safe.
 */
#ifndef PYKV_TABLE_COMMON_PREFIX_H
#define PYKV_TABLE_COMMON_PREFIX_H

#include "base/coding.h"
#include "base/slice.h"

static inline size_t common_prefix(slice left, slice right)
{
    size_t limit = left.size < right.size ? left.size : right.size;
    size_t at = 0;
    while (at + 8 <= limit) {
        uint64_t difference = load_u64(left.data + at) ^ load_u64(right.data + at);
        if (difference != 0) {
            return at + (size_t)__builtin_ctzll(difference) / 8;
        }
        at += 8;
    }
    while (at < limit && left.data[at] == right.data[at]) {
        at++;
    }
    return at;
}

#endif
