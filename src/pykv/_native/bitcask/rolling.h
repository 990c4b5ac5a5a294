/*
 * rolling: the list of segments: making room at the tail, sealing, adding, removing.
 */
#ifndef PYKV_BITCASK_ROLLING_H
#define PYKV_BITCASK_ROLLING_H

#include "bitcask/store.h"

/* Makes room for bytes at the tail: rolls to the prepared segment if needed. PYKV_WOULD_BLOCK: call
 * bitcask_provide(bytes) without the lock, and try again. */
PYKV_NODISCARD pykv_status bitcask_make_room(bitcask *self, uint64_t bytes) REQUIRES(self->writer);

/* Does what bitcask_make_room lacks: an un-clean manifest, a prepared segment, sink space. */
PYKV_NODISCARD pykv_status bitcask_provide(bitcask *self, uint64_t bytes) EXCLUDES(self->writer);

/* Makes the next segment ahead of need, if there is none. */
PYKV_NODISCARD pykv_status bitcask_prepare_next(bitcask *self) EXCLUDES(self->writer);

/* Makes target, which is in the manifest, the segment that records go to; seals the one before. */
PYKV_NODISCARD pykv_status bitcask_activate(bitcask *self, segment *target) REQUIRES(self->writer);

/* Seals the active segment, so that the next write begins another. */
PYKV_NODISCARD pykv_status bitcask_seal_active(bitcask *self) REQUIRES(self->writer);

/* Writes the list of segments as it is now. PYKV_OK: durable. */
PYKV_NODISCARD pykv_status bitcask_write_manifest(bitcask *self, bool clean)
    REQUIRES(self->manifest_lock) EXCLUDES(self->writer);

/* The same in the room that is kept for it: for manifests that give room back, on a full disk too.
 */
PYKV_NODISCARD pykv_status bitcask_write_reserved_manifest(bitcask *self, bool clean)
    REQUIRES(self->manifest_lock) EXCLUDES(self->writer);

/* Keeps room for such a manifest, with what may be added to the list until the next call: the
 * output of one merge, and the segment that the caller is about to make. */
PYKV_NODISCARD pykv_status bitcask_reserve_manifest(bitcask *self) REQUIRES(self->manifest_lock)
    EXCLUDES(self->writer);

/* Adds a segment to the list and the address space (base BITCASK_NO_ADDRESS: any). */
PYKV_NODISCARD pykv_status bitcask_add_segment(bitcask *self, segment *target, uint64_t capacity,
                                               uint64_t base) REQUIRES(self->writer);

/* Gives up a segment without records that a manifest on disk may list: takes it off the list, and
 * its file away as soon as a manifest without it is durable. */
void bitcask_abandon(bitcask *self, segment *unused) REQUIRES(self->manifest_lock);

/* Takes a segment off the list; its memory and address stay until bitcask_dispose. */
void bitcask_remove_segment(bitcask *self, segment *target) REQUIRES(self->writer);

/* Frees address, mapping and file of a removed segment that no reader can reach. */
void bitcask_dispose(bitcask *self, segment *target) REQUIRES(self->writer);

/* Bytes of files, up to their logical length, and of live records. */
void bitcask_space(bitcask *self, uint64_t *disk_bytes_out, uint64_t *live_bytes_out)
    REQUIRES(self->writer);

/* The first of them. */
uint64_t bitcask_disk_bytes(bitcask *self);

/* Capacity of a new append segment that must hold bytes of records. */
uint64_t bitcask_segment_capacity(const bitcask *self, uint64_t bytes);

/* Address of offset in segment, and back. */
static inline uint64_t bitcask_address(const segment *target, uint64_t offset)
{
    return target->address_base + offset / 8;
}

static inline uint64_t bitcask_offset(const segment *target, uint64_t address)
{
    return (address - target->address_base) * 8;
}

#endif
