/*
 * key_hash: the hash by which a store knows a key. Its seed is the store's own and never changes,
 * so it stands in files too.
 */
#ifndef PYKV_BITCASK_KEY_HASH_H
#define PYKV_BITCASK_KEY_HASH_H

#include "base/hash.h"
#include "bitcask/store.h"

static inline uint64_t bitcask_hash(const bitcask *self, const void *key, size_t key_length)
{
    return hash_murmur3(key, key_length, self->hash_seed_low, self->hash_seed_high).low;
}

#endif
