/*
 * block_compressor: compresses the blocks of a table, at the level that is asked for or at a faster
 * one that does as well.
 *
 * Much data gives a high level nothing that a low one does not find: keys and values that are
 * random, or packed by others, and runs of one byte. So one block in BLOCK_COMPRESSOR_TURN is
 * compressed at the faster levels too, and those after it at the fastest that made it larger by a
 * BLOCK_COMPRESSOR_SHARE-th at most. What comes of it depends on nothing but the blocks.
 *
 * Not thread-safe.
 */
#ifndef PYKV_TABLE_BLOCK_COMPRESSOR_H
#define PYKV_TABLE_BLOCK_COMPRESSOR_H

#include <stdint.h>

#include "codec/compress.h"
#include "pykv.h"

#include "base/annotate.h"
#include "base/buffer.h"

enum { BLOCK_COMPRESSOR_TURN = 64, BLOCK_COMPRESSOR_SHARE = 128 };

typedef struct block_compressor {
    const codec *with;
    int level;           /* that is asked for */
    int taken;           /* that the blocks of this turn get */
    uint32_t turn_count; /* blocks of the turn so far; 0: the next one is tried */
    buffer stored;       /* the last block */
    buffer tried;
} block_compressor;

/* with is borrowed; level as it takes it, 0 for its own. Undo with reset. */
void block_compressor_init(block_compressor *self, const codec *with, int level);

/* Compresses a block, which is not empty, into *stored_out: valid until the next call. It may have
 * become larger. */
PYKV_NODISCARD pykv_status block_compress(block_compressor *self, const buffer *raw,
                                          const buffer **stored_out);

void block_compressor_reset(block_compressor *self);

#endif
