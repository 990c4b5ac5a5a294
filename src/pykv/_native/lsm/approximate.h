/*
 * approximate: how large a range is, without reading it.
 */
#ifndef PYKV_LSM_APPROXIMATE_H
#define PYKV_LSM_APPROXIMATE_H

#include "lsm/lsm.h"
#include "lsm/version.h"

typedef struct memtable memtable;

/* Bytes of the data blocks of a version from the one that range begins in up to the one that it
 * ends in: by their indexes, so right to one block a table. */
uint64_t version_bytes_between(const version *self, const key_range *range);

/* Bytes of the operations of a memtable in range: exact for a few, else by interpolation between
 * its lowest and its highest key. PYKV_NO_MEMORY. */
PYKV_NODISCARD pykv_status memtable_bytes_between(memtable *self, const key_range *range,
                                                  uint64_t *bytes_out);

/* A guess at how many keys a range of stored keys has: puts less deletes, by the share of the bytes
 * of each table and memtable that is in range. PYKV_NO_MEMORY. */
PYKV_NODISCARD pykv_status lsm_approximate_keys(lsm *self, const pykv_range *range,
                                                uint64_t *count_out);

#endif
