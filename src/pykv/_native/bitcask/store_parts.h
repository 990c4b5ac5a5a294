/*
 * store_parts: structs that the store is made of: what waits for readers, its moments, when merging
 * rests, its counters.
 */
#ifndef PYKV_BITCASK_STORE_PARTS_H
#define PYKV_BITCASK_STORE_PARTS_H

#include <stdatomic.h>

#include "codec/compress.h"

#include "base/epoch.h"
#include "bitcask/directory.h"
#include "bitcask/segment.h"
#include "bitcask/space.h"
#include "log/shown_state.h"

/* What was unlinked and waits for readers to leave; guarded by writer. limbo.h */
typedef struct limbo {
    segment *fresh_segments; /* unlinked since the ticket was taken */
    segment *aging_segments; /* covered by it */
    directory *fresh_directories;
    directory *aging_directories;
    epoch_ticket ticket;
    bool ticket_taken;
} limbo;

/* The moments that are open; guarded by writer. moment.h */
typedef struct moment_list {
    struct store_moment *first;
    uint64_t generation; /* of the newest ever opened */
    uint64_t open_count; /* scans and snapshots */
    uint64_t snapshot_count;
    uint64_t undo_bytes;     /* of the undo tables of all directories */
    uint64_t outgrown_count; /* moments that undo_bytes_max ended */
} moment_list;

/* After a merge that bore no fruit merging rests until so much was written, or may go. */
typedef struct merge_rest {
    uint64_t written_bytes; /* of the counters */
    uint64_t dead_bytes;    /* of merge_dead_bytes */
} merge_rest;

typedef struct bitcask_counters {
    _Atomic uint64_t get_count;
    _Atomic uint64_t get_hit_count;
    _Atomic uint64_t tag_mismatch_count;
    _Atomic uint64_t cold_read_count;
    _Atomic uint64_t put_count;
    _Atomic uint64_t delete_count;
    _Atomic uint64_t sync_count;
    _Atomic uint64_t written_bytes;
    _Atomic uint64_t merged_bytes;
    _Atomic uint64_t merge_count;
} bitcask_counters;

#endif
