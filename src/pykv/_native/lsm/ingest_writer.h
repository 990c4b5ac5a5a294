/*
 * ingest_writer: writes a table outside of a store, to be ingested by one: rows with rising keys.
 *
 * A writer that ends without finish leaves a file that is no table. What fails for other reasons
 * than its arguments ends the writer: add and finish give that failure again, and the file must be
 * written anew. Not thread-safe.
 */
#ifndef PYKV_LSM_INGEST_WRITER_H
#define PYKV_LSM_INGEST_WRITER_H

#include "pykv.h"

#include "base/annotate.h"
#include "base/slice.h"
#include "env/env.h"

typedef struct ingest_writer ingest_writer;

/* Makes the file at path. Of options (NULL: defaults) block_bytes, compression, compression_level
 * and filter_bits_per_key count. PYKV_PATH_EXISTS; PYKV_PATH_NOT_FOUND: its directory is not
 * there. */
PYKV_NODISCARD pykv_status ingest_writer_open(env *environment, const char *path,
                                              const pykv_options *options,
                                              ingest_writer **writer_out);

/* Adds a row. deadline_us 0: it does not expire. PYKV_INVALID_ARGUMENT, and nothing is changed: its
 * key does not come after the last one. */
PYKV_NODISCARD pykv_status ingest_writer_add(ingest_writer *self, slice key, slice value,
                                             uint64_t deadline_us);

uint64_t ingest_writer_count(const ingest_writer *self);

/* Makes the file and its name durable. PYKV_INVALID_ARGUMENT: there is no row. */
PYKV_NODISCARD pykv_status ingest_writer_finish(ingest_writer *self);

/* Closes it; a file that was not finished goes. NULL is ignored. */
void ingest_writer_free(ingest_writer *self);

#endif
