/*
 * memory_use: what the memory budget of a store counts, and what is left to the block cache.
 *
 * Memtables count with all memory that they hold, from their creation until nobody refers to them:
 * also those that only scans, snapshots and views of values keep after their flush. The active one
 * counts at least with what it may grow to. Tables count with their indexes, filters and slots as
 * long as they are open, those that are being written with the hashes of their filters, scans and
 * cursors with a fixed size (lsm/walk.h), cached blocks with the slabs that they lie in. Where
 * these alone fill the budget, or nearly, the cache keeps a little beyond it: without any, each get
 * would read its block from the file.
 */
#ifndef PYKV_LSM_MEMORY_USE_H
#define PYKV_LSM_MEMORY_USE_H

#include "lsm/store.h"

enum { LSM_CACHE_BYTES_MIN = 8 * 1024 * 1024 };

/* Has the cache give up what it holds beyond the limit. Outside the epoch. */
void lsm_memory_trim(lsm *self);

#endif
