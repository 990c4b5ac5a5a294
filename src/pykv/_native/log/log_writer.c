/*
 * log_writer: encodes records onto the tail of a segment. Small records and batches are built in
 * the sink's own memory; what is larger goes to it by parts, its large values uncopied.
 * Not thread-safe.
 */
#include "log/log_writer.h"

#include "base/coding.h"
#include "base/error.h"
#include "base/invariant.h"
#include "base/memory.h"

enum { MARK_BYTES = 8, FLAGS_OF_BATCH = RECORD_FLAG_BATCH | RECORD_FLAG_BATCH_LAST };

static const uint8_t zeros[LOG_SECTOR_BYTES];

void log_writer_init(log_writer *self, log_sink *sink, uint64_t file_id, uint64_t capacity,
                     uint64_t synced_through)
{
    self->sink = sink;
    self->seed = record_seed(file_id);
    self->capacity = capacity;
    self->synced_through = synced_through;
    self->mark_due = false;
    self->record_end = 0;
}

bool log_writer_fits(const log_writer *self, uint64_t size)
{
    uint64_t tail = log_sink_tail(self->sink);
    return tail <= LOG_SEGMENT_HEADER_BYTES || tail + size + MARK_BYTES <= self->capacity;
}

static uint8_t with_mark(const log_writer *self, uint8_t flags)
{
    return (uint8_t)((flags & ~RECORD_FLAG_SYNCED) | (self->mark_due ? RECORD_FLAG_SYNCED : 0));
}

uint64_t log_writer_bytes(const log_writer *self, const record *added)
{
    return record_bytes(with_mark(self, added->flags), added->key.size, added->value.size);
}

/* Gives the record the mark that is due, or none. */
static inline void set_mark(const log_writer *self, record *added)
{
    added->flags = with_mark(self, added->flags);
    added->synced_through = self->synced_through;
    if (PYKV_PLANTED(4)) {
        added->synced_through =
            log_position((uint32_t)(self->synced_through >> 32), log_sink_tail(self->sink));
    }
}

/* Whether size bytes at the tail are built in the sink's memory: not what is larger than bytes_max,
 * and not what a mapped sink has no room for. */
static inline bool is_built(const log_writer *self, uint64_t size, uint64_t bytes_max)
{
    return size <= bytes_max && log_sink_tail(self->sink) + size <= self->capacity;
}

static pykv_status append_built(log_writer *self, record *added, uint64_t offset, uint64_t size)
{
    uint8_t *out = NULL;
    pykv_status status = log_sink_build(self->sink, (size_t)size, &out);
    if (status != PYKV_OK) {
        return status;
    }
    record_encode(added, self->seed, offset, out);
    return log_sink_commit(self->sink, (size_t)size);
}

static pykv_status append_parts(log_writer *self, record *added, uint64_t offset, uint64_t size)
{
    uint8_t head[RECORD_HEADER_BYTES + RECORD_EXTENSION_BYTES_MAX];
    uint32_t head_bytes = record_head_bytes(added->flags);
    record_encode_head(added, self->seed, offset, head);
    slice parts[4] = {slice_make(head, head_bytes), added->key, added->value, slice_make(zeros, 0)};
    parts[3].size = (size_t)size - head_bytes - added->key.size - added->value.size;
    return log_sink_append(self->sink, parts, 4);
}

/* What follows a successful append. */
static inline void appended(log_writer *self)
{
    self->mark_due = PYKV_PLANTED(4);
    self->record_end = log_sink_tail(self->sink);
}

pykv_status log_writer_append(log_writer *self, record *added, uint64_t *offset_out)
{
    PYKV_ASSERT((added->flags & FLAGS_OF_BATCH) == 0);
    PYKV_CHECKED(added->body_crc == record_body_crc(added));
    uint64_t offset = log_sink_tail(self->sink);
    set_mark(self, added);
    uint64_t size = record_bytes_of(added);
    pykv_status status = PYKV_LIKELY(is_built(self, size, LOG_COPY_BYTES_MAX))
                             ? append_built(self, added, offset, size)
                             : append_parts(self, added, offset, size);
    if (PYKV_LIKELY(status == PYKV_OK)) {
        appended(self);
        *offset_out = offset;
    }
    return status;
}

/* A batch on its way into the log. */
typedef struct batch_plan {
    uint64_t bytes;        /* of all members */
    uint64_t copied_bytes; /* of them, without the large values */
    size_t part_count;     /* large values, and the runs before and behind each */
} batch_plan;

static bool value_is_large(const record *self)
{
    return self->value.size > LOG_COPY_BYTES_MAX;
}

/* Sets the flags of all members and finds what they take. */
static batch_plan plan_batch(const log_writer *self, record *records, size_t count)
{
    batch_plan plan = {0, 0, 1};
    for (size_t i = 0; i < count; i++) {
        record *member = &records[i];
        PYKV_CHECKED(member->body_crc == record_body_crc(member));
        PYKV_ASSERT(i == 0 || member->sequence == records[i - 1].sequence + 1);
        member->flags &= (uint8_t)~(FLAGS_OF_BATCH | RECORD_FLAG_SYNCED);
        member->flags |= RECORD_FLAG_BATCH;
        if (i + 1 == count) {
            member->flags |= RECORD_FLAG_BATCH_LAST;
            member->batch_count = (uint32_t)count;
        }
        if (i == 0) {
            set_mark(self, member);
        }
        plan.bytes += record_bytes_of(member);
        if (value_is_large(member)) {
            plan.copied_bytes -= member->value.size;
            plan.part_count += 2;
        }
    }
    plan.copied_bytes += plan.bytes;
    return plan;
}

/* Encodes all but the value of member at out, which stands at offset; returns the end. */
static uint8_t *encode_without_value(const log_writer *self, record *member, uint64_t offset,
                                     uint8_t *out)
{
    record_encode_head(member, self->seed, offset, out);
    out += record_head_bytes(member->flags);
    if (member->key.size != 0) {
        memcpy(out, member->key.data, member->key.size);
    }
    return out + member->key.size;
}

/* Encodes the batch that is to stand at the tail at out. */
static void encode_batch(const log_writer *self, record *records, size_t count, uint8_t *out)
{
    uint64_t offset = log_sink_tail(self->sink);
    uint32_t batch_crc = 0;
    for (size_t i = 0; i < count; i++) {
        record *member = &records[i];
        uint64_t size = record_bytes_of(member);
        member->batch_crc = batch_crc;
        record_encode(member, self->seed, offset, out);
        batch_crc = record_chain(batch_crc, member->header_crc);
        offset += size;
        out += size;
    }
}

/* As above into out and parts, which together are the batch; large values are parts of their own.
 */
static void encode_batch_parts(const log_writer *self, record *records, size_t count, uint8_t *out,
                               slice *parts)
{
    uint64_t offset = log_sink_tail(self->sink);
    uint32_t batch_crc = 0;
    parts->data = out;
    for (size_t i = 0; i < count; i++) {
        record *member = &records[i];
        uint64_t size = record_bytes_of(member);
        member->batch_crc = batch_crc;
        if (value_is_large(member)) {
            uint8_t *end = encode_without_value(self, member, offset, out);
            uint64_t padding = size - (uint64_t)(end - out) - member->value.size;
            parts[0].size = (size_t)(end - parts[0].data);
            parts[1] = member->value;
            parts += 2;
            parts->data = end;
            memset(end, 0, (size_t)padding);
            out = end + padding;
        } else {
            record_encode(member, self->seed, offset, out);
            out += size;
        }
        batch_crc = record_chain(batch_crc, member->header_crc);
        offset += size;
    }
    parts->size = (size_t)(out - parts->data);
}

static pykv_status append_batch_built(log_writer *self, record *records, size_t count,
                                      const batch_plan *plan)
{
    uint8_t *out = NULL;
    pykv_status status = log_sink_build(self->sink, (size_t)plan->bytes, &out);
    if (status != PYKV_OK) {
        return status;
    }
    encode_batch(self, records, count, out);
    return log_sink_commit(self->sink, (size_t)plan->bytes);
}

static pykv_status append_batch_parts(log_writer *self, record *records, size_t count,
                                      const batch_plan *plan)
{
    size_t parts_bytes = plan->part_count * sizeof(slice);
    slice *parts = mem_alloc(parts_bytes + (size_t)plan->copied_bytes);
    if (parts == NULL) {
        return error_set_no_memory(parts_bytes + plan->copied_bytes);
    }
    encode_batch_parts(self, records, count, (uint8_t *)parts + parts_bytes, parts);
    pykv_status status = log_sink_append(self->sink, parts, plan->part_count);
    mem_free(parts);
    return status;
}

pykv_status log_writer_append_batch(log_writer *self, record *records, size_t count,
                                    uint64_t *offsets_out)
{
    if (count == 0) {
        return PYKV_OK;
    }
    uint64_t offset = log_sink_tail(self->sink);
    if (count == 1) {
        records[0].flags &= (uint8_t)~FLAGS_OF_BATCH;
        return log_writer_append(self, records, offsets_out != NULL ? offsets_out : &offset);
    }
    batch_plan plan = plan_batch(self, records, count);
    pykv_status status = is_built(self, plan.bytes, LOG_BUILT_BYTES_MAX)
                             ? append_batch_built(self, records, count, &plan)
                             : append_batch_parts(self, records, count, &plan);
    if (status == PYKV_OK) {
        appended(self);
        for (size_t i = 0; i < count && offsets_out != NULL; i++) {
            offsets_out[i] = offset;
            offset += record_bytes_of(&records[i]);
        }
    }
    return status;
}

void log_writer_synced(log_writer *self, uint64_t position)
{
    if (position > self->synced_through) {
        self->synced_through = position;
        self->mark_due = true;
    }
}

uint64_t log_writer_end(const log_writer *self)
{
    return self->record_end;
}

pykv_status log_writer_pad(log_writer *self)
{
    uint64_t tail = log_sink_tail(self->sink);
    slice padding = slice_make(zeros, (size_t)(round_up(tail, LOG_SECTOR_BYTES) - tail));
    return padding.size == 0 ? PYKV_OK : log_sink_append(self->sink, &padding, 1);
}
