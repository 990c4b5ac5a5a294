/*
 * buffer: a growing run of owned bytes. Not thread-safe.
 *
 * Invariants: size <= capacity; data is NULL iff capacity is 0.
 */
#ifndef PYKV_BASE_BUFFER_H
#define PYKV_BASE_BUFFER_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "pykv.h"

#include "base/annotate.h"
#include "base/invariant.h"

typedef struct buffer {
    uint8_t *data;
    size_t size;
    size_t capacity;
} buffer;

#define BUFFER_EMPTY {0, 0, 0}

/* As buffer_reserve, where there is no room yet. */
PYKV_NODISCARD pykv_status buffer_grow(buffer *self, size_t extra);

/* The same for a buffer of known size (base/memory.h), whose memory leaves the process when it is
 * freed: grown and reset by these two alone. */
PYKV_NODISCARD pykv_status buffer_grow_sized(buffer *self, size_t extra);
void buffer_reset_sized(buffer *self);

/* Makes room for extra more bytes behind size. PYKV_NO_MEMORY on failure, buffer untouched. */
PYKV_NODISCARD static inline pykv_status buffer_reserve(buffer *self, size_t extra)
{
    PYKV_ASSERT(self->size <= self->capacity);
    return PYKV_LIKELY(extra <= self->capacity - self->size) ? PYKV_OK : buffer_grow(self, extra);
}

/* Appends size bytes. */
PYKV_NODISCARD static inline pykv_status buffer_append(buffer *self, const void *data, size_t size)
{
    pykv_status status = buffer_reserve(self, size);
    if (PYKV_LIKELY(status == PYKV_OK) && size > 0) {
        memcpy(self->data + self->size, data, size);
        self->size += size;
    }
    return status;
}

/* Appends size bytes of zero. */
PYKV_NODISCARD pykv_status buffer_append_zeros(buffer *self, size_t size);

/* Sets size to 0 and keeps the memory. */
static inline void buffer_clear(buffer *self)
{
    self->size = 0;
}

/* Frees the memory; the buffer is empty and may be used again. */
void buffer_reset(buffer *self);

#endif
