/*
 * keydir_image: the key directory as a file, written at clean close and mapped at the next open.
 *
 *   offset size
 *        0  256  header: magic "PYKVKEY\n", format_version u32, page_bytes u32 (4096), store_id u64,
 *                merge_edit u64 (the manifest's number of the last removal of segments), log_position
 *                u64 (replay from there), bucket_count u64, unit_count u64, key_count u64,
 *                segment_count u64, payload_bytes u64, crc_bytes u64, epoch u64, sequence u64,
 *                zeros, header_crc u32 at 252 over bytes 0..252
 *      256       segment table: segment_count entries of 32 bytes: number u64, address_base u64
 *                (granules), live_bytes u64, live_count u64; then its crc32c u32 and zeros to a page
 *                page checks: one crc32c u32 per payload page, then their own crc32c, zeros to a page
 *                payload, page aligned: bucket headers, then units
 *
 * Opening maps the file privately (copy-on-write) and checks header and tables; payload pages are
 * checked at first touch under the writer lock, or by keydir_image_check_some in the background, so
 * opening costs O(1) per million keys. A stale image is older, never wrong: the log is replayed from
 * log_position, and an image from before a merge is refused by merge_edit. Documented in
 * docs/format/keydir_image.md.
 */
#ifndef PYKV_BITCASK_KEYDIR_IMAGE_H
#define PYKV_BITCASK_KEYDIR_IMAGE_H

#include "bitcask/keydir.h"
#include "env/env.h"

typedef struct keydir_image_segment {
    uint64_t number;
    uint64_t address_base;
    uint64_t live_bytes;
    uint64_t live_count;
} keydir_image_segment;

/* What the image belongs to. segments is owned by the reader of the header: free with mem_free. */
typedef struct keydir_image_header {
    uint64_t store_id;
    uint64_t merge_edit;
    uint64_t log_position;
    uint64_t epoch;
    uint64_t sequence;
    uint64_t segment_count;
    keydir_image_segment *segments;
} keydir_image_header;

/* Writes the image to a new file `name`.tmp in directory, syncs it, renames it to name and syncs the
 * directory. No writer may run. */
PYKV_NODISCARD pykv_status keydir_image_write(const keydir *self, env_directory *directory,
                                              const char *name, const keydir_image_header *header);

/* Opens the image: PYKV_NOT_FOUND if there is none, PYKV_CORRUPTION or PYKV_FORMAT if it is no use (the
 * caller then rebuilds from hints). On success the keydir owns the mapping and the file. With mapped
 * false the file is read into memory instead. */
PYKV_NODISCARD pykv_status keydir_image_open(env_directory *directory, const char *name, bool mapped,
                                             keydir **keydir_out, keydir_image_header *header_out);

/* True if the pages that a lookup of hash touches were all checked: one load when none is pending. */
bool keydir_image_ready(const keydir *self, uint64_t hash);

/* Checks them now; under the writer lock. PYKV_CORRUPTION: rebuild the directory. */
PYKV_NODISCARD pykv_status keydir_image_check_hash(keydir *self, uint64_t hash);

/* Checks up to page_count pending pages; *pending_out tells how many are left. Under the writer lock. */
PYKV_NODISCARD pykv_status keydir_image_check_some(keydir *self, uint64_t page_count,
                                                   uint64_t *pending_out);

#endif
