/*
 * value_refs: what a table points to, summed up by value segment, as it is attached to the table's
 * properties: an entry of 24 bytes a segment, by rising number.
 *
 *   number u32, zero u32, count u64, bytes u64 (of values)
 *
 * So which segments a version needs, and how much of each is live, follows from its tables alone.
 * Not thread-safe; what is attached to a table is constant.
 */
#ifndef PYKV_LSM_VALUE_REFS_H
#define PYKV_LSM_VALUE_REFS_H

#include <stddef.h>
#include <stdint.h>

#include "pykv.h"

#include "base/annotate.h"
#include "base/buffer.h"
#include "base/slice.h"

enum { VALUE_REF_BYTES = 24 };

typedef struct value_ref {
    uint32_t number;
    uint64_t count;
    uint64_t bytes;
} value_ref;

/* Adds one value to what is attached. PYKV_NO_MEMORY. */
PYKV_NODISCARD pykv_status value_refs_add(buffer *attached, uint32_t number, uint64_t bytes);

/* PYKV_CORRUPTION, naming path, if bytes attached to a table are no such list. */
PYKV_NODISCARD pykv_status value_refs_check(slice attached, const char *path);

/* The number of entries of a list that is right, and one of them. */
size_t value_refs_count(slice attached);
value_ref value_refs_at(slice attached, size_t index);

#endif
