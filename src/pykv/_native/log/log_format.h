/*
 * log_format: the one record format of segments, write-ahead log, value log and manifest edits.
 *
 *   offset size  field
 *        0    4  header_crc     crc32c of (log seed, offset u64, bytes 4..24, extension)
 *        4    4  body_crc       crc32c of (value_length u32, key_length u16, kind u8, 0 u8,
 *                               deadline u64 if any, namespace u32 if any, key, value): unseeded
 *        8    4  value_length
 *       12    2  key_length
 *       14    1  kind           RECORD_*; 0 is never valid, so zeros are never a record
 *       15    1  flags          RECORD_FLAG_*
 *       16    8  sequence       of this operation, from 1
 *       24       extension      in this order, each only if its flag is set:
 *                                 synced_through u64, a log position (RECORD_FLAG_SYNCED)
 *                                 batch_count u32, batch_crc u32 (RECORD_FLAG_BATCH_LAST)
 *                                 deadline u64, microseconds (RECORD_FLAG_DEADLINE)
 *                                 namespace u32 (RECORD_FLAG_NAMESPACE)
 *                                 codec u32 (RECORD_FLAG_CODEC)
 *                                 key_length_high u32 (RECORD_FLAG_LONG_KEY): key_length is
 *                                   65,536 times it more
 *                key, value, zeros up to a multiple of 8
 *
 * Every member of a batch has RECORD_FLAG_BATCH, the last one RECORD_FLAG_BATCH_LAST as well.
 * batch_count counts all members; batch_crc chains the header_crc of the members before the last,
 * in order. The last header_crc covers batch_crc and so seals the whole batch.
 *
 * Records start at multiples of RECORD_GRANULE_BYTES. The header check is seeded with the file's
 * random id and covers the offset: a record that was copied, shifted or left over from another
 * file is never valid. The body check travels unchanged with the record wherever it is copied.
 * Documented in docs/format/record.md; tests decode its examples. Pure functions: thread-safe.
 */
#ifndef PYKV_LOG_LOG_FORMAT_H
#define PYKV_LOG_LOG_FORMAT_H

#include <stdbool.h>
#include <stdint.h>

#include "pykv.h"

#include "base/annotate.h"
#include "base/slice.h"
#include "base/stored_key.h"

enum { RECORD_HEADER_BYTES = 24, RECORD_GRANULE_BYTES = 8, RECORD_EXTENSION_BYTES_MAX = 36 };

/* Kinds. */
enum {
    RECORD_PUT = 1,
    RECORD_DELETE = 2,       /* tombstone: key, no value */
    RECORD_CLEAR = 3,        /* everything with a lower sequence is gone: no key, no value */
    RECORD_RANGE_DELETE = 4, /* keys from key on, up to value, or to the end if that is empty */
    RECORD_INGEST =
        6, /* a table with keys from key to value has this sequence; nothing to replay */
    RECORD_DICTIONARY = 7 /* what values of its file were packed with: no key */
};

enum {
    RECORD_FLAG_BATCH = 1,      /* member of a batch of two or more */
    RECORD_FLAG_BATCH_LAST = 2, /* its last member; carries count and chained check */
    RECORD_FLAG_SYNCED = 4,
    RECORD_FLAG_DEADLINE = 8,
    RECORD_FLAG_NAMESPACE = 16,
    RECORD_FLAG_CODEC = 32,
    RECORD_FLAG_LONG_KEY = 64 /* iff the key has more than 65,535 bytes */
};

/* A record, decoded or about to be encoded. key and value are borrowed. */
typedef struct record {
    uint32_t header_crc; /* filled by encode and decode */
    uint32_t body_crc;
    uint8_t kind;
    uint8_t flags;
    uint64_t sequence;
    uint64_t synced_through;
    uint32_t batch_count;
    uint32_t batch_crc;
    uint64_t deadline_us;
    uint32_t namespace_id;
    uint32_t codec;
    slice key;
    slice value;
} record;

/* The flag that a key of this length needs, or 0. */
static inline uint8_t record_key_flag(size_t key_length)
{
    return PYKV_UNLIKELY(key_length > UINT16_MAX) ? RECORD_FLAG_LONG_KEY : 0;
}

/* Seed of a file's header checks, from its random id. */
uint32_t record_seed(uint64_t file_id);

/* Bytes of header and extension for flags (known ones; others are ignored). */
uint32_t record_head_bytes(uint8_t flags);

/* Bytes the record takes in a log, padding included. */
uint64_t record_bytes(uint8_t flags, size_t key_length, size_t value_length);

/* The same of a whole record. */
static inline uint64_t record_bytes_of(const record *self)
{
    return record_bytes(self->flags, self->key.size, self->value.size);
}

/* Computes the body check from key, value, kind, deadline and namespace. */
uint32_t record_body_crc(const record *self);

/* Writes header and extension (record_head_bytes(flags)) of a record at offset of the file with
 * this seed, and sets header_crc. Requires body_crc set, lengths within STORED_KEY_BYTES_MAX and
 * PYKV_VALUE_BYTES_MAX, and a kind, flags and sequence that record_decode accepts. */
void record_encode_head(record *self, uint32_t seed, uint64_t offset, uint8_t *out);

/* As above followed by key, value and padding: record_bytes(...) in all. */
void record_encode(record *self, uint32_t seed, uint64_t offset, uint8_t *out);

/* What record_decode found. */
typedef enum record_check {
    RECORD_VALID = 0,
    RECORD_HEADER_INVALID, /* no record: cut off, torn, zero, garbled or of another place */
    RECORD_CUT_OFF,        /* a valid header whose body reaches beyond size */
    RECORD_BODY_INVALID    /* a valid header over a damaged body or padding */
} record_check;

/* Decodes the record at data (size bytes are there), which stands at offset in the file. Safe on
 * arbitrary bytes. Checks header, lengths, kind and flags, and, with check_body, body and padding.
 * *out borrows from data. RECORD_HEADER_INVALID leaves *out untouched; RECORD_CUT_OFF sets it but
 * for key.data and value.data, which are NULL; RECORD_BODY_INVALID sets it whole. */
record_check record_decode(const uint8_t *data, uint64_t size, uint32_t seed, uint64_t offset,
                           bool check_body, record *out);

/* Chains the header check of one more member into a batch check; start with 0. */
uint32_t record_chain(uint32_t batch_crc, uint32_t header_crc);

#endif
