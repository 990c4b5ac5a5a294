/*
 * recover: the end of the log, found at an open that follows no clean close.
 *
 * Single-threaded, but where said otherwise: the store is not shared yet.
 */
#ifndef PYKV_BITCASK_RECOVER_H
#define PYKV_BITCASK_RECOVER_H

#include "bitcask/manifest.h"
#include "bitcask/store.h"
#include "log/shown_state.h"

/* Finds the end of the log in the un-sealed segments. Read-write: copies what is valid into sealed
 * segments and puts them into a new manifest; read-only: adds the un-sealed segments up to the end.
 */
PYKV_NODISCARD pykv_status bitcask_recover_tail(bitcask *self, const manifest *listed);

/* The un-sealed segments up to the end of the log, where they stand. */
typedef struct bitcask_tail {
    /* By rising number, in no list; address_bytes is what each wants. Owned, with their array. */
    segment **segments;
    size_t count;
    uint64_t last_sequence;
    uint64_t synced_sequence; /* up to where it is known durable */
    uint64_t clear_sequence;
    uint64_t record_count;
    uint64_t discarded_bytes;
} bitcask_tail;

/* Opens and reads them, and adds to shown those that may go on. In use too. On failure there is
 * nothing in *out. */
PYKV_NODISCARD pykv_status bitcask_read_tail(bitcask *self, const manifest *listed,
                                             shown_state *shown, bitcask_tail *out);

/* Closes the segments. */
void bitcask_tail_reset(bitcask_tail *self);

#endif
