/*
 * manifest_file: the common head of manifests, and the atomic replacement of the file.
 */
#include "log/manifest_file.h"

#include <string.h>

#include "base/coding.h"
#include "base/crc32c.h"
#include "base/error.h"
#include "base/invariant.h"
#include "log/kept_blocks.h"

#define MANIFEST_TEMPORARY MANIFEST_NAME ".tmp"

static const uint8_t manifest_magic[8] = {'P', 'Y', 'K', 'V', 'M', 'A', 'N', '\n'};

enum { ENGINE_AT = 12, CLEAN_AT = 13, UNUSED_AT = 14, STORE_ID_AT = 16, NEXT_NUMBER_AT = 64 };

/* ---- the head ---- */

void manifest_head_encode(const manifest_head *self, uint8_t *out)
{
    memcpy(out, manifest_magic, sizeof manifest_magic);
    store_u32(out + 8, MANIFEST_HEAD_VERSION);
    store_u8(out + ENGINE_AT, self->engine);
    store_u8(out + CLEAN_AT, self->clean ? 1 : 0);
    store_u64(out + STORE_ID_AT, self->store_id);
    store_u64(out + 24, self->edit);
    store_u64(out + 40, self->epoch);
    store_u64(out + 48, self->hash_seed_low);
    store_u64(out + 56, self->hash_seed_high);
    store_u64(out + NEXT_NUMBER_AT, self->next_number);
    store_u64(out + 72, self->last_sequence);
    store_u64(out + 80, self->durable_through);
    store_u64(out + 88, self->wall_high_us);
}

uint32_t manifest_head_crc(const uint8_t *data)
{
    return load_u32(data + MANIFEST_HEAD_CRC_AT);
}

uint32_t manifest_head_seal(uint8_t *data)
{
    store_u32(data + MANIFEST_HEAD_CRC_AT, crc32c_extend(0, data, MANIFEST_HEAD_CRC_AT));
    return manifest_head_crc(data);
}

void manifest_entry_seal(uint8_t *data, uint64_t size, uint32_t header_crc)
{
    store_u32(data + size - 4, crc32c_extend(header_crc, data, size - 4));
}

pykv_status manifest_head_engine(const uint8_t *data, uint64_t size, const char *path,
                                 int32_t *engine_out)
{
    if (size < MANIFEST_HEAD_BYTES) {
        return error_set_corruption(path, 0, "the manifest is cut short", MANIFEST_HEAD_BYTES,
                                    size);
    }
    if (memcmp(data, manifest_magic, sizeof manifest_magic) != 0) {
        return error_set_corruption(path, 0, "the manifest does not begin with its magic",
                                    load_u64(manifest_magic), load_u64(data));
    }
    uint32_t crc = crc32c_extend(0, data, MANIFEST_HEAD_CRC_AT);
    if (crc != manifest_head_crc(data)) {
        return error_set_corruption(path, 0, "the manifest's header check fails",
                                    manifest_head_crc(data), crc);
    }
    uint32_t version = load_u32(data + 8);
    if (version != MANIFEST_HEAD_VERSION) {
        return error_set(PYKV_FORMAT,
                         "%s has format version %u; this pykv reads version %d: use a newer pykv",
                         path, version, MANIFEST_HEAD_VERSION);
    }
    *engine_out = data[ENGINE_AT];
    return PYKV_OK;
}

/* What a store of an engine is called in errors; NULL: it is unknown. */
static const char *owner_of(int32_t engine)
{
    switch (engine) {
    case PYKV_ENGINE_BITCASK:
        return "a Bitcask";
    case PYKV_ENGINE_LSM:
        return "an LSM store";
    default:
        return NULL;
    }
}

pykv_status manifest_head_decode(const uint8_t *data, uint64_t size, const char *path,
                                 uint8_t engine, const char *owner, manifest_head *out)
{
    int32_t named = PYKV_ENGINE_ANY;
    pykv_status status = manifest_head_engine(data, size, path, &named);
    if (status != PYKV_OK) {
        return status;
    }
    if (named != engine) {
        const char *other = owner_of(named);
        return other != NULL
                   ? error_set(PYKV_FORMAT, "%s belongs to %s, not to %s", path, other, owner)
                   : error_set(PYKV_FORMAT,
                               "%s belongs to engine number %d, which this pykv does not know, not "
                               "to %s",
                               path, (int)named, owner);
    }
    bool clean = false;
    status = manifest_decode_flag(data, CLEAN_AT, path, 0, &clean);
    if (status == PYKV_OK) {
        status = manifest_check_unused(data, UNUSED_AT, STORE_ID_AT, path, 0);
    }
    if (status != PYKV_OK) {
        return status;
    }
    *out = (manifest_head){.engine = engine,
                           .clean = clean,
                           .store_id = load_u64(data + STORE_ID_AT),
                           .edit = load_u64(data + 24),
                           .epoch = load_u64(data + 40),
                           .hash_seed_low = load_u64(data + 48),
                           .hash_seed_high = load_u64(data + 56),
                           .next_number = load_u64(data + NEXT_NUMBER_AT),
                           .last_sequence = load_u64(data + 72),
                           .durable_through = load_u64(data + 80),
                           .wall_high_us = load_u64(data + 88)};
    return PYKV_OK;
}

/* ---- checks ---- */

pykv_status manifest_entry_check(const uint8_t *data, uint64_t size, uint32_t header_crc,
                                 const char *path, uint64_t offset)
{
    uint32_t crc = crc32c_extend(header_crc, data, size - 4);
    if (crc != load_u32(data + size - 4)) {
        return error_set_corruption(path, offset, "the check of a manifest entry fails",
                                    load_u32(data + size - 4), crc);
    }
    return PYKV_OK;
}

pykv_status manifest_check_unused(const uint8_t *data, uint64_t from, uint64_t end,
                                  const char *path, uint64_t offset)
{
    if (all_zero(data + from, end - from)) {
        return PYKV_OK;
    }
    return error_set_corruption(path, offset + from, "unused bytes of the manifest are not zero", 0,
                                1);
}

pykv_status manifest_decode_flag(const uint8_t *data, uint64_t at, const char *path,
                                 uint64_t offset, bool *flag_out)
{
    if (data[at] > 1) {
        return error_set_corruption(path, offset + at, "a flag of the manifest is neither 0 nor 1",
                                    1, data[at]);
    }
    *flag_out = data[at] == 1;
    return PYKV_OK;
}

pykv_status manifest_check_next_number(uint64_t next_number, uint32_t highest, const char *path)
{
    if (next_number > highest && next_number <= (uint64_t)UINT32_MAX + 1) {
        return PYKV_OK;
    }
    return error_set_corruption(path, NEXT_NUMBER_AT,
                                "the manifest would give a number of a file again",
                                (uint64_t)highest + 1, next_number);
}

/* ---- the file ---- */

static pykv_status read_whole(env_file *file, uint64_t size_max, buffer *out)
{
    uint64_t size;
    size_t got = 0;
    pykv_status status = env_file_size(file, &size);
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
    if (status == PYKV_OK) {
        out->size = got;
    }
    return status;
}

pykv_status manifest_file_load(env_directory *directory, uint64_t size_max, buffer *out,
                               env_file **file_out)
{
    env_file *file;
    pykv_status status = env_file_open(directory, MANIFEST_NAME, ENV_READ, &file);
    if (status != PYKV_OK) {
        return status == PYKV_PATH_NOT_FOUND ? PYKV_NOT_FOUND : status;
    }
    status = read_whole(file, size_max, out);
    if (status != PYKV_OK) {
        env_file_close(file);
        return status;
    }
    *file_out = file;
    return PYKV_OK;
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

/* The end of it: from status on, what the file name holds, durable, becomes MANIFEST. */
static pykv_status take_place(env_directory *directory, const char *name, pykv_status status)
{
    if (status == PYKV_OK) {
        status = env_rename(directory, name, MANIFEST_NAME);
    }
    if (status != PYKV_OK) {
        (void)kept_blocks_release(directory, name); /* or else the next open does */
    } else if (!PYKV_PLANTED(21)) {
        status = env_directory_sync(directory);
    }
    return status;
}

pykv_status manifest_file_replace(env_directory *directory, const buffer *bytes)
{
    pykv_status status = write_temporary(directory, MANIFEST_TEMPORARY, ENV_TRUNCATE, bytes);
    return take_place(directory, MANIFEST_TEMPORARY, status);
}

pykv_status manifest_file_place(env_directory *directory, const buffer *bytes)
{
    pykv_status status = write_temporary(directory, MANIFEST_TEMPORARY, ENV_TRUNCATE, bytes);
    if (status == PYKV_OK && !PYKV_PLANTED(151)) {
        status = env_directory_sync(directory);
    }
    return take_place(directory, MANIFEST_TEMPORARY, status);
}

/* ---- room for the next one ---- */

pykv_status manifest_file_reserve(env_directory *directory, uint64_t size)
{
    return kept_blocks_grow(directory, MANIFEST_SPARE_NAME, size);
}

pykv_status manifest_file_replace_reserved(env_directory *directory, const buffer *bytes)
{
    pykv_status status = write_temporary(directory, MANIFEST_SPARE_NAME, 0, bytes);
    return take_place(directory, MANIFEST_SPARE_NAME, status);
}

void manifest_file_release(env_directory *directory)
{
    (void)kept_blocks_release(directory, MANIFEST_SPARE_NAME);
}
