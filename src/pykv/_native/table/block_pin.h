/*
 * block_pin: the life of a cached block, by references, and what it costs meanwhile.
 *
 * Thread-safe.
 */
#ifndef PYKV_TABLE_BLOCK_PIN_H
#define PYKV_TABLE_BLOCK_PIN_H

#include <stdint.h>

#include "table/cached_block.h"

/* Keeps a block that was found, or is pinned already, until block_unpin, on any thread. */
void block_pin(cached_block *block);
void block_unpin(cached_block *block);

/* Bytes that a block of length is charged with, wherever its memory is from. */
uint64_t block_cache_charge(uint32_t length);

#endif
