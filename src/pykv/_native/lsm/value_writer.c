/*
 * value_writer: segments one after the other.
 */
#include "lsm/value_writer.h"

#include "base/error.h"
#include "base/invariant.h"
#include "log/log_file.h"

enum { PACKED_SAVES = 8 }; /* a value is stored compressed if that saves this part of it */

void value_writer_init(value_writer *self, const value_writer_options *options)
{
    *self = (value_writer){.options = *options};
}

/* ---- segments ---- */

static pykv_status create(value_writer *self, uint32_t number)
{
    log_segment_header header = {
        .kind = LOG_SEGMENT_VALUES, .number = number, .store_id = self->options.store_id};
    pykv_status status =
        env_random(self->options.surroundings, &header.file_id, sizeof header.file_id);
    if (status == PYKV_OK) {
        status = log_file_create(self->options.home, &header, &self->file);
    }
    if (status != PYKV_OK) {
        return status;
    }
    self->current = (manifest_values){.number = number, .file_id = header.file_id};
    status = log_sink_open_pwrite(self->file, LOG_SEGMENT_HEADER_BYTES, 0, &self->sink);
    if (status == PYKV_OK) {
        log_writer_init(&self->writer, self->sink, header.file_id, UINT64_MAX, 0);
    }
    return status;
}

/* Begins a segment, with room for its line in the list. */
static pykv_status open_segment(value_writer *self)
{
    uint32_t number = 0;
    pykv_status status = buffer_reserve(&self->made, sizeof(manifest_values));
    if (status == PYKV_OK) {
        status = self->options.numbers.take(self->options.numbers.context, &number);
    }
    return status == PYKV_OK ? create(self, number) : status;
}

static void close_segment(value_writer *self)
{
    log_sink_close(self->sink);
    env_file_close(self->file);
    self->sink = NULL;
    self->file = NULL;
}

static pykv_status finish_segment(value_writer *self)
{
    self->current.file_bytes = log_sink_tail(self->sink);
    pykv_status status = log_sink_seal(self->sink);
    if (status == PYKV_OK && !PYKV_PLANTED(170)) {
        status = env_file_sync(self->file);
    }
    if (status == PYKV_OK) {
        status = buffer_append(&self->made, &self->current, sizeof self->current);
        PYKV_ASSERT(status == PYKV_OK);
        close_segment(self);
    }
    return status;
}

const manifest_values *value_writer_made(const value_writer *self, size_t *count_out)
{
    *count_out = self->made.size / sizeof(manifest_values);
    return (const manifest_values *)(const void *)self->made.data;
}

void value_writer_take(value_writer *self)
{
    PYKV_ASSERT(self->file == NULL);
    self->taken = true;
}

/* Removes a file; whether that works is the next open's business. */
static void remove_file(const value_writer *self, uint32_t number)
{
    char name[LOG_FILE_NAME_BYTES];
    log_file_values_name(number, name);
    pykv_status ignored = env_unlink(self->options.home, name);
    (void)ignored;
}

void value_writer_reset(value_writer *self)
{
    size_t count;
    pykv_error failure = *error_last();
    const manifest_values *made = value_writer_made(self, &count);
    if (self->file != NULL) {
        close_segment(self);
        remove_file(self, self->current.number);
    }
    for (size_t i = 0; i < count && !self->taken; i++) {
        remove_file(self, made[i].number);
    }
    buffer_reset(&self->made);
    buffer_reset(&self->packed);
    *self = (value_writer){0};
    error_restore(&failure);
}

/* ---- values ---- */

/* What a value is stored as: compressed if that is worth it. */
static pykv_status pack(value_writer *self, slice value, slice *stored_out)
{
    const codec *with = self->options.codec;
    size_t size = 0;
    *stored_out = value;
    if (with == NULL || value.size == 0) {
        return PYKV_OK;
    }
    buffer_clear(&self->packed);
    pykv_status status = buffer_reserve(&self->packed, with->bound(with->context, value.size));
    if (status == PYKV_OK) {
        status = with->compress(with->context, self->options.codec_level, value.data, value.size,
                                self->packed.data, &size);
    }
    if (status == PYKV_OK && size <= value.size - value.size / PACKED_SAVES - 1) {
        *stored_out = slice_make(self->packed.data, size);
    }
    return status;
}

static record record_of(const value_writer *self, const iterator_entry *entry, slice stored)
{
    bool is_packed = stored.size != entry->value.size;
    record made = {.body_crc = is_packed && !PYKV_PLANTED(193) ? 0 : entry->body_crc,
                   .kind = RECORD_PUT,
                   .flags = (uint8_t)((entry->deadline_us != 0 ? RECORD_FLAG_DEADLINE : 0) |
                                      (is_packed ? RECORD_FLAG_CODEC : 0) |
                                      record_key_flag(entry->key.size)),
                   .sequence = entry->sequence,
                   .deadline_us = entry->deadline_us,
                   .codec = is_packed ? self->options.codec->id : 0,
                   .key = entry->key,
                   .value = stored};
    if (made.body_crc == 0) { /* it comes from a table, which keeps none, or is compressed */
        made.body_crc = record_body_crc(&made);
    }
    return made;
}

pykv_status value_writer_add(value_writer *self, const iterator_entry *entry,
                             value_pointer *where_out)
{
    slice stored;
    pykv_status status = pack(self, entry->value, &stored);
    if (status == PYKV_OK && self->file == NULL) {
        status = open_segment(self);
    }
    if (status != PYKV_OK) {
        return status;
    }
    record added = record_of(self, entry, stored);
    value_pointer where = {.number = self->current.number,
                           .value_bytes = (uint32_t)entry->value.size,
                           .stored_bytes = (uint32_t)stored.size};
    status = log_writer_append(&self->writer, &added, &where.offset);
    if (status != PYKV_OK) {
        return status;
    }
    log_sink_pace(self->sink);
    self->current.value_count++;
    self->current.value_bytes += stored.size;
    *where_out = where;
    return log_sink_tail(self->sink) >= self->options.segment_bytes ? finish_segment(self)
                                                                    : PYKV_OK;
}

pykv_status value_writer_finish(value_writer *self)
{
    return self->file == NULL ? PYKV_OK : finish_segment(self);
}
