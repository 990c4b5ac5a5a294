/*
 * memtable_ranges: the range deletes of a memtable: one set, replaced by the writer, which readers
 * load without a lock.
 *
 * A write prepares the set that it leaves before it appends to the log, and puts it in place after
 * that, which cannot fail. Range deletes of one batch are visible together, so of several that
 * cover a key only the last one is kept.
 *
 * Thread-safety: one writer at a time, as memtable.h says.
 */
#ifndef PYKV_LSM_MEMTABLE_RANGES_H
#define PYKV_LSM_MEMTABLE_RANGES_H

#include "log/log_format.h"
#include "lsm/memtable.h"

enum {
    MEMTABLE_RANGES_MAX = 1024,                  /* sequences in a set at which it is full */
    MEMTABLE_RANGE_BYTES_MAX = 16 * 1024 * 1024, /* or bytes */
    /* What a memtable may hold to take a range delete in, which hides it one by one. */
    MEMTABLE_ENTRIES_BEFORE_RANGE = 4096
};

typedef struct memtable_range_keys memtable_range_keys;

/* A prepared set. Begin with zeros. */
typedef struct memtable_range_change {
    const range_set *fresh; /* NULL: nothing changes */
    memtable_range_keys *keys;
    uint64_t key_bytes;
    uint64_t delete_count;
    uint64_t sequence_min;
    uint64_t sequence_max;
} memtable_range_change;

/* Prepares for the range deletes among operations, which get the sequences from first_sequence on.
 * PYKV_NO_MEMORY. */
PYKV_NODISCARD pykv_status memtable_ranges_prepare(const memtable *self, const record *operations,
                                                   size_t count, uint64_t first_sequence,
                                                   memtable_range_change *out);

/* Puts it in place. The operations are found by who acquired their visibility afterwards. */
void memtable_ranges_apply(memtable *self, memtable_range_change *change);

/* Frees what was not applied; again is nothing. */
void memtable_ranges_drop(memtable_range_change *change);

/* The sequence from which on range deletes, of this memtable and of newer ones, hide from a
 * snapshot all operations here that they cover. */
uint64_t memtable_ranges_hide_from(const memtable *self, uint64_t snapshot_sequence);

/* Before a range delete: closes a memtable early that holds so much that readers should be able to
 * pass over it as a whole. */
void memtable_ranges_close_crowded(memtable *self);

#endif
