/*
 * value_segment: an open value segment: a log file (log/log_segment.h, kind values) of the large
 * values that one flush or compaction wrote, to which entries of tables point. The idea is that of
 * WiscKey (Lu et al. 2016): a compaction then moves keys, and not values.
 *
 * A segment never changes once it is listed. Versions hold references to theirs, and so may anyone
 * else (lsm/shared_file.h). Thread-safe.
 */
#ifndef PYKV_LSM_VALUE_SEGMENT_H
#define PYKV_LSM_VALUE_SEGMENT_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "codec/compress.h"
#include "pykv.h"

#include "base/annotate.h"
#include "base/buffer.h"
#include "base/iterator.h"
#include "base/report.h"
#include "env/env.h"
#include "lsm/shared_file.h"
#include "lsm/value_pointer.h"
#include "lsm/version_edit.h"

typedef struct value_segment {
    shared_file shared;
    /* constant */
    manifest_values facts;
    env_file *file;
    uint32_t seed; /* of the checks of its records */
    const codec_table *codecs;
    /* A value could not be read when it was to move: those of the segment stay where they are. */
    _Atomic bool unreadable;
} value_segment;

static inline bool value_segment_is_unreadable(const value_segment *self)
{
    return atomic_load_explicit(&self->unreadable, memory_order_relaxed);
}

static inline void value_segment_set_unreadable(value_segment *self, bool unreadable)
{
    atomic_store_explicit(&self->unreadable, unreadable, memory_order_relaxed);
}

/* Opens the segment that facts describe, with one reference; codecs is borrowed as long as it is
 * open. PYKV_CORRUPTION if it is not there,
 * shorter, or another file; PYKV_NO_MEMORY; what opening a file may give. */
PYKV_NODISCARD pykv_status value_segment_open(graveyard *grave, uint64_t store_id,
                                              const manifest_values *facts,
                                              const codec_table *codecs,
                                              value_segment **segment_out);

/* What the header and the size of a segment's file tell, for who has no manifest: all facts but the
 * counts. As value_segment_open. */
PYKV_NODISCARD pykv_status value_segment_describe(env_directory *home, uint32_t number,
                                                  uint64_t *store_id_out,
                                                  manifest_values *facts_out);

/* References, as shared_file says. */
static inline void value_segment_acquire(value_segment *self)
{
    shared_file_acquire(&self->shared);
}

static inline void value_segment_release(value_segment *self)
{
    shared_file_release(&self->shared);
}

static inline void value_segment_mark_obsolete(value_segment *self)
{
    shared_file_mark_obsolete(&self->shared);
}

/* Reads the value of entry, which points to where, into scratch, and checks that it is the entry's.
 * value_out borrows from scratch. PYKV_CORRUPTION names the file and the offset;
 * PYKV_NOT_SUPPORTED: there is no provider of its codec; PYKV_NO_MEMORY, PYKV_IO_FAILED. */
PYKV_NODISCARD pykv_status value_segment_read(const value_segment *self, const value_pointer *where,
                                              const iterator_entry *entry, buffer *scratch,
                                              slice *value_out);

/* Asks the system for what value_segment_read of a key with that length reads. A hint. */
void value_segment_ask(const value_segment *self, const value_pointer *where, size_t key_length,
                       bool has_deadline);

/* Checks every record of it, and adds what is damaged to the report. PYKV_NO_MEMORY. */
PYKV_NODISCARD pykv_status value_segment_verify(const value_segment *self, pykv_report *report);

#endif
