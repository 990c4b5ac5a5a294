/*
 * keydir_reserve: room in the directory for a batch, so that no insert of it can fail.
 *
 * Before the batch splits are made up for and units put aside for the buckets that it may fill;
 * while it is inserted such a bucket takes one of them, and nothing is split.
 */
#ifndef PYKV_BITCASK_KEYDIR_RESERVE_H
#define PYKV_BITCASK_KEYDIR_RESERVE_H

#include "bitcask/keydir.h"

/* Makes sure that insert_count inserts, each of a hash that keydir_prepare was called for since the
 * last insert, are possible without memory or reads. Statuses as of keydir_prepare; what it did
 * before a failure stays. */
PYKV_NODISCARD pykv_status keydir_reserve(keydir *self, uint64_t insert_count, keydir_rehash rehash,
                                          void *context);

/* Adds a slot of such a batch where keydir_insert had no room. False only if a bucket of the
 * largest size is full, which does not happen with a random seed. */
bool keydir_insert_reserved(keydir *self, uint64_t hash, uint64_t address);

#endif
