/*
 * keydir_mix: hashes for the tests of the key directory.
 */
#ifndef PYKV_TESTS_BITCASK_KEYDIR_MIX_H
#define PYKV_TESTS_BITCASK_KEYDIR_MIX_H

#include <stdint.h>

/* SplitMix64: a good mixer of a counter. */
static inline uint64_t keydir_model_mix(uint64_t x)
{
    x += UINT64_C(0x9E3779B97F4A7C15);
    x = (x ^ x >> 30) * UINT64_C(0xBF58476D1CE4E5B9);
    x = (x ^ x >> 27) * UINT64_C(0x94D049BB133111EB);
    return x ^ x >> 31;
}

#endif
