/*
 * log_writer: encodes records onto the tail of a segment through its sink.
 *
 * It numbers nothing and syncs nothing: the caller gives sequences, and after a successful sync
 * tells the writer, whose next record then carries the new synced_through mark.
 * Not thread-safe: the owner's log lock.
 * Invariants: (1) a mark says only what log_writer_synced was told; (2) record_end <= tail.
 */
#ifndef PYKV_LOG_LOG_WRITER_H
#define PYKV_LOG_LOG_WRITER_H

#include "log/log_format.h"
#include "log/log_segment.h"
#include "log/log_sink.h"

enum {
    LOG_COPY_BYTES_MAX = 64 * 1024,  /* larger records and values go to the sink by parts, */
    LOG_BUILT_BYTES_MAX = 256 * 1024 /* and larger batches */
};

typedef struct log_writer {
    log_sink *sink;    /* owned by the caller */
    uint32_t seed;     /* of the file */
    uint64_t capacity; /* offset that records should not pass; advisory, see log_writer_fits */
    uint64_t synced_through; /* newest mark to hand on */
    bool mark_due;           /* the next record carries synced_through */
    uint64_t record_end;     /* end of the last record appended by this writer, 0: none */
} log_writer;

/* capacity: not above that of a mapped sink. synced_through: of the segment's header. */
void log_writer_init(log_writer *self, log_sink *sink, uint64_t file_id, uint64_t capacity,
                     uint64_t synced_through);

/* True if size more record bytes (with room for one mark) stay within capacity, or the segment is
 * empty. */
bool log_writer_fits(const log_writer *self, uint64_t size);

/* Bytes that appending this record would take now, its mark included. */
uint64_t log_writer_bytes(const log_writer *self, const record *added);

/* Appends one record (body_crc set, batch flags clear); sets or clears RECORD_FLAG_SYNCED in it.
 * offset_out: where it stands. On failure nothing is in the log, and the same record may be given
 * again; only a power failure before the next sync may still bring a failed record to light.
 * PYKV_WOULD_BLOCK only from a mapped sink that is not prepared. */
PYKV_NODISCARD pykv_status log_writer_append(log_writer *self, record *added, uint64_t *offset_out);

/* Appends count records as one atomic batch in one write; sets batch flags, count and check, and
 * the offsets (NULL: they are not wanted). count 1 is a plain record, count 0 nothing. Failures as
 * above, and PYKV_NO_MEMORY. */
PYKV_NODISCARD pykv_status log_writer_append_batch(log_writer *self, record *addeds, size_t count,
                                                   uint64_t *offsets_out);

/* Tells that everything before position (log_position) is durable. Lower positions than the last
 * are ignored. */
void log_writer_synced(log_writer *self, uint64_t position);

/* Offset that a sync begun now makes claimable: the end of the last record of this writer, or 0.
 * Not the tail, which may stand behind padding. */
uint64_t log_writer_end(const log_writer *self);

/* Appends zeros up to a multiple of LOG_SECTOR_BYTES, so that no sector of what is synced next is
 * written again later. For devices that may lose a whole sector when a part of it is written. */
PYKV_NODISCARD pykv_status log_writer_pad(log_writer *self);

#endif
