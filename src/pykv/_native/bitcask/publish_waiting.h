/*
 * publish_waiting: making writes visible that waited for their sync.
 */
#ifndef PYKV_BITCASK_PUBLISH_WAITING_H
#define PYKV_BITCASK_PUBLISH_WAITING_H

#include "bitcask/store.h"

/* Keeps appended operations for bitcask_publish_pending. */
PYKV_NODISCARD pykv_status bitcask_reserve_pending(bitcask *self, size_t count)
    REQUIRES(self->writer);
void bitcask_add_pending(bitcask *self, const operation *operations, size_t count)
    REQUIRES(self->writer);

/* Publishes what waits, up to sequence, in order, each batch as a whole. A failure (a record that
 * cannot be read, memory) fails the store: its batch and what came behind it stay unpublished. */
PYKV_NODISCARD pykv_status bitcask_publish_pending(bitcask *self, uint64_t through_sequence)
    REQUIRES(self->writer);

#endif
