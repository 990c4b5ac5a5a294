/*
 * image: the store's side of the directory image: first-touch checks and rebuilding when one fails.
 */
#ifndef PYKV_BITCASK_IMAGE_H
#define PYKV_BITCASK_IMAGE_H

#include "bitcask/store.h"

/* Makes sure that the directory pages of hash are checked; rebuilds the directory from the segments
 * if one is damaged. */
PYKV_NODISCARD pykv_status bitcask_check_image(bitcask *self, space *within, uint64_t hash)
    EXCLUDES(self->writer);

/* The same with the lock held. */
PYKV_NODISCARD pykv_status bitcask_check_image_locked(bitcask *self, space *within, uint64_t hash)
    REQUIRES(self->writer);

/* Makes sure that resolving all of the operations touches checked pages only. It comes before any
 * of them is resolved: a rebuild may leave a key at another address, where a merge that was given
 * up left its record in two segments, or give one a slot whose record has expired. */
PYKV_NODISCARD pykv_status bitcask_check_image_for(bitcask *self, const operation *operations,
                                                   size_t count) REQUIRES(self->writer);

/* Checks some pages ahead of their use; more_out tells whether any are left. */
PYKV_NODISCARD pykv_status bitcask_check_image_some(bitcask *self, bool *more_out)
    EXCLUDES(self->writer);

/* Checks all pages that are left: from then on the directory is not replaced for damage. For what
 * keeps it, or addresses from it, for longer: scans and merges. */
PYKV_NODISCARD pykv_status bitcask_check_image_rest(bitcask *self) EXCLUDES(self->writer);

/* Writes the image that the next open maps. Requires a synced store without writers. A failure
 * costs only a slower open. */
PYKV_NODISCARD pykv_status bitcask_write_image(bitcask *self) REQUIRES(self->manifest_lock)
    EXCLUDES(self->writer);

#endif
