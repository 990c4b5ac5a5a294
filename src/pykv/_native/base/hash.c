/*
 * hash: MurmurHash3 x64-128. Pure; thread-safe.
 *
 * Two lanes of 64 bits take 16 bytes a round. A tail shorter than 16 bytes is loaded as two zero
 * padded words; a padded word of zero leaves its lane unchanged, so no case per length is needed.
 */
#include "base/hash.h"

#include "base/annotate.h"
#include "base/coding.h"

static const uint64_t multiplier_low = UINT64_C(0x87c37b91114253d5);
static const uint64_t multiplier_high = UINT64_C(0x4cf5ad432745937f);

static inline uint64_t rotate_left(uint64_t value, unsigned bits)
{
    return (value << bits) | (value >> (64 - bits));
}

static inline uint64_t scramble_low(uint64_t word)
{
    return rotate_left(word * multiplier_low, 31) * multiplier_high;
}

static inline uint64_t scramble_high(uint64_t word)
{
    return rotate_left(word * multiplier_high, 33) * multiplier_low;
}

static inline uint64_t finish(uint64_t lane)
{
    lane ^= lane >> 33;
    lane *= UINT64_C(0xff51afd7ed558ccd);
    lane ^= lane >> 33;
    lane *= UINT64_C(0xc4ceb9fe1a85ec53);
    lane ^= lane >> 33;
    return lane;
}

/* The size (below 8) bytes at in as a little-endian word; loads overlap rather than loop. */
static inline uint64_t load_partial(const uint8_t *in, size_t size)
{
    if (size >= 4) {
        uint64_t last = load_u32(in + size - 4);
        return load_u32(in) | last << (8 * (size - 4));
    }
    if (size == 0) {
        return 0;
    }
    size_t middle = size / 2;
    return in[0] | (uint64_t)in[middle] << (8 * middle) |
           (uint64_t)in[size - 1] << (8 * (size - 1));
}

hash128 hash_murmur3(const void *data, size_t size, uint64_t seed_low, uint64_t seed_high)
{
    const uint8_t *in = data;
    size_t left = size;
    uint64_t low = seed_low;
    uint64_t high = seed_high;
    for (; left >= 16; in += 16, left -= 16) {
        low ^= scramble_low(load_u64(in));
        low = (rotate_left(low, 27) + high) * 5 + UINT64_C(0x52dce729);
        high ^= scramble_high(load_u64(in + 8));
        high = (rotate_left(high, 31) + low) * 5 + UINT64_C(0x38495ab5);
    }
    if (left >= 8) {
        low ^= scramble_low(load_u64(in));
        high ^= scramble_high(load_partial(in + 8, left - 8));
    } else {
        low ^= scramble_low(load_partial(in, left));
    }
    low ^= (uint64_t)size;
    high ^= (uint64_t)size;
    low += high;
    high += low;
    low = finish(low);
    high = finish(high);
    low += high;
    high += low;
    hash128 result = {low, high};
    return result;
}
