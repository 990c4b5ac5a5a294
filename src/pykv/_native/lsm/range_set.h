/*
 * range_set: range deletes, as fragments: ranges of keys that rise and are disjoint, each with the
 * sequences of the deletes that cover it, which fall.
 *
 * An operation is hidden from a snapshot if a delete that covers its key has a higher sequence, and
 * one that the snapshot holds. Where all deletes of a set are visible to whoever reads it, one
 * sequence a fragment, the highest, says as much (RANGE_NEWEST).
 *
 * A range [start, stop) has a stop that is not empty; an empty one stands for no end. Immutable and
 * counted by references: thread-safe. Keys are borrowed unless the set was made to own them.
 */
#ifndef PYKV_LSM_RANGE_SET_H
#define PYKV_LSM_RANGE_SET_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "pykv.h"

#include "base/annotate.h"
#include "base/reclaim.h"
#include "base/slice.h"

typedef struct range_fragment {
    slice start;
    slice stop;              /* empty: no end */
    uint32_t first_sequence; /* index of the highest */
    uint32_t sequence_count; /* at least 1 */
} range_fragment;

typedef struct range_set {
    reclaim_item retired;
    _Atomic uint32_t references;
    uint32_t count;
    uint32_t sequence_count;
    const range_fragment *fragments;
    const uint64_t *sequences;
    uint64_t key_bytes; /* of all bounds */
} range_set;

/* What is hidden from a snapshot. */
typedef struct range_filter {
    const range_set *deletes; /* NULL: nothing is */
    uint64_t snapshot_sequence;
} range_filter;

/* How a set is made of others. */
typedef struct range_rule {
    uint64_t snapshot_sequence; /* deletes above it are left out */
    bool newest;                /* each fragment gets only its highest sequence */
    bool owns_keys;             /* the bounds are copied */
} range_rule;

/* The deletes of both sets (NULL: none), of which those of newer have higher sequences, unless the
 * rule leaves one of each fragment. *out is NULL if none is left; else one reference is the
 * caller's. PYKV_NO_MEMORY. */
PYKV_NODISCARD pykv_status range_set_join(const range_set *older, const range_set *newer,
                                          const range_rule *rule, const range_set **out);

/* A set of one delete, which borrows its keys. Requires a start below stop. PYKV_NO_MEMORY. */
PYKV_NODISCARD pykv_status range_set_one(slice start, slice stop, uint64_t sequence,
                                         const range_set **out);

/* A set of fragments that rise and are disjoint, with a sequence each, and keys of its own. As
 * range_set_join. */
PYKV_NODISCARD pykv_status range_set_make(const range_fragment *fragments,
                                          const uint64_t *sequences, size_t count,
                                          const range_set **out);

/* The fragments whose flag is set, with keys of its own, as range_set_join. */
PYKV_NODISCARD pykv_status range_set_keep(const range_set *self, const bool *keeps,
                                          const range_set **out);

/* The fragments from begin up to end, which borrow their keys, as range_set_join. */
PYKV_NODISCARD pykv_status range_set_part(const range_set *self, uint32_t begin, uint32_t end,
                                          const range_set **out);

/* One more reference, and one less. NULL is ignored. */
const range_set *range_set_acquire(const range_set *self);
void range_set_release(const range_set *self);

/* Drops a reference once no reader can be taking one. NULL is ignored. */
void range_set_retire(const range_set *self, reclaimer *readers);

/* True if key comes before stop. */
static inline bool range_is_before(slice key, slice stop)
{
    return stop.size == 0 || slice_compare(key, stop) < 0;
}

/* The first fragment that does not end at or before key, or count: the only one that may hold it.
 */
uint32_t range_set_find(const range_set *self, slice key);

/* The highest sequence of a delete that covers key, up to snapshot_sequence; 0: none does. */
uint64_t range_set_cover(const range_set *self, slice key, uint64_t snapshot_sequence);

/* The same of a fragment. */
uint64_t range_fragment_cover(const range_set *self, uint32_t index, uint64_t snapshot_sequence);

/* True if every key from smallest to largest, both included, is covered by a delete above sequence.
 */
bool range_set_covers(const range_set *self, slice smallest, slice largest, uint64_t sequence);

/* The highest sequence of all; 0 for NULL. */
uint64_t range_set_sequence_max(const range_set *self);

/* Memory of it. */
uint64_t range_set_bytes(const range_set *self);

#endif
