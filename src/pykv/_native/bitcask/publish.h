/*
 * publish: making appended writes visible, at once or after their sync.
 */
#ifndef PYKV_BITCASK_PUBLISH_H
#define PYKV_BITCASK_PUBLISH_H

#include "bitcask/find.h"
#include "bitcask/store.h"

/* Looks up what operation displaces and makes sure that publishing it cannot fail. */
PYKV_NODISCARD pykv_status bitcask_resolve(bitcask *self, operation *write, read_mode mode)
    REQUIRES(self->writer);

/* Makes resolved operations visible, all at one moment. first_address: of the first. */
void bitcask_publish(bitcask *self, operation *operations, size_t count) REQUIRES(self->writer);

/* Publishes an appended RECORD_CLEAR: the store begins with an empty directory. PYKV_NO_MEMORY. */
PYKV_NODISCARD pykv_status bitcask_publish_clear(bitcask *self, const operation *write)
    REQUIRES(self->writer);

/* Keeps appended operations for bitcask_publish_pending. */
PYKV_NODISCARD pykv_status bitcask_reserve_pending(bitcask *self, size_t count)
    REQUIRES(self->writer);
void bitcask_add_pending(bitcask *self, const operation *operations, size_t count)
    REQUIRES(self->writer);

/* Publishes what waits, up to sequence, in order. A failure (an old record that cannot be read)
 * fails the store. */
PYKV_NODISCARD pykv_status bitcask_publish_pending(bitcask *self, uint64_t through_sequence)
    REQUIRES(self->writer);

/* Notes that the slot of hash is about to leave address. Room must be reserved. */
void bitcask_displace(bitcask *self, directory *keys, uint64_t hash, uint64_t address)
    REQUIRES(self->writer);

#endif
