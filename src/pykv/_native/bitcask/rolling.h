/*
 * rolling: room at the tail of the log: the active segment, the next one, and the step between
 * them.
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

/* Capacity of a new append segment that must hold bytes of records. */
uint64_t bitcask_segment_capacity(const bitcask *self, uint64_t bytes);

#endif
