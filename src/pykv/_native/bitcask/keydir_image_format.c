/*
 * keydir_image_format: header and tables of an image as bytes. See docs/format/keydir_image.md.
 * Pure functions, thread-safe.
 */
#include "bitcask/keydir_image_format.h"

#include <string.h>

#include "base/coding.h"
#include "base/crc32c.h"
#include "base/error.h"
#include "base/invariant.h"

static const uint8_t magic[8] = {'P', 'Y', 'K', 'V', 'K', 'E', 'Y', '\n'};

enum {
    MAGIC_AT = 0,
    FORMAT_VERSION_AT = MAGIC_AT + 8,
    PAGE_BYTES_AT = FORMAT_VERSION_AT + 4,
    STORE_ID_AT = PAGE_BYTES_AT + 4,
    MERGE_EDIT_AT = STORE_ID_AT + 8,
    LOG_POSITION_AT = MERGE_EDIT_AT + 8,
    BUCKET_COUNT_AT = LOG_POSITION_AT + 8,
    UNIT_COUNT_AT = BUCKET_COUNT_AT + 8,
    KEY_COUNT_AT = UNIT_COUNT_AT + 8,
    SEGMENT_COUNT_AT = KEY_COUNT_AT + 8,
    PAYLOAD_BYTES_AT = SEGMENT_COUNT_AT + 8,
    CHECKS_BYTES_AT = PAYLOAD_BYTES_AT + 8,
    EPOCH_AT = CHECKS_BYTES_AT + 8,
    SEQUENCE_AT = EPOCH_AT + 8,
    SPACE_ID_AT = SEQUENCE_AT + 8,
    SECTIONS_BEHIND_AT = SPACE_ID_AT + 4,
    ZEROS_AT = SECTIONS_BEHIND_AT + 4,
    HEADER_CRC_AT = KEYDIR_IMAGE_HEADER_BYTES - 4,
    CRC_BYTES = 4
};

_Static_assert(ZEROS_AT == 112, "the fields of the header are those of the document");

static uint64_t table_bytes(uint64_t segment_count)
{
    return segment_count * KEYDIR_IMAGE_SEGMENT_BYTES;
}

void keydir_image_derive(keydir_image_layout *layout)
{
    PYKV_ASSERT(layout->bucket_count <= KEYDIR_IMAGE_BUCKET_COUNT_MAX);
    uint64_t unit_page_count =
        (layout->unit_count + KEYDIR_IMAGE_PAGE_UNITS - 1) / KEYDIR_IMAGE_PAGE_UNITS;
    layout->header_page_count =
        (layout->bucket_count + KEYDIR_IMAGE_PAGE_HEADERS - 1) / KEYDIR_IMAGE_PAGE_HEADERS;
    layout->page_count = layout->header_page_count + unit_page_count;
    layout->checks_offset =
        round_up(KEYDIR_IMAGE_HEADER_BYTES + table_bytes(layout->segment_count) + CRC_BYTES,
                 KEYDIR_IMAGE_PAGE_BYTES);
    layout->checks_bytes = round_up((layout->page_count + 1) * CRC_BYTES, KEYDIR_IMAGE_PAGE_BYTES);
    layout->payload_offset = layout->checks_offset + layout->checks_bytes;
    layout->section_bytes = layout->payload_offset + layout->page_count * KEYDIR_IMAGE_PAGE_BYTES;
}

/* Format 1 where it will do: versions that know no other use it too. */
static uint32_t format_of(const keydir_image_header *header)
{
    return header->space_id == 0 && header->sections_behind == 0 ? KEYDIR_IMAGE_FORMAT_VERSION
                                                                 : KEYDIR_IMAGE_FORMAT_SECTIONS;
}

void keydir_image_encode_header(const keydir_image_layout *layout,
                                const keydir_image_header *header, uint8_t *out)
{
    memset(out, 0, KEYDIR_IMAGE_HEADER_BYTES);
    memcpy(out + MAGIC_AT, magic, sizeof magic);
    store_u32(out + FORMAT_VERSION_AT, format_of(header));
    store_u32(out + PAGE_BYTES_AT, KEYDIR_IMAGE_PAGE_BYTES);
    store_u64(out + STORE_ID_AT, header->store_id);
    store_u64(out + MERGE_EDIT_AT, header->merge_edit);
    store_u64(out + LOG_POSITION_AT, header->log_position);
    store_u64(out + BUCKET_COUNT_AT, layout->bucket_count);
    store_u64(out + UNIT_COUNT_AT, layout->unit_count);
    store_u64(out + KEY_COUNT_AT, layout->key_count);
    store_u64(out + SEGMENT_COUNT_AT, layout->segment_count);
    store_u64(out + PAYLOAD_BYTES_AT, layout->page_count * KEYDIR_IMAGE_PAGE_BYTES);
    store_u64(out + CHECKS_BYTES_AT, layout->checks_bytes);
    store_u64(out + EPOCH_AT, header->epoch);
    store_u64(out + SEQUENCE_AT, header->sequence);
    store_u32(out + SPACE_ID_AT, header->space_id);
    store_u32(out + SECTIONS_BEHIND_AT, header->sections_behind);
    store_u32(out + HEADER_CRC_AT, crc32c_extend(0, out, HEADER_CRC_AT));
}

/* The check first: a header that was written whole is of another kind or version, not damaged. */
static pykv_status verify_header(const uint8_t *data, const char *path)
{
    uint32_t crc = crc32c_extend(0, data, HEADER_CRC_AT);
    if (crc != load_u32(data + HEADER_CRC_AT)) {
        return error_set_corruption(path, HEADER_CRC_AT, "the check of the image header fails",
                                    load_u32(data + HEADER_CRC_AT), crc);
    }
    if (memcmp(data + MAGIC_AT, magic, sizeof magic) != 0) {
        return error_set(PYKV_FORMAT, "%s is no image of a key directory", path);
    }
    uint32_t format = load_u32(data + FORMAT_VERSION_AT);
    bool known = format == KEYDIR_IMAGE_FORMAT_VERSION || format == KEYDIR_IMAGE_FORMAT_SECTIONS;
    if (!known || load_u32(data + PAGE_BYTES_AT) != KEYDIR_IMAGE_PAGE_BYTES) {
        return error_set(PYKV_FORMAT, "%s has image format %u with pages of %u bytes", path,
                         (unsigned)format, (unsigned)load_u32(data + PAGE_BYTES_AT));
    }
    return PYKV_OK;
}

static pykv_status verify_count(const char *path, uint64_t offset, const char *what, uint64_t least,
                                uint64_t most, uint64_t count)
{
    if (count < least || count > most) {
        return error_set_corruption(path, offset, what, count < least ? least : most, count);
    }
    return PYKV_OK;
}

/* Counts that no writer makes: the checks of the bytes do not tell, so limits do. */
static pykv_status verify_counts(const keydir_image_layout *layout, const char *path)
{
    uint64_t buckets = layout->bucket_count;
    uint64_t units = layout->unit_count;
    pykv_status status =
        verify_count(path, BUCKET_COUNT_AT, "an image cannot have that many buckets", 1,
                     KEYDIR_IMAGE_BUCKET_COUNT_MAX, buckets);
    if (status == PYKV_OK) {
        uint64_t most = buckets * KEYDIR_BUCKET_UNITS_MAX;
        status = verify_count(path, UNIT_COUNT_AT, "the buckets cannot have that many units",
                              buckets, most < UINT32_MAX ? most : UINT32_MAX, units);
    }
    if (status == PYKV_OK) {
        status = verify_count(path, KEY_COUNT_AT, "the units cannot hold that many keys", 0,
                              units * KEYDIR_UNIT_SLOTS, layout->key_count);
    }
    if (status == PYKV_OK) {
        status = verify_count(path, SEGMENT_COUNT_AT, "a store cannot have that many segments", 0,
                              KEYDIR_IMAGE_SEGMENT_COUNT_MAX, layout->segment_count);
    }
    return status;
}

static keydir_image_header read_fields(const uint8_t *data)
{
    return (keydir_image_header){.store_id = load_u64(data + STORE_ID_AT),
                                 .merge_edit = load_u64(data + MERGE_EDIT_AT),
                                 .log_position = load_u64(data + LOG_POSITION_AT),
                                 .epoch = load_u64(data + EPOCH_AT),
                                 .sequence = load_u64(data + SEQUENCE_AT),
                                 .segment_count = load_u64(data + SEGMENT_COUNT_AT),
                                 .space_id = load_u32(data + SPACE_ID_AT),
                                 .sections_behind = load_u32(data + SECTIONS_BEHIND_AT)};
}

/* A header of format 1 has zeros where one of format 2 tells of sections, which one of them alone
 * does not have. */
static pykv_status verify_rest(const uint8_t *data, const keydir_image_header *header,
                               const char *path)
{
    uint32_t due = format_of(header);
    uint32_t format = load_u32(data + FORMAT_VERSION_AT);
    if (format != due) {
        return error_set_corruption(path, SPACE_ID_AT, "the sections are not those of the format",
                                    due, format);
    }
    if (!all_zero(data + ZEROS_AT, HEADER_CRC_AT - ZEROS_AT)) {
        return error_set_corruption(path, ZEROS_AT, "unused bytes of the image header are not zero",
                                    0, 1);
    }
    return PYKV_OK;
}

pykv_status keydir_image_decode_header(const uint8_t *data, const char *path,
                                       keydir_image_layout *layout_out,
                                       keydir_image_header *header_out)
{
    keydir_image_layout layout = {.bucket_count = load_u64(data + BUCKET_COUNT_AT),
                                  .unit_count = load_u64(data + UNIT_COUNT_AT),
                                  .key_count = load_u64(data + KEY_COUNT_AT),
                                  .segment_count = load_u64(data + SEGMENT_COUNT_AT)};
    pykv_status status = verify_header(data, path);
    if (status == PYKV_OK) {
        status = verify_counts(&layout, path);
    }
    if (status != PYKV_OK) {
        return status;
    }
    keydir_image_derive(&layout);
    uint64_t payload_bytes = layout.page_count * KEYDIR_IMAGE_PAGE_BYTES;
    if (load_u64(data + PAYLOAD_BYTES_AT) != payload_bytes ||
        load_u64(data + CHECKS_BYTES_AT) != layout.checks_bytes) {
        return error_set_corruption(path, PAYLOAD_BYTES_AT, "the counts do not make the sizes",
                                    payload_bytes, load_u64(data + PAYLOAD_BYTES_AT));
    }
    keydir_image_header header = read_fields(data);
    status = verify_rest(data, &header, path);
    if (status == PYKV_OK) {
        *layout_out = layout;
        *header_out = header;
    }
    return status;
}

void keydir_image_encode_segments(const keydir_image_header *header, uint8_t *out)
{
    for (uint64_t i = 0; i < header->segment_count; i++) {
        uint8_t *entry = out + table_bytes(i);
        store_u64(entry, header->segments[i].number);
        store_u64(entry + 8, header->segments[i].address_base);
        store_u64(entry + 16, header->segments[i].live_bytes);
        store_u64(entry + 24, header->segments[i].live_count);
    }
    uint64_t bytes = table_bytes(header->segment_count);
    store_u32(out + bytes, crc32c_extend(0, out, bytes));
}

void keydir_image_encode_checks(const uint32_t *checks, uint64_t page_count, uint8_t *out)
{
    for (uint64_t i = 0; i < page_count; i++) {
        store_u32(out + i * CRC_BYTES, checks[i]);
    }
    uint64_t bytes = page_count * CRC_BYTES;
    store_u32(out + bytes, crc32c_extend(0, out, bytes));
}

/* A table of bytes at offset of the file, then its check, then zeros up to end. */
static pykv_status verify_table(const uint8_t *table, uint64_t bytes, uint64_t region_bytes,
                                const char *path, uint64_t offset)
{
    uint32_t crc = crc32c_extend(0, table, bytes);
    if (crc != load_u32(table + bytes)) {
        return error_set_corruption(path, offset, "the check of an image table fails",
                                    load_u32(table + bytes), crc);
    }
    uint64_t end = bytes + CRC_BYTES;
    if (!all_zero(table + end, region_bytes - end)) {
        return error_set_corruption(path, offset + end, "the padding of a table is not zero", 0, 1);
    }
    return PYKV_OK;
}

pykv_status keydir_image_verify_tables(const keydir_image_layout *layout, const uint8_t *tables,
                                       const char *path)
{
    uint64_t segments_region = layout->checks_offset - KEYDIR_IMAGE_HEADER_BYTES;
    pykv_status status = verify_table(tables, table_bytes(layout->segment_count), segments_region,
                                      path, KEYDIR_IMAGE_HEADER_BYTES);
    if (status == PYKV_OK) {
        status = verify_table(tables + segments_region, layout->page_count * CRC_BYTES,
                              layout->checks_bytes, path, layout->checks_offset);
    }
    return status;
}

void keydir_image_decode_segments(const uint8_t *tables, uint64_t segment_count,
                                  keydir_image_segment *segments)
{
    for (uint64_t i = 0; i < segment_count; i++) {
        const uint8_t *entry = tables + table_bytes(i);
        segments[i] = (keydir_image_segment){.number = load_u64(entry),
                                             .address_base = load_u64(entry + 8),
                                             .live_bytes = load_u64(entry + 16),
                                             .live_count = load_u64(entry + 24)};
    }
}
