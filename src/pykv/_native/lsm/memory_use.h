/*
 * memory_use: what of the memory budget memtables and open tables take, so that the rest is the
 * block cache's.
 *
 * Memtables count with all memory that they hold, the active one at least with what it may grow to;
 * tables with their indexes, filters and slots, as long as they are open. Where these alone fill
 * the budget, or nearly, the cache keeps a little beyond it: without any, each get would read its
 * block from the file. What only scans and snapshots keep alive counts as long as it is there, but
 * for memtables.
 */
#ifndef PYKV_LSM_MEMORY_USE_H
#define PYKV_LSM_MEMORY_USE_H

#include "lsm/store.h"

enum { LSM_CACHE_BYTES_MIN = 8 * 1024 * 1024 };

/* Counts the memtables of the view, and sets the limit of all. After each change of the view. */
void lsm_memory_renew(lsm *self) REQUIRES(self->writer);

/* Has the cache give up what it holds beyond the limit. Outside the epoch. */
void lsm_memory_trim(lsm *self);

#endif
