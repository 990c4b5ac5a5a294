/*
 * manifest_edit: the manifest of a store in use: its list of segments made durable as it is now.
 */
#ifndef PYKV_BITCASK_MANIFEST_EDIT_H
#define PYKV_BITCASK_MANIFEST_EDIT_H

#include "bitcask/store.h"

/* Writes the list of segments as it is now. PYKV_OK: durable. */
PYKV_NODISCARD pykv_status bitcask_write_manifest(bitcask *self, bool clean)
    REQUIRES(self->manifest_lock) EXCLUDES(self->writer);

/* The same in the room that is kept for it: for manifests that give room back, on a full disk too.
 */
PYKV_NODISCARD pykv_status bitcask_write_reserved_manifest(bitcask *self, bool clean)
    REQUIRES(self->manifest_lock) EXCLUDES(self->writer);

/* The same of itself: as clean as the one on disk is, and keeps room for the next. */
PYKV_NODISCARD pykv_status bitcask_write_current_manifest(bitcask *self)
    EXCLUDES(self->manifest_lock) EXCLUDES(self->writer);
PYKV_NODISCARD pykv_status bitcask_write_current_manifest_locked(bitcask *self)
    REQUIRES(self->manifest_lock) EXCLUDES(self->writer);

/* Keeps room for such a manifest, with what may be added to the list until the next call: the
 * output of one merge, and the segment that the caller is about to make. */
PYKV_NODISCARD pykv_status bitcask_reserve_manifest(bitcask *self) REQUIRES(self->manifest_lock)
    EXCLUDES(self->writer);

/* Gives up a segment without records that a manifest on disk may list: takes it off the list, and
 * its file away as soon as a manifest without it is durable. */
void bitcask_abandon(bitcask *self, segment *unused) REQUIRES(self->manifest_lock);

#endif
