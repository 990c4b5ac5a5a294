/*
 * load: the segments of a manifest, and the directory image that fits them, at open.
 *
 * Single-threaded: the store is not shared yet.
 */
#ifndef PYKV_BITCASK_LOAD_H
#define PYKV_BITCASK_LOAD_H

#include "bitcask/manifest.h"
#include "bitcask/store.h"

/* Sees to it that no number of a file that is there, listed or not, is given to a new segment: a
 * removal that was not durable may bring an old file back beside the new one. */
PYKV_NODISCARD pykv_status bitcask_skip_used_numbers(bitcask *self);

/* Removes temporary files and files of segments that are not in the list; after an open by the
 * image it notes which hints there are. */
PYKV_NODISCARD pykv_status bitcask_remove_orphans(bitcask *self);

/* Opens the sealed segments of listed and adds them, at the image's bases if bases is given (one a
 * segment entry, BITCASK_NO_ADDRESS: any). */
PYKV_NODISCARD pykv_status bitcask_load_sealed(bitcask *self, const manifest *listed,
                                               const uint64_t *bases);

/* Continues the last segment of a clean manifest, read-only or not. base as in bitcask_load_sealed.
 */
PYKV_NODISCARD pykv_status bitcask_continue_active(bitcask *self, const manifest_segment *entry,
                                                   uint64_t base);

/* Uses the image of a clean close: loads the segments of listed at its addresses, and its
 * directory. PYKV_NOT_FOUND: no use; nothing was loaded. */
PYKV_NODISCARD pykv_status bitcask_load_image(bitcask *self, const manifest *listed);

#endif
