/*
 * table_ahead: blocks of one table that the system is asked for together, before they are read one
 * after another: so the device reads them side by side.
 *
 * The system reads nothing of a table unasked (ENV_AT_RANDOM): what it believes to be a walk it
 * reads by as much as the device allows, 8 MiB at once on some.
 *
 * Used by one thread at a time. Zero but for `from`, it is ready for use.
 */
#ifndef PYKV_TABLE_TABLE_AHEAD_H
#define PYKV_TABLE_TABLE_AHEAD_H

#include <stdint.h>

typedef struct table table;

enum {
    TABLE_AHEAD_MAX = 256,
    /* Of one range. Linux reads no more for one request than its read-ahead, at first this. */
    TABLE_AHEAD_BYTES_MAX = 128 * 1024
};

typedef struct table_ahead {
    const table *from;
    uint32_t count;
    uint32_t blocks[TABLE_AHEAD_MAX];
} table_ahead;

/* Adds a block, again or for the first time. Where there are too many, asks for those before. */
void table_ahead_add(table_ahead *self, uint32_t block_index);

/* Asks for all that were added, in the order of the file and neighbours at once, if they are at
 * least so many different ones; and forgets them. */
void table_ahead_ask(table_ahead *self, uint32_t distinct_min);

/* For a walk that comes to a block, which it has to read, from the one before it: where the block
 * is the first that begins in a piece of the file, asks for the two pieces behind that. So the
 * device always has something to read, and never so much that others who read wait for long. */
void table_ahead_step(const table *from, uint32_t block_index);

#endif
