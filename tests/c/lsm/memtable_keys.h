/*
 * memtable_keys: sets of keys that are hard on an ordered index, for the tests of the memtable.
 */
#ifndef PYKV_TESTS_LSM_MEMTABLE_KEYS_H
#define PYKV_TESTS_LSM_MEMTABLE_KEYS_H

#include "harness/check.h"

#include "base/hash.h"
#include "base/slice.h"

typedef enum memtable_keys {
    KEYS_RANDOM,     /* 16 random bytes */
    KEYS_PATHS,      /* file names with long common prefixes */
    KEYS_EDGES,      /* 0 to 6 bytes of 0x00, 'a' and 0xFF: prefixes of each other, the empty key */
    KEYS_LONG,       /* up to the largest key, different in the last bytes only */
    KEYS_HOT,        /* four keys, so many versions of each */
    KEYS_ASCENDING,  /* numbers in order */
    KEYS_DESCENDING, /* the same backwards */
    KEYS_STEPS,      /* common prefixes that shrink by a byte at a time */
    KEYS_PHASES,     /* in turn: hundreds of keys with one prefix, then with a shorter one */
    KEYS_KINDS
} memtable_keys;

enum { MEMTABLE_KEY_ROOM = PYKV_KEY_BYTES_MAX };

static inline size_t memtable_key_path(uint64_t number, uint8_t *out)
{
    static const char *folders[] = {"base", "environment", "log", "lsm"};
    return (size_t)snprintf((char *)out, 128, "home/user/projects/store/src/%s/part%u/file%05u.txt",
                            folders[number % 4], (unsigned)(number / 4 % 7),
                            (unsigned)(number / 28));
}

static inline size_t memtable_key_edge(uint64_t number, uint8_t *out)
{
    static const uint8_t letters[] = {0x00, 'a', 0xFF};
    size_t size = number % 7;
    number /= 7;
    for (size_t i = 0; i < size; i++, number /= 3) {
        out[i] = letters[number % 3];
    }
    return size;
}

static inline size_t memtable_key_number(uint64_t number, uint8_t *out)
{
    for (size_t i = 0; i < 8; i++) {
        out[i] = (uint8_t)(number >> (56 - 8 * i));
    }
    return 8;
}

static inline size_t memtable_key_long(uint64_t number, uint8_t *out)
{
    static const size_t sizes[] = {100, 3000, PYKV_KEY_BYTES_MAX};
    size_t size = sizes[number % 3];
    memset(out, 'k', size);
    memtable_key_number(number / 3, out + size - 8);
    return size;
}

static inline size_t memtable_key_step(uint64_t number, uint8_t *out)
{
    size_t length = 40 - number % 40;
    memset(out, 'p', length);
    out[length] = (uint8_t)(number / 40);
    out[length + 1] = (uint8_t)(number / 40 >> 8);
    return length + 2;
}

static inline size_t memtable_key_phase(uint64_t number, hash128 mixed, uint8_t *out)
{
    uint64_t phase = number / 256 % 10;
    size_t length = 50 - 5 * phase;
    memset(out, 'm', length);
    out[length] = (uint8_t)(mixed.low % 2 == 0 ? 'a' : 'z');
    memcpy(out + length + 1, &mixed, sizeof mixed);
    return length + 1 + sizeof mixed;
}

/* The key of a number; equal numbers give equal keys. */
static inline slice memtable_key(memtable_keys keys, uint64_t number, uint8_t *out)
{
    size_t size = 16;
    hash128 mixed = hash_murmur3(&number, sizeof number, 1, 1);
    switch (keys) {
    case KEYS_PATHS:
        size = memtable_key_path(number, out);
        break;
    case KEYS_EDGES:
        size = memtable_key_edge(number, out);
        break;
    case KEYS_LONG:
        size = memtable_key_long(number, out);
        break;
    case KEYS_HOT:
        size = memtable_key_number(number % 4 + 7, out);
        break;
    case KEYS_ASCENDING:
        size = memtable_key_number(number, out);
        break;
    case KEYS_DESCENDING:
        size = memtable_key_number(UINT64_MAX - number, out);
        break;
    case KEYS_STEPS:
        size = memtable_key_step(number, out);
        break;
    case KEYS_PHASES:
        size = memtable_key_phase(number, mixed, out);
        break;
    case KEYS_RANDOM:
    case KEYS_KINDS:
        memcpy(out, &mixed, sizeof mixed);
        break;
    }
    return slice_make(out, size);
}

static inline uint64_t memtable_key_hash(slice key)
{
    return hash_murmur3(key.data, key.size, 17, 23).low;
}

#endif
