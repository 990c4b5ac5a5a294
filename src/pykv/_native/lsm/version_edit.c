/*
 * version_edit: encoding and checking of an LSM store's manifest.
 */
#include "lsm/version_edit.h"

#include <stdlib.h>

#include "base/buffer.h"
#include "base/coding.h"
#include "base/error.h"
#include "base/memory.h"
#include "log/manifest_file.h"
#include "lsm/manifest_entries.h"
#include "lsm/manifest_ranges.h"

enum {
    LOG_BYTES = LSM_MANIFEST_LOG_BYTES,
    TABLE_BYTES = LSM_MANIFEST_TABLE_BYTES,
    VALUES_BYTES = LSM_MANIFEST_VALUES_BYTES
};

/* Fields that errors name, and the ends of bytes without a meaning. */
enum {
    OWN_UNUSED_1_AT = 32,
    OWN_UNUSED_1_END = 40,
    LOG_COUNT_AT = 96,
    RANGE_COUNT_AT = 120,
    VALUES_COUNT_AT = 128,
    RANGE_BYTES_AT = 136,
    PIN_COUNT_AT = 144,
    OWN_UNUSED_2_AT = 152
};

static uint64_t manifest_bytes(uint64_t log_count, uint64_t table_count, uint64_t values_count)
{
    return MANIFEST_HEAD_BYTES + log_count * LOG_BYTES + table_count * TABLE_BYTES +
           values_count * VALUES_BYTES;
}

/* ---- encoding ---- */

static void encode_header(const lsm_manifest *self, uint8_t *out)
{
    manifest_head head = {.engine = PYKV_ENGINE_LSM,
                          .clean = self->clean,
                          .store_id = self->store_id,
                          .edit = self->edit,
                          .epoch = self->epoch,
                          .hash_seed_low = self->hash_seed_low,
                          .hash_seed_high = self->hash_seed_high,
                          .next_number = self->next_number,
                          .last_sequence = self->last_sequence,
                          .durable_through = self->durable_through,
                          .wall_high_us = self->wall_high_us};
    manifest_head_encode(&head, out);
    store_u64(out + 96, self->log_count);
    store_u64(out + 104, self->table_count);
    store_u64(out + 112, self->flushed_sequence);
    store_u64(out + RANGE_COUNT_AT, self->ranges == NULL ? 0 : self->ranges->count);
    store_u64(out + VALUES_COUNT_AT, self->values_count);
    store_u64(out + RANGE_BYTES_AT, manifest_ranges_bytes(self->ranges));
    store_u64(out + PIN_COUNT_AT, self->pins.count);
}

static pykv_status encode(const lsm_manifest *self, buffer *out)
{
    pykv_status status = buffer_append_zeros(
        out, manifest_bytes(self->log_count, self->table_count, self->values_count));
    if (status != PYKV_OK) {
        return status;
    }
    encode_header(self, out->data);
    uint32_t header_crc = manifest_head_seal(out->data);
    uint8_t *at = out->data + MANIFEST_HEAD_BYTES;
    for (uint64_t i = 0; i < self->log_count; i++, at += LOG_BYTES) {
        manifest_log_encode(&self->logs[i], header_crc, at);
    }
    for (uint64_t i = 0; i < self->table_count; i++, at += TABLE_BYTES) {
        manifest_table_encode(&self->tables[i], header_crc, at);
    }
    for (uint64_t i = 0; i < self->values_count; i++, at += VALUES_BYTES) {
        manifest_values_encode(&self->values[i], header_crc, at);
    }
    status = manifest_ranges_encode(self->ranges, header_crc, out);
    return status == PYKV_OK ? manifest_pins_encode(&self->pins, header_crc, out) : status;
}

/* ---- decoding ---- */

static pykv_status decode_header(const uint8_t *data, uint64_t size, const char *path,
                                 lsm_manifest *out)
{
    manifest_head head;
    pykv_status status =
        manifest_head_decode(data, size, path, PYKV_ENGINE_LSM, "an LSM store", &head);
    if (status != PYKV_OK) {
        return status;
    }
    *out = (lsm_manifest){.clean = head.clean,
                          .store_id = head.store_id,
                          .edit = head.edit,
                          .epoch = head.epoch,
                          .hash_seed_low = head.hash_seed_low,
                          .hash_seed_high = head.hash_seed_high,
                          .next_number = head.next_number,
                          .last_sequence = head.last_sequence,
                          .durable_through = head.durable_through,
                          .wall_high_us = head.wall_high_us,
                          .log_count = load_u64(data + 96),
                          .table_count = load_u64(data + 104),
                          .flushed_sequence = load_u64(data + 112),
                          .values_count = load_u64(data + VALUES_COUNT_AT)};
    uint64_t range_bytes = load_u64(data + RANGE_BYTES_AT);
    out->pins.count = load_u64(data + PIN_COUNT_AT);
    bool bounded = out->log_count <= LSM_LOGS_MAX && out->table_count <= LSM_TABLES_MAX &&
                   out->values_count <= LSM_VALUES_MAX && range_bytes <= LSM_RANGE_BYTES_MAX &&
                   out->pins.count <= HISTORY_PINS_MAX;
    uint64_t expected = manifest_bytes(out->log_count, out->table_count, out->values_count) +
                        range_bytes + manifest_pins_bytes(&out->pins);
    if (!bounded || size != expected) {
        return error_set_corruption(path, LOG_COUNT_AT,
                                    "the manifest's size does not fit its logs, tables and ranges",
                                    expected, size);
    }
    status = manifest_check_unused(data, OWN_UNUSED_1_AT, OWN_UNUSED_1_END, path, 0);
    return status == PYKV_OK
               ? manifest_check_unused(data, OWN_UNUSED_2_AT, MANIFEST_HEAD_CRC_AT, path, 0)
               : status;
}

/* History comes before what is replayed. */
static pykv_status check_history(const lsm_manifest *self, uint64_t index, const char *path,
                                 uint64_t offset)
{
    bool follows_live = index > 0 && self->logs[index - 1].history_end == 0;
    return self->logs[index].history_end == 0 || !follows_live
               ? PYKV_OK
               : error_set_corruption(path, offset, "a log is no history where it stands", 0,
                                      self->logs[index].history_end);
}

static pykv_status check_order(uint64_t before, uint64_t got, const char *path, uint64_t offset)
{
    return got > before ? PYKV_OK
                        : error_set_corruption(path, offset, "manifest entries are out of order",
                                               before + 1, got);
}

static pykv_status decode_logs(const uint8_t *data, const char *path, lsm_manifest *out)
{
    uint64_t before = 0;
    pykv_status status = PYKV_OK;
    for (uint64_t i = 0; i < out->log_count && status == PYKV_OK; i++) {
        uint64_t offset = manifest_bytes(i, 0, 0);
        status = manifest_log_decode(data, offset, path, &out->logs[i]);
        if (status == PYKV_OK) {
            status = check_history(out, i, path, offset);
        }
        if (status == PYKV_OK) {
            status = check_order(before, out->logs[i].number, path, offset);
        }
        before = out->logs[i].number;
    }
    return status;
}

static pykv_status decode_tables(const uint8_t *data, const char *path, lsm_manifest *out)
{
    uint64_t before = 0; /* level and number of the table before, as one number */
    pykv_status status = PYKV_OK;
    for (uint64_t i = 0; i < out->table_count && status == PYKV_OK; i++) {
        manifest_table *entry = &out->tables[i];
        uint64_t offset = manifest_bytes(out->log_count, i, 0);
        status = manifest_table_decode(data, offset, out->last_sequence, path, entry);
        if (status == PYKV_OK) {
            status =
                check_order(before, (uint64_t)entry->level << 32 | entry->number, path, offset);
        }
        before = (uint64_t)entry->level << 32 | entry->number;
    }
    return status;
}

static pykv_status decode_values(const uint8_t *data, const char *path, lsm_manifest *out)
{
    uint64_t before = 0;
    pykv_status status = PYKV_OK;
    for (uint64_t i = 0; i < out->values_count && status == PYKV_OK; i++) {
        manifest_values *entry = &out->values[i];
        uint64_t offset = manifest_bytes(out->log_count, out->table_count, i);
        status = manifest_values_decode(data, offset, path, entry);
        if (status == PYKV_OK) {
            status = check_order(before, entry->number, path, offset);
        }
        before = entry->number;
    }
    return status;
}

/* ---- numbers ---- */

static int compare_numbers(const void *left, const void *right)
{
    uint32_t a = *(const uint32_t *)left;
    uint32_t b = *(const uint32_t *)right;
    return (a > b) - (a < b);
}

/* Checks that no two files have one number, that none is 0, and that the next one is above all. */
static pykv_status check_numbers(const lsm_manifest *self, const char *path)
{
    size_t count = self->log_count + self->table_count + self->values_count;
    uint32_t *numbers = mem_alloc((count + 1) * sizeof *numbers);
    pykv_status status = PYKV_OK;
    if (numbers == NULL) {
        return error_set_no_memory((count + 1) * sizeof *numbers);
    }
    numbers[0] = 0;
    for (uint64_t i = 0; i < self->log_count; i++) {
        numbers[1 + i] = self->logs[i].number;
    }
    for (uint64_t i = 0; i < self->table_count; i++) {
        numbers[1 + self->log_count + i] = self->tables[i].number;
    }
    for (uint64_t i = 0; i < self->values_count; i++) {
        numbers[1 + self->log_count + self->table_count + i] = self->values[i].number;
    }
    qsort(numbers, count + 1, sizeof *numbers, compare_numbers);
    for (size_t i = 1; i <= count && status == PYKV_OK; i++) {
        if (numbers[i] == numbers[i - 1]) {
            status = error_set_corruption(path, MANIFEST_HEAD_BYTES,
                                          "the manifest gives a number to two files, or is it 0",
                                          (uint64_t)numbers[i] + 1, numbers[i]);
        }
    }
    if (status == PYKV_OK) {
        status = manifest_check_next_number(self->next_number, numbers[count], path);
    }
    mem_free(numbers);
    return status;
}

/* Leaves lists in out that lsm_manifest_reset frees, also on failure. */
static pykv_status decode(const uint8_t *data, uint64_t size, const char *path, lsm_manifest *out)
{
    pykv_status status = decode_header(data, size, path, out);
    if (status != PYKV_OK) {
        return status;
    }
    out->logs = mem_alloc_zeroed(out->log_count + 1, sizeof *out->logs);
    out->tables = mem_alloc_zeroed(out->table_count + 1, sizeof *out->tables);
    out->values = mem_alloc_zeroed(out->values_count + 1, sizeof *out->values);
    if (out->logs == NULL || out->tables == NULL || out->values == NULL) {
        return error_set_no_memory(size);
    }
    if (out->flushed_sequence > out->last_sequence) {
        return error_set_corruption(path, 112, "more is in tables than there is",
                                    out->last_sequence, out->flushed_sequence);
    }
    status = decode_logs(data, path, out);
    if (status == PYKV_OK) {
        status = decode_tables(data, path, out);
    }
    if (status == PYKV_OK) {
        status = decode_values(data, path, out);
    }
    if (status == PYKV_OK) {
        uint64_t ranges_at = manifest_bytes(out->log_count, out->table_count, out->values_count);
        manifest_ranges_place place = {path, ranges_at, load_u64(data + RANGE_COUNT_AT),
                                       out->last_sequence};
        uint64_t pins_at = size - manifest_pins_bytes(&out->pins);
        status = manifest_ranges_decode(data, pins_at, &place, &out->ranges);
        if (status == PYKV_OK) {
            status = manifest_pins_decode(data, pins_at, out->pins.count, path, &out->pins);
        }
    }
    return status == PYKV_OK ? check_numbers(out, path) : status;
}

/* ---- the file ---- */

pykv_status lsm_manifest_read(env_directory *directory, lsm_manifest *out)
{
    buffer bytes = BUFFER_EMPTY;
    env_file *file;
    uint64_t bytes_max = manifest_bytes(LSM_LOGS_MAX, LSM_TABLES_MAX, LSM_VALUES_MAX) +
                         LSM_RANGE_BYTES_MAX + (uint64_t)HISTORY_PINS_MAX * MANIFEST_PIN_BYTES;
    pykv_status status = manifest_file_load(directory, bytes_max, &bytes, &file);
    if (status == PYKV_OK) {
        lsm_manifest found = {0};
        status = decode(bytes.data, bytes.size, env_file_path(file), &found);
        if (status == PYKV_OK) {
            *out = found;
        } else {
            lsm_manifest_reset(&found);
        }
        env_file_close(file);
    }
    buffer_reset(&bytes);
    return status;
}

/* A list that is out of order is an error of its maker, and must not get into force. */
static pykv_status check_readable(const buffer *bytes)
{
    lsm_manifest again = {0};
    pykv_status status = decode(bytes->data, bytes->size, "the new " MANIFEST_NAME, &again);
    lsm_manifest_reset(&again);
    return status == PYKV_CORRUPTION ? error_set(PYKV_INTERNAL, "%s", error_last()->text) : status;
}

/* Replaces MANIFEST by self in one of the three ways. */
static pykv_status replace(env_directory *directory, const lsm_manifest *self,
                           pykv_status (*way)(env_directory *directory, const buffer *bytes))
{
    buffer bytes = BUFFER_EMPTY;
    pykv_status status = encode(self, &bytes);
    if (status == PYKV_OK) {
        status = check_readable(&bytes);
    }
    if (status == PYKV_OK) {
        status = way(directory, &bytes);
    }
    buffer_reset(&bytes);
    return status;
}

pykv_status lsm_manifest_replace(env_directory *directory, const lsm_manifest *self)
{
    return replace(directory, self, manifest_file_replace);
}

pykv_status lsm_manifest_place(env_directory *directory, const lsm_manifest *self)
{
    return replace(directory, self, manifest_file_place);
}

pykv_status lsm_manifest_replace_reserved(env_directory *directory, const lsm_manifest *self)
{
    return replace(directory, self, manifest_file_replace_reserved);
}

pykv_status lsm_manifest_reserve(env_directory *directory, uint64_t log_count, uint64_t table_count,
                                 uint64_t values_count)
{
    return manifest_file_reserve(directory, manifest_bytes(log_count, table_count, values_count));
}

void lsm_manifest_reset(lsm_manifest *self)
{
    mem_free(self->logs);
    mem_free(self->tables);
    mem_free(self->values);
    range_set_release(self->ranges);
    self->ranges = NULL;
    self->logs = NULL;
    self->tables = NULL;
    self->values = NULL;
    self->log_count = 0;
    self->table_count = 0;
    self->values_count = 0;
}
