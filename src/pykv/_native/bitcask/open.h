/*
 * open: the steps of opening a store, in order: take the directory, read or make the manifest, load
 * the segments, recover the tail of the log, load or rebuild the key directory.
 *
 * Nothing is changed on disk before the manifest and every file it names were checked.
 * Single-threaded: the store is not shared yet, so its locks are taken only where callees require
 * it.
 */
#ifndef PYKV_BITCASK_OPEN_H
#define PYKV_BITCASK_OPEN_H

#include "bitcask/hint.h"
#include "bitcask/manifest.h"
#include "bitcask/store.h"

/* Fills in defaults and checks ranges. PYKV_INVALID_ARGUMENT names the option. */
PYKV_NODISCARD pykv_status bitcask_resolve_options(const pykv_options *given, pykv_options *out);

/* A store with nothing in it: locks, empty directory. */
PYKV_NODISCARD pykv_status bitcask_new(env *env, const pykv_options *options, bitcask **store_out);

/* Reads the manifest, or makes a new store's. */
PYKV_NODISCARD pykv_status bitcask_load_manifest(bitcask *self, manifest *out);

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

/* Finds the end of the log in the un-sealed segments. Read-write: copies what is valid into sealed
 * segments and puts them into a new manifest; read-only: adds the un-sealed segments up to the end.
 */
PYKV_NODISCARD pykv_status bitcask_recover_tail(bitcask *self, const manifest *listed);

/* Continues the last segment of a clean manifest, read-only or not. base as in bitcask_load_sealed.
 */
PYKV_NODISCARD pykv_status bitcask_continue_active(bitcask *self, const manifest_segment *entry,
                                                   uint64_t base);

/* Builds the key directory from hints, or the records of segments without one. */
PYKV_NODISCARD pykv_status bitcask_rebuild(bitcask *self);

/* The same while the store is in use: the new directory takes the place of the damaged one. Open
 * scans keep the old one. */
PYKV_NODISCARD pykv_status bitcask_rebuild_in_use(bitcask *self) REQUIRES(self->writer);

/* Uses the image of a clean close: loads the segments of listed at its addresses, and its
 * directory. PYKV_NOT_FOUND: no use; nothing was loaded. */
PYKV_NODISCARD pykv_status bitcask_load_image(bitcask *self, const manifest *listed);

#endif
