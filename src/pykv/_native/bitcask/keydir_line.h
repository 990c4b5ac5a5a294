/*
 * keydir_line: which of the eight slots of a line match a hash. Private to keydir*.c.
 *
 * The answer is a filter: whoever takes a slot loads its word again, as one atomic with acquire,
 * and compares that. So a slot that changes meanwhile does no harm. Thread-safe.
 */
#ifndef PYKV_BITCASK_KEYDIR_LINE_H
#define PYKV_BITCASK_KEYDIR_LINE_H

#include <stdatomic.h>
#include <stdint.h>

#if defined(__SSE2__)
#include <emmintrin.h>
#endif

#include "bitcask/keydir_word.h"

static inline uint32_t keydir_match_bit(const keydir_slot *slots, uint32_t index, uint32_t want)
{
    uint64_t word = atomic_load_explicit(&slots[index], memory_order_relaxed);
    return (uint32_t)keydir_matches(word, want) << index;
}

/* A bit for each slot whose tag matches, all eight without a branch. */
static inline uint32_t keydir_match_line_portable(const keydir_slot *slots, uint32_t want)
{
    return keydir_match_bit(slots, 0, want) | keydir_match_bit(slots, 1, want) |
           keydir_match_bit(slots, 2, want) | keydir_match_bit(slots, 3, want) |
           keydir_match_bit(slots, 4, want) | keydir_match_bit(slots, 5, want) |
           keydir_match_bit(slots, 6, want) | keydir_match_bit(slots, 7, want);
}

/* A bit for each slot of the line without an entry. */
static inline uint32_t keydir_vacant_line_portable(const keydir_slot *slots)
{
    uint32_t vacant = 0;
    for (uint32_t i = 0; i < KEYDIR_LINE_SLOTS; i++) {
        uint64_t word = atomic_load_explicit(&slots[i], memory_order_relaxed);
        vacant |= (uint32_t)((word & KEYDIR_TAG_MASK) == 0) << i;
    }
    return vacant;
}

#if defined(__SSE2__) && !defined(KEYDIR_THREAD_SANITIZER)

/* keydir_matches for four tags at once. want has bit 30 set, which no tag has: the mask of the bits
 * up to the lowest that differs is then positive, and signed comparison serves. */
static inline __m128i keydir_match_four(__m128i words, __m128i want)
{
    const __m128i minus_one = _mm_set1_epi32(-1);
    __m128i tags = _mm_and_si128(words, _mm_set1_epi32((int)KEYDIR_TAG_MASK));
    __m128i different = _mm_xor_si128(tags, want);
    __m128i mask = _mm_xor_si128(different, _mm_add_epi32(different, minus_one));
    __m128i agrees = _mm_cmpgt_epi32(mask, _mm_add_epi32(tags, minus_one));
    return _mm_and_si128(agrees, _mm_cmpgt_epi32(tags, _mm_setzero_si128()));
}

/* The low halves of four slots, where their tags are. x86-64 tears no aligned eight bytes of a
 * vector load. */
static inline __m128i keydir_load_four(const keydir_slot *slots)
{
    const __m128i *at = (const __m128i *)(uintptr_t)slots;
    __m128 first = _mm_castsi128_ps(_mm_load_si128(at));
    __m128 second = _mm_castsi128_ps(_mm_load_si128(at + 1));
    return _mm_castps_si128(_mm_shuffle_ps(first, second, _MM_SHUFFLE(2, 0, 2, 0)));
}

/* As keydir_match_line_portable, in a quarter of the instructions. */
static inline uint32_t keydir_match_line(const keydir_slot *slots, uint32_t want)
{
    __m128i wants = _mm_set1_epi32((int)((want & KEYDIR_TAG_MASK) | UINT32_C(1) << 30));
    __m128i low = keydir_match_four(keydir_load_four(slots), wants);
    __m128i high = keydir_match_four(keydir_load_four(slots + 4), wants);
    return (uint32_t)_mm_movemask_ps(_mm_castsi128_ps(low)) |
           (uint32_t)_mm_movemask_ps(_mm_castsi128_ps(high)) << 4;
}

static inline __m128i keydir_vacant_four(__m128i words)
{
    __m128i tags = _mm_and_si128(words, _mm_set1_epi32((int)KEYDIR_TAG_MASK));
    return _mm_cmpeq_epi32(tags, _mm_setzero_si128());
}

static inline uint32_t keydir_vacant_line(const keydir_slot *slots)
{
    __m128i low = keydir_vacant_four(keydir_load_four(slots));
    __m128i high = keydir_vacant_four(keydir_load_four(slots + 4));
    return (uint32_t)_mm_movemask_ps(_mm_castsi128_ps(low)) |
           (uint32_t)_mm_movemask_ps(_mm_castsi128_ps(high)) << 4;
}

#else

static inline uint32_t keydir_vacant_line(const keydir_slot *slots)
{
    return keydir_vacant_line_portable(slots);
}

static inline uint32_t keydir_match_line(const keydir_slot *slots, uint32_t want)
{
    return keydir_match_line_portable(slots, want);
}

#endif

#endif
