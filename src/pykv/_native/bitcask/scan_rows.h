/*
 * scan_rows: where the rows of a scan go: to two arrays of the caller's, as long as rows are wanted
 * and have room there, and from the first that has none on to a chunk of the scan's own.
 *
 *   chunk   rows     key and value of each row, one row behind the other
 *           offsets  where each key and each value begins, and where the last value ends
 *
 * Not thread-safe. Invariants: (1) rows behind a row in the chunk are in the chunk; (2) the rooms
 * of the caller say nothing of new rows before scan_rows_give.
 */
#ifndef PYKV_BITCASK_SCAN_ROWS_H
#define PYKV_BITCASK_SCAN_ROWS_H

#include <stdbool.h>

#include "base/buffer.h"
#include "base/slice.h"

/* What an array of the caller's holds, with the rows that it was not told of yet. */
typedef struct scan_array {
    pykv_items_room *room;
    uint64_t used_bytes;
} scan_array;

typedef struct scan_rows {
    uint64_t count; /* rows added since the beginning */
    /* private */
    uint64_t chunk_bytes; /* that make a chunk full */
    uint64_t array_count; /* rows of count that went to the arrays */
    uint64_t array_max;   /* how many may go there */
    uint64_t rows_before; /* that the arrays had */
    scan_array keys;
    scan_array values;
    buffer rows;
    buffer offsets; /* of uint64_t */
} scan_rows;

/* Begins with no rows and without arrays. Zeros are a scan_rows that was never begun. */
void scan_rows_begin(scan_rows *self, uint64_t chunk_bytes);

/* Begins with up to rows_max rows, above 0, for the arrays, behind rows_done. */
void scan_rows_begin_arrays(scan_rows *self, uint64_t rows_max, pykv_items_room *keys,
                            pykv_items_room *values, uint64_t rows_done);

/* Adds a row. PYKV_NO_MEMORY. */
PYKV_NODISCARD pykv_status scan_rows_add(scan_rows *self, slice key, slice value);

/* True if the chunk has its bytes, or nothing more goes to the arrays. */
static inline bool scan_rows_are_enough(const scan_rows *self)
{
    return self->array_max == 0 ? self->rows.size >= self->chunk_bytes
                                : self->count >= self->array_max;
}

/* Tells the rooms, and gives how many rows went there, and the chunk, whose memory is good until
 * the next beginning. PYKV_NO_MEMORY. */
PYKV_NODISCARD pykv_status scan_rows_give(scan_rows *self, uint64_t *array_count_out,
                                          pykv_rows *chunk_out);

void scan_rows_reset(scan_rows *self);

#endif
