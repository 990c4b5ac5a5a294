/*
 * items_room: the beginning of every call that adds items to room of the caller's.
 */
#ifndef PYKV_API_ITEMS_ROOM_H
#define PYKV_API_ITEMS_ROOM_H

#include "pykv.h"

#include "base/error.h"

/* Sets the offset where the next item begins. PYKV_INVALID_ARGUMENT: more is used than there is. */
PYKV_NODISCARD static inline pykv_status items_room_begin(pykv_items_room *self, uint64_t rows_done)
{
    self->needed_bytes = 0;
    if (self->used_bytes > self->data_bytes) {
        return error_set(PYKV_INVALID_ARGUMENT, "%llu bytes of %llu are used",
                         (unsigned long long)self->used_bytes,
                         (unsigned long long)self->data_bytes);
    }
    self->offsets[rows_done] = (int64_t)self->used_bytes;
    return PYKV_OK;
}

#endif
