/*
 * hint: entries of a segment, from its records or from its hint file.
 */
#include "bitcask/hint.h"

#include <stdio.h>
#include <string.h>

#include "base/coding.h"
#include "base/crc32c.h"
#include "base/error.h"
#include "base/invariant.h"
#include "base/memory.h"
#include "bitcask/key_hash.h"
#include "log/log_reader.h"

static const uint8_t hint_magic[8] = {'P', 'Y', 'K', 'V', 'H', 'N', 'T', '\n'};

enum { HINT_UNUSED_AT = 52, HINT_HEADER_CRC_AT = HINT_HEADER_BYTES - 4, HINT_SIZE_BITS = 28 };

void hint_list_reset(hint_list *self)
{
    mem_free(self->entries);
    *self = (hint_list){0};
}

pykv_status hint_list_add(hint_list *self, const hint_entry *entry)
{
    if (self->count == self->capacity) {
        uint64_t capacity = self->capacity == 0 ? 256 : self->capacity * 2;
        hint_entry *grown = mem_resize(self->entries, capacity * sizeof *grown);
        if (grown == NULL) {
            return error_set_no_memory(capacity * sizeof *grown);
        }
        self->entries = grown;
        self->capacity = capacity;
    }
    self->entries[self->count++] = *entry;
    self->is_named |= entry->space_id != NAMESPACE_DEFAULT;
    return PYKV_OK;
}

/* ---- from records ---- */

static pykv_status add_record(const bitcask *store, const record *found, uint64_t offset,
                              hint_list *list)
{
    hint_entry entry = {.hash = bitcask_hash(store, found->key.data, found->key.size),
                        .sequence = found->sequence,
                        .offset = offset,
                        .bytes = record_bytes_of(found),
                        .space_id = found->namespace_id,
                        .kind = found->kind};
    return hint_list_add(list, &entry);
}

pykv_status hint_scan(const bitcask *store, const segment *source, hint_list *list_out)
{
    buffer scratch = BUFFER_EMPTY;
    const uint8_t *data;
    uint64_t size;
    uint64_t length = atomic_load_explicit(&source->length, memory_order_acquire);
    hint_list list = {0};
    pykv_status status = segment_view(source, &scratch, &data, &size);
    if (status == PYKV_OK && size < length) {
        status = error_set_corruption(env_file_path(source->file), size,
                                      "the segment is shorter than it was", length, size);
    }
    if (status == PYKV_OK) {
        log_reader reader;
        record found;
        uint64_t offset;
        log_reader_init(&reader, data, length, source->file_id, LOG_SEGMENT_HEADER_BYTES,
                        source->kind == LOG_SEGMENT_APPEND, 0);
        reader.check_body = !PYKV_PLANTED(35);
        while (status == PYKV_OK && log_reader_next(&reader, &found, &offset)) {
            bool left_out = (PYKV_PLANTED(33) && found.kind == RECORD_DELETE) ||
                            found.kind == RECORD_DICTIONARY ||
                            (PYKV_PLANTED(36) && reader.offset % SEGMENT_COLD_READ_BYTES == 0);
            status = left_out ? PYKV_OK : add_record(store, &found, offset, &list);
        }
        if (status == PYKV_OK && reader.valid_end != length) {
            status = error_set_corruption(env_file_path(source->file), reader.valid_end,
                                          "a record of the segment is damaged", length,
                                          reader.valid_end);
        }
    }
    buffer_reset(&scratch);
    if (status != PYKV_OK) {
        hint_list_reset(&list);
        return status;
    }
    *list_out = list;
    return PYKV_OK;
}

/* ---- from and to files ---- */

bool hint_reaches(const segment *source)
{
    return atomic_load_explicit(&source->length, memory_order_acquire) <= LOG_SEGMENT_BYTES_MAX;
}

static uint32_t entry_bytes(uint32_t version)
{
    return version == HINT_VERSION_NAMED ? HINT_NAMED_ENTRY_BYTES : HINT_ENTRY_BYTES;
}

static uint32_t version_of(const hint_list *list)
{
    return list->is_named && !PYKV_PLANTED(218) ? HINT_VERSION_NAMED : HINT_VERSION_PLAIN;
}

static void encode(const bitcask *store, const segment *source, const hint_list *list, uint8_t *out)
{
    uint32_t version = version_of(list);
    uint64_t step = entry_bytes(version);
    for (uint64_t i = 0; i < list->count; i++) {
        uint8_t *at = out + HINT_HEADER_BYTES + i * step;
        const hint_entry *entry = &list->entries[i];
        store_u64(at, entry->hash);
        store_u64(at + 8, entry->sequence);
        store_u32(at + 16, (uint32_t)(entry->offset / RECORD_GRANULE_BYTES));
        store_u32(at + 20, (uint32_t)entry->kind << HINT_SIZE_BITS |
                               (uint32_t)(entry->bytes / RECORD_GRANULE_BYTES));
        if (version == HINT_VERSION_NAMED) {
            store_u32(at + HINT_ENTRY_BYTES, entry->space_id);
        }
    }
    memcpy(out, hint_magic, sizeof hint_magic);
    store_u32(out + 8, version);
    store_u32(out + 12, source->number);
    store_u64(out + 16, source->file_id);
    store_u64(out + 24, atomic_load_explicit(&source->length, memory_order_acquire));
    store_u64(out + 32, store->store_id);
    store_u64(out + 40, list->count);
    store_u32(out + 48, crc32c_extend(0, out + HINT_HEADER_BYTES, list->count * step));
    store_u32(out + HINT_HEADER_CRC_AT, crc32c_extend(0, out, HINT_HEADER_CRC_AT));
}

static pykv_status check_header(const bitcask *store, const segment *source, const uint8_t *data,
                                uint64_t size, const char *path)
{
    if (size < HINT_HEADER_BYTES || memcmp(data, hint_magic, sizeof hint_magic) != 0) {
        return error_set_corruption(path, 0, "the hint has no header", HINT_HEADER_BYTES, size);
    }
    uint32_t crc = crc32c_extend(0, data, HINT_HEADER_CRC_AT);
    if (crc != load_u32(data + HINT_HEADER_CRC_AT)) {
        return error_set_corruption(path, 0, "the hint's header check fails",
                                    load_u32(data + HINT_HEADER_CRC_AT), crc);
    }
    uint32_t version = load_u32(data + 8);
    if (version != HINT_VERSION_PLAIN && version != HINT_VERSION_NAMED) {
        return error_set(PYKV_FORMAT, "%s has hint format %u", path, version);
    }
    if (!all_zero(data + HINT_UNUSED_AT, HINT_HEADER_CRC_AT - HINT_UNUSED_AT)) {
        return error_set_corruption(path, HINT_UNUSED_AT, "unused bytes of the hint are not zero",
                                    0, load_u64(data + HINT_UNUSED_AT));
    }
    uint64_t length = atomic_load_explicit(&source->length, memory_order_acquire);
    if (!hint_reaches(source)) {
        return error_set_corruption(path, 24, "the segment is longer than entries of hints reach",
                                    LOG_SEGMENT_BYTES_MAX, length);
    }
    if (load_u32(data + 12) != source->number ||
        (load_u64(data + 16) != source->file_id && !PYKV_PLANTED(56)) ||
        load_u64(data + 24) != length || load_u64(data + 32) != store->store_id) {
        return error_set_corruption(path, 12, "the hint belongs to another segment",
                                    source->file_id, load_u64(data + 16));
    }
    uint64_t count = load_u64(data + 40);
    uint64_t step = entry_bytes(version);
    if (count > length / RECORD_HEADER_BYTES || size != HINT_HEADER_BYTES + count * step) {
        return error_set_corruption(path, 40, "the hint's size does not fit its entries",
                                    HINT_HEADER_BYTES + count * step, size);
    }
    crc = crc32c_extend(0, data + HINT_HEADER_BYTES, count * step);
    if (crc != load_u32(data + 48) && !PYKV_PLANTED(27)) {
        return error_set_corruption(path, 48, "the check of the hint's entries fails",
                                    load_u32(data + 48), crc);
    }
    return PYKV_OK;
}

static pykv_status decode(const uint8_t *data, const char *path, uint64_t length, hint_list *list)
{
    uint64_t count = load_u64(data + 40);
    uint64_t step = entry_bytes(load_u32(data + 8));
    pykv_status status = PYKV_OK;
    for (uint64_t i = 0; i < count && status == PYKV_OK; i++) {
        const uint8_t *at = data + HINT_HEADER_BYTES + i * step;
        uint32_t packed = load_u32(at + 20);
        hint_entry entry = {.hash = load_u64(at),
                            .sequence = load_u64(at + 8),
                            .offset = (uint64_t)load_u32(at + 16) * RECORD_GRANULE_BYTES,
                            .bytes = (uint64_t)(packed & ((UINT32_C(1) << HINT_SIZE_BITS) - 1)) *
                                     RECORD_GRANULE_BYTES,
                            .space_id = step > HINT_ENTRY_BYTES ? load_u32(at + HINT_ENTRY_BYTES)
                                                                : NAMESPACE_DEFAULT,
                            .kind = (uint8_t)(packed >> HINT_SIZE_BITS)};
        if (entry.kind < RECORD_PUT || entry.kind > RECORD_CLEAR ||
            entry.offset < LOG_SEGMENT_HEADER_BYTES || entry.offset > length ||
            entry.bytes > length - entry.offset) {
            return error_set_corruption(path, HINT_HEADER_BYTES + i * step,
                                        "a hint entry reaches beyond its segment", length,
                                        entry.offset + entry.bytes);
        }
        status = hint_list_add(list, &entry);
    }
    if (status == PYKV_OK && version_of(list) != load_u32(data + 8)) {
        return error_set_corruption(path, 8, "no entry of the hint has a namespace",
                                    version_of(list), load_u32(data + 8));
    }
    return status;
}

static pykv_status read_file(env_file *file, buffer *out)
{
    uint64_t size;
    size_t got = 0;
    pykv_status status = env_file_size(file, &size);
    if (status == PYKV_OK) {
        status = buffer_append_zeros(out, size);
    }
    if (status == PYKV_OK && size > 0) {
        status = env_file_read(file, 0, out->data, size, &got);
        out->size = got;
    }
    return status;
}

pykv_status hint_read(const bitcask *store, const segment *source, hint_list *list_out)
{
    char name[SEGMENT_NAME_BYTES];
    env_file *file;
    buffer bytes = BUFFER_EMPTY;
    hint_list list = {0};
    segment_name(source->number, true, name);
    pykv_status status = env_file_open(store->home, name, ENV_READ, &file);
    if (status != PYKV_OK) {
        return status == PYKV_PATH_NOT_FOUND ? PYKV_NOT_FOUND : status;
    }
    const char *path = env_file_path(file);
    status = read_file(file, &bytes);
    if (status == PYKV_OK) {
        status = check_header(store, source, bytes.data, bytes.size, path);
    }
    if (status == PYKV_OK) {
        status = decode(bytes.data, path,
                        atomic_load_explicit(&source->length, memory_order_acquire), &list);
    }
    env_file_close(file);
    buffer_reset(&bytes);
    if (status != PYKV_OK) {
        hint_list_reset(&list);
        return status;
    }
    *list_out = list;
    return PYKV_OK;
}

static pykv_status write_file(env_directory *home, const char *name, const buffer *bytes)
{
    env_file *file;
    slice whole = slice_make(bytes->data, bytes->size);
    pykv_status status = env_file_open(home, name, ENV_WRITE | ENV_CREATE | ENV_TRUNCATE, &file);
    if (status != PYKV_OK) {
        return status;
    }
    status = env_file_write(file, 0, &whole, 1);
    if (status == PYKV_OK) {
        status = env_file_sync(file);
    }
    env_file_close(file);
    return status;
}

pykv_status hint_write(const bitcask *store, const segment *source, const hint_list *list)
{
    char name[SEGMENT_NAME_BYTES];
    char temporary[SEGMENT_NAME_BYTES + sizeof BITCASK_TEMPORARY_SUFFIX];
    buffer bytes = BUFFER_EMPTY;
    if (!hint_reaches(source)) {
        return error_set(PYKV_NOT_SUPPORTED, "%s is longer than entries of hints reach",
                         env_file_path(source->file));
    }
    pykv_status status = buffer_append_zeros(
        &bytes, HINT_HEADER_BYTES + list->count * entry_bytes(version_of(list)));
    if (status != PYKV_OK) {
        return status;
    }
    encode(store, source, list, bytes.data);
    segment_name(source->number, true, name);
    snprintf(temporary, sizeof temporary, "%s%s", name, BITCASK_TEMPORARY_SUFFIX);
    status = write_file(store->home, temporary, &bytes);
    if (status == PYKV_OK) {
        status = env_rename(store->home, temporary, name);
    }
    buffer_reset(&bytes);
    return status;
}
