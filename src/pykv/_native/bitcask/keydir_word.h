/*
 * keydir_word: the numbers and words of the key directory: its sizes, what a slot holds, and where
 * a hash belongs.
 *
 *   shape     split_index << 8 | level, one atomic word: buckets below split_index have been split
 *             in this round and are chosen by level + 1 hash bits, the others by level
 *   want      hash >> depth: what tags are compared with; its low ten bits give the home line
 *
 * Every tag has at least KEYDIR_HOME_BITS bits, so a bucket can be laid out anew from its tags; a
 * split that would leave fewer asks for the hash and stores a full tag.
 */
#ifndef PYKV_BITCASK_KEYDIR_WORD_H
#define PYKV_BITCASK_KEYDIR_WORD_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

/* Builds for the thread sanitizer, which knows neither fences nor vector loads of atomics. */
#if defined(__SANITIZE_THREAD__)
#define KEYDIR_THREAD_SANITIZER 1
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define KEYDIR_THREAD_SANITIZER 1
#endif
#endif

#define KEYDIR_ADDRESS_MAX ((UINT64_C(1) << 40) - 1)

enum {
    KEYDIR_UNIT_BYTES = 1024,
    KEYDIR_UNIT_SLOTS = 128,
    KEYDIR_LINE_SLOTS = 8,
    KEYDIR_BUCKET_UNITS_MAX = 14,
    KEYDIR_BUCKET_KEYS = 600, /* average at which the next bucket splits */
    KEYDIR_TAG_BITS_MAX = 23,
    KEYDIR_HEADER_BYTES = 64,
    KEYDIR_HOME_BITS = 10,
    KEYDIR_UNIT_LINES = KEYDIR_UNIT_SLOTS / KEYDIR_LINE_SLOTS,
    KEYDIR_LINES_MAX = KEYDIR_BUCKET_UNITS_MAX * KEYDIR_UNIT_LINES,
    KEYDIR_SLOTS_MAX = KEYDIR_BUCKET_UNITS_MAX * KEYDIR_UNIT_SLOTS,
    KEYDIR_ADDRESS_SHIFT = 24,
    KEYDIR_LEVEL_MAX = 40 /* bits that choose a bucket; a full tag takes the 23 above */
};

#define KEYDIR_TAG_MASK  UINT32_C(0xFFFFFF)
#define KEYDIR_TAG_LEAST (UINT32_C(1) << KEYDIR_HOME_BITS) /* in a slot that is not empty */
#define KEYDIR_EMPTY     UINT64_C(0)
#define KEYDIR_DELETED   (UINT64_C(1) << KEYDIR_ADDRESS_SHIFT)

typedef struct keydir keydir;
typedef _Atomic uint64_t keydir_slot;

static inline uint32_t keydir_full_tag(uint64_t want)
{
    return (uint32_t)(want & (KEYDIR_TAG_MASK >> 1)) | (KEYDIR_TAG_MASK + 1) >> 1;
}

static inline uint64_t keydir_word(uint64_t address, uint32_t tag)
{
    return address << KEYDIR_ADDRESS_SHIFT | tag;
}

/*
 * True if the valid bits of the word's tag agree with want; never for an empty or deleted slot. The
 * mask x ^ (x - 1) covers the bits up to the lowest that differs, so it is at least the tag iff
 * that bit is the marker or above it; tag 0 wraps to the largest number and fails.
 */
static inline bool keydir_matches(uint64_t word, uint32_t want)
{
    uint32_t tag = (uint32_t)word & KEYDIR_TAG_MASK;
    uint32_t different = tag ^ want;
    return tag - 1 < (different ^ (different - 1));
}

static inline uint32_t keydir_home_line(uint64_t want, uint32_t line_count)
{
    uint32_t bits = (uint32_t)want & ((1U << KEYDIR_HOME_BITS) - 1);
    return bits * line_count >> KEYDIR_HOME_BITS;
}

/* Where a hash belongs under a shape. */
typedef struct keydir_place {
    uint64_t bucket_index;
    uint64_t want;
    uint32_t depth;
} keydir_place;

static inline keydir_place keydir_locate(uint64_t shape, uint64_t hash)
{
    uint32_t level = (uint32_t)(shape & 0xFF);
    uint64_t index = hash & ((UINT64_C(1) << level) - 1);
    uint32_t depth = level + (index < shape >> 8);
    keydir_place place = {hash & ((UINT64_C(1) << depth) - 1), hash >> depth, depth};
    return place;
}

#endif
