/*
 * level_iterator: walks over the disjoint tables of a level, in both directions, as one
 * base/iterator.h.
 *
 * One table has an iterator at a time, opened when the walk comes to it; its windows are shown as
 * they are. Not thread-safe.
 */
#ifndef PYKV_LSM_LEVEL_ITERATOR_H
#define PYKV_LSM_LEVEL_ITERATOR_H

#include "pykv.h"

#include "base/annotate.h"
#include "base/iterator.h"
#include "lsm/version.h"

/* Makes an iterator that stands nowhere, over a level from 1 on or a part of one (level_part), or
 * over any disjoint files by smallest key. What row points to, its files and source must outlive
 * it. Free it with iterator_free. PYKV_NO_MEMORY, which later calls may give as well. */
PYKV_NODISCARD pykv_status level_iterator_new(const level *row, block_source *source,
                                              iterator **iterator_out);

/* As level_iterator_new, forward only: each table is walked over by a checking_iterator. */
PYKV_NODISCARD pykv_status level_iterator_new_checking(const level *row, block_source *source,
                                                       iterator **iterator_out);

#endif
