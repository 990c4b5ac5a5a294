/*
 * log_recovery: finds the end of a log. Everything in the segments may be damaged: nothing here
 * asserts what they hold. Pure functions: thread-safe.
 */
#include "log/log_recovery.h"

#include "base/invariant.h"

static void claim(log_recovery *self, uint64_t position)
{
    if (position > self->claim) {
        self->claim = position;
    }
}

uint64_t log_recovery_limit(const log_recovery_segment *segments, size_t segment_count,
                            size_t index, uint64_t next_sequence)
{
    if (index + 1 >= segment_count || PYKV_PLANTED(9)) {
        return 0;
    }
    uint64_t birth = segments[index + 1].header.birth_sequence;
    return birth >= next_sequence ? birth : 0;
}

/* Walks one segment from the sequence that is due and makes its end the log's. */
static void walk_segment(const log_recovery_segment *segment, size_t index, uint64_t limit,
                         log_recovery *self)
{
    log_reader reader;
    log_reader_init(&reader, segment->data, segment->size, segment->header.file_id,
                    segment->start_offset, true, self->last_sequence + 1);
    reader.sequence_limit = limit;
    record found;
    uint64_t offset = 0;
    while (log_reader_next(&reader, &found, &offset)) {
        self->last_sequence = found.sequence;
        self->record_count++;
    }
    claim(self, reader.synced_through);
    self->valid_segment = index;
    self->valid_offset = reader.valid_end < segment->size ? reader.valid_end : segment->size;
    self->stop = reader.stop;
}

/* Bytes from offset to the last that is not zero. */
static uint64_t used_bytes(const log_recovery_segment *segment, uint64_t offset)
{
    uint64_t end = segment->size;
    while (end > offset && segment->data[end - 1] == 0) {
        end--;
    }
    return end > offset ? end - offset : 0;
}

/* Takes the claims behind offset of a segment, and counts what is discarded there. */
static void search_tail(const log_recovery_segment *segment, uint64_t offset, log_recovery *self)
{
    uint64_t used = used_bytes(segment, offset);
    self->discarded_bytes += used;
    if (used > 0) {
        claim(self, log_reader_search_mark(segment->data, segment->size, segment->header.file_id,
                                           offset));
    }
}

/* Claims that need no walk: of the headers, and that what precedes a start was durable. */
static void take_header_claims(const log_recovery_segment *segments, size_t segment_count,
                               log_recovery *self)
{
    for (size_t i = 0; i < segment_count; i++) {
        claim(self, segments[i].header.synced_through);
        if (segments[i].start_offset > LOG_SEGMENT_HEADER_BYTES) {
            claim(self, log_position(segments[i].header.number, segments[i].start_offset));
        }
    }
}

/* Whether the walk goes on in the segment behind index. */
static bool next_follows(const log_recovery_segment *segments, size_t segment_count, size_t index,
                         const log_recovery *self)
{
    return index + 1 < segment_count &&
           (segments[index + 1].header.birth_sequence == self->last_sequence + 1 ||
            PYKV_PLANTED(5));
}

void log_recover(const log_recovery_segment *segments, size_t segment_count,
                 uint64_t first_sequence, uint64_t durable_claim, log_recovery *out)
{
    PYKV_ASSERT(first_sequence != 0);
    log_recovery self = {.last_sequence = first_sequence - 1, .claim = durable_claim};
    take_header_claims(segments, segment_count, &self);
    size_t index = 0;
    for (; index < segment_count; index++) {
        uint64_t limit = log_recovery_limit(segments, segment_count, index, self.last_sequence + 1);
        walk_segment(&segments[index], index, limit, &self);
        if (!next_follows(segments, segment_count, index, &self)) {
            break;
        }
    }
    if (segment_count > 0) {
        bool ends_well = self.stop == LOG_STOP_END || self.stop == LOG_STOP_ZEROS;
        if (ends_well && index + 1 < segment_count) {
            self.stop = LOG_STOP_SEQUENCE;
        }
        search_tail(&segments[index], self.valid_offset, &self);
        for (size_t i = index + 1; i < segment_count; i++) {
            search_tail(&segments[i], LOG_SEGMENT_HEADER_BYTES, &self);
        }
        self.damaged = log_position(segments[index].header.number, self.valid_offset) < self.claim;
    } else {
        self.damaged = self.claim != 0;
    }
    *out = self;
}
