/*
 * log_segment: the 64-byte header at the start of every log file, behind which records stand.
 *
 *   offset size  field
 *        0    8  magic            "PYKVLOG\n"
 *        8    4  format_version   1
 *       12    1  kind             LOG_SEGMENT_*
 *       13    3  zero
 *       16    8  file_id          random; seeds every record's header check
 *       24    8  number           of the segment, from 1, below 2^32
 *       32    8  birth_sequence   append: no record of it has a lower sequence; merged: the
 *                                  store's last visible sequence when the merge began
 *       40    8  synced_through   position known durable when the file was made (log_position)
 *       48    8  store_id         random id of the database
 *       56    4  zero
 *       60    4  header_crc       crc32c of bytes 0..60
 *
 * A log position is one number, (segment number << 32 | offset in 8-byte granules): positions of
 * one log compare as numbers. Magic, format_version and header_crc stay where they are in later
 * versions. Documented in docs/format/segment.md. Pure functions: thread-safe.
 */
#ifndef PYKV_LOG_LOG_SEGMENT_H
#define PYKV_LOG_LOG_SEGMENT_H

#include <stdbool.h>
#include <stdint.h>

#include "pykv.h"

#include "base/annotate.h"

enum {
    LOG_SEGMENT_HEADER_BYTES = 64,
    LOG_FORMAT_VERSION = 1,
    LOG_SECTOR_BYTES = 512 /* to which log_writer_pad pads */
};

/* Kinds: records in sequence order without gaps, the live records of merged segments, or values
 * that tables point to. */
enum { LOG_SEGMENT_APPEND = 1, LOG_SEGMENT_MERGED = 2, LOG_SEGMENT_VALUES = 3 };

typedef struct log_segment_header {
    uint8_t kind;
    uint32_t number;
    uint64_t file_id;
    uint64_t birth_sequence;
    uint64_t synced_through;
    uint64_t store_id;
} log_segment_header;

/* How far 32 bits of granules reach, in a position and in a hint: no segment of writes, or of what
 * merges keep of them, is longer. */
#define LOG_SEGMENT_BYTES_MAX (UINT64_C(8) << 32)

/* The position of offset (a multiple of 8) in segment number. */
static inline uint64_t log_position(uint32_t number, uint64_t offset)
{
    return (uint64_t)number << 32 | offset / 8;
}

/* Writes the header. Requires a known kind and a number from 1. */
void log_segment_encode(const log_segment_header *self, uint8_t out[LOG_SEGMENT_HEADER_BYTES]);

/* Decodes and checks the header at data, of which size bytes are there. PYKV_CORRUPTION naming
 * path; PYKV_FORMAT for another format version. */
PYKV_NODISCARD pykv_status log_segment_decode(const uint8_t *data, uint64_t size, const char *path,
                                              log_segment_header *out);

#endif
