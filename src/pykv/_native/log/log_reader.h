/*
 * log_reader: walks the records of one segment held in memory or mapped, and says where and why it
 * stopped.
 *
 * A batch is delivered only when its last member was found and its count and chained check agree;
 * until then valid_end stands before its first member. In an append segment each sequence must be
 * the previous one plus one: leftovers of any kind end the walk. There zeros up to the next sector
 * (log_writer_pad) are passed over if the record behind them has the sequence that is due.
 * Not thread-safe. Borrowed data must stay until the reader is done.
 */
#ifndef PYKV_LOG_LOG_READER_H
#define PYKV_LOG_LOG_READER_H

#include "log/log_format.h"
#include "log/log_segment.h"

/* Why a walk ended. */
typedef enum log_stop {
    LOG_STOP_NONE = 0,
    LOG_STOP_END,   /* exactly at size */
    LOG_STOP_ZEROS, /* only zeros follow */
    LOG_STOP_HEADER_INVALID,
    LOG_STOP_BODY_INVALID,
    LOG_STOP_CUT_OFF,      /* a record reaches beyond size, or the walk began there */
    LOG_STOP_BATCH_BROKEN, /* a batch without its end, or with a wrong count or check */
    LOG_STOP_SEQUENCE,     /* a valid record with a sequence that does not follow */
    LOG_STOP_LIMIT         /* sequence_limit was reached: what follows is no part of the log */
} log_stop;

typedef struct log_reader {
    const uint8_t *data;
    uint64_t size;
    uint64_t offset; /* of the next record */
    uint32_t seed;
    bool ordered;            /* sequences must follow each other */
    bool check_body;         /* true; may be cleared after log_reader_init */
    uint64_t next_sequence;  /* expected, 0: any */
    uint64_t sequence_limit; /* records from this sequence on are not delivered, 0: none
                                (log_recovery) */
    uint64_t batch_end;      /* members before it were checked as a batch */
    uint64_t valid_end;      /* end of the last whole commit */
    uint64_t synced_through; /* highest mark seen */
    log_stop stop;
} log_reader;

/* data[0..size) is the whole file; the walk begins at offset (at least LOG_SEGMENT_HEADER_BYTES).
 * ordered with next_sequence 0 takes the first record's as the start. */
void log_reader_init(log_reader *self, const uint8_t *data, uint64_t size, uint64_t file_id,
                     uint64_t offset, bool ordered, uint64_t next_sequence);

/* True with the next record and its offset, false at the stop. */
bool log_reader_next(log_reader *self, record *record_out, uint64_t *offset_out);

/* What valid records (header and body) tell that stand behind the end of a walk. */
typedef struct log_reader_rest {
    uint64_t synced_through; /* highest mark of any; 0: none */
    uint64_t last_sequence;  /* highest sequence of any; 0: there is none */
    uint64_t end;            /* of the last one; from if there is none */
} log_reader_rest;

/* Searches for them at or behind from, at every granule. Slow: only after an invalid record. */
log_reader_rest log_reader_search(const uint8_t *data, uint64_t size, uint64_t file_id,
                                  uint64_t from);

#endif
