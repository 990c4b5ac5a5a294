/*
 * keydir_units: the units of buckets, and their lines laid out anew. Private to keydir*; for the
 * holder of the store's writer lock.
 *
 * A bucket is laid out by its tags alone: line after line is filled from its first slot, in the
 * order of the entries, so no line has an empty slot before an entry.
 */
#ifndef PYKV_BITCASK_KEYDIR_UNITS_H
#define PYKV_BITCASK_KEYDIR_UNITS_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/annotate.h"
#include "bitcask/keydir_layout.h"

enum { KEYDIR_USED_PER_UNIT_MAX = KEYDIR_UNIT_SLOTS * 7 / 8 }; /* then it is laid out again */

/* Units that hold live entries at per_unit each; one at least, 14 at most. */
static inline uint32_t keydir_units_for(uint32_t live, uint32_t per_unit)
{
    uint32_t unit_count = (live + per_unit - 1) / per_unit;
    unit_count = unit_count == 0 ? 1 : unit_count;
    return unit_count < KEYDIR_BUCKET_UNITS_MAX ? unit_count : KEYDIR_BUCKET_UNITS_MAX;
}

static inline uint32_t keydir_unit_count(const keydir_bucket *bucket)
{
    return atomic_load_explicit(&bucket->unit_count, memory_order_relaxed);
}

/* True if the slots of the bucket are used up to the limit. */
static inline bool keydir_bucket_is_full(const keydir_bucket *bucket)
{
    return bucket->used >= KEYDIR_USED_PER_UNIT_MAX * keydir_unit_count(bucket);
}

/* Makes sure that unit_count calls of take_unit succeed. */
PYKV_NODISCARD pykv_status keydir_reserve_units(keydir *self, uint64_t unit_count);

/* Gives the bucket that number of units, taking or giving back the difference. */
void keydir_set_unit_count(keydir *self, keydir_bucket *bucket, uint32_t unit_count);

/* Copies the live words of the bucket to words; returns their number. */
uint32_t keydir_collect(const keydir *self, const keydir_bucket *bucket, uint64_t *words);

/* Writes the entries into the units of the bucket and empties all other slots, inside a change. */
void keydir_lay_out(const keydir *self, keydir_bucket *bucket, const uint64_t *words,
                    uint32_t count);

/* Lays the bucket out anew with unit_count units, more if its entries need them. PYKV_NO_MEMORY,
 * nothing changed. */
PYKV_NODISCARD pykv_status keydir_resize_bucket(keydir *self, keydir_bucket *bucket,
                                                uint32_t unit_count);

#endif
