/*
 * crc32c: the Castagnoli CRC (RFC 3720 B.4), by the CPU's instruction where there is one.
 *
 * crc32c_extend(0, data, n) is the checksum of data; extend(extend(0, a), b) that of a then b.
 * Check value: "123456789" gives 0xE3069283. Thread-safe; process_init() must have run once
 * for the fast variant (before it the portable one serves).
 */
#ifndef PYKV_BASE_CRC32C_H
#define PYKV_BASE_CRC32C_H

#include <stddef.h>
#include <stdint.h>

#include "base/slice.h"

uint32_t crc32c_extend(uint32_t crc, const void *data, size_t size);

/* As crc32c_extend over the 28 bytes of these numbers, each with its lowest byte first. */
uint32_t crc32c_extend_numbers(uint32_t crc, uint64_t first, uint64_t second, uint64_t third,
                               uint32_t last);

/* As crc32c_extend over the 8 bytes of number, lowest first, then over first, then second. */
uint32_t crc32c_extend_parts(uint32_t crc, uint64_t number, slice first, slice second);

/* As crc32c_extend, always by table: the reference that tests compare with. */
uint32_t crc32c_extend_portable(uint32_t crc, const void *data, size_t size);

/* Chooses the fastest variant for this CPU. Called by process_init; idempotent. */
void crc32c_choose(void);

/* Name of the variant in use: "sse4.2", "armv8" or "portable". */
const char *crc32c_variant(void);

#endif
