/*
 * manifest_ranges: the range deletes in the manifest of an LSM store, behind its tables: fragments
 * that rise and are disjoint, each the keys from start on and before stop that were deleted with
 * sequence.
 *
 *   offset size  field
 *        0    8  sequence
 *        8    4  start_length
 *       12    4  stop_length  0: to the end
 *       16    4  zero
 *       20    4  entry_crc    crc32c of bytes 0..20 and of those from 24 on, seeded with header_crc
 *       24       start, stop, zeros up to a multiple of 8
 *
 * Pure: thread-safe.
 */
#ifndef PYKV_LSM_MANIFEST_RANGES_H
#define PYKV_LSM_MANIFEST_RANGES_H

#include "base/buffer.h"
#include "lsm/range_set.h"

enum { MANIFEST_RANGE_HEAD_BYTES = 24 };
#define LSM_RANGE_BYTES_MAX (UINT64_C(1) << 30) /* of all entries */

/* Bytes of the entries; NULL: 0. */
uint64_t manifest_ranges_bytes(const range_set *self);

/* Appends the entries. PYKV_NO_MEMORY; PYKV_NOT_SUPPORTED: they are more than a manifest takes. */
PYKV_NODISCARD pykv_status manifest_ranges_encode(const range_set *self, uint32_t header_crc,
                                                  buffer *out);

/* Where they stand in a manifest. */
typedef struct manifest_ranges_place {
    const char *path;
    uint64_t offset;
    uint64_t count;
    uint64_t last_sequence; /* none is higher */
} manifest_ranges_place;

/* Reads the entries of a manifest of size bytes, which end with it. NULL if there are none.
 * PYKV_CORRUPTION, PYKV_NO_MEMORY. */
PYKV_NODISCARD pykv_status manifest_ranges_decode(const uint8_t *data, uint64_t size,
                                                  const manifest_ranges_place *place,
                                                  const range_set **out);

#endif
