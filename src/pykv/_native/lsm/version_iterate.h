/*
 * version_iterate: iterators over the entries of a version.
 *
 * Any number of threads may make them; one is used by one thread at a time.
 */
#ifndef PYKV_LSM_VERSION_ITERATE_H
#define PYKV_LSM_VERSION_ITERATE_H

#include "base/iterator.h"
#include "lsm/range_set.h"
#include "lsm/version.h"

/* The number of iterators that version_iterators makes at most. */
size_t version_iterator_count(const version *self);

/* Makes iterators over all that may stand in range, newest first: one for each table of level 0,
 * one for each deeper level. They show entries outside of range too. iterators_out has room for
 * version_iterator_count. They borrow the version and source. PYKV_NO_MEMORY: none was made. */
PYKV_NODISCARD pykv_status version_iterators(const version *self, block_source *source,
                                             const key_range *range, iterator **iterators_out,
                                             size_t *count_out);

/* As version_iterators, without what filter hides (NULL: all). As range_iterator_wrap. */
PYKV_NODISCARD pykv_status version_filtered(const version *self, block_source *source,
                                            const key_range *range, const range_filter *filter,
                                            iterator **iterators_out, size_t *count_out);

/* As version_filtered over all keys, past the cache and forward only, for one who writes what they
 * show to other tables: each table is walked over by a checking_iterator. */
PYKV_NODISCARD pykv_status version_inputs(const version *self, const range_filter *filter,
                                          iterator **iterators_out, size_t *count_out);

#endif
