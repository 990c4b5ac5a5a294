/*
 * rebuild: the key directory made anew from hints and records.
 */
#ifndef PYKV_BITCASK_REBUILD_H
#define PYKV_BITCASK_REBUILD_H

#include "bitcask/store.h"

/* Builds the key directory from hints, or the records of segments without one. */
PYKV_NODISCARD pykv_status bitcask_rebuild(bitcask *self);

/* The same while the store is in use: the new directory takes the place of the damaged one. Open
 * scans keep the old one. */
PYKV_NODISCARD pykv_status bitcask_rebuild_in_use(bitcask *self) REQUIRES(self->writer);

#endif
