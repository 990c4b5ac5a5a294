/*
 * internal_key: a user key with the sequence and kind of one operation on it.
 *
 *   trailer   sequence:56 | kind:8, one number
 *
 * Order: user keys rise byte by byte, a shorter prefix first; trailers of one user key fall, so
 * the newest operation comes first. Every operation has its own sequence: no two internal keys of a
 * store are equal, and the kind never decides.
 *
 * A place to seek (base/iterator.h) is an internal key of INTERNAL_KIND_SEEK, above all kinds: it
 * stands before the operations of its sequence and below, and behind those above it. So a lookup at
 * a snapshot is one search for the first internal key at or behind the place of the snapshot.
 *
 * Kinds are those of log/log_format.h. Numbers from 4 to 254 are free, for range deletes, pointers
 * to values and the like; nothing here looks at a kind.
 *
 * Pure functions: thread-safe.
 */
#ifndef PYKV_LSM_INTERNAL_KEY_H
#define PYKV_LSM_INTERNAL_KEY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "pykv.h"

#include "base/annotate.h"
#include "base/coding.h"
#include "base/slice.h"
#include "base/stored_key.h"

#define INTERNAL_SEQUENCE_MAX ((UINT64_C(1) << 56) - 1)

enum { INTERNAL_KIND_SEEK = 255 };

typedef struct internal_key {
    slice user_key;
    uint64_t trailer;
} internal_key;

static inline uint64_t internal_trailer(uint64_t sequence, uint8_t kind)
{
    return sequence << 8 | kind;
}

static inline uint64_t internal_sequence(uint64_t trailer)
{
    return trailer >> 8;
}

static inline uint8_t internal_kind(uint64_t trailer)
{
    return (uint8_t)trailer;
}

/* The place before the operations on user_key up to sequence. A sequence above
 * INTERNAL_SEQUENCE_MAX counts as that: the place before all operations on the key. */
static inline internal_key internal_key_place(slice user_key, uint64_t sequence)
{
    uint64_t bounded = sequence < INTERNAL_SEQUENCE_MAX ? sequence : INTERNAL_SEQUENCE_MAX;
    internal_key place = {user_key, internal_trailer(bounded, INTERNAL_KIND_SEEK)};
    return place;
}

/* Negative, zero or positive as left comes before, is, or comes behind right. */
static inline int internal_key_compare(internal_key left, internal_key right)
{
    int order = slice_compare(left.user_key, right.user_key);
    if (order != 0) {
        return order;
    }
    return (left.trailer < right.trailer) - (left.trailer > right.trailer);
}

/*
 * Checks what an engine is about to take in, from a caller or from a log: PYKV_KEY_TOO_LARGE or
 * PYKV_VALUE_TOO_LARGE above the limits of what is stored, PYKV_CORRUPTION for a sequence or kind
 * that no operation can have.
 */
PYKV_NODISCARD pykv_status internal_key_check(size_t key_size, uint64_t value_size,
                                              uint64_t sequence, uint8_t kind);

/* Length of the longest common prefix. */
size_t key_shared_length(slice left, slice right);

/* The part of the key from offset on; empty where the key is shorter. */
static inline slice key_suffix(slice key, size_t offset)
{
    return offset < key.size ? slice_make(key.data + offset, key.size - offset)
                             : slice_make(key.data, 0);
}

/* The 8 bytes of the key from offset on as one number, first byte highest, zeros behind its end:
 * numbers order as the bytes do, and equal numbers leave it open. */
static inline uint64_t key_word(slice key, size_t offset)
{
    slice rest = key_suffix(key, offset);
    if (PYKV_LIKELY(rest.size >= 8)) {
        return __builtin_bswap64(load_u64(rest.data));
    }
    if (rest.size != 0 && key.size >= 8) {
        uint64_t last = __builtin_bswap64(load_u64(key.data + key.size - 8));
        return last << (64 - 8 * rest.size);
    }
    uint64_t word = 0;
    for (size_t i = 0; i < rest.size; i++) {
        word |= (uint64_t)rest.data[i] << (56 - 8 * i);
    }
    return word;
}

#endif
