/*
 * manifest: encoding, checking and atomic replacement of the MANIFEST file.
 */
#include "bitcask/manifest.h"

#include <string.h>

#include "base/buffer.h"
#include "base/coding.h"
#include "base/crc32c.h"
#include "base/error.h"
#include "base/invariant.h"
#include "base/memory.h"
#include "log/log_segment.h"

#define MANIFEST_TEMPORARY MANIFEST_NAME ".tmp"

static const uint8_t manifest_magic[8] = {'P', 'Y', 'K', 'V', 'M', 'A', 'N', '\n'};

/* Flags, bytes without a meaning, and the field that ends these. */
enum {
    HEADER_CLEAN_AT = 13,
    HEADER_UNUSED_1_AT = 14,
    HEADER_STORE_ID_AT = 16,
    HEADER_NEXT_NUMBER_AT = 64,
    HEADER_UNUSED_2_AT = 120,
    HEADER_CRC_AT = MANIFEST_HEADER_BYTES - 4,
    ENTRY_SEALED_AT = 5,
    ENTRY_UNUSED_3_AT = 6,
    ENTRY_FILE_ID_AT = 8,
    ENTRY_UNUSED_4_AT = 48,
    ENTRY_CRC_AT = MANIFEST_ENTRY_BYTES - 4
};

enum { RESERVE_STEP_BYTES = 4096 };

static void encode_header(const manifest *self, uint8_t *out)
{
    memcpy(out, manifest_magic, sizeof manifest_magic);
    store_u32(out + 8, MANIFEST_FORMAT_VERSION);
    store_u8(out + 12, PYKV_ENGINE_BITCASK);
    store_u8(out + 13, self->clean ? 1 : 0);
    store_u64(out + 16, self->store_id);
    store_u64(out + 24, self->edit);
    store_u64(out + 32, self->merge_edit);
    store_u64(out + 40, self->epoch);
    store_u64(out + 48, self->hash_seed_low);
    store_u64(out + 56, self->hash_seed_high);
    store_u64(out + 64, self->next_number);
    store_u64(out + 72, self->last_sequence);
    store_u64(out + 80, self->durable_through);
    store_u64(out + 88, self->wall_high_us);
    store_u64(out + 96, self->segment_count);
    store_u64(out + 104, self->sealed_sequence);
    store_u64(out + 112, self->clear_sequence);
    store_u32(out + HEADER_CRC_AT, crc32c_extend(0, out, HEADER_CRC_AT));
}

static void encode_entry(const manifest_segment *entry, uint32_t header_crc, uint8_t *out)
{
    store_u32(out, entry->number);
    store_u8(out + 4, entry->kind);
    store_u8(out + 5, entry->sealed ? 1 : 0);
    store_u64(out + 8, entry->file_id);
    store_u64(out + 16, entry->birth_sequence);
    store_u64(out + 24, entry->last_sequence);
    store_u64(out + 32, entry->length);
    store_u64(out + 40, entry->first_sequence);
    store_u32(out + ENTRY_CRC_AT, crc32c_extend(header_crc, out, ENTRY_CRC_AT));
}

static pykv_status encode(const manifest *self, buffer *out)
{
    pykv_status status = buffer_append_zeros(out, MANIFEST_HEADER_BYTES +
                                                      self->segment_count * MANIFEST_ENTRY_BYTES);
    if (status != PYKV_OK) {
        return status;
    }
    encode_header(self, out->data);
    uint32_t header_crc = load_u32(out->data + HEADER_CRC_AT);
    for (uint64_t i = 0; i < self->segment_count; i++) {
        encode_entry(&self->segments[i], header_crc,
                     out->data + MANIFEST_HEADER_BYTES + i * MANIFEST_ENTRY_BYTES);
    }
    return PYKV_OK;
}

static pykv_status check_identity(const uint8_t *data, uint64_t size, const char *path)
{
    if (size < MANIFEST_HEADER_BYTES) {
        return error_set_corruption(path, 0, "the manifest is cut short", MANIFEST_HEADER_BYTES,
                                    size);
    }
    if (memcmp(data, manifest_magic, sizeof manifest_magic) != 0) {
        return error_set_corruption(path, 0, "the manifest does not begin with its magic",
                                    load_u64(manifest_magic), load_u64(data));
    }
    uint32_t crc = crc32c_extend(0, data, HEADER_CRC_AT);
    if (crc != load_u32(data + HEADER_CRC_AT)) {
        return error_set_corruption(path, 0, "the manifest's header check fails",
                                    load_u32(data + HEADER_CRC_AT), crc);
    }
    uint32_t version = load_u32(data + 8);
    if (version != MANIFEST_FORMAT_VERSION) {
        return error_set(PYKV_FORMAT,
                         "%s has format version %u; this pykv reads version %d: use a newer pykv",
                         path, version, MANIFEST_FORMAT_VERSION);
    }
    return PYKV_OK;
}

/* Bytes from up to end of data, which begins at offset of the file, have no meaning. */
static pykv_status check_unused(const uint8_t *data, uint64_t from, uint64_t end, const char *path,
                                uint64_t offset)
{
    if (all_zero(data + from, end - from)) {
        return PYKV_OK;
    }
    return error_set_corruption(path, offset + from, "unused bytes of the manifest are not zero", 0,
                                1);
}

static pykv_status decode_flag(const uint8_t *data, uint64_t at, const char *path, uint64_t offset,
                               bool *flag_out)
{
    if (data[at] > 1) {
        return error_set_corruption(path, offset + at, "a flag of the manifest is neither 0 nor 1",
                                    1, data[at]);
    }
    *flag_out = data[at] == 1;
    return PYKV_OK;
}

static pykv_status decode_header(const uint8_t *data, uint64_t size, const char *path,
                                 manifest *out)
{
    pykv_status status = check_identity(data, size, path);
    if (status != PYKV_OK) {
        return status;
    }
    if (data[12] != PYKV_ENGINE_BITCASK) {
        return error_set(PYKV_FORMAT, "%s belongs to engine number %u, not to a Bitcask", path,
                         data[12]);
    }
    out->store_id = load_u64(data + 16);
    out->edit = load_u64(data + 24);
    out->merge_edit = load_u64(data + 32);
    out->epoch = load_u64(data + 40);
    out->hash_seed_low = load_u64(data + 48);
    out->hash_seed_high = load_u64(data + 56);
    out->next_number = load_u64(data + 64);
    out->last_sequence = load_u64(data + 72);
    out->durable_through = load_u64(data + 80);
    out->wall_high_us = load_u64(data + 88);
    out->segment_count = load_u64(data + 96);
    out->sealed_sequence = load_u64(data + 104);
    out->clear_sequence = load_u64(data + 112);
    if (out->segment_count > MANIFEST_SEGMENTS_MAX ||
        size != MANIFEST_HEADER_BYTES + out->segment_count * MANIFEST_ENTRY_BYTES) {
        return error_set_corruption(
            path, 96, "the manifest's size does not fit its segments",
            MANIFEST_HEADER_BYTES + out->segment_count * MANIFEST_ENTRY_BYTES, size);
    }
    status = decode_flag(data, HEADER_CLEAN_AT, path, 0, &out->clean);
    if (status == PYKV_OK) {
        status = check_unused(data, HEADER_UNUSED_1_AT, HEADER_STORE_ID_AT, path, 0);
    }
    if (status == PYKV_OK) {
        status = check_unused(data, HEADER_UNUSED_2_AT, HEADER_CRC_AT, path, 0);
    }
    return status;
}

static pykv_status decode_entry(const uint8_t *data, uint32_t header_crc, uint64_t offset,
                                const char *path, manifest_segment *out)
{
    uint32_t crc = crc32c_extend(header_crc, data, ENTRY_CRC_AT);
    if (crc != load_u32(data + ENTRY_CRC_AT)) {
        return error_set_corruption(path, offset, "the check of a manifest entry fails",
                                    load_u32(data + ENTRY_CRC_AT), crc);
    }
    out->number = load_u32(data);
    out->kind = data[4];
    out->file_id = load_u64(data + 8);
    out->birth_sequence = load_u64(data + 16);
    out->last_sequence = load_u64(data + 24);
    out->length = load_u64(data + 32);
    out->first_sequence = load_u64(data + 40);
    if (out->number == 0 || (out->kind != LOG_SEGMENT_APPEND && out->kind != LOG_SEGMENT_MERGED)) {
        return error_set_corruption(path, offset, "a manifest entry names no segment", 1,
                                    out->kind);
    }
    pykv_status status = decode_flag(data, ENTRY_SEALED_AT, path, offset, &out->sealed);
    if (status == PYKV_OK) {
        status = check_unused(data, ENTRY_UNUSED_3_AT, ENTRY_FILE_ID_AT, path, offset);
    }
    if (status == PYKV_OK) {
        status = check_unused(data, ENTRY_UNUSED_4_AT, ENTRY_CRC_AT, path, offset);
    }
    return status;
}

static pykv_status decode(const uint8_t *data, uint64_t size, const char *path, manifest *out)
{
    pykv_status status = decode_header(data, size, path, out);
    if (status != PYKV_OK) {
        return status;
    }
    out->segments = mem_alloc_zeroed(out->segment_count + 1, sizeof *out->segments);
    if (out->segments == NULL) {
        return error_set_no_memory(out->segment_count * sizeof *out->segments);
    }
    uint32_t header_crc = load_u32(data + HEADER_CRC_AT);
    uint32_t previous = 0;
    for (uint64_t i = 0; i < out->segment_count && status == PYKV_OK; i++) {
        uint64_t offset = MANIFEST_HEADER_BYTES + i * MANIFEST_ENTRY_BYTES;
        status = decode_entry(data + offset, header_crc, offset, path, &out->segments[i]);
        if (status == PYKV_OK && out->segments[i].number <= previous) {
            status = error_set_corruption(path, offset, "manifest entries are out of order",
                                          previous + 1, out->segments[i].number);
        }
        previous = out->segments[i].number;
    }
    if (status == PYKV_OK &&
        (out->next_number <= previous || out->next_number > (uint64_t)UINT32_MAX + 1)) {
        status = error_set_corruption(path, HEADER_NEXT_NUMBER_AT,
                                      "the manifest would give a number of a segment again",
                                      (uint64_t)previous + 1, out->next_number);
    }
    return status;
}

/* The bytes of MANIFEST; PYKV_NOT_FOUND if it does not exist. */
static pykv_status load(env_directory *directory, buffer *out, const char **path_out,
                        env_file **file_out)
{
    env_file *file;
    pykv_status status = env_file_open(directory, MANIFEST_NAME, ENV_READ, &file);
    if (status != PYKV_OK) {
        return status == PYKV_PATH_NOT_FOUND ? PYKV_NOT_FOUND : status;
    }
    uint64_t size;
    uint64_t size_max =
        MANIFEST_HEADER_BYTES + (uint64_t)MANIFEST_SEGMENTS_MAX * MANIFEST_ENTRY_BYTES;
    size_t got = 0;
    status = env_file_size(file, &size);
    if (status == PYKV_OK && size > size_max) {
        status = error_set_corruption(env_file_path(file), 0, "the manifest is too large", size_max,
                                      size);
    }
    if (status == PYKV_OK) {
        status = buffer_append_zeros(out, size);
    }
    if (status == PYKV_OK && size > 0) {
        status = env_file_read(file, 0, out->data, size, &got);
    }
    if (status != PYKV_OK) {
        env_file_close(file);
        return status;
    }
    out->size = got;
    *path_out = env_file_path(file);
    *file_out = file;
    return PYKV_OK;
}

pykv_status manifest_read(env_directory *directory, manifest *out)
{
    buffer bytes = BUFFER_EMPTY;
    const char *path;
    env_file *file;
    pykv_status status = load(directory, &bytes, &path, &file);
    if (status == PYKV_OK) {
        manifest found = {0};
        status = decode(bytes.data, bytes.size, path, &found);
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

static void unlink_temporary(env_directory *directory, const char *name)
{
    pykv_error failure = *error_last();
    if (env_unlink(directory, name) != PYKV_OK) {
        /* The next open removes it. */
    }
    error_restore(&failure);
}

/* Writes bytes over what the file holds, whose blocks are used, and makes them all there is. */
static pykv_status write_over(env_file *file, const buffer *bytes)
{
    uint64_t size;
    slice whole = slice_make(bytes->data, bytes->size);
    pykv_status status = env_file_write(file, 0, &whole, 1);
    if (status == PYKV_OK) {
        status = env_file_size(file, &size);
    }
    if (status == PYKV_OK && size != bytes->size) {
        status = env_file_truncate(file, bytes->size);
    }
    if (status == PYKV_OK && !PYKV_PLANTED(20)) {
        status = env_file_sync(file);
    }
    return status;
}

static pykv_status write_temporary(env_directory *directory, const char *name, int flags,
                                   const buffer *bytes)
{
    env_file *file;
    pykv_status status = env_file_open(directory, name, ENV_WRITE | ENV_CREATE | flags, &file);
    if (status != PYKV_OK) {
        return status;
    }
    status = write_over(file, bytes);
    env_file_close(file);
    return status;
}

/* Replaces MANIFEST through the file name, opened with flags. */
static pykv_status replace(env_directory *directory, const manifest *self, const char *name,
                           int flags)
{
    buffer bytes = BUFFER_EMPTY;
    pykv_status status = encode(self, &bytes);
    if (status == PYKV_OK) {
        status = write_temporary(directory, name, flags, &bytes);
    }
    if (status == PYKV_OK) {
        status = env_rename(directory, name, MANIFEST_NAME);
    }
    if (status != PYKV_OK) {
        unlink_temporary(directory, name);
    } else if (!PYKV_PLANTED(21)) {
        status = env_directory_sync(directory);
    }
    buffer_reset(&bytes);
    return status;
}

pykv_status manifest_replace(env_directory *directory, const manifest *self)
{
    return replace(directory, self, MANIFEST_TEMPORARY, ENV_TRUNCATE);
}

/* ---- room for the next one ---- */

static pykv_status write_zeros(env_file *file, uint64_t from, uint64_t end)
{
    static const uint8_t zeros[RESERVE_STEP_BYTES];
    pykv_status status = PYKV_OK;
    while (status == PYKV_OK && from < end) {
        slice piece = slice_make(zeros, end - from < sizeof zeros ? end - from : sizeof zeros);
        status = env_file_write(file, from, &piece, 1);
        from += piece.size;
    }
    return status;
}

/* Every byte of the file has its block: it only ever grows here. */
static pykv_status grow(env_file *file, uint64_t size, uint64_t wanted)
{
    if (size >= wanted || PYKV_PLANTED(93)) {
        return PYKV_OK;
    }
    pykv_status status = env_file_allocate(file, size, wanted - size);
    return status == PYKV_NOT_SUPPORTED ? write_zeros(file, size, wanted) : status;
}

pykv_status manifest_reserve(env_directory *directory, uint64_t segment_count)
{
    env_file *file;
    uint64_t size = 0;
    uint64_t wanted =
        round_up(MANIFEST_HEADER_BYTES + segment_count * MANIFEST_ENTRY_BYTES, RESERVE_STEP_BYTES);
    pykv_status status =
        env_file_open(directory, MANIFEST_SPARE_NAME, ENV_WRITE | ENV_CREATE, &file);
    if (status != PYKV_OK) {
        return status;
    }
    status = env_file_size(file, &size);
    if (status == PYKV_OK) {
        status = grow(file, size, wanted);
    }
    env_file_close(file);
    if (status != PYKV_OK && size == 0) {
        unlink_temporary(directory, MANIFEST_SPARE_NAME);
    }
    return status;
}

pykv_status manifest_replace_reserved(env_directory *directory, const manifest *self)
{
    return replace(directory, self, MANIFEST_SPARE_NAME, 0);
}

void manifest_release(env_directory *directory)
{
    unlink_temporary(directory, MANIFEST_SPARE_NAME);
}

void manifest_reset(manifest *self)
{
    mem_free(self->segments);
    self->segments = NULL;
    self->segment_count = 0;
}
