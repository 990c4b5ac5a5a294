/*
 * log_recovery: finds the end of a log. Everything in the segments may be damaged: nothing here
 * asserts what they hold. Pure functions: thread-safe.
 *
 * What a walk of one segment finds follows from its bytes, the sequence that is due, and the limit,
 * which follows from that sequence and the first sequences of the segments behind. So walks ahead
 * need not wait for each other, and the join takes one exactly where it began as it had to.
 */
#include "log/log_recovery.h"

#include "base/invariant.h"

/* Takes a claim, unless it stands where no record can end. */
static void claim(log_recovery *self, uint64_t position)
{
    uint64_t first_record = log_position((uint32_t)(position >> 32), LOG_SEGMENT_HEADER_BYTES);
    if (position > self->claim && position > first_record) {
        self->claim = position;
    }
}

uint64_t log_recovery_first(const log_recovery_segment *segment, uint64_t end)
{
    log_reader reader;
    record found;
    uint64_t offset = 0;
    log_reader_init(&reader, segment->data, end, segment->header.file_id, segment->start_offset,
                    true, 0);
    return log_reader_next(&reader, &found, &offset) ? found.sequence : 0;
}

/* The sequence from which on the records of segments[index] are no part of the log; 0: none. */
static uint64_t limit_of(const log_recovery_segment *segments, size_t segment_count, size_t index,
                         uint64_t next_sequence)
{
    for (size_t i = index + 1; i < segment_count && !PYKV_PLANTED(9); i++) {
        uint64_t first = segments[i].first_sequence;
        if (first != 0) {
            return first >= next_sequence ? first : 0;
        }
    }
    return 0;
}

/* Walks one segment from the sequence that is due. */
static log_recovery_walk walk_segment(const log_recovery_segment *segment, uint64_t due,
                                      uint64_t limit)
{
    log_reader reader;
    log_reader_init(&reader, segment->data, segment->size, segment->header.file_id,
                    segment->start_offset, true, due);
    reader.sequence_limit = limit;
    log_recovery_walk walk = {.due = due, .last_sequence = due - 1};
    record found;
    uint64_t offset = 0;
    while (log_reader_next(&reader, &found, &offset)) {
        walk.last_sequence = found.sequence;
        walk.record_count++;
    }
    walk.valid_end = reader.valid_end < segment->size ? reader.valid_end : segment->size;
    walk.synced_through = reader.synced_through;
    walk.stop = reader.stop;
    return walk;
}

/* ---- walks ahead ---- */

/* The segments, for tasks that each have one of them. */
typedef struct segment_list {
    log_recovery_segment *segments;
    size_t count;
} segment_list;

/* Walks a segment as if its first sequence were due. Reads what was known before of the others. */
static void walk_ahead(void *argument, size_t index)
{
    const segment_list *list = argument;
    log_recovery_segment *segment = &list->segments[index];
    uint64_t due = segment->first_sequence;
    if (due != 0) {
        segment->walk =
            walk_segment(segment, due, limit_of(list->segments, list->count, index, due));
    }
}

/* Whether threads are worth to be asked for. */
static bool is_shared(const log_recovery_segment *segments, size_t segment_count,
                      const work_lender *lender)
{
    uint64_t bytes = 0;
    size_t count = 0;
    for (size_t i = 0; i < segment_count; i++) {
        if (segments[i].first_sequence != 0) {
            bytes += segments[i].size - segments[i].start_offset;
            count++;
        }
    }
    return lender->lend != NULL && count > 1 && bytes >= lender->bytes_min;
}

/* ---- the end of the log ---- */

/* The walk from the sequence that is due: the limit follows from it and from what was known before
 * the walks ahead, so that one of these with the same sequence is the same walk. */
static log_recovery_walk walk_of(const log_recovery_segment *segments, size_t segment_count,
                                 size_t index, uint64_t due)
{
    const log_recovery_segment *segment = &segments[index];
    if (segment->walk.due == due || (segment->walk.due != 0 && PYKV_PLANTED(267))) {
        return segment->walk;
    }
    return walk_segment(segment, due, limit_of(segments, segment_count, index, due));
}

static bool nothing_follows(log_stop stop)
{
    return stop == LOG_STOP_NONE || stop == LOG_STOP_END || stop == LOG_STOP_ZEROS;
}

/* Goes through the segments to the end of the log. */
static void join_segments(log_recovery_segment *segments, size_t segment_count, log_recovery *self)
{
    for (size_t i = 0; i < segment_count; i++) {
        log_recovery_segment *segment = &segments[i];
        uint64_t due = self->last_sequence + 1;
        uint64_t first = segment->first_sequence;
        if (i > 0 && first != 0 && first != due && !PYKV_PLANTED(5)) {
            self->stop = nothing_follows(self->stop) ? LOG_STOP_SEQUENCE : self->stop;
            break;
        }
        log_recovery_walk walk = walk_of(segments, segment_count, i, due);
        claim(self, walk.synced_through);
        self->last_sequence = walk.last_sequence;
        self->record_count += walk.record_count;
        segment->valid_end = walk.valid_end;
        segment->record_count = walk.record_count;
        if (i == 0 || walk.record_count > 0 || PYKV_PLANTED(5)) {
            self->valid_segment = i;
            self->valid_offset = walk.valid_end;
            self->stop = walk.stop;
        } else if (nothing_follows(self->stop)) {
            self->stop = walk.stop;
        }
    }
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

/* Raises the bound by the records that may have stood in so many bytes. */
static void raise_bound_by(log_recovery *self, uint64_t bytes)
{
    uint64_t most = (bytes + RECORD_HEADER_BYTES - 1) / RECORD_HEADER_BYTES;
    bool fits = most <= UINT64_MAX - self->sequence_bound;
    self->sequence_bound = fits ? self->sequence_bound + most : UINT64_MAX;
}

/* Raises the bound by what is discarded of a segment, up to end. */
static void raise_bound(log_recovery *self, const log_reader_rest *rest, uint64_t end)
{
    if (rest->last_sequence > self->sequence_bound) {
        self->sequence_bound = rest->last_sequence;
    }
    raise_bound_by(self, end > rest->end ? end - rest->end : 0);
}

/* Where the last record stands that can be read, part of the log or not. */
typedef struct last_readable {
    size_t index; /* of its segment */
    uint64_t end;
} last_readable;

/* Where a claim lies behind all that can be read, something is lost that left no trace, as zeros or
 * with the end of a file, and how much came behind the claim nothing tells. */
static void raise_bound_by_lost(const log_recovery_segment *segments, size_t segment_count,
                                last_readable last, log_recovery *self)
{
    if (segment_count == 0 || PYKV_PLANTED(286) ||
        self->claim <= log_position(segments[last.index].header.number, last.end)) {
        return;
    }
    for (size_t i = last.index; i < segment_count; i++) {
        raise_bound_by(self, LOG_SEGMENT_BYTES_MAX);
    }
}

/* Takes the claims behind the end of the log, and counts what is discarded there. */
static void search_tail(const log_recovery_segment *segments, size_t segment_count,
                        log_recovery *self)
{
    last_readable last = {self->valid_segment, self->valid_offset};
    self->sequence_bound = self->last_sequence;
    for (size_t i = self->valid_segment; i < segment_count; i++) {
        const log_recovery_segment *segment = &segments[i];
        uint64_t used = used_bytes(segment, segment->valid_end);
        self->discarded_bytes += used;
        if (used > 0) {
            log_reader_rest rest = log_reader_search(segment->data, segment->size,
                                                     segment->header.file_id, segment->valid_end);
            claim(self, rest.synced_through);
            raise_bound(self, &rest, segment->valid_end + used);
            last = rest.last_sequence != 0 ? (last_readable){i, rest.end} : last;
        }
    }
    raise_bound_by_lost(segments, segment_count, last, self);
}

void log_recover(log_recovery_segment *segments, size_t segment_count, uint64_t first_sequence,
                 uint64_t durable_claim, const work_lender *lender, log_recovery *out)
{
    PYKV_ASSERT(first_sequence != 0);
    log_recovery self = {.last_sequence = first_sequence - 1};
    claim(&self, durable_claim);
    for (size_t i = 0; i < segment_count; i++) {
        segments[i].valid_end = segments[i].start_offset;
        segments[i].record_count = 0;
        segments[i].first_sequence = log_recovery_first(&segments[i], segments[i].size);
        segments[i].walk = (log_recovery_walk){.due = 0};
        claim(&self, segments[i].header.synced_through);
        claim(&self, log_position(segments[i].header.number, segments[i].start_offset));
    }
    if (lender != NULL && is_shared(segments, segment_count, lender)) {
        segment_list list = {segments, segment_count};
        work_share(lender, walk_ahead, &list, segment_count);
    }
    join_segments(segments, segment_count, &self);
    search_tail(segments, segment_count, &self);
    uint64_t end = segment_count == 0 ? 0
                                      : log_position(segments[self.valid_segment].header.number,
                                                     self.valid_offset);
    self.damaged = end < self.claim && !PYKV_PLANTED(275);
    *out = self;
}
