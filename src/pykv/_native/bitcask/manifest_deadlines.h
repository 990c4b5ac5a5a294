/*
 * manifest_deadlines: when the bytes of a segment's puts expire, behind everything else in the
 * manifest of a Bitcask: an entry for each listed segment that has some.
 *
 *   offset size  field
 *        0    4  number     of the segment
 *        4   56  7 buckets: until_s u32, granules u32; zeros: nothing is in it
 *       60    4  entry_crc  crc32c of bytes 0..60, seeded with header_crc
 *
 * A bucket holds bytes whose deadlines have all passed by a second since 1970. What the entry of
 * the segment has beyond the seven belongs to an eighth one, which ends with its latest deadline;
 * so does all of a segment without an entry here.
 *
 * Pure: thread-safe.
 */
#ifndef PYKV_BITCASK_MANIFEST_DEADLINES_H
#define PYKV_BITCASK_MANIFEST_DEADLINES_H

#include "base/buffer.h"
#include "bitcask/manifest.h"

enum { MANIFEST_DEADLINES_BYTES = 64 };

/* Entries that the segments of a manifest need. */
uint64_t manifest_deadlines_count(const manifest *self);

/* Appends them. PYKV_NO_MEMORY. */
PYKV_NODISCARD pykv_status manifest_deadlines_encode(const manifest *self, uint32_t header_crc,
                                                     buffer *out);

/* Reads count entries, which stand at offset, into the segments, which have been read before.
 * PYKV_CORRUPTION naming path. */
PYKV_NODISCARD pykv_status manifest_deadlines_decode(const uint8_t *data, uint64_t offset,
                                                     uint64_t count, const char *path,
                                                     manifest *out);

#endif
