/*
 * manifest: encoding and checking of a Bitcask's manifest.
 */
#include "bitcask/manifest.h"

#include "base/buffer.h"
#include "base/coding.h"
#include "base/error.h"
#include "base/memory.h"
#include "bitcask/manifest_deadlines.h"
#include "log/log_format.h"
#include "log/log_segment.h"
#include "log/manifest_file.h"

/* The fields that errors name, and the ends of bytes without a meaning. */
enum {
    HEADER_SEGMENT_COUNT_AT = 96,
    HEADER_HISTORY_COUNT_AT = 120,
    HEADER_EPOCH_COUNT_AT = 128,
    HEADER_PIN_COUNT_AT = 136,
    HEADER_DEADLINES_COUNT_AT = 144,
    HEADER_UNUSED_2_AT = 152,
    ENTRY_SEALED_AT = 5,
    ENTRY_TOMBSTONE_SHARE_AT = 6
};

static uint64_t manifest_bytes(uint64_t segment_count)
{
    return MANIFEST_HEADER_BYTES + segment_count * MANIFEST_ENTRY_BYTES;
}

/* Bytes of a manifest whose counts are set. */
static uint64_t bytes_of(const manifest *self, uint64_t deadlines_count)
{
    return manifest_bytes(self->segment_count + self->history_count) +
           self->epochs.count * PAST_EPOCH_BYTES + manifest_pins_bytes(&self->pins) +
           deadlines_count * MANIFEST_DEADLINES_BYTES;
}

static void encode_header(const manifest *self, uint8_t *out)
{
    manifest_head head = {.engine = PYKV_ENGINE_BITCASK,
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
    store_u64(out + 32, self->merge_edit);
    store_u64(out + 96, self->segment_count);
    store_u64(out + 104, self->sealed_sequence);
    store_u64(out + 112, self->clear_sequence);
    store_u64(out + HEADER_HISTORY_COUNT_AT, self->history_count);
    store_u64(out + HEADER_EPOCH_COUNT_AT, self->epochs.count);
    store_u64(out + HEADER_PIN_COUNT_AT, self->pins.count);
    store_u64(out + HEADER_DEADLINES_COUNT_AT, manifest_deadlines_count(self));
}

/* What does not fit counts as the most that does: it only tells when merging is worth it. */
static uint32_t expiring_granules(const manifest_segment *entry)
{
    uint64_t granules = entry->expiring_bytes / RECORD_GRANULE_BYTES;
    return granules < UINT32_MAX ? (uint32_t)granules : UINT32_MAX;
}

static void encode_entry(const manifest_segment *entry, uint32_t header_crc, uint8_t *out)
{
    store_u32(out, entry->number);
    store_u8(out + 4, entry->kind);
    store_u8(out + 5, entry->sealed ? 1 : 0);
    store_u16(out + ENTRY_TOMBSTONE_SHARE_AT, entry->tombstone_share);
    store_u64(out + 8, entry->file_id);
    store_u64(out + 16, entry->birth_sequence);
    store_u64(out + 24, entry->last_sequence);
    store_u64(out + 32, entry->length);
    store_u64(out + 40, entry->first_sequence);
    store_u64(out + 48, entry->deadline_max_us);
    store_u32(out + 56, expiring_granules(entry));
    manifest_entry_seal(out, MANIFEST_ENTRY_BYTES, header_crc);
}

static pykv_status encode(const manifest *self, buffer *out)
{
    uint64_t count = self->segment_count + self->history_count;
    pykv_status status = buffer_append_zeros(out, manifest_bytes(count));
    if (status != PYKV_OK) {
        return status;
    }
    encode_header(self, out->data);
    uint32_t header_crc = manifest_head_seal(out->data);
    for (uint64_t i = 0; i < self->segment_count; i++) {
        encode_entry(&self->segments[i], header_crc, out->data + manifest_bytes(i));
    }
    for (uint64_t i = 0; i < self->history_count; i++) {
        uint64_t offset = manifest_bytes(self->segment_count + i);
        encode_entry(&self->history[i], header_crc, out->data + offset);
    }
    status = past_epochs_encode(&self->epochs, header_crc, out);
    if (status == PYKV_OK) {
        status = manifest_pins_encode(&self->pins, header_crc, out);
    }
    return status == PYKV_OK ? manifest_deadlines_encode(self, header_crc, out) : status;
}

static pykv_status decode_header(const uint8_t *data, uint64_t size, const char *path,
                                 manifest *out)
{
    manifest_head head;
    pykv_status status =
        manifest_head_decode(data, size, path, PYKV_ENGINE_BITCASK, "a Bitcask", &head);
    if (status != PYKV_OK) {
        return status;
    }
    *out = (manifest){.clean = head.clean,
                      .store_id = head.store_id,
                      .edit = head.edit,
                      .merge_edit = load_u64(data + 32),
                      .epoch = head.epoch,
                      .hash_seed_low = head.hash_seed_low,
                      .hash_seed_high = head.hash_seed_high,
                      .next_number = head.next_number,
                      .last_sequence = head.last_sequence,
                      .durable_through = head.durable_through,
                      .wall_high_us = head.wall_high_us,
                      .segment_count = load_u64(data + HEADER_SEGMENT_COUNT_AT),
                      .sealed_sequence = load_u64(data + 104),
                      .clear_sequence = load_u64(data + 112),
                      .history_count = load_u64(data + HEADER_HISTORY_COUNT_AT)};
    out->epochs.count = load_u64(data + HEADER_EPOCH_COUNT_AT);
    out->pins.count = load_u64(data + HEADER_PIN_COUNT_AT);
    uint64_t deadlines_count = load_u64(data + HEADER_DEADLINES_COUNT_AT);
    bool is_possible = out->segment_count <= MANIFEST_SEGMENTS_MAX &&
                       out->history_count <= MANIFEST_SEGMENTS_MAX &&
                       out->epochs.count <= MANIFEST_SEGMENTS_MAX &&
                       out->pins.count <= HISTORY_PINS_MAX && deadlines_count <= out->segment_count;
    uint64_t expected = is_possible ? bytes_of(out, deadlines_count) : 0;
    if (size != expected) {
        return error_set_corruption(path, HEADER_SEGMENT_COUNT_AT,
                                    "the manifest's size does not fit its segments", expected,
                                    size);
    }
    return manifest_check_unused(data, HEADER_UNUSED_2_AT, MANIFEST_HEAD_CRC_AT, path, 0);
}

static pykv_status decode_entry(const uint8_t *data, uint32_t header_crc, uint64_t offset,
                                const char *path, manifest_segment *out)
{
    pykv_status status = manifest_entry_check(data, MANIFEST_ENTRY_BYTES, header_crc, path, offset);
    if (status != PYKV_OK) {
        return status;
    }
    out->number = load_u32(data);
    out->kind = data[4];
    out->tombstone_share = load_u16(data + ENTRY_TOMBSTONE_SHARE_AT);
    out->file_id = load_u64(data + 8);
    out->birth_sequence = load_u64(data + 16);
    out->last_sequence = load_u64(data + 24);
    out->length = load_u64(data + 32);
    out->first_sequence = load_u64(data + 40);
    out->deadline_max_us = load_u64(data + 48);
    out->expiring_bytes = (uint64_t)load_u32(data + 56) * RECORD_GRANULE_BYTES;
    if (out->number == 0 || (out->kind != LOG_SEGMENT_APPEND && out->kind != LOG_SEGMENT_MERGED)) {
        return error_set_corruption(path, offset, "a manifest entry names no segment", 1,
                                    out->kind);
    }
    return manifest_decode_flag(data, ENTRY_SEALED_AT, path, offset, &out->sealed);
}

/* Decodes count entries, the first of which is entry number first of the manifest. highest_out: the
 * last number. */
static pykv_status decode_entries(const uint8_t *data, uint64_t first, uint64_t count,
                                  const char *path, manifest_segment **out, uint32_t *highest_out)
{
    uint32_t header_crc = manifest_head_crc(data);
    pykv_status status = PYKV_OK;
    manifest_segment *entries = mem_alloc_zeroed(count + 1, sizeof *entries);
    if (entries == NULL) {
        return error_set_no_memory(count * sizeof *entries);
    }
    *out = entries;
    *highest_out = 0;
    for (uint64_t i = 0; i < count && status == PYKV_OK; i++) {
        uint64_t offset = manifest_bytes(first + i);
        status = decode_entry(data + offset, header_crc, offset, path, &entries[i]);
        if (status == PYKV_OK && entries[i].number <= *highest_out) {
            status = error_set_corruption(path, offset, "manifest entries are out of order",
                                          *highest_out + 1, entries[i].number);
        }
        *highest_out = entries[i].number;
    }
    return status;
}

/* History is of whole append segments. */
static pykv_status check_history(const manifest *self, const char *path)
{
    for (uint64_t i = 0; self->history != NULL && i < self->history_count; i++) {
        const manifest_segment *entry = &self->history[i];
        bool is_whole =
            entry->kind == LOG_SEGMENT_APPEND && entry->sealed && entry->first_sequence != 0 &&
            entry->last_sequence >= entry->first_sequence && entry->tombstone_share == 0;
        if (!is_whole) {
            return error_set_corruption(path, manifest_bytes(self->segment_count + i),
                                        "an entry of the history is of no whole append segment",
                                        LOG_SEGMENT_APPEND, entry->kind);
        }
    }
    return PYKV_OK;
}

/* What stands behind all entries of segments. */
static pykv_status decode_rest(const uint8_t *data, const char *path, manifest *out)
{
    uint64_t epoch_count = out->epochs.count;
    uint64_t pin_count = out->pins.count;
    uint64_t epochs_at = manifest_bytes(out->segment_count + out->history_count);
    out->epochs.count = 0;
    pykv_status status = past_epochs_decode(data, epochs_at, epoch_count, path, &out->epochs);
    if (status != PYKV_OK) {
        return status;
    }
    uint64_t pins_at = epochs_at + epoch_count * PAST_EPOCH_BYTES;
    uint64_t deadlines_at = pins_at + pin_count * MANIFEST_PIN_BYTES;
    status = manifest_pins_decode(data, pins_at, pin_count, path, &out->pins);
    return status == PYKV_OK
               ? manifest_deadlines_decode(data, deadlines_at,
                                           load_u64(data + HEADER_DEADLINES_COUNT_AT), path, out)
               : status;
}

static pykv_status decode(const uint8_t *data, uint64_t size, const char *path, manifest *out)
{
    uint32_t highest = 0;
    uint32_t highest_of_history = 0;
    pykv_status status = decode_header(data, size, path, out);
    if (status == PYKV_OK) {
        status = decode_entries(data, 0, out->segment_count, path, &out->segments, &highest);
    }
    if (status == PYKV_OK) {
        status = decode_entries(data, out->segment_count, out->history_count, path, &out->history,
                                &highest_of_history);
    }
    if (status == PYKV_OK) {
        status = check_history(out, path);
    }
    if (status == PYKV_OK) {
        status = decode_rest(data, path, out);
    }
    highest = highest > highest_of_history ? highest : highest_of_history;
    return status == PYKV_OK ? manifest_check_next_number(out->next_number, highest, path) : status;
}

pykv_status manifest_read(env_directory *directory, manifest *out)
{
    buffer bytes = BUFFER_EMPTY;
    env_file *file;
    uint64_t size_max = manifest_bytes(2 * (uint64_t)MANIFEST_SEGMENTS_MAX) +
                        (uint64_t)MANIFEST_SEGMENTS_MAX * PAST_EPOCH_BYTES +
                        (uint64_t)HISTORY_PINS_MAX * MANIFEST_PIN_BYTES +
                        (uint64_t)MANIFEST_SEGMENTS_MAX * MANIFEST_DEADLINES_BYTES;
    pykv_status status = manifest_file_load(directory, size_max, &bytes, &file);
    if (status == PYKV_OK) {
        manifest found = {0};
        status = decode(bytes.data, bytes.size, env_file_path(file), &found);
        if (status == PYKV_OK) {
            *out = found;
        } else {
            manifest_reset(&found);
        }
        env_file_close(file);
    }
    buffer_reset(&bytes);
    return status;
}

/* Replaces MANIFEST by self in one of the three ways. */
static pykv_status replace(env_directory *directory, const manifest *self,
                           pykv_status (*way)(env_directory *directory, const buffer *bytes))
{
    buffer bytes = BUFFER_EMPTY;
    pykv_status status = encode(self, &bytes);
    if (status == PYKV_OK) {
        status = way(directory, &bytes);
    }
    buffer_reset(&bytes);
    return status;
}

pykv_status manifest_replace(env_directory *directory, const manifest *self)
{
    return replace(directory, self, manifest_file_replace);
}

pykv_status manifest_place(env_directory *directory, const manifest *self)
{
    return replace(directory, self, manifest_file_place);
}

pykv_status manifest_replace_reserved(env_directory *directory, const manifest *self)
{
    return replace(directory, self, manifest_file_replace_reserved);
}

pykv_status manifest_reserve(env_directory *directory, uint64_t segment_count, uint64_t other_bytes)
{
    return manifest_file_reserve(directory, manifest_bytes(segment_count) + other_bytes);
}

void manifest_release(env_directory *directory)
{
    manifest_file_release(directory);
}

void manifest_reset(manifest *self)
{
    mem_free(self->segments);
    self->segments = NULL;
    self->segment_count = 0;
    mem_free(self->history);
    self->history = NULL;
    self->history_count = 0;
    past_epochs_reset(&self->epochs);
}
