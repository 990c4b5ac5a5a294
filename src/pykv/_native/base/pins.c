/*
 * pins: counting under one lock, so that the first view of an object and the last one take turns.
 */
#include "base/pins.h"

#include <string.h>

#include "base/error.h"
#include "base/invariant.h"
#include "base/memory.h"

void pins_init(pins *self, uint64_t limit_bytes)
{
    *self = (pins){.limit_bytes = limit_bytes};
    mutex_init(&self->lock);
}

void pins_destroy(pins *self)
{
    mutex_destroy(&self->lock);
}

bool pins_take(pins *self, uint32_t *object_views, uint64_t object_bytes)
{
    mutex_lock(&self->lock);
    uint64_t added = *object_views == 0 ? object_bytes : 0;
    bool fits = added <= self->limit_bytes - self->pinned_bytes || PYKV_PLANTED(210);
    if (fits) {
        ++*object_views;
        self->pinned_bytes += added;
        self->view_count++;
    }
    mutex_unlock(&self->lock);
    return fits;
}

void pins_give_back(pins *self, uint32_t *object_views, uint64_t object_bytes)
{
    mutex_lock(&self->lock);
    PYKV_ASSERT(*object_views > 0 && self->view_count > 0);
    --*object_views;
    self->view_count--;
    if (*object_views == 0) {
        self->pinned_bytes -= object_bytes;
    }
    mutex_unlock(&self->lock);
}

void pins_report(pins *self, pykv_stats *out)
{
    mutex_lock(&self->lock);
    out->view_count = self->view_count;
    out->pinned_bytes = self->pinned_bytes;
    out->view_copy_count = self->copy_count;
    mutex_unlock(&self->lock);
}

pykv_status held_value_copy(pins *from, slice value, held_value *out)
{
    uint8_t *copy = mem_alloc(value.size == 0 ? 1 : value.size);
    if (copy == NULL) {
        return error_set_no_memory(value.size);
    }
    if (value.size != 0) {
        memcpy(copy, value.data, value.size);
    }
    held_value_take_over(from, slice_make(copy, value.size), copy, out);
    return PYKV_OK;
}

void held_value_take_over(pins *from, slice value, void *memory, held_value *out)
{
    mutex_lock(&from->lock);
    from->view_count++;
    from->copy_count++;
    mutex_unlock(&from->lock);
    *out = (held_value){.data = value.data, .length = value.size, .from = from, .keeper = memory};
}

void held_value_release(held_value *self)
{
    if (!held_value_is_copy(self)) {
        self->release(self);
        return;
    }
    mem_free(self->keeper);
    mutex_lock(&self->from->lock);
    self->from->view_count--;
    mutex_unlock(&self->from->lock);
}
