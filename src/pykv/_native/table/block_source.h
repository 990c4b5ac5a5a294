/*
 * block_source: where a reader gets the data blocks of a table from: from the file, or from a cache
 * that stands before it.
 *
 * A hold is one block that stays valid until it is released. Thread-safety: that of the source; the
 * direct one may be used by any number of threads.
 */
#ifndef PYKV_TABLE_BLOCK_SOURCE_H
#define PYKV_TABLE_BLOCK_SOURCE_H

#include <stdbool.h>
#include <stdint.h>

#include "pykv.h"

#include "base/annotate.h"
#include "table/block_reader.h"

typedef struct table table;
typedef struct block_source block_source;

/* What the block is wanted for, so that a cache knows what to keep. */
typedef enum block_use {
    BLOCK_FOR_GET = 1, /* a lookup: released before the caller's call is over */
    BLOCK_FOR_SEEK,    /* the first block of a walk: held between calls */
    BLOCK_FOR_STEP,    /* a further block of a walk, the next one */
    BLOCK_FOR_STEP_BACK
} block_use;

typedef struct block_hold {
    const block *block; /* NULL: nothing is held */
    void *owner;        /* of the source */
} block_hold;

/* The first member of every source. */
struct block_source {
    /* Gives data block block_index of a table. */
    pykv_status (*acquire)(block_source *self, table *from, uint32_t block_index, block_use use,
                           block_hold *hold_out);

    /* Holds a held block once more. */
    block_hold (*share)(block_source *self, block_hold hold);

    void (*release)(block_source *self, block_hold hold);

    /* Blocks that are not in memory are read from the file. */
    bool may_read;
};

/* Reads every block from the file, at each acquire. Never freed. */
block_source *block_source_direct(void);

static inline void block_source_release(block_source *self, block_hold *hold)
{
    if (hold->block != NULL) {
        self->release(self, *hold);
        hold->block = NULL;
    }
}

#endif
