/*
 * value_writer: writes the large values of one flush or compaction to value segments.
 *
 *   value_writer_init, value_writer_add ..., value_writer_finish, value_writer_reset
 *
 * The records are those of the log format, with the sequences of their entries and none of a batch.
 * Each value is compressed by itself, where that makes it smaller by an eighth; the body checks of
 * the others are those made when the writes came in. Not thread-safe.
 */
#ifndef PYKV_LSM_VALUE_WRITER_H
#define PYKV_LSM_VALUE_WRITER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "codec/compress.h"
#include "pykv.h"

#include "base/annotate.h"
#include "base/buffer.h"
#include "base/iterator.h"
#include "log/log_writer.h"
#include "lsm/file_numbers.h"
#include "lsm/value_pointer.h"
#include "lsm/version_edit.h"

/* Where the segments go. Borrowed until the writer is reset. */
typedef struct value_writer_options {
    env *surroundings;
    env_directory *home;
    file_numbers numbers;
    uint64_t store_id;
    uint64_t segment_bytes; /* a segment is finished when it has reached this size */
    const codec *codec;     /* NULL: values are stored as they are */
    int codec_level;
} value_writer_options;

typedef struct value_writer {
    value_writer_options options;
    env_file *file; /* NULL: no segment is open */
    log_sink *sink;
    log_writer writer;
    manifest_values current; /* of the open segment */
    buffer made;             /* a manifest_values for each segment that was finished */
    buffer packed;           /* a compressed value */
    bool taken;
} value_writer;

void value_writer_init(value_writer *self, const value_writer_options *options);

/* Appends the value of entry, which is a put. After a failure only reset may follow. */
PYKV_NODISCARD pykv_status value_writer_add(value_writer *self, const iterator_entry *entry,
                                            value_pointer *where_out);

/* Finishes the last segment. All are durable, but for their names, which were synced when they were
 * made. */
PYKV_NODISCARD pykv_status value_writer_finish(value_writer *self);

/* The segments that were finished, by rising number. Valid until the next call. */
const manifest_values *value_writer_made(const value_writer *self, size_t *count_out);

/* The files belong to the caller from now on: a manifest lists them, or may. */
void value_writer_take(value_writer *self);

/* Ends it, finished or not, and removes what was not taken. The thread's last error stays. */
void value_writer_reset(value_writer *self);

#endif
