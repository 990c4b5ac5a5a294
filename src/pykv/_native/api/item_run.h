/*
 * item_run: a run of a caller's items, copied.
 *
 * The caller's arrays may be changed by another thread at any time. So their offsets are copied
 * first and judged as a copy, and then the bytes between them are copied: from there on nothing of
 * the caller's is read. What is hashed, compared, checked and stored is the same bytes.
 *
 * Not thread-safe.
 */
#ifndef PYKV_API_ITEM_RUN_H
#define PYKV_API_ITEM_RUN_H

#include <stddef.h>
#include <stdint.h>

#include "pykv.h"

#include "base/annotate.h"
#include "base/buffer.h"

/* What is read or written at once, about. */
enum { ITEM_RUN_ROWS = 1000, ITEM_RUN_BYTES = 4 << 20 };

typedef struct item_run {
    const pykv_items *items; /* borrowed */
    const char *name;        /* of the items, in messages */
    uint64_t length_max;
    const void **pointers; /* of the items that were copied, */
    size_t *lengths;       /* and how long each is */
    int64_t *offsets;      /* of the items that were measured, one more */
    buffer bytes;          /* what pointers lead to */
    void *memory;          /* of the arrays, owned */
} item_run;

/* Makes ready for runs of up to rows_max items. name: "keys" or "values"; length_max: of an item.
 * PYKV_NO_MEMORY. item_run_reset must follow in any case. */
PYKV_NODISCARD pykv_status item_run_init(item_run *self, const pykv_items *items, const char *name,
                                         uint64_t length_max, size_t rows_max);
void item_run_reset(item_run *self);

/* Looks at the first count items as they are now. PYKV_INVALID_ARGUMENT where one of them has bytes
 * outside the data, PYKV_KEY_TOO_LARGE or PYKV_VALUE_TOO_LARGE. */
PYKV_NODISCARD pykv_status item_run_check(const item_run *self, uint64_t count);

/* Copies the offsets of items first up to first + rows. Failures as above. */
PYKV_NODISCARD pykv_status item_run_measure(item_run *self, uint64_t first, size_t rows);

/* Bytes of the first rows that were measured. */
uint64_t item_run_bytes(const item_run *self, size_t rows);

/* Copies the first rows that were measured, and sets pointers and lengths. PYKV_NO_MEMORY. */
PYKV_NODISCARD pykv_status item_run_copy(item_run *self, size_t rows);

#endif
