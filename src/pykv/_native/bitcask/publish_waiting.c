/*
 * publish_waiting: the writes that a sync has made durable, in the order of the log.
 *
 * They are read back from the log and resolved as things are now, because writes before them may
 * have changed the same keys. Of a batch all is read, resolved and reserved before anything
 * changes, so that a failure on the way leaves none of it visible.
 */
#include "bitcask/publish_waiting.h"

#include <string.h>

#include "base/error.h"
#include "base/invariant.h"
#include "base/memory.h"
#include "bitcask/address.h"
#include "bitcask/bitcask.h"
#include "bitcask/find.h"
#include "bitcask/health.h"
#include "bitcask/key_hash.h"
#include "bitcask/publish.h"
#include "bitcask/resolve.h"
#include "bitcask/space_list.h"

pykv_status bitcask_reserve_pending(bitcask *self, size_t count)
{
    size_t needed = self->pending_count + count;
    if (needed <= self->pending_capacity) {
        return PYKV_OK;
    }
    size_t capacity = needed * 2;
    pending_write *grown = mem_resize(self->pending, capacity * sizeof *grown);
    if (grown == NULL) {
        return error_set_no_memory(capacity * sizeof *grown);
    }
    self->pending = grown;
    self->pending_capacity = capacity;
    return PYKV_OK;
}

void bitcask_add_pending(bitcask *self, const operation *operations, size_t count)
{
    PYKV_ASSERT(self->pending_count + count <= self->pending_capacity);
    for (size_t i = 0; i < count; i++) {
        self->pending[self->pending_count++] =
            (pending_write){.address = operations[i].address,
                            .sequence = operations[i].record.sequence,
                            .batch_left = (uint32_t)(count - 1 - i),
                            .clears = operations[i].record.kind == RECORD_CLEAR &&
                                      operations[i].within == &self->spaces.main};
    }
}

/* One write as it was appended; its key and value are in scratch. */
static pykv_status read_back(bitcask *self, const pending_write *waiting, buffer *scratch,
                             operation *out) REQUIRES(self->writer)
{
    segment *holder = extent_segment(&self->extents, waiting->address);
    *out = (operation){.address = waiting->address, .old_address = BITCASK_NO_ADDRESS};
    keydir_spot_reset(&out->spot);
    pykv_status status =
        segment_read(holder, bitcask_offset(holder, waiting->address), true, scratch, &out->record);
    if (status == PYKV_OK) {
        out->hash = bitcask_hash(self, out->record.key.data, out->record.key.size);
        out->within = bitcask_find_space(self, out->record.namespace_id);
        status = out->within != NULL ? live_shares_reserve(&holder->shares, out->within->id)
                                     : error_set(PYKV_INTERNAL, "a write waits for no namespace");
    }
    return status;
}

static pykv_status publish_one(bitcask *self, const pending_write *waiting, buffer *scratch)
    REQUIRES(self->writer)
{
    operation write;
    pykv_status status = read_back(self, waiting, scratch, &write);
    if (status == PYKV_OK && write.record.kind == RECORD_CLEAR) {
        return bitcask_publish_clear(self, &write);
    }
    if (status == PYKV_OK) {
        status = bitcask_resolve(self, &write, READ_COLD_LOCKED);
    }
    if (status == PYKV_OK) {
        bitcask_publish_one(self, &write);
    }
    return status;
}

/* Reads the members of a batch back; of their values only the size, their keys into keys. */
static pykv_status read_back_all(bitcask *self, const pending_write *waiting, size_t count,
                                 operation *operations, buffer *keys, buffer *scratch)
    REQUIRES(self->writer)
{
    pykv_status status = PYKV_OK;
    for (size_t i = 0; i < count && status == PYKV_OK; i++) {
        status = read_back(self, &waiting[i], scratch, &operations[i]);
        if (status == PYKV_OK) {
            slice key = operations[i].record.key;
            status = buffer_append(keys, key.data, key.size);
        }
    }
    /* All keys may be the empty one. */
    const uint8_t *bytes = keys->data != NULL ? keys->data : (const uint8_t *)"";
    size_t at = 0;
    for (size_t i = 0; i < count && status == PYKV_OK; i++) {
        operations[i].record.key.data = bytes + at;
        operations[i].record.value.data = NULL;
        at += operations[i].record.key.size;
    }
    return status;
}

static pykv_status publish_several(bitcask *self, const pending_write *waiting, size_t count,
                                   buffer *scratch) REQUIRES(self->writer)
{
    buffer keys = BUFFER_EMPTY;
    operation *operations = mem_alloc(count * sizeof *operations);
    if (operations == NULL) {
        return error_set_no_memory(count * sizeof *operations);
    }
    pykv_status status = read_back_all(self, waiting, count, operations, &keys, scratch);
    if (status == PYKV_OK) {
        status = bitcask_resolve_several(self, operations, count, READ_COLD_LOCKED);
    }
    if (status == PYKV_OK) {
        bitcask_publish_several(self, operations, count);
    } else if (PYKV_PLANTED(104)) {
        bitcask_publish_several(self, operations, count / 2);
    }
    buffer_reset(&keys);
    mem_free(operations);
    return status;
}

pykv_status bitcask_publish_pending(bitcask *self, uint64_t through_sequence)
{
    if (PYKV_LIKELY(self->pending_count == 0)) {
        return PYKV_OK;
    }
    buffer scratch = BUFFER_EMPTY;
    pykv_status status = PYKV_OK;
    size_t index = 0;
    while (status == PYKV_OK && index < self->pending_count &&
           self->pending[index].sequence <= through_sequence) {
        const pending_write *first = &self->pending[index];
        size_t count = (size_t)first->batch_left + 1;
        status = count == 1 ? publish_one(self, first, &scratch)
                            : publish_several(self, first, count, &scratch);
        index += count;
    }
    if (index < self->pending_count) {
        memmove(self->pending, self->pending + index,
                (self->pending_count - index) * sizeof *self->pending);
    }
    /* A failure on the way has dropped what waits. */
    self->pending_count -= index < self->pending_count ? index : self->pending_count;
    buffer_reset(&scratch);
    if (status != PYKV_OK) {
        bitcask_fail(self);
    }
    return status;
}
