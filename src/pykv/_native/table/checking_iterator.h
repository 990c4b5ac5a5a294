/*
 * checking_iterator: walks forward over a table for one who builds on what it shows, and looks at
 * what checks of bytes cannot tell.
 *
 * Entries rise, stand behind the place that was sought, lie between the first and the last key of
 * the table, and have sequences within those that its properties say. Where that does not hold the
 * walk ends with PYKV_CORRUPTION, which names the table. Not thread-safe.
 */
#ifndef PYKV_TABLE_CHECKING_ITERATOR_H
#define PYKV_TABLE_CHECKING_ITERATOR_H

#include "pykv.h"

#include "base/annotate.h"
#include "base/iterator.h"
#include "table/block_source.h"

/* As table_iterator_new. What goes backward ends with PYKV_INTERNAL. */
PYKV_NODISCARD pykv_status checking_iterator_new(table *from, block_source *source,
                                                 iterator **iterator_out);

#endif
