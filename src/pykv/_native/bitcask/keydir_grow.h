/*
 * keydir_grow: room for inserts: buckets gain units, and the next one in turn splits.
 *
 * Before a batch splits are made up for and units put aside for the buckets that it may fill; while
 * it is inserted such a bucket takes one of them, and nothing is split. For the holder of the
 * store's writer lock.
 */
#ifndef PYKV_BITCASK_KEYDIR_GROW_H
#define PYKV_BITCASK_KEYDIR_GROW_H

#include <stdbool.h>
#include <stdint.h>

#include "pykv.h"

#include "base/annotate.h"
#include "bitcask/keydir_word.h"

/*
 * Makes sure that a keydir_insert of hash will find a free slot: grows and splits as due. A split
 * that fails for memory is left to the next call. PYKV_NO_MEMORY, nothing changed; PYKV_CORRUPTION
 * if a page of the image that it needs is damaged.
 * Splitting may need the hash of a record whose tag has run out of bits: rehash gives it, from an
 * address, or fails with the status to return.
 */
typedef pykv_status (*keydir_rehash)(void *context, uint64_t address, uint64_t *hash_out);
PYKV_NODISCARD pykv_status keydir_prepare(keydir *self, uint64_t hash, keydir_rehash rehash,
                                          void *context);

/* Makes sure that insert_count inserts, each of a hash that keydir_prepare was called for since the
 * last insert, are possible without memory or reads. Statuses as of keydir_prepare; what it did
 * before a failure stays. */
PYKV_NODISCARD pykv_status keydir_reserve(keydir *self, uint64_t insert_count, keydir_rehash rehash,
                                          void *context);

/* Reads and checks the pages of an image that keydir_prepare and keydir_reserve split buckets in,
 * for up to insert_count inserts. PYKV_CORRUPTION: rebuild the directory. */
PYKV_NODISCARD pykv_status keydir_check_splits(keydir *self, uint64_t insert_count);

/* Adds a slot of such a batch where keydir_insert had no room. False only if a bucket of the
 * largest size is full, which does not happen with a random seed. */
bool keydir_insert_reserved(keydir *self, uint64_t hash, uint64_t address);

/* Whether keydir_prepare would split the next bucket in turn. */
bool keydir_split_is_due(const keydir *self);

/* Gives a directory without buckets its first one, of one unit. PYKV_NO_MEMORY. */
PYKV_NODISCARD pykv_status keydir_add_first_bucket(keydir *self);

#endif
