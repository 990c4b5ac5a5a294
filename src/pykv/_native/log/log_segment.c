/*
 * log_segment: encodes and decodes the header of a log file; the layout stands in log_segment.h.
 * Pure functions over the caller's memory: thread-safe.
 */
#include "log/log_segment.h"

#include <string.h>

#include "base/coding.h"
#include "base/crc32c.h"
#include "base/error.h"
#include "base/invariant.h"

/* Places in the header, each the end of the one before. */
enum {
    VERSION_AT = 8,
    KIND_AT = VERSION_AT + 4,
    KIND_PADDING_AT = KIND_AT + 1,
    FILE_ID_AT = KIND_PADDING_AT + 3,
    NUMBER_AT = FILE_ID_AT + 8,
    BIRTH_SEQUENCE_AT = NUMBER_AT + 8,
    SYNCED_THROUGH_AT = BIRTH_SEQUENCE_AT + 8,
    STORE_ID_AT = SYNCED_THROUGH_AT + 8,
    PADDING_AT = STORE_ID_AT + 8,
    CRC_AT = PADDING_AT + 4
};
_Static_assert(CRC_AT + 4 == (int)LOG_SEGMENT_HEADER_BYTES, "the header has 64 bytes");

/* "PYKVLOG\n" as a little-endian number. */
#define LOG_SEGMENT_MAGIC UINT64_C(0x0A474F4C564B5950)

static bool is_known(uint8_t kind)
{
    return kind >= LOG_SEGMENT_APPEND && kind <= LOG_SEGMENT_VALUES;
}

void log_segment_encode(const log_segment_header *self, uint8_t out[LOG_SEGMENT_HEADER_BYTES])
{
    PYKV_ASSERT(is_known(self->kind));
    PYKV_ASSERT(self->number != 0);
    memset(out, 0, LOG_SEGMENT_HEADER_BYTES);
    store_u64(out, LOG_SEGMENT_MAGIC);
    store_u32(out + VERSION_AT, LOG_FORMAT_VERSION);
    store_u8(out + KIND_AT, self->kind);
    store_u64(out + FILE_ID_AT, self->file_id);
    store_u64(out + NUMBER_AT, self->number);
    store_u64(out + BIRTH_SEQUENCE_AT, self->birth_sequence);
    store_u64(out + SYNCED_THROUGH_AT, self->synced_through);
    store_u64(out + STORE_ID_AT, self->store_id);
    store_u32(out + CRC_AT, crc32c_extend(0, out, CRC_AT));
}

/* Magic, check and version, in an order that later versions keep. */
static pykv_status check_frame(const uint8_t *data, uint64_t size, const char *path)
{
    if (size < LOG_SEGMENT_HEADER_BYTES) {
        return error_set_corruption(path, 0, "length of a log file below its header's",
                                    LOG_SEGMENT_HEADER_BYTES, size);
    }
    if (load_u64(data) != LOG_SEGMENT_MAGIC) {
        return error_set_corruption(path, 0, "magic of a log file", LOG_SEGMENT_MAGIC,
                                    load_u64(data));
    }
    uint32_t crc = crc32c_extend(0, data, CRC_AT);
    if (crc != load_u32(data + CRC_AT)) {
        return error_set_corruption(path, CRC_AT, "check of a log file's header", crc,
                                    load_u32(data + CRC_AT));
    }
    uint32_t version = load_u32(data + VERSION_AT);
    if (version != LOG_FORMAT_VERSION) {
        return error_set(PYKV_FORMAT, "%s is a log file of format %u; this library knows %u", path,
                         (unsigned)version, (unsigned)LOG_FORMAT_VERSION);
    }
    return PYKV_OK;
}

pykv_status log_segment_decode(const uint8_t *data, uint64_t size, const char *path,
                               log_segment_header *out)
{
    pykv_status status = check_frame(data, size, path);
    if (status != PYKV_OK) {
        return status;
    }
    uint8_t kind = load_u8(data + KIND_AT);
    if (!is_known(kind)) {
        return error_set_corruption(path, KIND_AT, "kind of a log file", LOG_SEGMENT_APPEND, kind);
    }
    uint64_t number = load_u64(data + NUMBER_AT);
    if (number == 0 || number > UINT32_MAX) {
        return error_set_corruption(path, NUMBER_AT, "number of a log file", UINT32_MAX, number);
    }
    uint32_t unused = load_u32(data + KIND_AT) >> 8 | load_u32(data + PADDING_AT);
    if (unused != 0) {
        return error_set_corruption(path, KIND_PADDING_AT, "unused bytes of a log file's header", 0,
                                    unused);
    }
    out->kind = kind;
    out->number = (uint32_t)number;
    out->file_id = load_u64(data + FILE_ID_AT);
    out->birth_sequence = load_u64(data + BIRTH_SEQUENCE_AT);
    out->synced_through = load_u64(data + SYNCED_THROUGH_AT);
    out->store_id = load_u64(data + STORE_ID_AT);
    return PYKV_OK;
}
