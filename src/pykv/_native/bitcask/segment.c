/*
 * segment: files of log records and reading single records from them.
 */
#include "bitcask/segment.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "codec/packed_value.h"

#include "base/coding.h"
#include "base/error.h"
#include "base/invariant.h"
#include "base/memory.h"
#include "log/log_file.h"

void segment_name(uint32_t number, bool hint, char out[SEGMENT_NAME_BYTES])
{
    snprintf(out, SEGMENT_NAME_BYTES, "%08x.%s", number, hint ? "hint" : "log");
}

uint32_t segment_number(const char *name, bool *hint_out)
{
    char *end;
    unsigned long number = strtoul(name, &end, 16);
    char expected[SEGMENT_NAME_BYTES];
    if (end != name + 8 || number == 0 || number > UINT32_MAX) {
        return 0;
    }
    bool hint = strcmp(end, ".hint") == 0;
    segment_name((uint32_t)number, hint, expected);
    if (strcmp(expected, name) != 0) {
        return 0;
    }
    *hint_out = hint;
    return (uint32_t)number;
}

static segment *segment_new(const log_segment_header *header, uint64_t length)
{
    segment *self = mem_alloc_zeroed(1, sizeof *self);
    if (self == NULL) {
        return NULL;
    }
    self->number = header->number;
    self->kind = header->kind;
    self->file_id = header->file_id;
    self->seed = record_seed(header->file_id);
    self->birth_sequence = header->birth_sequence;
    self->swung_length = UINT64_MAX;
    atomic_init(&self->length, length);
    atomic_init(&self->mapping_users, 1);
    return self;
}

/* Maps the file if asked; a file that cannot be mapped is read by pread. */
static void map_if_possible(segment *self, uint64_t capacity, bool mapped)
{
    env_mapping mapping;
    if (mapped && env_file_map(self->file, capacity, false, &mapping) == PYKV_OK) {
        self->mapping = mapping;
    }
}

pykv_status segment_create(env_directory *directory, const log_segment_header *header,
                           uint64_t capacity, bool mapped, segment **segment_out)
{
    segment *self = segment_new(header, LOG_SEGMENT_HEADER_BYTES);
    if (self == NULL) {
        return error_set_no_memory(sizeof *self);
    }
    pykv_status status = log_file_create(directory, header, &self->file);
    if (status != PYKV_OK) {
        mem_free(self);
        return status;
    }
    map_if_possible(self, capacity, mapped);
    *segment_out = self;
    return PYKV_OK;
}

uint16_t segment_tombstone_share(const segment *self)
{
    uint64_t length = atomic_load_explicit(&self->length, memory_order_relaxed);
    if (self->tombstone_bytes >= length) {
        return self->tombstone_bytes > 0 ? UINT16_MAX : 0;
    }
    return (uint16_t)((self->tombstone_bytes * UINT16_MAX + length - 1) / length);
}

static uint64_t bytes_of_share(uint16_t share, uint64_t length)
{
    return length / UINT16_MAX * share + length % UINT16_MAX * share / UINT16_MAX;
}

pykv_status segment_open(env_directory *directory, const manifest_segment *entry, uint64_t store_id,
                         uint64_t capacity, bool mapped, segment **segment_out)
{
    log_segment_header header = {.kind = entry->kind,
                                 .number = entry->number,
                                 .file_id = entry->file_id,
                                 .birth_sequence = entry->birth_sequence,
                                 .store_id = store_id};
    segment *self = segment_new(&header, entry->length);
    if (self == NULL) {
        return error_set_no_memory(sizeof *self);
    }
    uint64_t size = 0;
    pykv_status status = log_file_open(directory, &header, true, &self->file, &size);
    if (status == PYKV_OK && size < entry->length) {
        status =
            error_set_corruption(env_file_path(self->file), size,
                                 "the file is shorter than the manifest says", entry->length, size);
    }
    if (status != PYKV_OK) {
        segment_close(self);
        return status;
    }
    self->sealed = entry->sealed;
    self->synced = entry->sealed;
    self->first_sequence = entry->first_sequence;
    self->last_sequence = entry->last_sequence;
    self->deadline_max_us = entry->deadline_max_us;
    self->expiring_bytes = entry->expiring_bytes;
    self->deadlines = entry->deadlines;
    self->tombstone_bytes = bytes_of_share(entry->tombstone_share, entry->length);
    map_if_possible(self, capacity > size ? capacity : size, mapped);
    *segment_out = self;
    return PYKV_OK;
}

void segment_map_anew(segment *self, uint64_t capacity)
{
    if (segment_is_mapped(self)) {
        env_unmap(&self->mapping);
        self->mapping = (env_mapping){0};
        map_if_possible(self, capacity, true);
    }
}

static void unlink_if_there(env_directory *directory, const char *name)
{
    if (env_unlink(directory, name) != PYKV_OK) {
        /* The next open removes it: no manifest lists it. */
    }
}

void segment_unlink_hint(env_directory *directory, uint32_t number)
{
    char name[SEGMENT_NAME_BYTES];
    char unfinished[SEGMENT_NAME_BYTES + sizeof BITCASK_TEMPORARY_SUFFIX];
    segment_name(number, true, name);
    snprintf(unfinished, sizeof unfinished, "%s" BITCASK_TEMPORARY_SUFFIX, name);
    unlink_if_there(directory, name);
    unlink_if_there(directory, unfinished);
}

void segment_unlink(env_directory *directory, uint32_t number)
{
    char name[SEGMENT_NAME_BYTES];
    segment_name(number, false, name);
    unlink_if_there(directory, name);
    segment_unlink_hint(directory, number);
}

void segment_keep_mapping(segment *self)
{
    atomic_fetch_add_explicit(&self->mapping_users, 1, memory_order_relaxed);
}

void segment_let_mapping_go(segment *self)
{
    if (atomic_fetch_sub_explicit(&self->mapping_users, 1, memory_order_acq_rel) == 1) {
        if (segment_is_mapped(self)) {
            env_unmap(&self->mapping);
        }
        mem_free(self);
    }
}

void segment_close(segment *self)
{
    if (self == NULL) {
        return;
    }
    if (self->file != NULL) {
        env_file_close(self->file);
        self->file = NULL;
    }
    id_table_reset(&self->shares);
    packed_dictionary_close(atomic_exchange(&self->dictionary, NULL));
    segment_let_mapping_go(self);
}

pykv_status segment_invalid_record(const segment *self, uint64_t offset, record_check check,
                                   const record *found)
{
    const char *path = env_file_path(self->file);
    if (check == RECORD_BODY_INVALID) {
        return error_set_corruption(path, offset, "the body check of a record fails",
                                    found->body_crc, record_body_crc(found));
    }
    if (check == RECORD_CUT_OFF) {
        return error_set_corruption(path, offset, "a record reaches beyond the end of its segment",
                                    atomic_load_explicit(&self->length, memory_order_acquire),
                                    offset + record_bytes_of(found));
    }
    return error_set_corruption(path, offset, "there is no valid record header", 1, 0);
}

pykv_status segment_peek(const segment *self, uint64_t offset, bool check_body, record *out)
{
    uint64_t length = atomic_load_explicit(&self->length, memory_order_acquire);
    record_check check = RECORD_HEADER_INVALID;
    if (PYKV_LIKELY(offset < length)) {
        check = record_decode(self->mapping.base + offset, length - offset, self->seed, offset,
                              check_body, out);
    }
    if (PYKV_LIKELY(check == RECORD_VALID)) {
        return PYKV_OK;
    }
    if (env_mapping_faults(&self->mapping) > 0) {
        return PYKV_WOULD_BLOCK;
    }
    if (offset >= length) {
        *out = (record){0};
    }
    return segment_invalid_record(self, offset, check, out);
}

/* Reads up to want bytes at offset, within length, into scratch; scratch->size tells how many. */
static pykv_status read_bytes(const segment *self, uint64_t offset, uint64_t want, buffer *scratch)
{
    size_t got;
    buffer_clear(scratch);
    pykv_status status = buffer_reserve(scratch, want);
    if (status == PYKV_OK) {
        status = env_file_read(self->file, offset, scratch->data, want, &got);
    }
    if (status == PYKV_OK) {
        scratch->size = got;
    }
    return status;
}

/* Decodes header and key at the start of scratch, of a record that has available bytes in its
 * segment. RECORD_CUT_OFF with *need_out set: that many bytes are needed. */
static record_check decode_head(const segment *self, uint64_t offset, uint64_t available,
                                const buffer *scratch, record *out, uint64_t *need_out)
{
    bool head_is_there = scratch->size >= RECORD_HEADER_BYTES + RECORD_EXTENSION_BYTES_MAX;
    record_check check = record_decode(scratch->data, head_is_there ? available : scratch->size,
                                       self->seed, offset, false, out);
    if (check != RECORD_VALID) {
        return check;
    }
    uint64_t head_bytes = record_head_bytes(out->flags) + out->key.size;
    if (head_bytes > scratch->size) {
        *need_out = head_bytes;
        return RECORD_CUT_OFF;
    }
    if (head_bytes + out->value.size > scratch->size) {
        out->value.data = NULL;
    }
    return RECORD_VALID;
}

pykv_status segment_read(const segment *self, uint64_t offset, bool check_body, buffer *scratch,
                         record *out)
{
    uint64_t length = atomic_load_explicit(&self->length, memory_order_acquire);
    uint64_t want = SEGMENT_COLD_READ_BYTES;
    record found = {0};
    record_check check = RECORD_HEADER_INVALID;
    for (int attempt = 0; attempt < 2 && offset < length; attempt++) {
        want = want < length - offset ? want : length - offset;
        pykv_status status = read_bytes(self, offset, want, scratch);
        if (status != PYKV_OK) {
            return PYKV_PLANTED(53) ? PYKV_NOT_FOUND : status;
        }
        uint64_t need = 0;
        if (check_body || scratch->size < want) {
            check =
                record_decode(scratch->data, scratch->size, self->seed, offset, check_body, &found);
        } else {
            check = decode_head(self, offset, length - offset, scratch, &found, &need);
        }
        if (check == RECORD_VALID) {
            *out = found;
            return PYKV_OK;
        }
        if (check != RECORD_CUT_OFF) {
            break;
        }
        want = need != 0 ? need : record_bytes_of(&found);
    }
    return segment_invalid_record(self, offset, check, &found);
}

pykv_status segment_view(const segment *self, buffer *scratch, const uint8_t **data_out,
                         uint64_t *size_out)
{
    return log_file_view(self->file, &self->mapping, scratch, data_out, size_out);
}

void segment_note_deadline(segment *self, uint64_t now_us, uint64_t deadline_us, uint64_t bytes)
{
    uint64_t record_bytes =
        round_up(RECORD_HEADER_BYTES + sizeof deadline_us + bytes, RECORD_GRANULE_BYTES);
    self->deadline_max_us =
        deadline_us > self->deadline_max_us ? deadline_us : self->deadline_max_us;
    self->expiring_bytes += record_bytes;
    deadline_buckets_add(&self->deadlines, now_us, deadline_us, record_bytes);
}

/* Bytes of puts, current or not. */
static uint64_t put_bytes(const segment *self)
{
    uint64_t length = atomic_load_explicit(&self->length, memory_order_relaxed);
    uint64_t others = LOG_SEGMENT_HEADER_BYTES + self->dictionary_bytes + self->tombstone_bytes;
    return length > others ? length - others : 0;
}

/* The buckets have puts that were overwritten or deleted too: of those that live as large a part
 * has expired as of all. */
uint64_t segment_expired_bytes(const segment *self, uint64_t now_us)
{
    if (self->expiring_bytes == 0) {
        return 0;
    }
    uint64_t expired = self->deadline_max_us <= now_us
                           ? self->expiring_bytes
                           : deadline_buckets_passed(&self->deadlines, now_us);
    uint64_t puts = put_bytes(self);
    return expired < puts ? (uint64_t)((double)expired / (double)puts * (double)self->live_bytes)
                          : self->live_bytes;
}

bool segment_has_aged(const segment *self, uint64_t by_us)
{
    uint64_t aged = self->expiring_bytes > 0 ? deadline_buckets_aged(&self->deadlines, by_us) : 0;
    return aged > 0 && aged * SEGMENT_REAP_SHARE >= put_bytes(self);
}
