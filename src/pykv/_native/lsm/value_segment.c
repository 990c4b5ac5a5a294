/*
 * value_segment: opening, reading and checking. Thread-safe as value_segment.h says.
 */
#include "lsm/value_segment.h"

#include "base/error.h"
#include "base/invariant.h"
#include "base/memory.h"
#include "log/log_file.h"
#include "log/log_format.h"

static void close_segment(shared_file *shared, char *name_out)
{
    value_segment *self = (value_segment *)shared;
    log_file_values_name(self->facts.number, name_out);
    env_file_close(self->file);
    mem_free(self);
}

static pykv_status open_file(const graveyard *grave, uint64_t store_id,
                             const manifest_values *facts, env_file **file_out)
{
    log_segment_header header = {.kind = LOG_SEGMENT_VALUES,
                                 .number = facts->number,
                                 .file_id = facts->file_id,
                                 .store_id = store_id};
    uint64_t size = 0;
    pykv_status status = log_file_open(grave->home, &header, false, file_out, &size);
    if (status == PYKV_OK && size < facts->file_bytes) {
        status = error_set_corruption(env_file_path(*file_out), size, "a value segment is cut off",
                                      facts->file_bytes, size);
        env_file_close(*file_out);
    }
    return status;
}

pykv_status value_segment_open(graveyard *grave, uint64_t store_id, const manifest_values *facts,
                               const codec_table *codecs, value_segment **segment_out)
{
    value_segment *self = mem_alloc_zeroed(1, sizeof *self);
    if (self == NULL) {
        return error_set_no_memory(sizeof *self);
    }
    pykv_status status = open_file(grave, store_id, facts, &self->file);
    if (status != PYKV_OK) {
        mem_free(self);
        return status;
    }
    self->facts = *facts;
    self->seed = record_seed(facts->file_id);
    self->codecs = codecs;
    shared_file_init(&self->shared, grave, close_segment);
    *segment_out = self;
    return PYKV_OK;
}

pykv_status value_segment_describe(env_directory *home, uint32_t number, uint64_t *store_id_out,
                                   manifest_values *facts_out)
{
    char name[LOG_FILE_NAME_BYTES];
    uint8_t bytes[LOG_SEGMENT_HEADER_BYTES];
    size_t got = 0;
    env_file *file;
    log_segment_header header = {.file_id = 0};
    manifest_values facts = {.number = number};
    log_file_values_name(number, name);
    pykv_status status = env_file_open(home, name, ENV_READ | ENV_AT_RANDOM, &file);
    if (status != PYKV_OK) {
        return status;
    }
    status = env_file_read(file, 0, bytes, sizeof bytes, &got);
    if (status == PYKV_OK) {
        status = log_segment_decode(bytes, got, env_file_path(file), &header);
    }
    if (status == PYKV_OK) {
        status = env_file_size(file, &facts.file_bytes);
    }
    env_file_close(file);
    if (status == PYKV_OK) {
        facts.file_id = header.file_id;
        *facts_out = facts;
        *store_id_out = header.store_id;
    }
    return status;
}

/* ---- reading ---- */

static pykv_status set_damaged(const value_segment *self, uint64_t offset, const char *text,
                               uint64_t expected, uint64_t got)
{
    return error_set_corruption(env_file_path(self->file), offset, text, expected, got);
}

/* Checks that the bytes of scratch are the record of entry. */
static pykv_status check_record(const value_segment *self, const value_pointer *where,
                                const iterator_entry *entry, const buffer *scratch,
                                record *record_out)
{
    record found;
    record_check check =
        record_decode(scratch->data, scratch->size, self->seed, where->offset, true, &found);
    if (check != RECORD_VALID) {
        return set_damaged(self, where->offset, "the record of a value is damaged", RECORD_VALID,
                           check);
    }
    if ((found.sequence != entry->sequence && !PYKV_PLANTED(171)) ||
        !slice_equal(found.key, entry->key) || found.value.size != where->stored_bytes ||
        ((found.flags & RECORD_FLAG_CODEC) != 0) != value_pointer_is_packed(where)) {
        return set_damaged(self, where->offset, "the record of a value is that of another entry",
                           entry->sequence, found.sequence);
    }
    *record_out = found;
    return PYKV_OK;
}

/* Decompresses the value of a record in scratch behind it. */
static pykv_status unpack(const value_segment *self, const value_pointer *where,
                          const record *found, buffer *scratch, slice *value_out)
{
    const codec *with =
        found->codec < CODEC_COUNT ? codec_table_find(self->codecs, (uint8_t)found->codec) : NULL;
    size_t at = record_head_bytes(found->flags) + found->key.size;
    if (with == NULL) {
        return error_set_at(PYKV_NOT_SUPPORTED, env_file_path(self->file),
                            "a value is compressed by codec %u, which is not there: install the "
                            "package that provides it",
                            (unsigned)found->codec);
    }
    pykv_status status = buffer_reserve(scratch, where->value_bytes);
    if (status != PYKV_OK) {
        return status;
    }
    uint8_t *raw = scratch->data + scratch->size;
    status = with->decompress(with->context, scratch->data + at, where->stored_bytes, raw,
                              where->value_bytes);
    if (status == PYKV_OK) {
        *value_out = slice_make(raw, where->value_bytes);
        return PYKV_OK;
    }
    return status == PYKV_CORRUPTION
               ? set_damaged(self, where->offset, "a value does not decompress", where->value_bytes,
                             where->stored_bytes)
               : status;
}

/* Bytes of the record that where points to. */
static uint64_t bytes_at(const value_pointer *where, size_t key_length, bool has_deadline)
{
    uint8_t flags = (uint8_t)((has_deadline ? RECORD_FLAG_DEADLINE : 0) |
                              (value_pointer_is_packed(where) ? RECORD_FLAG_CODEC : 0) |
                              record_key_flag(key_length));
    return record_bytes(flags, key_length, where->stored_bytes);
}

void value_segment_ask(const value_segment *self, const value_pointer *where, size_t key_length,
                       bool has_deadline)
{
    env_file_will_need(self->file, where->offset, bytes_at(where, key_length, has_deadline));
}

pykv_status value_segment_read(const value_segment *self, const value_pointer *where,
                               const iterator_entry *entry, buffer *scratch, slice *value_out)
{
    uint64_t bytes = bytes_at(where, entry->key.size, entry->deadline_us != 0);
    record found = {.kind = 0};
    size_t got = 0;
    if (where->offset > self->facts.file_bytes || self->facts.file_bytes - where->offset < bytes) {
        return set_damaged(self, where->offset, "a pointer leads out of its value segment",
                           self->facts.file_bytes, where->offset + bytes);
    }
    buffer_clear(scratch);
    pykv_status status = buffer_reserve(scratch, bytes);
    if (status == PYKV_OK) {
        status = env_file_read(self->file, where->offset, scratch->data, bytes, &got);
    }
    if (status != PYKV_OK) {
        return status;
    }
    scratch->size = got;
    status = check_record(self, where, entry, scratch, &found);
    if (status == PYKV_OK && value_pointer_is_packed(where)) {
        return unpack(self, where, &found, scratch, value_out);
    }
    if (status == PYKV_OK) {
        *value_out = found.value;
    }
    return status;
}

/* ---- checking ---- */

/* Reads the record at offset as far as the file goes. *end_out: where the next one stands. */
static pykv_status check_at(const value_segment *self, uint64_t offset, buffer *scratch,
                            uint64_t *end_out)
{
    record found;
    size_t got = 0;
    uint64_t bytes = RECORD_HEADER_BYTES + RECORD_EXTENSION_BYTES_MAX;
    record_check check = RECORD_CUT_OFF;
    uint64_t left = self->facts.file_bytes - offset;
    for (int step = 0; step < 2 && check == RECORD_CUT_OFF; step++) {
        buffer_clear(scratch);
        pykv_status status = buffer_reserve(scratch, bytes < left ? bytes : left);
        if (status == PYKV_OK) {
            status =
                env_file_read(self->file, offset, scratch->data, bytes < left ? bytes : left, &got);
        }
        if (status != PYKV_OK) {
            return status;
        }
        check = record_decode(scratch->data, got, self->seed, offset, true, &found);
        if (check != RECORD_HEADER_INVALID) {
            bytes = record_bytes(found.flags, found.key.size, found.value.size);
        }
    }
    if (check != RECORD_VALID) {
        return set_damaged(self, offset, "the record of a value is damaged", RECORD_VALID, check);
    }
    *end_out = offset + bytes;
    return PYKV_OK;
}

pykv_status value_segment_verify(const value_segment *self, pykv_report *report)
{
    buffer scratch = BUFFER_EMPTY;
    uint64_t at = LOG_SEGMENT_HEADER_BYTES;
    uint64_t count = 0;
    pykv_status status = PYKV_OK;
    while (at < self->facts.file_bytes && status == PYKV_OK) {
        status = check_at(self, at, &scratch, &at);
        count += status == PYKV_OK;
    }
    buffer_reset(&scratch);
    if (status == PYKV_OK && count != self->facts.value_count) {
        status = set_damaged(self, at, "a value segment has another number of values",
                             self->facts.value_count, count);
    }
    report->file_count++;
    report->record_count += count;
    report->byte_count += self->facts.file_bytes;
    return report_outcome(report, env_file_path(self->file), status);
}
