/*
 * table_format: encodes and decodes the fixed parts of a table file. The layout stands in
 * docs/format/table.md.
 */
#include "table/table_format.h"

#include <string.h>

#include "codec/compress.h"

#include "base/coding.h"
#include "base/crc32c.h"
#include "base/error.h"
#include "base/invariant.h"

static const uint8_t header_magic[8] = {'P', 'Y', 'K', 'V', 'T', 'B', 'L', '\n'};
static const uint8_t footer_magic[8] = {'P', 'Y', 'K', 'V', 'E', 'N', 'D', '\n'};

enum {
    HEADER_UNUSED_1_AT = 12,
    HEADER_FILE_ID_AT = 16,
    HEADER_UNUSED_2_AT = 24,
    HEADER_CRC_AT = 28,
    FOOTER_FILTER_SIZE_AT = 24,
    FOOTER_VERSION_AT = 36,
    FOOTER_FILE_ID_AT = 40,
    FOOTER_UNUSED_AT = 48,
    FOOTER_CRC_AT = 52,
    FOOTER_MAGIC_AT = 56,
    TRAILER_CRC_AT = 8,
    PROPERTIES_BLOCK_COUNT_AT = 88,
    PROPERTIES_KEY_LENGTHS_AT = PROPERTIES_BLOCK_COUNT_AT + 4,
    PROPERTIES_ATTACHED_AT = PROPERTIES_KEY_LENGTHS_AT + 8
};
_Static_assert(HEADER_CRC_AT + 4 == (int)TABLE_HEADER_BYTES, "the header has 32 bytes");
_Static_assert(FOOTER_MAGIC_AT + 8 == (int)TABLE_FOOTER_BYTES, "the footer has 64 bytes");
_Static_assert(TRAILER_CRC_AT + 4 == (int)TABLE_TRAILER_BYTES, "the trailer has 12 bytes");
_Static_assert(PROPERTIES_ATTACHED_AT + 4 == (int)TABLE_PROPERTIES_BYTES, "104 bytes and the rest");

/* Whether size bytes, at most eight, are zeros. */
static bool is_zero(const uint8_t *data, size_t size)
{
    static const uint8_t zeros[8] = {0};
    return memcmp(data, zeros, size) == 0;
}

uint32_t table_seed(uint64_t file_id)
{
    uint8_t bytes[8];
    store_u64(bytes, file_id);
    return crc32c_extend(0, bytes, sizeof bytes);
}

/* The check of what stands at offset in the file with this seed. */
static uint32_t check_at(uint32_t seed, uint64_t offset, const uint8_t *data, size_t size)
{
    uint8_t place[8];
    store_u64(place, offset);
    uint32_t seeded = PYKV_PLANTED(265) ? 0 : crc32c_extend(seed, place, sizeof place);
    return crc32c_extend(seeded, data, size);
}

/* ---- header and footer ---- */

void table_header_encode(uint64_t file_id, uint8_t out[TABLE_HEADER_BYTES])
{
    memset(out, 0, TABLE_HEADER_BYTES);
    memcpy(out, header_magic, sizeof header_magic);
    store_u32(out + 8, TABLE_FORMAT_VERSION);
    store_u64(out + HEADER_FILE_ID_AT, file_id);
    store_u32(out + HEADER_CRC_AT, crc32c_extend(0, out, HEADER_CRC_AT));
}

pykv_status table_header_decode(const uint8_t data[TABLE_HEADER_BYTES], const char *path,
                                uint64_t *file_id_out)
{
    if (memcmp(data, header_magic, sizeof header_magic) != 0) {
        return error_set_corruption(path, 0, "the file does not begin like a table",
                                    load_u64(header_magic), load_u64(data));
    }
    uint32_t crc = crc32c_extend(0, data, HEADER_CRC_AT);
    if (crc != load_u32(data + HEADER_CRC_AT)) {
        return error_set_corruption(path, 0, "the table's header check fails",
                                    load_u32(data + HEADER_CRC_AT), crc);
    }
    if (load_u32(data + 8) != TABLE_FORMAT_VERSION) {
        return error_set(PYKV_FORMAT, "%s has table format %u", path, load_u32(data + 8));
    }
    if (!is_zero(data + HEADER_UNUSED_1_AT, 4) || !is_zero(data + HEADER_UNUSED_2_AT, 4)) {
        return error_set_corruption(path, HEADER_UNUSED_1_AT, "reserved bytes are not zero", 0, 1);
    }
    *file_id_out = load_u64(data + HEADER_FILE_ID_AT);
    return PYKV_OK;
}

void table_footer_encode(const table_footer *self, uint64_t file_id, uint64_t offset,
                         uint8_t out[TABLE_FOOTER_BYTES])
{
    memset(out, 0, TABLE_FOOTER_BYTES);
    store_u64(out, self->filter.offset);
    store_u64(out + 8, self->index.offset);
    store_u64(out + 16, self->properties.offset);
    store_u32(out + FOOTER_FILTER_SIZE_AT, self->filter.size);
    store_u32(out + FOOTER_FILTER_SIZE_AT + 4, self->index.size);
    store_u32(out + FOOTER_FILTER_SIZE_AT + 8, self->properties.size);
    store_u32(out + FOOTER_VERSION_AT, TABLE_FORMAT_VERSION);
    store_u64(out + FOOTER_FILE_ID_AT, file_id);
    store_u32(out + FOOTER_CRC_AT, check_at(table_seed(file_id), offset, out, FOOTER_CRC_AT));
    memcpy(out + FOOTER_MAGIC_AT, footer_magic, sizeof footer_magic);
}

/* Whether the blocks lie side by side from the data blocks, one of which there is, to offset. */
static bool footer_is_legal(const table_footer *self, uint64_t offset)
{
    uint64_t filter_end =
        self->filter.size == 0 ? self->filter.offset : block_handle_end(self->filter);
    return self->filter.offset > TABLE_HEADER_BYTES + TABLE_TRAILER_BYTES &&
           self->filter.offset < offset && self->index.offset < offset &&
           self->properties.offset < offset && filter_end == self->index.offset &&
           block_handle_end(self->index) == self->properties.offset &&
           block_handle_end(self->properties) == offset;
}

bool table_has_ends(const uint8_t header[TABLE_HEADER_BYTES],
                    const uint8_t footer[TABLE_FOOTER_BYTES])
{
    return memcmp(header, header_magic, sizeof header_magic) == 0 &&
           memcmp(footer + FOOTER_MAGIC_AT, footer_magic, sizeof footer_magic) == 0;
}

pykv_status table_footer_decode(const uint8_t data[TABLE_FOOTER_BYTES], uint64_t file_id,
                                uint64_t offset, const char *path, table_footer *out)
{
    if (memcmp(data + FOOTER_MAGIC_AT, footer_magic, sizeof footer_magic) != 0) {
        return error_set_corruption(path, offset, "the file does not end like a table",
                                    load_u64(footer_magic), load_u64(data + FOOTER_MAGIC_AT));
    }
    uint32_t crc = check_at(table_seed(file_id), offset, data, FOOTER_CRC_AT);
    if (crc != load_u32(data + FOOTER_CRC_AT)) {
        return error_set_corruption(path, offset, "the table's footer check fails",
                                    load_u32(data + FOOTER_CRC_AT), crc);
    }
    table_footer found = {
        .filter = {load_u64(data), load_u32(data + FOOTER_FILTER_SIZE_AT)},
        .index = {load_u64(data + 8), load_u32(data + FOOTER_FILTER_SIZE_AT + 4)},
        .properties = {load_u64(data + 16), load_u32(data + FOOTER_FILTER_SIZE_AT + 8)}};
    if (load_u32(data + FOOTER_VERSION_AT) != TABLE_FORMAT_VERSION ||
        load_u64(data + FOOTER_FILE_ID_AT) != file_id || !is_zero(data + FOOTER_UNUSED_AT, 4)) {
        return error_set_corruption(path, offset, "the footer belongs to another file", file_id,
                                    load_u64(data + FOOTER_FILE_ID_AT));
    }
    if (!footer_is_legal(&found, offset)) {
        return error_set_corruption(path, offset, "the table's blocks do not lie side by side",
                                    offset, block_handle_end(found.properties));
    }
    *out = found;
    return PYKV_OK;
}

/* ---- blocks ---- */

void block_trailer_encode(const block_trailer *self, uint32_t seed, uint64_t offset,
                          const uint8_t *payload, uint32_t size, uint8_t out[TABLE_TRAILER_BYTES])
{
    store_u32(out, self->raw_bytes);
    out[4] = self->kind;
    out[5] = self->codec;
    store_u16(out + 6, 0);
    store_u32(out + TRAILER_CRC_AT,
              crc32c_extend(check_at(seed, offset, payload, size), out, TRAILER_CRC_AT));
}

pykv_status block_trailer_decode(const uint8_t *data, block_handle handle, uint8_t kind,
                                 uint32_t seed, const char *path, block_trailer *out)
{
    const uint8_t *trailer = data + handle.size;
    uint32_t crc = check_at(seed, handle.offset, data, (size_t)handle.size + TRAILER_CRC_AT);
    if (PYKV_UNLIKELY(crc != load_u32(trailer + TRAILER_CRC_AT) && !PYKV_PLANTED(332))) {
        return error_set_corruption(path, handle.offset, "the check of a block fails",
                                    load_u32(trailer + TRAILER_CRC_AT), crc);
    }
    block_trailer found = {load_u32(trailer), trailer[4], trailer[5]};
    if (found.kind != kind) {
        return error_set_corruption(path, handle.offset, "a block is of another kind", kind,
                                    found.kind);
    }
    bool bounded = kind == BLOCK_FILTER || found.raw_bytes <= TABLE_BLOCK_RAW_BYTES_MAX;
    bool whole = found.codec != CODEC_NONE || found.raw_bytes == handle.size;
    if (!bounded || !whole || found.codec == 0 || load_u16(trailer + 6) != 0) {
        return error_set_corruption(path, handle.offset + handle.size, "a block trailer is illegal",
                                    handle.size, found.raw_bytes);
    }
    *out = found;
    return PYKV_OK;
}

/* ---- properties ---- */

/* The numbers that stand first, in their order. */
enum { PROPERTIES_NUMBER_COUNT = 11 };

/* Lengths of keys: the low 16 bits of three, then what is above them: a bit each. */
enum { KEY_LENGTH_COUNT = 3, KEY_LENGTHS_HIGH_AT = 2 * KEY_LENGTH_COUNT };

static void store_key_lengths(const table_properties *self, uint8_t *out)
{
    const size_t lengths[KEY_LENGTH_COUNT] = {self->key_length_max, self->first_key.size,
                                              self->last_key.size};
    uint32_t high = 0;
    for (size_t i = 0; i < KEY_LENGTH_COUNT; i++) {
        store_u16(out + 2 * i, (uint16_t)lengths[i]);
        high |= (uint32_t)(lengths[i] >> 16) << i;
    }
    store_u16(out + KEY_LENGTHS_HIGH_AT, (uint16_t)high);
}

static uint32_t load_key_length(const uint8_t *in, size_t index)
{
    uint32_t high = (uint32_t)load_u16(in + KEY_LENGTHS_HIGH_AT) >> index & 1;
    return load_u16(in + 2 * index) | high << 16;
}

pykv_status table_properties_encode(const table_properties *self, buffer *out)
{
    const uint64_t numbers[PROPERTIES_NUMBER_COUNT] = {
        self->entry_count,     self->tombstone_count, self->key_bytes,     self->value_bytes,
        self->raw_bytes,       self->sequence_min,    self->sequence_max,  self->deadline_min_us,
        self->deadline_max_us, self->hash_seed_low,   self->hash_seed_high};
    uint8_t fixed[TABLE_PROPERTIES_BYTES] = {0};
    for (size_t i = 0; i < PROPERTIES_NUMBER_COUNT; i++) {
        store_u64(fixed + 8 * i, numbers[i]);
    }
    store_u32(fixed + PROPERTIES_BLOCK_COUNT_AT, self->block_count);
    store_key_lengths(self, fixed + PROPERTIES_KEY_LENGTHS_AT);
    store_u32(fixed + PROPERTIES_ATTACHED_AT, (uint32_t)self->attached.size);
    const slice parts[] = {slice_make(fixed, sizeof fixed), self->first_key, self->last_key,
                           self->attached};
    pykv_status status = PYKV_OK;
    for (size_t i = 0; i < sizeof parts / sizeof parts[0] && status == PYKV_OK; i++) {
        status = buffer_append(out, parts[i].data, parts[i].size);
    }
    return status;
}

pykv_status table_properties_decode(slice data, const char *path, uint64_t offset,
                                    table_properties *out)
{
    if (data.size < TABLE_PROPERTIES_BYTES) {
        return error_set_corruption(path, offset, "the properties are cut off",
                                    TABLE_PROPERTIES_BYTES, data.size);
    }
    uint64_t numbers[PROPERTIES_NUMBER_COUNT];
    for (size_t i = 0; i < PROPERTIES_NUMBER_COUNT; i++) {
        numbers[i] = load_u64(data.data + 8 * i);
    }
    const uint8_t *lengths = data.data + PROPERTIES_KEY_LENGTHS_AT;
    uint32_t longest = load_key_length(lengths, 0);
    size_t first = load_key_length(lengths, 1);
    size_t last = load_key_length(lengths, 2);
    size_t attached = load_u32(data.data + PROPERTIES_ATTACHED_AT);
    uint32_t block_count = load_u32(data.data + PROPERTIES_BLOCK_COUNT_AT);
    if (data.size != TABLE_PROPERTIES_BYTES + first + last + attached || first > longest ||
        last > longest || longest > STORED_KEY_BYTES_MAX ||
        load_u16(lengths + KEY_LENGTHS_HIGH_AT) >> KEY_LENGTH_COUNT != 0 || block_count == 0 ||
        numbers[0] < block_count) {
        return error_set_corruption(path, offset, "the properties are illegal",
                                    TABLE_PROPERTIES_BYTES + first + last + attached, data.size);
    }
    const uint8_t *keys = data.data + TABLE_PROPERTIES_BYTES;
    *out = (table_properties){.entry_count = numbers[0],
                              .tombstone_count = numbers[1],
                              .key_bytes = numbers[2],
                              .value_bytes = numbers[3],
                              .raw_bytes = numbers[4],
                              .sequence_min = numbers[5],
                              .sequence_max = numbers[6],
                              .deadline_min_us = numbers[7],
                              .deadline_max_us = numbers[8],
                              .hash_seed_low = numbers[9],
                              .hash_seed_high = numbers[10],
                              .block_count = block_count,
                              .key_length_max = longest,
                              .first_key = slice_make(keys, first),
                              .last_key = slice_make(keys + first, last),
                              .attached = slice_make(keys + first + last, attached)};
    return PYKV_OK;
}
