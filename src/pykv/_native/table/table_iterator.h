/*
 * table_iterator: walks over a table, in both directions, as a base/iterator.h.
 *
 * The window is a run of entries of one data block, which is held as long as it is shown: values
 * borrow from it, and keys do unless they had to be put together. Windows begin short, for those
 * who want one entry, and grow as the walk goes on. Not thread-safe.
 */
#ifndef PYKV_TABLE_TABLE_ITERATOR_H
#define PYKV_TABLE_TABLE_ITERATOR_H

#include "pykv.h"

#include "base/annotate.h"
#include "base/iterator.h"
#include "table/block_source.h"

/* Makes an iterator that stands nowhere; table and source must outlive it. Free it with
 * iterator_free. PYKV_NO_MEMORY. */
PYKV_NODISCARD pykv_status table_iterator_new(table *from, block_source *source,
                                              iterator **iterator_out);

#endif
