/*
 * manifest_ranges: encoding and checking.
 */
#include "lsm/manifest_ranges.h"

#include "base/coding.h"
#include "base/crc32c.h"
#include "base/error.h"
#include "base/invariant.h"
#include "base/memory.h"
#include "log/manifest_file.h"

enum { HEAD_BYTES = MANIFEST_RANGE_HEAD_BYTES, UNUSED_AT = 16, CRC_AT = 20 };

static uint64_t entry_bytes(uint64_t start_length, uint64_t stop_length)
{
    return (HEAD_BYTES + start_length + stop_length + 7) / 8 * 8;
}

uint64_t manifest_ranges_bytes(const range_set *self)
{
    uint64_t bytes = 0;
    for (uint32_t i = 0; self != NULL && i < self->count; i++) {
        bytes += entry_bytes(self->fragments[i].start.size, self->fragments[i].stop.size);
    }
    return bytes;
}

static uint32_t check_of(const uint8_t *entry, uint64_t bytes, uint32_t header_crc)
{
    uint32_t crc = crc32c_extend(header_crc, entry, CRC_AT);
    return crc32c_extend(crc, entry + HEAD_BYTES, bytes - HEAD_BYTES);
}

static pykv_status encode_one(const range_set *self, uint32_t index, uint32_t header_crc,
                              buffer *out)
{
    const range_fragment *from = &self->fragments[index];
    uint64_t bytes = entry_bytes(from->start.size, from->stop.size);
    size_t at = out->size;
    pykv_status status = buffer_append_zeros(out, bytes);
    if (status != PYKV_OK) {
        return status;
    }
    uint8_t *entry = out->data + at;
    store_u64(entry, self->sequences[from->first_sequence]);
    store_u32(entry + 8, (uint32_t)from->start.size);
    store_u32(entry + 12, (uint32_t)from->stop.size);
    if (from->start.size != 0) {
        memcpy(entry + HEAD_BYTES, from->start.data, from->start.size);
    }
    if (from->stop.size != 0) {
        memcpy(entry + HEAD_BYTES + from->start.size, from->stop.data, from->stop.size);
    }
    store_u32(entry + CRC_AT, check_of(entry, bytes, header_crc));
    return PYKV_OK;
}

pykv_status manifest_ranges_encode(const range_set *self, uint32_t header_crc, buffer *out)
{
    pykv_status status = PYKV_OK;
    if (manifest_ranges_bytes(self) > LSM_RANGE_BYTES_MAX) {
        return error_set(PYKV_NOT_SUPPORTED, "more range deletes than a manifest takes");
    }
    for (uint32_t i = 0; self != NULL && i < self->count && status == PYKV_OK; i++) {
        status = encode_one(self, i, header_crc, out);
    }
    return status;
}

/* What was read of the entries. */
typedef struct reading {
    const uint8_t *data;
    uint64_t size;
    uint64_t at;
    const manifest_ranges_place *place;
    range_fragment *fragments;
    uint64_t *sequences;
    uint64_t count;
} reading;

static pykv_status refuse(const reading *self, const char *what, uint64_t expected, uint64_t got)
{
    return error_set_corruption(self->place->path, self->at, what, expected, got);
}

/* Checks that a fragment is one, and comes behind the one before. */
static pykv_status check_order(const reading *self, const range_fragment *found)
{
    if (!range_is_before(found->start, found->stop)) {
        return refuse(self, "a deleted range ends before it begins", 0, 0);
    }
    if (self->count > 0) {
        slice before = self->fragments[self->count - 1].stop;
        if (before.size == 0 || slice_compare(before, found->start) > 0) {
            return refuse(self, "deleted ranges are out of order", 0, 0);
        }
    }
    return PYKV_OK;
}

static pykv_status decode_one(reading *self)
{
    const uint8_t *entry = self->data + self->at;
    uint64_t left = self->size - self->at;
    if (left < HEAD_BYTES) {
        return refuse(self, "a deleted range is cut off", HEAD_BYTES, left);
    }
    uint64_t start_length = load_u32(entry + 8);
    uint64_t stop_length = load_u32(entry + 12);
    uint64_t bytes = entry_bytes(start_length, stop_length);
    if (bytes > left) {
        return refuse(self, "a deleted range is cut off", bytes, left);
    }
    uint32_t crc = check_of(entry, bytes, manifest_head_crc(self->data));
    if (crc != load_u32(entry + CRC_AT) && !PYKV_PLANTED(329)) {
        return refuse(self, "the checksum of a deleted range is wrong", crc,
                      load_u32(entry + CRC_AT));
    }
    pykv_status status =
        manifest_check_unused(entry, UNUSED_AT, CRC_AT, self->place->path, self->at);
    if (status == PYKV_OK) {
        status = manifest_check_unused(entry, HEAD_BYTES + start_length + stop_length, bytes,
                                       self->place->path, self->at);
    }
    range_fragment found = {.start = slice_make(entry + HEAD_BYTES, start_length),
                            .stop = slice_make(entry + HEAD_BYTES + start_length, stop_length)};
    uint64_t sequence = load_u64(entry);
    if (status == PYKV_OK && (sequence == 0 || sequence > self->place->last_sequence)) {
        status = refuse(self, "a deleted range has a sequence out of bounds",
                        self->place->last_sequence, sequence);
    }
    if (status == PYKV_OK) {
        status = check_order(self, &found);
    }
    self->fragments[self->count] = found;
    self->sequences[self->count++] = sequence;
    self->at += bytes;
    return status;
}

static pykv_status decode_all(reading *self)
{
    pykv_status status = PYKV_OK;
    while (self->count < self->place->count && status == PYKV_OK) {
        status = decode_one(self);
    }
    if (status == PYKV_OK && self->at != self->size) {
        status = refuse(self, "bytes behind the deleted ranges", self->at, self->size);
    }
    return status;
}

pykv_status manifest_ranges_decode(const uint8_t *data, uint64_t size,
                                   const manifest_ranges_place *place, const range_set **out)
{
    reading all = {.data = data, .size = size, .at = place->offset, .place = place};
    *out = NULL;
    if (place->count > (size - place->offset) / HEAD_BYTES) {
        return refuse(&all, "the manifest has no room for its deleted ranges",
                      (size - place->offset) / HEAD_BYTES, place->count);
    }
    all.fragments = mem_alloc_zeroed(place->count + 1, sizeof *all.fragments);
    all.sequences = mem_alloc_zeroed(place->count + 1, sizeof *all.sequences);
    pykv_status status = all.fragments == NULL || all.sequences == NULL
                             ? error_set_no_memory(place->count * sizeof *all.fragments)
                             : decode_all(&all);
    if (status == PYKV_OK && place->count > 0) {
        status = range_set_make(all.fragments, all.sequences, place->count, out);
    }
    mem_free(all.fragments);
    mem_free(all.sequences);
    return status;
}
