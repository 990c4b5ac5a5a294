/*
 * segment_list: adding and removing segments, and what they hold on disk.
 */
#include "bitcask/segment_list.h"

#include "base/error.h"
#include "base/invariant.h"
#include "base/memory.h"

static pykv_status reserve_list(bitcask *self) REQUIRES(self->writer)
{
    if (self->segment_count < self->segment_capacity) {
        return PYKV_OK;
    }
    size_t capacity = self->segment_capacity == 0 ? 16 : self->segment_capacity * 2;
    segment **grown = mem_resize(self->segments, capacity * sizeof *grown);
    if (grown == NULL) {
        return error_set_no_memory(capacity * sizeof *grown);
    }
    self->segments = grown;
    self->segment_capacity = capacity;
    return PYKV_OK;
}

pykv_status bitcask_add_segment(bitcask *self, segment *target, uint64_t capacity, uint64_t base)
{
    pykv_status status = reserve_list(self);
    if (status != PYKV_OK) {
        return status;
    }
    if (base == BITCASK_NO_ADDRESS) {
        status = extent_take(&self->extents, target, capacity, &base);
    } else {
        status = extent_take_at(&self->extents, target, capacity, base);
    }
    if (status != PYKV_OK) {
        return status;
    }
    target->address_base = base;
    target->address_bytes = capacity;
    size_t index = self->segment_count;
    while (index > 0 && self->segments[index - 1]->number > target->number) {
        self->segments[index] = self->segments[index - 1];
        index--;
    }
    self->segments[index] = target;
    self->segment_count++;
    return PYKV_OK;
}

pykv_status bitcask_widen_segment(bitcask *self, segment *target, uint64_t capacity)
{
    uint64_t base;
    if (capacity <= target->address_bytes) {
        return PYKV_OK;
    }
    pykv_status status = extent_take(&self->extents, target, capacity, &base);
    if (status == PYKV_OK) {
        extent_give_back(&self->extents, target->address_base, target->address_bytes);
        target->address_base = base;
        target->address_bytes = capacity;
        segment_map_anew(target, capacity);
    }
    return status;
}

void bitcask_remove_segment(bitcask *self, segment *target)
{
    size_t kept = 0;
    for (size_t i = 0; i < self->segment_count; i++) {
        if (self->segments[i] != target) {
            self->segments[kept++] = self->segments[i];
        }
    }
    PYKV_ASSERT(kept + 1 == self->segment_count);
    self->segment_count = kept;
}

void bitcask_dispose(bitcask *self, segment *target)
{
    extent_give_back(&self->extents, target->address_base, target->address_bytes);
    segment_close(target);
}

void bitcask_space(bitcask *self, uint64_t *disk_bytes_out, uint64_t *live_bytes_out)
{
    uint64_t disk = 0;
    uint64_t live = 0;
    for (size_t i = 0; i < self->segment_count; i++) {
        const segment *source = self->segments[i];
        disk += atomic_load_explicit(&source->length, memory_order_relaxed);
        live += source->live_bytes;
    }
    *disk_bytes_out = disk;
    *live_bytes_out = live;
}

uint64_t bitcask_disk_bytes(bitcask *self)
{
    uint64_t disk;
    uint64_t live;
    mutex_lock(&self->writer);
    bitcask_space(self, &disk, &live);
    mutex_unlock(&self->writer);
    return disk;
}
