/*
 * log_format: encodes and decodes records. The layout stands in log_format.h and, for readers
 * without this code, in docs/format/record.md.
 *
 * One get decodes a record and one put encodes one, so a record without extension passes neither
 * loops nor per-flag branches: bytes 8..16 and 16..24 are handled as two numbers, and what the
 * header check covers is laid out from registers, not read back from memory just written.
 * Pure functions over the caller's memory: thread-safe.
 */
#include "log/log_format.h"

#include <string.h>

#include "base/coding.h"
#include "base/crc32c.h"
#include "base/invariant.h"

/* Places in the header. */
enum {
    BODY_CRC_AT = 4,
    SHAPE_AT = BODY_CRC_AT + 4,
    SEQUENCE_AT = SHAPE_AT + 8,
    EXTENSION_AT = SEQUENCE_AT + 8
};
_Static_assert(EXTENSION_AT == (int)RECORD_HEADER_BYTES, "the header has 24 bytes");

/*
 * The shape of a record: bytes 8..16 of its header as one number.
 *   bits  0..32 value_length, 32..48 key_length, 48..56 kind, 56..64 flags
 */
enum { SHAPE_KEY_SHIFT = 32, SHAPE_KIND_SHIFT = 48, SHAPE_FLAGS_SHIFT = 56 };
#define SHAPE_WITHOUT_FLAGS UINT64_C(0x00FFFFFFFFFFFFFF)

enum {
    FLAGS_OF_BATCH = RECORD_FLAG_BATCH | RECORD_FLAG_BATCH_LAST,
    FLAGS_EXTENDING = RECORD_FLAG_SYNCED | RECORD_FLAG_BATCH_LAST | RECORD_FLAG_DEADLINE |
        RECORD_FLAG_NAMESPACE | RECORD_FLAG_CODEC | RECORD_FLAG_LONG_KEY,
    FLAGS_IN_BODY_CRC = RECORD_FLAG_DEADLINE | RECORD_FLAG_NAMESPACE,
    FLAGS_KNOWN = RECORD_FLAG_BATCH | FLAGS_EXTENDING
};

static inline uint64_t shape_make(const record *self)
{
    return (uint64_t)self->value.size | (uint64_t)(uint16_t)self->key.size << SHAPE_KEY_SHIFT |
           (uint64_t)self->kind << SHAPE_KIND_SHIFT | (uint64_t)self->flags << SHAPE_FLAGS_SHIFT;
}

static inline uint32_t shape_value_length(uint64_t shape)
{
    return (uint32_t)shape;
}

static inline uint16_t shape_key_length(uint64_t shape)
{
    return (uint16_t)(shape >> SHAPE_KEY_SHIFT);
}

static inline uint8_t shape_kind(uint64_t shape)
{
    return (uint8_t)(shape >> SHAPE_KIND_SHIFT);
}

static inline uint8_t shape_flags(uint64_t shape)
{
    return (uint8_t)(shape >> SHAPE_FLAGS_SHIFT);
}

/* Whether kind, flags and lengths go together as a record of this format. */
static inline bool shape_is_legal(uint64_t shape)
{
    uint32_t flags = shape_flags(shape);
    if ((flags & ~(uint32_t)FLAGS_KNOWN) != 0 ||
        (flags & FLAGS_OF_BATCH) == RECORD_FLAG_BATCH_LAST) {
        return false;
    }
    switch (shape_kind(shape)) {
    case RECORD_PUT:
        return shape_value_length(shape) <= PYKV_VALUE_BYTES_MAX;
    case RECORD_RANGE_DELETE:
    case RECORD_INGEST:
        return shape_value_length(shape) <= STORED_KEY_BYTES_MAX;
    case RECORD_DICTIONARY:
        return shape_value_length(shape) <= PYKV_VALUE_BYTES_MAX && shape_key_length(shape) == 0 &&
               (flags & RECORD_FLAG_LONG_KEY) == 0;
    case RECORD_DELETE:
        return shape_value_length(shape) == 0;
    case RECORD_CLEAR:
        return shape_value_length(shape) == 0 && shape_key_length(shape) == 0 &&
               (flags & RECORD_FLAG_LONG_KEY) == 0;
    default:
        return false;
    }
}

/* Whether a key needs the high part of its length, and is not above the limit. */
static inline bool is_long_key(uint64_t shape, uint32_t length_high)
{
    return length_high == 1 && shape_key_length(shape) <= STORED_KEY_BYTES_MAX - (1 << 16);
}

uint32_t record_seed(uint64_t file_id)
{
    uint8_t bytes[8];
    store_u64(bytes, PYKV_PLANTED(178) ? 0 : file_id);
    return crc32c_extend(0, bytes, sizeof bytes);
}

/* Bytes of the extension of a record with these flags. */
#define EXTENSION_BYTES(flags)                                                                     \
    (((flags) & RECORD_FLAG_SYNCED ? 8 : 0) + ((flags) & RECORD_FLAG_BATCH_LAST ? 8 : 0) +         \
     ((flags) & RECORD_FLAG_DEADLINE ? 8 : 0) + ((flags) & RECORD_FLAG_NAMESPACE ? 4 : 0) +        \
     ((flags) & RECORD_FLAG_CODEC ? 4 : 0) + ((flags) & RECORD_FLAG_LONG_KEY ? 4 : 0))
#define EXTENSIONS_4(flags)                                                                        \
    EXTENSION_BYTES(flags), EXTENSION_BYTES((flags) + 1), EXTENSION_BYTES((flags) + 2),            \
        EXTENSION_BYTES((flags) + 3)
#define EXTENSIONS_16(flags)                                                                       \
    EXTENSIONS_4(flags), EXTENSIONS_4((flags) + 4), EXTENSIONS_4((flags) + 8),                     \
        EXTENSIONS_4((flags) + 12)
#define EXTENSIONS_64(flags)                                                                       \
    EXTENSIONS_16(flags), EXTENSIONS_16((flags) + 16), EXTENSIONS_16((flags) + 32),                \
        EXTENSIONS_16((flags) + 48)

static const uint8_t extension_bytes[256] = {EXTENSIONS_64(0), EXTENSIONS_64(64),
                                             EXTENSIONS_64(128), EXTENSIONS_64(192)};

uint32_t record_head_bytes(uint8_t flags)
{
    return RECORD_HEADER_BYTES + extension_bytes[flags];
}

uint64_t record_bytes(uint8_t flags, size_t key_length, size_t value_length)
{
    return round_up(record_head_bytes(flags) + (uint64_t)key_length + value_length,
                    RECORD_GRANULE_BYTES);
}

/* The header check up to the extension. */
static inline uint32_t header_check(uint32_t seed, uint64_t offset, uint32_t body_crc,
                                    uint64_t shape, uint64_t sequence)
{
    return crc32c_extend_numbers(seed, PYKV_PLANTED(179) ? 0 : offset, body_crc | shape << 32,
                                 shape >> 32 | sequence << 32, (uint32_t)(sequence >> 32));
}

/* The body check of a record with a deadline or a namespace. Its last eight bytes before the key go
 * with key and value: at most one call more than for a record without. */
static uint32_t extended_body_check(uint64_t shape, uint64_t deadline_us, uint32_t namespace_id,
                                    slice key, slice value)
{
    uint8_t covered[20];
    size_t size = 8;
    store_u64(covered, shape & SHAPE_WITHOUT_FLAGS);
    if ((shape_flags(shape) & RECORD_FLAG_DEADLINE) != 0) {
        store_u64(covered + size, deadline_us);
        size += 8;
    }
    if ((shape_flags(shape) & RECORD_FLAG_NAMESPACE) != 0) {
        store_u32(covered + size, namespace_id);
        size += 4;
    }
    uint32_t crc = crc32c_extend(0, covered, size - 8);
    return crc32c_extend_parts(crc, load_u64(covered + size - 8), key, value);
}

static inline uint32_t body_check(uint64_t shape, uint64_t deadline_us, uint32_t namespace_id,
                                  slice key, slice value)
{
    if (PYKV_UNLIKELY((shape_flags(shape) & FLAGS_IN_BODY_CRC) != 0)) {
        return extended_body_check(shape, deadline_us, namespace_id, key, value);
    }
    return crc32c_extend_parts(0, shape & SHAPE_WITHOUT_FLAGS, key, value);
}

uint32_t record_body_crc(const record *self)
{
    return body_check(shape_make(self), self->deadline_us, self->namespace_id, self->key,
                      self->value);
}

/* Writes the extension at out and returns its end. */
static uint8_t *extension_encode(const record *self, uint8_t *out)
{
    if ((self->flags & RECORD_FLAG_SYNCED) != 0) {
        store_u64(out, self->synced_through);
        out += 8;
    }
    if ((self->flags & RECORD_FLAG_BATCH_LAST) != 0) {
        store_u32(out, self->batch_count);
        store_u32(out + 4, self->batch_crc);
        out += 8;
    }
    if ((self->flags & RECORD_FLAG_DEADLINE) != 0) {
        store_u64(out, self->deadline_us);
        out += 8;
    }
    if ((self->flags & RECORD_FLAG_NAMESPACE) != 0) {
        store_u32(out, self->namespace_id);
        out += 4;
    }
    if ((self->flags & RECORD_FLAG_CODEC) != 0) {
        store_u32(out, self->codec);
        out += 4;
    }
    if ((self->flags & RECORD_FLAG_LONG_KEY) != 0) {
        store_u32(out, (uint32_t)(self->key.size >> 16));
        out += 4;
    }
    return out;
}

/* Reads the extension at in, whose length was checked, into *out. */
static void extension_decode(const uint8_t *in, uint8_t flags, record *out)
{
    if ((flags & RECORD_FLAG_SYNCED) != 0) {
        out->synced_through = load_u64(in);
        in += 8;
    }
    if ((flags & RECORD_FLAG_BATCH_LAST) != 0) {
        out->batch_count = load_u32(in);
        out->batch_crc = load_u32(in + 4);
        in += 8;
    }
    if ((flags & RECORD_FLAG_DEADLINE) != 0) {
        out->deadline_us = load_u64(in);
        in += 8;
    }
    if ((flags & RECORD_FLAG_NAMESPACE) != 0) {
        out->namespace_id = load_u32(in);
        in += 4;
    }
    if ((flags & RECORD_FLAG_CODEC) != 0) {
        out->codec = load_u32(in);
        in += 4;
    }
    if ((flags & RECORD_FLAG_LONG_KEY) != 0) {
        out->key.size += (size_t)load_u32(in) << 16;
    }
}

/* Writes header and extension and returns the end of the latter. */
static inline uint8_t *head_encode(record *self, uint32_t seed, uint64_t offset, uint8_t *out)
{
    uint64_t shape = shape_make(self);
    PYKV_ASSERT(self->key.size <= STORED_KEY_BYTES_MAX && self->value.size <= PYKV_VALUE_BYTES_MAX);
    PYKV_CHECKED(record_key_flag(self->key.size) == (self->flags & RECORD_FLAG_LONG_KEY));
    PYKV_ASSERT(shape_is_legal(shape));
    PYKV_ASSERT(self->sequence != 0);
    uint8_t *end = out + EXTENSION_AT;
    uint32_t crc = header_check(seed, offset, self->body_crc, shape, self->sequence);
    if (PYKV_UNLIKELY((self->flags & FLAGS_EXTENDING) != 0)) {
        end = extension_encode(self, end);
        crc = crc32c_extend(crc, out + EXTENSION_AT, (size_t)(end - out - EXTENSION_AT));
    }
    store_u32(out, crc);
    store_u32(out + BODY_CRC_AT, self->body_crc);
    store_u64(out + SHAPE_AT, shape);
    store_u64(out + SEQUENCE_AT, self->sequence);
    self->header_crc = crc;
    return end;
}

void record_encode_head(record *self, uint32_t seed, uint64_t offset, uint8_t *out)
{
    (void)head_encode(self, seed, offset, out);
}

void record_encode(record *self, uint32_t seed, uint64_t offset, uint8_t *out)
{
    /* The padding lies in the last eight bytes, the rest of which is overwritten below. */
    store_u64(out + record_bytes_of(self) - 8, 0);
    uint8_t *end = head_encode(self, seed, offset, out);
    if (self->key.size != 0) {
        memcpy(end, self->key.data, self->key.size);
    }
    if (self->value.size != 0) {
        memcpy(end + self->key.size, self->value.data, self->value.size);
    }
}

/* Whether body and padding of a record of total bytes at data are what its header says. */
static inline bool body_is_intact(const uint8_t *data, uint64_t total, uint64_t shape,
                                  const record *found)
{
    size_t body_bytes = found->key.size + found->value.size;
    uint64_t padding_bytes = total - (uint64_t)(found->key.data - data) - body_bytes;
    uint64_t padding = load_u64(data + total - 8) >> 8 >> (56 - 8 * padding_bytes);
    uint32_t crc = body_check(shape, found->deadline_us, found->namespace_id,
                              slice_make(found->key.data, body_bytes), slice_make(NULL, 0));
    return crc == found->body_crc && padding == 0;
}

/* Sets every field: those of the header, empty ones for an extension, lengths without data. Field
 * by field, because compilers clear a structure of this size by a slow string instruction. */
static inline void header_fill(record *out, uint32_t header_crc, uint32_t body_crc, uint64_t shape,
                               uint64_t sequence)
{
    out->header_crc = header_crc;
    out->body_crc = body_crc;
    out->kind = shape_kind(shape);
    out->flags = shape_flags(shape);
    out->sequence = sequence;
    out->synced_through = 0;
    out->batch_count = 0;
    out->batch_crc = 0;
    out->deadline_us = 0;
    out->namespace_id = 0;
    out->codec = 0;
    out->key.data = NULL;
    out->key.size = shape_key_length(shape);
    out->value.data = NULL;
    out->value.size = shape_value_length(shape);
}

record_check record_decode(const uint8_t *data, uint64_t size, uint32_t seed, uint64_t offset,
                           bool check_body, record *out)
{
    if (PYKV_UNLIKELY(size < RECORD_HEADER_BYTES)) {
        return RECORD_HEADER_INVALID;
    }
    uint32_t body_crc = load_u32(data + BODY_CRC_AT);
    uint64_t shape = load_u64(data + SHAPE_AT);
    uint64_t sequence = load_u64(data + SEQUENCE_AT);
    uint8_t flags = shape_flags(shape);
    uint32_t head_bytes = record_head_bytes(flags);
    uint32_t crc = header_check(seed, offset, body_crc, shape, sequence);
    if (PYKV_UNLIKELY(head_bytes != RECORD_HEADER_BYTES)) {
        if (size < head_bytes) {
            return RECORD_HEADER_INVALID;
        }
        crc = crc32c_extend(crc, data + EXTENSION_AT, head_bytes - EXTENSION_AT);
    }
    if (PYKV_UNLIKELY(crc != load_u32(data) || !shape_is_legal(shape) || sequence == 0)) {
        return RECORD_HEADER_INVALID;
    }
    if (PYKV_UNLIKELY((flags & RECORD_FLAG_LONG_KEY) != 0) &&
        !is_long_key(shape, load_u32(data + head_bytes - 4))) {
        return RECORD_HEADER_INVALID;
    }
    header_fill(out, crc, body_crc, shape, sequence);
    if (PYKV_UNLIKELY(head_bytes != RECORD_HEADER_BYTES)) {
        extension_decode(data + EXTENSION_AT, flags, out);
    }
    uint64_t total = record_bytes(flags, out->key.size, out->value.size);
    if (PYKV_UNLIKELY(size < total)) {
        return RECORD_CUT_OFF;
    }
    out->key.data = data + head_bytes;
    out->value.data = out->key.data + out->key.size;
    if (check_body && PYKV_UNLIKELY(!body_is_intact(data, total, shape, out))) {
        return RECORD_BODY_INVALID;
    }
    return RECORD_VALID;
}

uint32_t record_chain(uint32_t batch_crc, uint32_t header_crc)
{
    uint8_t bytes[4];
    store_u32(bytes, header_crc);
    return crc32c_extend(batch_crc, bytes, sizeof bytes);
}
