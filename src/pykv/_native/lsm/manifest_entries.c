/*
 * manifest_entries: fields at their places.
 */
#include "lsm/manifest_entries.h"

#include "base/coding.h"
#include "base/error.h"
#include "base/invariant.h"
#include "log/log_format.h"
#include "log/log_segment.h"
#include "log/manifest_file.h"

enum {
    LOG_BYTES = LSM_MANIFEST_LOG_BYTES,
    TABLE_BYTES = LSM_MANIFEST_TABLE_BYTES,
    VALUES_BYTES = LSM_MANIFEST_VALUES_BYTES
};

/* Fields that errors name, and the ends of bytes without a meaning. */
enum {
    LOG_HISTORY_END_AT = 4,
    LOG_EPOCH_AT = 24,
    TABLE_UNUSED_1_AT = 5,
    TABLE_FILE_ID_AT = 8,
    TABLE_UNUSED_2_AT = 84,
    TABLE_DELETES_AT = 88,
    TABLE_EIGHTHS_AT = 96,
    VALUES_UNUSED_1_AT = 4,
    VALUES_FILE_ID_AT = 8,
    VALUES_UNUSED_2_AT = 40
};

/* ---- logs ---- */

void manifest_log_encode(const manifest_log *entry, uint32_t header_crc, uint8_t *out)
{
    store_u32(out, entry->number);
    store_u32(out + LOG_HISTORY_END_AT, (uint32_t)(entry->history_end / RECORD_GRANULE_BYTES));
    store_u64(out + 8, entry->file_id);
    store_u64(out + 16, entry->birth_sequence);
    store_u32(out + LOG_EPOCH_AT, entry->epoch);
    manifest_entry_seal(out, LOG_BYTES, header_crc);
}

pykv_status manifest_log_decode(const uint8_t *data, uint64_t offset, const char *path,
                                manifest_log *out)
{
    const uint8_t *at = data + offset;
    uint64_t history_end = (uint64_t)load_u32(at + LOG_HISTORY_END_AT) * RECORD_GRANULE_BYTES;
    *out = (manifest_log){.number = load_u32(at),
                          .file_id = load_u64(at + 8),
                          .birth_sequence = load_u64(at + 16),
                          .history_end = history_end,
                          .epoch = load_u32(at + LOG_EPOCH_AT)};
    pykv_status status = manifest_entry_check(at, LOG_BYTES, manifest_head_crc(data), path, offset);
    if (status == PYKV_OK && history_end != 0 && history_end <= LOG_SEGMENT_HEADER_BYTES) {
        status = error_set_corruption(path, offset + LOG_HISTORY_END_AT,
                                      "a log of history has no records", 0, history_end);
    }
    return status;
}

/* ---- tables ---- */

void manifest_table_encode(const manifest_table *entry, uint32_t header_crc, uint8_t *out)
{
    store_u32(out, entry->number);
    store_u8(out + 4, entry->level);
    store_u64(out + 8, entry->file_id);
    store_u64(out + 16, entry->file_bytes);
    store_u64(out + 24, entry->entry_count);
    store_u64(out + 32, entry->tombstone_count);
    store_u64(out + 40, entry->sequence_min);
    store_u64(out + 48, entry->sequence_max);
    store_u64(out + 56, entry->deadline_min_us);
    store_u64(out + 64, entry->deadline_max_us);
    store_u64(out + 72, entry->raw_bytes);
    store_u32(out + 80, entry->file_crc);
    store_u64(out + TABLE_DELETES_AT, entry->deletes_through);
    for (size_t i = 0; i < DEADLINE_EIGHTH_COUNT; i++) {
        store_u32(out + TABLE_EIGHTHS_AT + i * sizeof(uint32_t), entry->eighths[i]);
    }
    manifest_entry_seal(out, TABLE_BYTES, header_crc);
}

/* Checks facts that no table can have. */
static pykv_status check_table(const manifest_table *self, uint64_t last_sequence, const char *path,
                               uint64_t offset)
{
    if (self->level >= LSM_LEVEL_COUNT) {
        return error_set_corruption(path, offset + 4, "a table has a level that there is not",
                                    LSM_LEVEL_COUNT - 1, self->level);
    }
    if (self->entry_count == 0 || self->tombstone_count > self->entry_count) {
        return error_set_corruption(path, offset + 24, "a table has a wrong number of entries",
                                    self->tombstone_count, self->entry_count);
    }
    if (self->sequence_min > self->sequence_max || self->sequence_max > last_sequence ||
        self->deletes_through > last_sequence) {
        return error_set_corruption(path, offset + 48, "a table has sequences out of bounds",
                                    last_sequence, self->sequence_max);
    }
    return PYKV_OK;
}

/* Finds bytes that have no meaning and are not zero. */
static pykv_status check_table_unused(const uint8_t *at, uint64_t offset, const char *path)
{
    pykv_status status =
        manifest_check_unused(at, TABLE_UNUSED_1_AT, TABLE_FILE_ID_AT, path, offset);
    return status == PYKV_OK
               ? manifest_check_unused(at, TABLE_UNUSED_2_AT, TABLE_DELETES_AT, path, offset)
               : status;
}

/* They do not fall, and none is behind one that is not known. */
static pykv_status decode_eighths(const uint8_t *at, uint64_t offset, const char *path,
                                  uint32_t *out)
{
    for (size_t i = 0; i < DEADLINE_EIGHTH_COUNT; i++) {
        out[i] = load_u32(at + TABLE_EIGHTHS_AT + i * sizeof(uint32_t));
        bool is_known = out[i] != 0;
        if (i > 0 && is_known && (out[i - 1] == 0 || out[i] < out[i - 1])) {
            return error_set_corruption(path, offset + TABLE_EIGHTHS_AT,
                                        "deadlines of a table are out of order", out[i - 1],
                                        out[i]);
        }
    }
    return PYKV_OK;
}

pykv_status manifest_table_decode(const uint8_t *data, uint64_t offset, uint64_t last_sequence,
                                  const char *path, manifest_table *out)
{
    const uint8_t *at = data + offset;
    *out = (manifest_table){.number = load_u32(at),
                            .level = at[4],
                            .file_id = load_u64(at + 8),
                            .file_bytes = load_u64(at + 16),
                            .entry_count = load_u64(at + 24),
                            .tombstone_count = load_u64(at + 32),
                            .sequence_min = load_u64(at + 40),
                            .sequence_max = load_u64(at + 48),
                            .deadline_min_us = load_u64(at + 56),
                            .deadline_max_us = load_u64(at + 64),
                            .raw_bytes = load_u64(at + 72),
                            .file_crc = load_u32(at + 80),
                            .deletes_through = load_u64(at + TABLE_DELETES_AT)};
    pykv_status status =
        PYKV_PLANTED(331)
            ? PYKV_OK
            : manifest_entry_check(at, TABLE_BYTES, manifest_head_crc(data), path, offset);
    if (status == PYKV_OK) {
        status = check_table_unused(at, offset, path);
    }
    if (status == PYKV_OK) {
        status = decode_eighths(at, offset, path, out->eighths);
    }
    return status == PYKV_OK ? check_table(out, last_sequence, path, offset) : status;
}

/* ---- value segments ---- */

void manifest_values_encode(const manifest_values *entry, uint32_t header_crc, uint8_t *out)
{
    store_u32(out, entry->number);
    store_u64(out + 8, entry->file_id);
    store_u64(out + 16, entry->file_bytes);
    store_u64(out + 24, entry->value_count);
    store_u64(out + 32, entry->value_bytes);
    manifest_entry_seal(out, VALUES_BYTES, header_crc);
}

pykv_status manifest_values_decode(const uint8_t *data, uint64_t offset, const char *path,
                                   manifest_values *out)
{
    const uint8_t *at = data + offset;
    *out = (manifest_values){.number = load_u32(at),
                             .file_id = load_u64(at + 8),
                             .file_bytes = load_u64(at + 16),
                             .value_count = load_u64(at + 24),
                             .value_bytes = load_u64(at + 32)};
    pykv_status status =
        manifest_entry_check(at, VALUES_BYTES, manifest_head_crc(data), path, offset);
    if (status == PYKV_OK) {
        status = manifest_check_unused(at, VALUES_UNUSED_1_AT, VALUES_FILE_ID_AT, path, offset);
    }
    return status == PYKV_OK
               ? manifest_check_unused(at, VALUES_UNUSED_2_AT, VALUES_BYTES - 4, path, offset)
               : status;
}
