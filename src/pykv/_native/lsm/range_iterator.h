/*
 * range_iterator: an iterator without what range deletes hide.
 *
 * It shows the entries of another one but those with a sequence below that of a range delete that
 * covers their key. Where the other one has nothing in a fragment that is newer than its delete, it
 * is not walked over but left by a seek to the fragment's end; of a level, table by table.
 *
 * Not thread-safe, as base/iterator.h says.
 */
#ifndef PYKV_LSM_RANGE_ITERATOR_H
#define PYKV_LSM_RANGE_ITERATOR_H

#include "base/iterator.h"
#include "lsm/range_set.h"
#include "lsm/version.h"

/* What an iterator walks over: tables that rise and are disjoint, or something else, of which
 * deletes with a sequence from hidden_from on hide all entries up to the snapshot that they cover.
 */
typedef struct range_extent {
    level row; /* its files; count 0: no tables */
    uint64_t hidden_from;
} range_extent;

/* Wraps *shown, which belongs to the wrapper then, unless nothing of it is hidden. It takes a
 * reference of the set. On failure, PYKV_NO_MEMORY, it is as before. What extent points to, and the
 * keys of the set, must outlive it. */
PYKV_NODISCARD pykv_status range_iterator_wrap(const range_filter *filter,
                                               const range_extent *extent, iterator **shown);

#endif
