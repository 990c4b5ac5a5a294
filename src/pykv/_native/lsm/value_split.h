/*
 * value_split: what a flush or compaction does with large values: they go to value segments, and
 * the entries become pointers to them. A value in a segment that is mostly dead moves to a new one,
 * unless one of the segment cannot be read: then the segment is marked, and the others stay too.
 *
 * Not thread-safe.
 */
#ifndef PYKV_LSM_VALUE_SPLIT_H
#define PYKV_LSM_VALUE_SPLIT_H

#include <stddef.h>
#include <stdint.h>

#include "pykv.h"

#include "base/annotate.h"
#include "base/buffer.h"
#include "base/iterator.h"
#include "lsm/value_writer.h"

typedef struct version version;

enum { VALUE_MOVES_MAX = 64 };

/* Which values go to value segments. */
typedef struct value_job {
    uint64_t store_id;
    uint64_t bytes_min;     /* of a value that is kept apart; 0: none is */
    uint64_t segment_bytes; /* of a value segment, about */
    const codec *codec;     /* of values; NULL: none */
    int codec_level;
    /* Values in these segments of a version move; the version is borrowed. */
    const version *moved_from;
    uint32_t moved[VALUE_MOVES_MAX];
    uint32_t moved_count;
} value_job;

typedef struct value_split {
    value_job job;
    value_writer writer;
    buffer refs;          /* of the entries since value_split_clear_refs (lsm/value_refs.h) */
    buffer scratch;       /* a value that moves */
    uint64_t moved_bytes; /* of values that were read to move */
    uint8_t pointer[VALUE_POINTER_BYTES_MAX];
} value_split;

/* Where segments go. Borrowed until reset. */
void value_split_init(value_split *self, const value_job *job, env *surroundings,
                      env_directory *home, file_numbers numbers);

/* Brings an entry to what its table is to hold: as it is, or as a pointer, which borrows from self
 * until the next call. Counts what it points to. After a failure only reset may follow. */
PYKV_NODISCARD pykv_status value_split_entry(value_split *self, iterator_entry *entry);

/* What the entries since the last clear point to, to be attached to their table. */
slice value_split_refs(const value_split *self);
void value_split_clear_refs(value_split *self);

/* Removes the segments that were not taken from the writer. The thread's last error stays. */
void value_split_reset(value_split *self);

#endif
