/*
 * log_image: a log segment put together in memory, record by record, for tests of what reads one.
 *
 * Record with sequence n has the key "key-n" and a value of bytes that follow from n, so that a
 * test can tell from a record alone whether it is the right one.
 */
#ifndef PYKV_TESTS_LOG_IMAGE_H
#define PYKV_TESTS_LOG_IMAGE_H

#include "harness/check.h"

#include "log/log_format.h"
#include "log/log_segment.h"

enum { LOG_IMAGE_BYTES_MAX = 64 * 1024, LOG_IMAGE_VALUE_BYTES_MAX = 16 * 1024 };

typedef struct log_image {
    log_segment_header header;
    uint64_t sequence; /* of the next record */
    uint64_t mark;     /* the next record carries it, unless 0 */
    uint64_t size;
    uint8_t data[LOG_IMAGE_BYTES_MAX];
} log_image;

/* Key and value of record sequence, valid until the second next call. */
static inline record log_image_record(uint64_t sequence, size_t value_size)
{
    static char keys[2][32];
    static uint8_t values[2][LOG_IMAGE_VALUE_BYTES_MAX];
    static unsigned turn;
    turn = 1 - turn;
    CHECK(value_size <= LOG_IMAGE_VALUE_BYTES_MAX);
    int length = snprintf(keys[turn], sizeof keys[turn], "key-%" PRIu64, sequence);
    for (size_t i = 0; i < value_size; i++) {
        values[turn][i] = (uint8_t)(sequence * 31 + i);
    }
    record made = {.kind = RECORD_PUT, .sequence = sequence};
    made.key = slice_make(keys[turn], (size_t)length);
    made.value = slice_make(values[turn], value_size);
    made.body_crc = record_body_crc(&made);
    return made;
}

static inline void log_image_check_record(const record *found, uint64_t sequence)
{
    CHECK_EQUAL(sequence, found->sequence);
    record wanted = log_image_record(sequence, found->value.size);
    CHECK(slice_equal(wanted.key, found->key));
    CHECK(slice_equal(wanted.value, found->value));
}

static inline void log_image_start(log_image *self, uint32_t number, uint64_t birth_sequence,
                                   uint64_t synced_through)
{
    memset(self, 0, sizeof *self);
    self->header = (log_segment_header){.kind = LOG_SEGMENT_APPEND,
                                        .number = number,
                                        .file_id = UINT64_C(0x1234567890) + number,
                                        .birth_sequence = birth_sequence,
                                        .synced_through = synced_through,
                                        .store_id = 99};
    log_segment_encode(&self->header, self->data);
    self->size = LOG_SEGMENT_HEADER_BYTES;
    self->sequence = birth_sequence;
}

/* Encodes a record at the end; returns its offset. */
static inline uint64_t log_image_add(log_image *self, record *added)
{
    uint64_t offset = self->size;
    added->flags |= self->mark != 0 ? RECORD_FLAG_SYNCED : 0;
    added->synced_through = self->mark;
    self->mark = 0;
    uint64_t size = record_bytes(added->flags, added->key.size, added->value.size);
    CHECK(offset + size <= LOG_IMAGE_BYTES_MAX);
    record_encode(added, record_seed(self->header.file_id), offset, self->data + offset);
    self->size += size;
    return offset;
}

static inline uint64_t log_image_put(log_image *self, size_t value_size)
{
    record added = log_image_record(self->sequence++, value_size);
    return log_image_add(self, &added);
}

/* A batch of count records; returns the offset of the last. */
static inline uint64_t log_image_batch(log_image *self, uint32_t count, size_t value_size)
{
    uint32_t crc = 0;
    uint64_t offset = 0;
    for (uint32_t i = 0; i < count; i++) {
        record added = log_image_record(self->sequence++, value_size);
        added.flags = RECORD_FLAG_BATCH;
        if (i + 1 == count) {
            added.flags |= RECORD_FLAG_BATCH_LAST;
            added.batch_count = count;
            added.batch_crc = crc;
        }
        offset = log_image_add(self, &added);
        crc = record_chain(crc, added.header_crc);
    }
    return offset;
}

static inline void log_image_zeros(log_image *self, uint64_t size)
{
    CHECK(self->size + size <= LOG_IMAGE_BYTES_MAX);
    memset(self->data + self->size, 0, size);
    self->size += size;
}

#endif
