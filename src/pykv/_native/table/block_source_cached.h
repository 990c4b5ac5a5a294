/*
 * block_source_cached: the source with a block cache before the files.
 *
 * A get must be inside the epoch of readers from acquire to release: what it hits is not counted as
 * held, and so costs no locked operation; share gives a hold that outlives the epoch. Walks hold
 * what they got by a reference, in and out of the epoch. Steps of a walk do not count as uses, so
 * that a long scan leaves what gets use in place.
 *
 * `resident` is a second source over the same blocks, for gets that may not wait: a block that is
 * not in memory is PYKV_WOULD_BLOCK.
 *
 * Thread-safe. The blocks of a table are forgotten before it is closed.
 */
#ifndef PYKV_TABLE_BLOCK_SOURCE_CACHED_H
#define PYKV_TABLE_BLOCK_SOURCE_CACHED_H

#include "env/env.h"
#include "table/block_cache.h"
#include "table/block_source.h"

typedef struct block_source_cached {
    block_source face;
    block_source resident; /* for BLOCK_FOR_GET alone */
    block_cache *cache;
    epoch *readers;
    env *env;
    /* Counters, apart from what every get reads. */
    _Alignas(64) _Atomic uint64_t
        loading_us;               /* spent in reading, checking and decompressing blocks */
    _Atomic uint64_t waited_us;   /* of these, for blocks that the device had to read */
    _Atomic uint64_t table_bytes; /* of memory of open tables, counted in the cache's budget */
} block_source_cached;

/* cache, readers, those of its reclaimer, and the environment, for its clock, are borrowed. */
void block_source_cached_init(block_source_cached *self, block_cache *cache, epoch *readers,
                              env *environment);

/* Counts the memory of a table that was opened, and that of one that is about to be closed. */
void block_source_cached_count_opened(block_source_cached *self, const table *opened);
void block_source_cached_count_closed(block_source_cached *self, const table *closed);
uint64_t block_source_cached_table_bytes(const block_source_cached *self);

/* Time that gets and walks have spent in loading blocks, all together. */
uint64_t block_source_cached_loading_us(const block_source_cached *self);

/* Of this, what they have waited for the device. */
uint64_t block_source_cached_waited_us(const block_source_cached *self);

/* Takes every block of a table out of the cache. Requires that nobody reads the table any more, but
 * for holds, which stay valid until they are released. */
void block_source_cached_forget(block_source_cached *self, table *from);

#endif
