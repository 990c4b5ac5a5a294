/*
 * past_epochs: the list, and how it stands in a manifest.
 */
#include "bitcask/past_epochs.h"

#include <string.h>

#include "base/coding.h"
#include "base/error.h"
#include "base/memory.h"
#include "log/manifest_file.h"

enum { LAST_SEQUENCE_AT = 8, UNUSED_AT = 16 };

void past_epochs_reset(past_epochs *self)
{
    mem_free(self->list);
    *self = (past_epochs){.list = NULL};
}

uint64_t past_epochs_of(const past_epochs *self, uint64_t sequence, uint64_t number)
{
    for (size_t i = 0; i < self->count; i++) {
        if (sequence <= self->list[i].last_sequence) {
            return self->list[i].number;
        }
    }
    return number;
}

pykv_status past_epochs_end(past_epochs *self, uint64_t number, uint64_t last_sequence)
{
    uint64_t before = self->count > 0 ? self->list[self->count - 1].last_sequence : 0;
    if (last_sequence <= before) {
        return PYKV_OK;
    }
    past_epoch *grown = mem_resize(self->list, (self->count + 1) * sizeof *grown);
    if (grown == NULL) {
        return error_set_no_memory((self->count + 1) * sizeof *grown);
    }
    grown[self->count++] = (past_epoch){number, last_sequence};
    self->list = grown;
    return PYKV_OK;
}

pykv_status past_epochs_copy(const past_epochs *self, uint64_t floor, past_epochs *out)
{
    past_epochs made = {.list = NULL};
    pykv_status status = PYKV_OK;
    for (size_t i = 0; i < self->count && status == PYKV_OK; i++) {
        if (self->list[i].last_sequence >= floor) {
            status = past_epochs_end(&made, self->list[i].number, self->list[i].last_sequence);
        }
    }
    if (status != PYKV_OK) {
        past_epochs_reset(&made);
        return status;
    }
    *out = made;
    return PYKV_OK;
}

pykv_status past_epochs_encode(const past_epochs *self, uint32_t header_crc, buffer *out)
{
    size_t at = out->size;
    pykv_status status = buffer_append_zeros(out, self->count * PAST_EPOCH_BYTES);
    for (size_t i = 0; i < self->count && status == PYKV_OK; i++, at += PAST_EPOCH_BYTES) {
        store_u64(out->data + at, self->list[i].number);
        store_u64(out->data + at + LAST_SEQUENCE_AT, self->list[i].last_sequence);
        manifest_entry_seal(out->data + at, PAST_EPOCH_BYTES, header_crc);
    }
    return status;
}

static pykv_status decode_one(const uint8_t *entry, uint64_t offset, const char *path,
                              past_epochs *out)
{
    uint64_t before = out->count > 0 ? out->list[out->count - 1].last_sequence : 0;
    uint64_t last = load_u64(entry + LAST_SEQUENCE_AT);
    if (last <= before) {
        return error_set_corruption(path, offset + LAST_SEQUENCE_AT, "epochs are out of order",
                                    before + 1, last);
    }
    pykv_status status = past_epochs_end(out, load_u64(entry), last);
    return status == PYKV_OK
               ? manifest_check_unused(entry, UNUSED_AT, PAST_EPOCH_BYTES - 4, path, offset)
               : status;
}

pykv_status past_epochs_decode(const uint8_t *data, uint64_t offset, uint64_t count,
                               const char *path, past_epochs *out)
{
    uint32_t header_crc = manifest_head_crc(data);
    past_epochs found = {.list = NULL};
    pykv_status status = PYKV_OK;
    for (uint64_t i = 0; i < count && status == PYKV_OK; i++, offset += PAST_EPOCH_BYTES) {
        status = manifest_entry_check(data + offset, PAST_EPOCH_BYTES, header_crc, path, offset);
        if (status == PYKV_OK) {
            status = decode_one(data + offset, offset, path, &found);
        }
    }
    if (status != PYKV_OK) {
        past_epochs_reset(&found);
        return status;
    }
    *out = found;
    return PYKV_OK;
}
