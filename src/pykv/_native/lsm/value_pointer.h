/*
 * value_pointer: what a table holds in place of a value that stands in a value segment.
 *
 *   offset size  field
 *        0    4  number        of the value segment
 *        4    4  value_bytes
 *        8    8  offset        of the record in the segment, a multiple of 8
 *       16    4  stored_bytes  only if the value is compressed: its length in the record
 *
 * An entry of kind INTERNAL_KIND_POINTER has such a value; its key, sequence and deadline are those
 * of the record. Documented in docs/format/value_segment.md. Pure functions: thread-safe.
 */
#ifndef PYKV_LSM_VALUE_POINTER_H
#define PYKV_LSM_VALUE_POINTER_H

#include <stdbool.h>
#include <stdint.h>

#include "pykv.h"

#include "base/annotate.h"
#include "base/slice.h"
#include "log/log_format.h"

enum {
    VALUE_POINTER_BYTES = 16,
    VALUE_POINTER_BYTES_MAX = 20, /* of one to a compressed value */
    INTERNAL_KIND_POINTER = 5
};

typedef struct value_pointer {
    uint32_t number;
    uint32_t value_bytes;
    uint64_t offset;
    uint32_t stored_bytes; /* less than value_bytes: the value is compressed; else equal */
} value_pointer;

/* True of the kinds that leave a value: a put, and a pointer to one. */
static inline bool kind_is_value(uint8_t kind)
{
    return kind == RECORD_PUT || kind == INTERNAL_KIND_POINTER;
}

static inline bool value_pointer_is_packed(const value_pointer *self)
{
    return self->stored_bytes != self->value_bytes;
}

/* Returns the bytes that it takes. */
size_t value_pointer_encode(const value_pointer *self, uint8_t out[VALUE_POINTER_BYTES_MAX]);

/* PYKV_CORRUPTION if data is no such value. */
PYKV_NODISCARD pykv_status value_pointer_decode(slice data, value_pointer *out);

#endif
