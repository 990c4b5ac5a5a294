/*
 * log_recovery: where the log ends after a crash, and whether what is missing was ever promised.
 *
 * The un-sealed segments of a log are walked in order. The log ends at the first place that is not
 * a whole commit with the next sequence; everything behind it, later segments included, is the tail
 * that the crash tore off. If any claim (a mark in a later valid record, in a later segment's
 * header, or of the manifest) says that the place was durable, it is damage instead.
 *
 * A segment's birth_sequence says where the one before ended when it was made. So the walk goes on
 * in the next segment if that sequence is due there, whatever stands behind the last valid record;
 * and a record of the earlier segment with that sequence or a later one, which only a failed write
 * can have left, is no part of the log. Replay segment i with log_reader.sequence_limit =
 * log_recovery_limit(segments, segment_count, i, next sequence) to see exactly these records.
 * Pure functions: thread-safe.
 */
#ifndef PYKV_LOG_LOG_RECOVERY_H
#define PYKV_LOG_LOG_RECOVERY_H

#include "log/log_reader.h"

/* One un-sealed append segment, oldest first. A file whose header cannot be decoded is left out. */
typedef struct log_recovery_segment {
    const char *path;
    const uint8_t *data; /* the whole file */
    uint64_t size;
    log_segment_header header;
    uint64_t start_offset; /* where to begin: records before it are known and durable */
} log_recovery_segment;

typedef struct log_recovery {
    size_t valid_segment;     /* index of the segment in which the log ends */
    uint64_t valid_offset;    /* where in it */
    uint64_t last_sequence;   /* of the last valid record, or first_sequence - 1 */
    uint64_t record_count;    /* valid records */
    uint64_t discarded_bytes; /* from the end to the last byte that is not zero, all segments */
    log_stop stop;            /* why the log ends there */
    bool damaged;             /* the end lies before a durable claim */
    uint64_t claim;           /* the highest claim seen */
} log_recovery;

/* Finds the end. first_sequence (from 1): expected of the first record. durable_claim: position
 * that the manifest knows to be durable, 0 none. Never fails: damage is told in *out, and the
 * caller decides. */
void log_recover(const log_recovery_segment *segments, size_t segment_count,
                 uint64_t first_sequence, uint64_t durable_claim, log_recovery *out);

/* The sequence_limit for a walk of segments[index] that begins with next_sequence; 0: none. */
uint64_t log_recovery_limit(const log_recovery_segment *segments, size_t segment_count,
                            size_t index, uint64_t next_sequence);

#endif
