/*
 * log_reader: walks the records of one segment. Everything in data may be damaged: nothing here
 * asserts what it holds. Not thread-safe.
 */
#include "log/log_reader.h"

#include <string.h>

#include "base/coding.h"
#include "base/invariant.h"

enum { FLAGS_OF_BATCH = RECORD_FLAG_BATCH | RECORD_FLAG_BATCH_LAST };

void log_reader_init(log_reader *self, const uint8_t *data, uint64_t size, uint64_t file_id,
                     uint64_t offset, bool ordered, uint64_t next_sequence)
{
    PYKV_ASSERT(offset >= LOG_SEGMENT_HEADER_BYTES && offset % RECORD_GRANULE_BYTES == 0);
    *self = (log_reader){.data = data,
                         .size = size,
                         .offset = offset,
                         .seed = record_seed(file_id),
                         .ordered = ordered,
                         .check_body = true,
                         .next_sequence = next_sequence,
                         .batch_end = offset,
                         .valid_end = offset};
}

static bool all_zeros(const uint8_t *data, uint64_t size)
{
    return size == 0 || (data[0] == 0 && memcmp(data, data + 1, (size_t)size - 1) == 0);
}

static uint64_t end_of(const record *found, uint64_t offset)
{
    return offset + record_bytes_of(found);
}

/* Decodes the record at offset, whose sequence should be this one (0: any). */
static log_stop decode_at(const log_reader *self, uint64_t offset, uint64_t sequence,
                          bool check_body, record *out)
{
    if (offset == self->size) {
        return LOG_STOP_END;
    }
    if (offset > self->size) {
        return LOG_STOP_CUT_OFF;
    }
    switch (record_decode(self->data + offset, self->size - offset, self->seed, offset,
                          check_body && !PYKV_PLANTED(3), out)) {
    case RECORD_HEADER_INVALID:
        return LOG_STOP_HEADER_INVALID;
    case RECORD_BODY_INVALID:
        return LOG_STOP_BODY_INVALID;
    case RECORD_CUT_OFF:
        return LOG_STOP_CUT_OFF;
    case RECORD_VALID:
        break;
    }
    if (self->sequence_limit != 0 && out->sequence >= self->sequence_limit) {
        return LOG_STOP_LIMIT;
    }
    if (self->ordered && sequence != 0 && out->sequence != sequence && !PYKV_PLANTED(2)) {
        return LOG_STOP_SEQUENCE;
    }
    return LOG_STOP_NONE;
}

/* Checks the whole batch whose first member, at offset, was found. */
static log_stop check_batch(log_reader *self, const record *first, uint64_t offset)
{
    record member = *first;
    uint32_t count = 1;
    uint32_t crc = 0;
    uint64_t end = end_of(&member, offset);
    while ((member.flags & RECORD_FLAG_BATCH_LAST) == 0) {
        crc = record_chain(crc, member.header_crc);
        uint64_t due = self->ordered ? member.sequence + 1 : 0;
        log_stop stop = decode_at(self, end, due, self->check_body, &member);
        if (stop != LOG_STOP_NONE || (member.flags & RECORD_FLAG_BATCH) == 0) {
            if (PYKV_PLANTED(1)) {
                break;
            }
            return LOG_STOP_BATCH_BROKEN;
        }
        end = end_of(&member, end);
        count++;
    }
    if ((count != member.batch_count || crc != member.batch_crc) && !PYKV_PLANTED(1)) {
        return LOG_STOP_BATCH_BROKEN;
    }
    self->batch_end = end;
    return LOG_STOP_NONE;
}

/* Finds the commit or batch member at offset. */
static log_stop find_at(log_reader *self, uint64_t offset, record *out)
{
    bool known = offset < self->batch_end;
    log_stop stop = decode_at(self, offset, self->next_sequence, self->check_body && !known, out);
    if (stop == LOG_STOP_NONE && !known && (out->flags & FLAGS_OF_BATCH) != 0) {
        stop = check_batch(self, out, offset);
    }
    return stop;
}

/* End of the sector padding that may stand at offset; offset if there is none. */
static uint64_t end_of_padding(const log_reader *self)
{
    uint64_t end = round_up(self->offset, LOG_SECTOR_BYTES);
    bool is_padding = self->ordered && end < self->size &&
                      all_zeros(self->data + self->offset, end - self->offset);
    return is_padding ? end : self->offset;
}

/* Ends the walk. Garbage and zeros behind the end are told apart. */
static bool stop_walk(log_reader *self, log_stop stop)
{
    if (stop == LOG_STOP_HEADER_INVALID &&
        all_zeros(self->data + self->offset, self->size - self->offset)) {
        stop = LOG_STOP_ZEROS;
    }
    self->stop = stop;
    return false;
}

bool log_reader_next(log_reader *self, record *record_out, uint64_t *offset_out)
{
    if (self->stop != LOG_STOP_NONE) {
        return false;
    }
    uint64_t offset = self->offset;
    record found;
    log_stop stop = find_at(self, offset, &found);
    if (PYKV_UNLIKELY(stop == LOG_STOP_HEADER_INVALID)) {
        uint64_t end = end_of_padding(self);
        if (end != offset && find_at(self, end, &found) == LOG_STOP_NONE) {
            offset = end;
            stop = LOG_STOP_NONE;
        }
    }
    if (stop != LOG_STOP_NONE) {
        return stop_walk(self, stop);
    }
    self->offset = end_of(&found, offset);
    self->next_sequence = self->ordered ? found.sequence + 1 : 0;
    if (self->offset >= self->batch_end) {
        self->valid_end = self->offset;
    }
    if ((found.flags & RECORD_FLAG_SYNCED) != 0 && found.synced_through > self->synced_through) {
        self->synced_through = found.synced_through;
    }
    *record_out = found;
    *offset_out = offset;
    return true;
}

log_reader_rest log_reader_search(const uint8_t *data, uint64_t size, uint64_t file_id,
                                  uint64_t from)
{
    uint32_t seed = record_seed(file_id);
    log_reader_rest rest = {.end = from};
    uint64_t offset = round_up(from, RECORD_GRANULE_BYTES);
    while (offset + RECORD_HEADER_BYTES <= size) {
        record found;
        if (record_decode(data + offset, size - offset, seed, offset, true, &found) !=
            RECORD_VALID) {
            offset += RECORD_GRANULE_BYTES;
            continue;
        }
        if ((found.flags & RECORD_FLAG_SYNCED) != 0 && found.synced_through > rest.synced_through) {
            rest.synced_through = found.synced_through;
        }
        if (found.sequence > rest.last_sequence) {
            rest.last_sequence = found.sequence;
        }
        offset = end_of(&found, offset);
        rest.end = offset;
    }
    return rest;
}
