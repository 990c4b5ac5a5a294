/*
 * buffer: growth by doubling, so that appending is linear in the bytes appended. Not thread-safe.
 */
#include "base/buffer.h"

#include <stdbool.h>

#include "base/error.h"
#include "base/memory.h"

enum { BUFFER_BYTES_MIN = 64 };

/* The capacity to grow to for needed bytes: at least twice the old one. */
static size_t grown_capacity(size_t capacity, size_t needed)
{
    size_t doubled = capacity > SIZE_MAX / 2 ? SIZE_MAX : capacity * 2;
    size_t least = doubled < BUFFER_BYTES_MIN ? BUFFER_BYTES_MIN : doubled;
    return needed > least ? needed : least;
}

static pykv_status grow(buffer *self, size_t extra, bool is_sized)
{
    if (extra > SIZE_MAX - self->size) {
        return error_set_no_memory(SIZE_MAX);
    }
    size_t capacity = grown_capacity(self->capacity, self->size + extra);
    uint8_t *data = is_sized ? mem_resize_sized(self->data, self->capacity, capacity)
                             : mem_resize(self->data, capacity);
    if (data == NULL) {
        return error_set_no_memory(capacity);
    }
    self->data = data;
    self->capacity = capacity;
    return PYKV_OK;
}

pykv_status buffer_grow(buffer *self, size_t extra)
{
    return grow(self, extra, false);
}

pykv_status buffer_grow_sized(buffer *self, size_t extra)
{
    return grow(self, extra, true);
}

pykv_status buffer_append_zeros(buffer *self, size_t size)
{
    pykv_status status = buffer_reserve(self, size);
    if (status == PYKV_OK && size > 0) {
        memset(self->data + self->size, 0, size);
        self->size += size;
    }
    return status;
}

void buffer_reset(buffer *self)
{
    mem_free(self->data);
    *self = (buffer)BUFFER_EMPTY;
}

void buffer_reset_sized(buffer *self)
{
    mem_free_sized(self->data, self->capacity);
    *self = (buffer)BUFFER_EMPTY;
}
