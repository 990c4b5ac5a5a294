/*
 * coding: little-endian integers, loaded and stored by function so that no struct is ever written
 * whole and no alignment is assumed.
 */
#ifndef PYKV_BASE_CODING_H
#define PYKV_BASE_CODING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

static inline void store_u8(uint8_t *out, uint8_t value)
{
    *out = value;
}

static inline uint8_t load_u8(const uint8_t *in)
{
    return *in;
}

#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
#define PYKV_TO_LITTLE_16(value) (value)
#define PYKV_TO_LITTLE_32(value) (value)
#define PYKV_TO_LITTLE_64(value) (value)
#else
#define PYKV_TO_LITTLE_16(value) __builtin_bswap16(value)
#define PYKV_TO_LITTLE_32(value) __builtin_bswap32(value)
#define PYKV_TO_LITTLE_64(value) __builtin_bswap64(value)
#endif

static inline void store_u16(uint8_t *out, uint16_t value)
{
    uint16_t little = PYKV_TO_LITTLE_16(value);
    memcpy(out, &little, sizeof little);
}

static inline void store_u32(uint8_t *out, uint32_t value)
{
    uint32_t little = PYKV_TO_LITTLE_32(value);
    memcpy(out, &little, sizeof little);
}

static inline void store_u64(uint8_t *out, uint64_t value)
{
    uint64_t little = PYKV_TO_LITTLE_64(value);
    memcpy(out, &little, sizeof little);
}

static inline uint16_t load_u16(const uint8_t *in)
{
    uint16_t little;
    memcpy(&little, in, sizeof little);
    return PYKV_TO_LITTLE_16(little);
}

static inline uint32_t load_u32(const uint8_t *in)
{
    uint32_t little;
    memcpy(&little, in, sizeof little);
    return PYKV_TO_LITTLE_32(little);
}

static inline uint64_t load_u64(const uint8_t *in)
{
    uint64_t little;
    memcpy(&little, in, sizeof little);
    return PYKV_TO_LITTLE_64(little);
}

/* True if all size bytes are zero, as bytes without a meaning have to be. */
static inline bool all_zero(const uint8_t *data, size_t size)
{
    return size == 0 || (data[0] == 0 && memcmp(data, data + 1, size - 1) == 0);
}

/* Rounds size up to a multiple of granule, a power of two. */
static inline uint64_t round_up(uint64_t size, uint64_t granule)
{
    return (size + granule - 1) & ~(granule - 1);
}

#endif
