/*
 * filter_reader: asks a table's filter whether a key may be in the table.
 *
 * Each key has one line of 64 bytes, so a question costs one cache miss. The layout stands in
 * docs/format/table.md. Immutable: any number of threads may ask.
 */
#ifndef PYKV_TABLE_FILTER_READER_H
#define PYKV_TABLE_FILTER_READER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "pykv.h"

#include "base/annotate.h"
#include "base/slice.h"

enum { FILTER_LINE_BYTES = 64, FILTER_TAIL_BYTES = 16, FILTER_PROBE_COUNT_MAX = 16 };

#define FILTER_STEP UINT32_C(0x9e3779b9)

typedef struct filter_reader {
    const uint8_t *lines; /* borrowed */
    uint64_t key_count;
    uint32_t line_count;
    uint8_t probe_count;
} filter_reader;

/* Decodes a payload, which stands at offset of path and stays as it is as long as the filter is
 * used; at a multiple of 64 bytes it is fastest. PYKV_CORRUPTION. Safe on arbitrary bytes. */
PYKV_NODISCARD pykv_status filter_reader_open(slice payload, const char *path, uint64_t offset,
                                              filter_reader *out);

/* Where the line of a hash begins. */
static inline size_t filter_line_offset(uint64_t hash, uint32_t line_count)
{
    return (size_t)((hash >> 32) * line_count >> 32) * FILTER_LINE_BYTES;
}

/* Asks the processor for the line of a hash. */
static inline void filter_prefetch(const filter_reader *self, uint64_t hash)
{
    __builtin_prefetch(self->lines + filter_line_offset(hash, self->line_count));
}

/* False: no key with this hash is in the table. */
bool filter_may_contain(const filter_reader *self, uint64_t hash);

/* The same for many hashes, whose lines are fetched side by side: may_contain_out[i] says it for
 * hashes[i]. */
void filter_may_contain_many(const filter_reader *self, const uint64_t *hashes, size_t count,
                             bool *may_contain_out);

#endif
