/*
 * log_feed: a window over a log file, and the records in it. Everything in the file may be damaged:
 * nothing here asserts what it holds.
 */
#include "log/log_feed.h"

#include "base/coding.h"
#include "base/error.h"
#include "base/invariant.h"
#include "log/log_file.h"
#include "log/log_format.h"

enum {
    HEAD_BYTES_MAX = RECORD_HEADER_BYTES + RECORD_EXTENSION_BYTES_MAX,
    WINDOW_KEPT_BYTES = 4 * 1024 * 1024 /* a larger one goes with the file */
};

void log_feed_init(log_feed *self, uint64_t sequence)
{
    *self = (log_feed){.next_sequence = sequence};
}

void log_feed_close(log_feed *self)
{
    if (self->file != NULL) {
        env_file_close(self->file);
        self->file = NULL;
    }
}

static void close_file(log_feed *self)
{
    log_feed_close(self);
    buffer_clear(&self->window);
    if (self->window.capacity > WINDOW_KEPT_BYTES) {
        buffer_reset(&self->window);
    }
}

void log_feed_reset(log_feed *self)
{
    close_file(self);
    buffer_reset(&self->window);
    buffer_reset(&self->changes);
}

pykv_status log_feed_open(log_feed *self, env_directory *directory,
                          const log_segment_header *header, uint64_t epoch)
{
    env_file *file;
    uint64_t size;
    pykv_status status = log_file_open(directory, header, false, &file, &size);
    if (status != PYKV_OK) {
        return status;
    }
    status = env_file_close_on_fork(file);
    if (status != PYKV_OK) {
        env_file_close(file);
        return status;
    }
    close_file(self);
    self->file = file;
    self->number = header->number;
    self->seed = record_seed(header->file_id);
    self->epoch = epoch;
    self->offset = LOG_SEGMENT_HEADER_BYTES;
    self->due_sequence = 0;
    self->batch_count = 0;
    return PYKV_OK;
}

/* ---- the window ---- */

/* Makes the window begin at offset and hold size bytes, or what the file has of them. */
static pykv_status fill(log_feed *self, uint64_t size)
{
    size_t got = 0;
    buffer_clear(&self->window);
    self->window_at = self->offset;
    pykv_status status = buffer_reserve(&self->window, (size_t)size);
    if (status == PYKV_OK) {
        status = env_file_read(self->file, self->offset, self->window.data, (size_t)size, &got);
    }
    self->window.size = status == PYKV_OK ? got : 0;
    return status;
}

/* Decodes the record at offset at, which is in the window or behind it. */
static record_check decode_at(const log_feed *self, uint64_t at, record *out)
{
    uint64_t inside = at - self->window_at;
    if (inside >= self->window.size) {
        return RECORD_HEADER_INVALID;
    }
    record_check check = record_decode(self->window.data + inside, self->window.size - inside,
                                       self->seed, at, true, out);
    bool follows =
        check != RECORD_VALID || self->due_sequence == 0 || out->sequence == self->due_sequence;
    return follows ? check : RECORD_HEADER_INVALID;
}

/* The record at offset, or behind the padding of a sector that stands there. */
static record_check decode_next(log_feed *self, record *out)
{
    record_check check = decode_at(self, self->offset, out);
    uint64_t sector = round_up(self->offset, LOG_SECTOR_BYTES);
    uint64_t inside = self->offset - self->window_at;
    if (check != RECORD_HEADER_INVALID || sector - self->window_at >= self->window.size ||
        !all_zero(self->window.data + inside, sector - self->offset)) {
        return check;
    }
    check = decode_at(self, sector, out);
    if (check == RECORD_VALID) {
        self->offset = sector;
    }
    return check;
}

static pykv_status refuse(const log_feed *self, const char *what, uint64_t expected, uint64_t got)
{
    return error_set_corruption(env_file_path(self->file), self->offset, what, expected, got);
}

/* Finds the next record, for which the window may move; what was decoded before is lost then. */
static pykv_status find(log_feed *self, uint64_t chunk_bytes, record *out)
{
    record found = {.sequence = 0};
    uint64_t wanted = chunk_bytes > HEAD_BYTES_MAX ? chunk_bytes : HEAD_BYTES_MAX;
    for (int attempt = 0; attempt < 3; attempt++) {
        pykv_status status = fill(self, wanted + LOG_SECTOR_BYTES);
        if (status != PYKV_OK) {
            return status;
        }
        record_check check = decode_next(self, &found);
        if (check == RECORD_VALID) {
            *out = found;
            return PYKV_OK;
        }
        if (check != RECORD_CUT_OFF) {
            break;
        }
        wanted = record_bytes(found.flags, found.key.size, found.value.size);
    }
    return refuse(self, "a record of the history is damaged", self->next_sequence, found.sequence);
}

/* ---- records ---- */

/* Checks the end of a batch, and counts its members. */
static pykv_status follow_batch(log_feed *self, const record *found)
{
    if ((found->flags & RECORD_FLAG_BATCH) == 0) {
        return self->batch_count == 0
                   ? PYKV_OK
                   : refuse(self, "a batch of the history has no end", 0, self->batch_count);
    }
    self->batch_crc = self->batch_count == 0 ? 0 : self->batch_crc;
    self->batch_count++;
    if ((found->flags & RECORD_FLAG_BATCH_LAST) == 0) {
        self->batch_crc = record_chain(self->batch_crc, found->header_crc);
        return PYKV_OK;
    }
    bool whole = found->batch_count == self->batch_count && found->batch_crc == self->batch_crc;
    pykv_status status = whole ? PYKV_OK
                               : refuse(self, "a batch of the history is not whole",
                                        found->batch_count, self->batch_count);
    self->batch_count = 0;
    return status;
}

static pykv_status add(log_feed *self, const record *found)
{
    bool is_put = found->kind == RECORD_PUT;
    bool is_last = (found->flags & RECORD_FLAG_BATCH) == 0 ||
                   (found->flags & RECORD_FLAG_BATCH_LAST) != 0 || PYKV_PLANTED(122);
    bool has_stop = (found->kind == RECORD_RANGE_DELETE && found->value.size > 0) ||
                    found->kind == RECORD_INGEST;
    pykv_change change = {.epoch = self->epoch,
                          .sequence = found->sequence,
                          .deadline_us = found->deadline_us,
                          .key = found->key.data,
                          .key_length = found->key.size,
                          .value = found->value.data,
                          .value_length = found->value.size,
                          .namespace_id = found->namespace_id,
                          .kind = found->kind,
                          .has_value = is_put || has_stop,
                          .last = is_last};
    return buffer_append(&self->changes, &change, sizeof change);
}

/* Takes the record that was found at offset. */
static pykv_status take(log_feed *self, const record *found)
{
    if (found->sequence > self->next_sequence) {
        return refuse(self, "the history misses records", self->next_sequence, found->sequence);
    }
    pykv_status status = follow_batch(self, found);
    if (status == PYKV_OK && found->sequence == self->next_sequence) {
        status = add(self, found);
    }
    if (status == PYKV_OK) {
        self->taken_offset = self->offset;
        self->offset += record_bytes(found->flags, found->key.size, found->value.size);
        self->due_sequence = found->sequence + 1;
        self->next_sequence += found->sequence == self->next_sequence;
    }
    return status;
}

/* Takes what the window holds, up to sequence last. */
static pykv_status take_window(log_feed *self, uint64_t last)
{
    pykv_status status = PYKV_OK;
    record found = {.sequence = 0};
    while (status == PYKV_OK && self->next_sequence <= last &&
           decode_next(self, &found) == RECORD_VALID) {
        status = take(self, &found);
    }
    return status;
}

pykv_status log_feed_read(log_feed *self, uint64_t last, size_t chunk_bytes,
                          const pykv_change **changes_out, size_t *count_out)
{
    PYKV_ASSERT(self->file != NULL);
    chunk_bytes = chunk_bytes != 0 ? chunk_bytes : LOG_FEED_CHUNK_BYTES;
    buffer_clear(&self->changes);
    pykv_status status = take_window(self, last);
    while (status == PYKV_OK && self->next_sequence <= last && self->changes.size == 0) {
        record found = {.sequence = 0};
        status = find(self, chunk_bytes, &found);
        if (status == PYKV_OK) {
            status = take(self, &found);
        }
        if (status == PYKV_OK) {
            status = take_window(self, last);
        }
    }
    if (self->next_sequence > last) {
        /* What stands behind may still change. */
        buffer_clear(&self->window);
        self->window_at = self->offset;
    }
    if (status == PYKV_OK) {
        *changes_out = (const pykv_change *)(const void *)self->changes.data;
        *count_out = self->changes.size / sizeof(pykv_change);
    }
    return status;
}

bool log_feed_take_back(log_feed *self)
{
    if (self->batch_count != 1 || self->changes.size == 0) {
        return false;
    }
    self->changes.size -= sizeof(pykv_change);
    self->offset = self->taken_offset;
    self->next_sequence--;
    self->due_sequence = self->next_sequence;
    self->batch_count = 0;
    /* What is read next has the records behind it too. */
    buffer_clear(&self->window);
    self->window_at = self->offset;
    return true;
}

pykv_status log_feed_first(env_directory *directory, const log_segment_header *header,
                           uint64_t *sequence_out)
{
    uint8_t head[HEAD_BYTES_MAX + LOG_SECTOR_BYTES];
    env_file *file;
    uint64_t size;
    size_t got = 0;
    record first;
    pykv_status status = log_file_open(directory, header, false, &file, &size);
    if (status != PYKV_OK) {
        return status;
    }
    uint64_t at = LOG_SEGMENT_HEADER_BYTES;
    uint64_t sequence = 0;
    status = env_file_read(file, at, head, sizeof head, &got);
    if (status == PYKV_OK && got > 0) {
        uint64_t padding = LOG_SECTOR_BYTES - at;
        uint64_t skipped = got > padding && all_zero(head, padding) ? padding : 0;
        record_check check =
            record_decode(head + skipped, got - skipped, record_seed(header->file_id), at + skipped,
                          false, &first);
        sequence = check == RECORD_HEADER_INVALID ? 0 : first.sequence;
    }
    env_file_close(file);
    if (status == PYKV_OK) {
        *sequence_out = sequence;
    }
    return status;
}
