/*
 * varint: unsigned numbers in groups of seven bits, the lowest first; the highest bit of a byte
 * says that another one follows. Pure functions: thread-safe.
 */
#ifndef PYKV_TABLE_VARINT_H
#define PYKV_TABLE_VARINT_H

#include <stddef.h>
#include <stdint.h>

#include "base/annotate.h"

enum { VARINT_BYTES_MAX = 10 };

/* Writes at most VARINT_BYTES_MAX bytes at out and returns the end of what it wrote. */
static inline uint8_t *varint_store(uint8_t *out, uint64_t value)
{
    while (value >= 0x80) {
        *out++ = (uint8_t)(value | 0x80);
        value >>= 7;
    }
    *out++ = (uint8_t)value;
    return out;
}

/* Reads a number of at most limit from in, before end. Returns the byte behind it, or NULL if it is
 * cut off or above limit. */
static inline const uint8_t *varint_load(const uint8_t *in, const uint8_t *end, uint64_t limit,
                                         uint64_t *value_out)
{
    uint64_t value = 0;
    for (unsigned shift = 0; shift < 64 && in < end; shift += 7) {
        uint64_t part = *in & 0x7f;
        if (PYKV_UNLIKELY(shift == 63 && part > 1)) {
            return NULL;
        }
        value |= part << shift;
        if ((*in++ & 0x80) == 0) {
            *value_out = value;
            return value <= limit ? in : NULL;
        }
    }
    return NULL;
}

#endif
