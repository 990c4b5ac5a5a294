/*
 * publish: making appended writes visible.
 */
#ifndef PYKV_BITCASK_PUBLISH_H
#define PYKV_BITCASK_PUBLISH_H

#include "bitcask/store.h"

/* Make one resolved operation visible, or those of a batch, all at one moment. Cannot fail. */
void bitcask_publish_one(bitcask *self, const operation *write) REQUIRES(self->writer);
void bitcask_publish_several(bitcask *self, operation *operations, size_t count)
    REQUIRES(self->writer);

/* Publishes an appended RECORD_CLEAR: the store begins with an empty directory. PYKV_NO_MEMORY. */
PYKV_NODISCARD pykv_status bitcask_publish_clear(bitcask *self, const operation *write)
    REQUIRES(self->writer);

/* Notes that the slot of hash is about to leave address. Room must be reserved. */
void bitcask_displace(bitcask *self, directory *keys, uint64_t hash, uint64_t address)
    REQUIRES(self->writer);

#endif
