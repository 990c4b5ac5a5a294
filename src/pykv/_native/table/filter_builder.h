/*
 * filter_builder: collects the hashes of a table's keys and makes its filter block. The layout
 * stands in docs/format/table.md. Not thread-safe.
 *
 * The hashes take 8 bytes a key until the filter is made: a budget counts them.
 */
#ifndef PYKV_TABLE_FILTER_BUILDER_H
#define PYKV_TABLE_FILTER_BUILDER_H

#include <stdint.h>

#include "pykv.h"

#include "base/annotate.h"
#include "base/buffer.h"
#include "base/memory_budget.h"

typedef struct filter_builder {
    buffer hashes;         /* u64 each; its capacity is what is forced in budget */
    memory_budget *budget; /* borrowed; NULL: none counts them */
} filter_builder;

#define FILTER_BUILDER_EMPTY {BUFFER_EMPTY, NULL}

/* Adds the hash of one more key. */
PYKV_NODISCARD pykv_status filter_builder_add(filter_builder *self, uint64_t hash);

/* Appends the payload of a filter with bits_per_key (above 0) for each key added. With no key there
 * is one empty line. */
PYKV_NODISCARD pykv_status filter_builder_finish(const filter_builder *self, double bits_per_key,
                                                 buffer *out);

void filter_builder_reset(filter_builder *self);

#endif
