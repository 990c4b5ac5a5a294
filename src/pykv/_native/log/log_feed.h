/*
 * log_feed: reads the operations of a log, file after file, in chunks and in order, also of a file
 * that is being written: the change feed of a store.
 *
 * The owner says how far it may read: up to a sequence at which a write ended. So no part of a
 * write is read that is not whole, and what is found damaged before that sequence is damage.
 *
 * Not thread-safe. Invariant: records before `offset` of the file were given, or passed over as
 * they come before next_sequence.
 */
#ifndef PYKV_LOG_LOG_FEED_H
#define PYKV_LOG_LOG_FEED_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buffer.h"
#include "env/env.h"
#include "log/log_segment.h"

enum { LOG_FEED_CHUNK_BYTES = 256 * 1024 };

typedef struct log_feed {
    env_file *file; /* owned; NULL: none */
    uint32_t number;
    uint32_t seed;
    uint64_t epoch;         /* of what is in the file */
    uint64_t offset;        /* of the next record */
    uint64_t taken_offset;  /* of the last one that was taken */
    uint64_t next_sequence; /* that is given next */
    uint64_t due_sequence;  /* of the record at offset; 0: any */
    uint32_t batch_count;   /* members of the batch under way */
    uint32_t batch_crc;
    buffer window;      /* bytes of the file from window_at on */
    uint64_t window_at; /* an offset */
    buffer changes;     /* the chunk: pykv_change, whose keys and values are in the window */
} log_feed;

/* A log file that holds a sequence. */
typedef struct log_feed_place {
    log_segment_header header; /* synced_through does not count */
    uint64_t last_sequence;    /* that it holds now */
    uint64_t epoch;            /* of its records */
} log_feed_place;

/* A feed without a file whose first operation is to be sequence. */
void log_feed_init(log_feed *self, uint64_t sequence);

/* Closes the file; what was read last stays. */
void log_feed_close(log_feed *self);

/* Closes the file and frees the memory. */
void log_feed_reset(log_feed *self);

/* Goes on in this file (synced_through does not count), which holds next_sequence; the one before
 * is closed. PYKV_CORRUPTION: it is missing or another one. */
PYKV_NODISCARD pykv_status log_feed_open(log_feed *self, env_directory *directory,
                                         const log_segment_header *header, uint64_t epoch);

/* Gives the next operations of the file, up to sequence last, which the file holds, and about
 * chunk_bytes of them (0: LOG_FEED_CHUNK_BYTES); at least one where next_sequence <= last. Valid
 * until the next call. PYKV_CORRUPTION with the place. */
PYKV_NODISCARD pykv_status log_feed_read(log_feed *self, uint64_t last, size_t chunk_bytes,
                                         const pykv_change **changes_out, size_t *count_out);

/* Takes the last change of the chunk back: the next call gives it again, with what stands behind
 * it. False: it is not the first of a batch that goes on. */
bool log_feed_take_back(log_feed *self);

/* The sequence of the first record of a file, 0 if it has none. PYKV_CORRUPTION: the file is
 * missing or another one. */
PYKV_NODISCARD pykv_status log_feed_first(env_directory *directory,
                                          const log_segment_header *header, uint64_t *sequence_out);

#endif
