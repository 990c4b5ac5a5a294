/*
 * slice: a borrowed run of bytes. It owns nothing and is valid as long as what it points into.
 */
#ifndef PYKV_BASE_SLICE_H
#define PYKV_BASE_SLICE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

typedef struct slice {
    const uint8_t *data;
    size_t size;
} slice;

static inline slice slice_make(const void *data, size_t size)
{
    slice result = {(const uint8_t *)data, size};
    return result;
}

static inline bool slice_equal(slice left, slice right)
{
    return left.size == right.size &&
           (left.size == 0 || memcmp(left.data, right.data, left.size) == 0);
}

/* Byte order, a shorter prefix first: negative, zero or positive. */
static inline int slice_compare(slice left, slice right)
{
    size_t shared = left.size < right.size ? left.size : right.size;
    int order = shared == 0 ? 0 : memcmp(left.data, right.data, shared);
    if (order != 0) {
        return order;
    }
    return (left.size > right.size) - (left.size < right.size);
}

#endif
