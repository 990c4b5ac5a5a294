/*
 * log_recovery: where the log ends after a crash, and whether what is missing was ever promised.
 *
 * The un-sealed segments of a log are walked in order. The log ends at the first place that is not
 * a whole commit with the next sequence; everything behind it, later segments included, is the tail
 * that the crash tore off. If any claim (a mark in a later valid record, in a later segment's
 * header, or of the manifest) says that the place was durable, it is damage instead.
 *
 * The walk goes on from one segment to the next, whatever stands behind the last valid record, if
 * the next one begins with the sequence that is due; segments without a valid first record are
 * passed over. A segment's first record says where the ones before it ended: what they hold from
 * its sequence on can only be left by a failed write and is no part of the log.
 *
 * What is discarded may have been read before it was damaged. Its sequences are bounded by that of
 * the last record there that is valid, and one for each header that damaged bytes behind it may
 * have held. Where a claim lies behind all that can be read, the lost part reads as zeros or is cut
 * off: its size is not known, and each segment from there on may have been as long as one can be.
 *
 * Claims are ends of records. One at or before the first record of a segment says nothing: what it
 * means to claim is the end of another segment, which it does not tell.
 *
 * Lent threads may walk the segments at the same time, each from its own first sequence; then they
 * are joined in order, and one from which another sequence was due is walked again. The result is
 * that of the walk in order, in every case.
 * Pure functions: thread-safe.
 */
#ifndef PYKV_LOG_LOG_RECOVERY_H
#define PYKV_LOG_LOG_RECOVERY_H

#include "base/work.h"
#include "log/log_reader.h"

/* What a walk of one segment found. */
typedef struct log_recovery_walk {
    uint64_t due; /* sequence from which it walked, 0: it did not */
    uint64_t valid_end;
    uint64_t record_count;
    uint64_t last_sequence; /* of the log with it, due - 1 if it has no record */
    uint64_t synced_through;
    log_stop stop;
} log_recovery_walk;

/* One un-sealed append segment, oldest first. A file whose header cannot be decoded is left out. */
typedef struct log_recovery_segment {
    const char *path;
    const uint8_t *data; /* the whole file */
    uint64_t size;
    log_segment_header header;
    uint64_t start_offset; /* where to begin: records before it are known and durable */
    /* Filled by log_recover. */
    uint64_t valid_end;    /* the log's records stand in [start_offset, valid_end) */
    uint64_t record_count; /* of them */
    /* Of log_recover alone. */
    uint64_t first_sequence; /* of its first record, 0 if none can be read */
    log_recovery_walk walk;  /* ahead of the join */
} log_recovery_segment;

typedef struct log_recovery {
    size_t valid_segment;     /* index of the last segment with records of the log, else 0 */
    uint64_t valid_offset;    /* its valid_end */
    uint64_t last_sequence;   /* of the last valid record, or first_sequence - 1 */
    uint64_t sequence_bound;  /* no record, valid or discarded, had a higher one */
    uint64_t record_count;    /* valid records */
    uint64_t discarded_bytes; /* from the end to the last byte that is not zero, all segments */
    log_stop stop;            /* why the log ends there */
    bool damaged;             /* the end lies before a durable claim */
    uint64_t claim;           /* the highest claim seen */
} log_recovery;

/* Finds the end and fills the segments. first_sequence (from 1): expected of the first record.
 * durable_claim: position that the manifest knows to be durable, 0 none. lender: whose threads may
 * walk the segments first, NULL: they are walked one by one. Never fails: damage is told in *out,
 * and the caller decides. To replay a segment, walk it with valid_end as its size. */
void log_recover(log_recovery_segment *segments, size_t segment_count, uint64_t first_sequence,
                 uint64_t durable_claim, const work_lender *lender, log_recovery *out);

/* Whether claim, the highest one of the log, tells that the commit which ends where a walk of the
 * segment stands is durable. False inside a batch. */
static inline bool log_recovery_is_claimed(uint64_t claim, const log_recovery_segment *walked,
                                           const log_reader *walk)
{
    return walk->offset == walk->valid_end &&
           log_position(walked->header.number, walk->valid_end) <= claim;
}

/* Sequence of the first record of a segment whose records end at end, 0 if none can be read. */
uint64_t log_recovery_first(const log_recovery_segment *segment, uint64_t end);

#endif
