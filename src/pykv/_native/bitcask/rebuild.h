/*
 * rebuild: the key directory made anew from hints and records.
 */
#ifndef PYKV_BITCASK_REBUILD_H
#define PYKV_BITCASK_REBUILD_H

#include "bitcask/store.h"

/* Builds the key directories of all namespaces from hints, or the records of segments without one.
 * They take the place of those that there are; open scans keep the old ones. On failure nothing
 * changed. */
PYKV_NODISCARD pykv_status bitcask_rebuild(bitcask *self) REQUIRES(self->writer);

#endif
