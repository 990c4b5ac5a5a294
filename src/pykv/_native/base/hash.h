/*
 * hash: MurmurHash3 x64-128 (Austin Appleby, public domain algorithm) with two 64-bit seeds.
 *
 * With both seeds equal to one 32-bit number s the result equals mmh3.hash64(key, s): the test
 * oracle. The stores key it with a random secret, so that chosen keys cannot be made to collide
 * by table position. Not a cryptographic hash: full keys are always compared.
 */
#ifndef PYKV_BASE_HASH_H
#define PYKV_BASE_HASH_H

#include <stddef.h>
#include <stdint.h>

typedef struct hash128 {
    uint64_t low;
    uint64_t high;
} hash128;

hash128 hash_murmur3(const void *data, size_t size, uint64_t seed_low, uint64_t seed_high);

#endif
