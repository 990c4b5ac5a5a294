/*
 * address: where a record stands, as the key directory keeps it: an address of the store's space,
 * or a segment and an offset in it.
 */
#ifndef PYKV_BITCASK_ADDRESS_H
#define PYKV_BITCASK_ADDRESS_H

#include "bitcask/segment.h"

/* Address of offset in target, which is on the list of segments, and back. */
static inline uint64_t bitcask_address(const segment *target, uint64_t offset)
{
    return target->address_base + offset / 8;
}

static inline uint64_t bitcask_offset(const segment *target, uint64_t address)
{
    return (address - target->address_base) * 8;
}

#endif
