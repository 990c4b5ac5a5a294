/*
 * manifest_deadlines: buckets in seconds and granules, and the rest of each segment.
 */
#include "bitcask/manifest_deadlines.h"

#include <assert.h>

#include "base/coding.h"
#include "base/error.h"
#include "base/invariant.h"
#include "log/log_format.h"
#include "log/manifest_file.h"

enum {
    STORED_COUNT = DEADLINE_BUCKET_COUNT - 1,
    BUCKETS_AT = 4,
    BUCKET_BYTES = 8,
    SECOND_US = 1000000
};

static_assert(BUCKETS_AT + STORED_COUNT * BUCKET_BYTES + 4 == MANIFEST_DEADLINES_BYTES,
              "the fields of an entry fill it");

uint64_t manifest_deadlines_count(const manifest *self)
{
    uint64_t count = 0;
    for (uint64_t i = 0; i < self->segment_count; i++) {
        count += self->segments[i].expiring_bytes > 0;
    }
    return count;
}

/* ---- encode ---- */

/* What does not fit is left to the eighth bucket. */
static void encode_one(const manifest_segment *from, uint8_t *out)
{
    store_u32(out, from->number);
    for (uint32_t i = 0; i < STORED_COUNT; i++) {
        const deadline_bucket *one = &from->deadlines.list[i];
        uint32_t until_s = deadline_seconds(one->until_us);
        uint64_t granules = one->weight / RECORD_GRANULE_BYTES;
        if (until_s != 0 && granules != 0 && granules <= UINT32_MAX && !PYKV_PLANTED(315)) {
            uint64_t at = BUCKETS_AT + (uint64_t)i * BUCKET_BYTES;
            store_u32(out + at, until_s);
            store_u32(out + at + 4, (uint32_t)granules);
        }
    }
}

pykv_status manifest_deadlines_encode(const manifest *self, uint32_t header_crc, buffer *out)
{
    size_t at = out->size;
    uint64_t bytes = manifest_deadlines_count(self) * MANIFEST_DEADLINES_BYTES;
    pykv_status status = buffer_append_zeros(out, bytes);
    for (uint64_t i = 0; i < self->segment_count && status == PYKV_OK; i++) {
        if (self->segments[i].expiring_bytes > 0) {
            encode_one(&self->segments[i], out->data + at);
            manifest_entry_seal(out->data + at, MANIFEST_DEADLINES_BYTES, header_crc);
            at += MANIFEST_DEADLINES_BYTES;
        }
    }
    return status;
}

/* ---- decode ---- */

/* All that has a deadline, in the bucket that ends with the latest. */
static deadline_buckets buckets_without_entry(const manifest_segment *of)
{
    deadline_buckets made = {.list = {{0, 0}}};
    made.list[STORED_COUNT] = (deadline_bucket){of->deadline_max_us, of->expiring_bytes};
    return made;
}

/* Moves what an entry tells from the eighth bucket to those before. */
static pykv_status decode_one(const uint8_t *entry, uint64_t offset, const char *path,
                              manifest_segment *out)
{
    deadline_bucket *rest = &out->deadlines.list[STORED_COUNT];
    for (uint32_t i = 0; i < STORED_COUNT; i++) {
        uint64_t at = BUCKETS_AT + (uint64_t)i * BUCKET_BYTES;
        uint64_t until_us = (uint64_t)load_u32(entry + at) * SECOND_US;
        uint64_t bytes = (uint64_t)load_u32(entry + at + 4) * RECORD_GRANULE_BYTES;
        if ((until_us == 0) != (bytes == 0) || bytes > rest->weight) {
            return error_set_corruption(path, offset + at, "a bucket of deadlines is impossible",
                                        rest->weight, bytes);
        }
        out->deadlines.list[i] = (deadline_bucket){until_us, bytes};
        rest->weight -= bytes;
    }
    rest->until_us = rest->weight > 0 ? rest->until_us : 0;
    return PYKV_OK;
}

pykv_status manifest_deadlines_decode(const uint8_t *data, uint64_t offset, uint64_t count,
                                      const char *path, manifest *out)
{
    uint32_t header_crc = manifest_head_crc(data);
    pykv_status status = PYKV_OK;
    for (uint64_t i = 0; i < out->segment_count; i++) {
        out->segments[i].deadlines = buckets_without_entry(&out->segments[i]);
    }
    uint64_t next = 0; /* the first segment that may have the entry */
    for (uint64_t i = 0; i < count && status == PYKV_OK; i++, offset += MANIFEST_DEADLINES_BYTES) {
        const uint8_t *entry = data + offset;
        uint32_t number = load_u32(entry);
        status = manifest_entry_check(entry, MANIFEST_DEADLINES_BYTES, header_crc, path, offset);
        while (next < out->segment_count && out->segments[next].number < number) {
            next++;
        }
        bool is_listed = next < out->segment_count && out->segments[next].number == number;
        if (status == PYKV_OK && !is_listed) {
            status = error_set_corruption(path, offset, "deadlines are of no segment", 0, number);
        }
        if (status == PYKV_OK) {
            status = decode_one(entry, offset, path, &out->segments[next++]);
        }
    }
    return status;
}
