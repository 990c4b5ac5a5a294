/*
 * buffer: a growing run of owned bytes. Not thread-safe.
 *
 * Invariants: size <= capacity; data is NULL iff capacity is 0.
 */
#ifndef PYKV_BASE_BUFFER_H
#define PYKV_BASE_BUFFER_H

#include <stddef.h>
#include <stdint.h>

#include "pykv.h"

#include "base/annotate.h"

typedef struct buffer {
    uint8_t *data;
    size_t size;
    size_t capacity;
} buffer;

#define BUFFER_EMPTY {0, 0, 0}

/* Makes room for extra more bytes behind size. PYKV_NO_MEMORY on failure, buffer untouched. */
PYKV_NODISCARD pykv_status buffer_reserve(buffer *self, size_t extra);

/* Appends size bytes. */
PYKV_NODISCARD pykv_status buffer_append(buffer *self, const void *data, size_t size);

/* Appends size bytes of zero. */
PYKV_NODISCARD pykv_status buffer_append_zeros(buffer *self, size_t size);

/* Sets size to 0 and keeps the memory. */
void buffer_clear(buffer *self);

/* Frees the memory; the buffer is empty and may be used again. */
void buffer_reset(buffer *self);

#endif
