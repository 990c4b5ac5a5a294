/*
 * merging_iterator: many iterators as one, in order, both ways.
 *
 * It shows every entry of every child; no two of them have the same key and sequence. Where one
 * child alone has the next entries, it shows that child's window as it is; where children are
 * interleaved, it gathers entries into a window of its own, which borrows from the children's.
 *
 * A child that fails ends the walk with its status, as base/iterator.h says; the next seek tries
 * again. A child may show entries that were added behind its user's back, as those of a memtable
 * do: what was there at the seek is still shown once and in order.
 *
 * Not thread-safe, as base/iterator.h says.
 */
#ifndef PYKV_LSM_MERGING_ITERATOR_H
#define PYKV_LSM_MERGING_ITERATOR_H

#include <stddef.h>

#include "pykv.h"

#include "base/annotate.h"
#include "base/iterator.h"

enum { MERGING_ITERATOR_CHILDREN_MAX = 1 << 20 };

/*
 * Merges count children, wherever they stand; the result stands nowhere. One child is given back as
 * it is, and a merge of none is empty. Requires count <= MERGING_ITERATOR_CHILDREN_MAX.
 *
 * On success the children belong to *out, which frees them with itself (iterator_free); the array
 * stays the caller's. On failure, PYKV_NO_MEMORY, the children stay the caller's too.
 */
PYKV_NODISCARD pykv_status merging_iterator_new(iterator **children, size_t count, iterator **out);

#endif
