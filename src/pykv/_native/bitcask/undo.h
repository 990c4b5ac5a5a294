/*
 * undo: addresses that were current at some open moment and are not any more.
 *
 * Entries (hash, address, generation) in an open-addressing table, added by the writer before it
 * changes the slot, asked by scans after they saw the slot changed: an entry is there whenever it
 * is needed. See docs/decisions/0003. Thread-safe by its own lock, a leaf in the lock order.
 */
#ifndef PYKV_BITCASK_UNDO_H
#define PYKV_BITCASK_UNDO_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "pykv.h"

#include "base/annotate.h"
#include "base/mutex.h"

typedef struct undo_entry {
    uint64_t hash;
    uint64_t address_and_one; /* 0: empty place */
    uint64_t generation;
} undo_entry;

typedef struct undo_table {
    mutex lock;
    undo_entry *entries GUARDED_BY(lock);
    uint64_t capacity GUARDED_BY(lock);   /* power of two, or 0 */
    uint64_t count_left GUARDED_BY(lock); /* entries that the last pruning left */
    _Atomic uint64_t count; /* changed under lock; whoever sees a slot that was displaced sees it */
} undo_table;

void undo_init(undo_table *self);
void undo_destroy(undo_table *self);

/* Bytes by which room for count more entries makes the table larger; 0: it is there. */
uint64_t undo_growth(undo_table *self, uint64_t count);

/* Makes room for count more entries, so that undo_add cannot fail. */
PYKV_NODISCARD pykv_status undo_reserve(undo_table *self, uint64_t count);

/* Adds an entry. Requires room. */
void undo_add(undo_table *self, uint64_t hash, uint64_t address, uint64_t generation);

/* True if address was displaced at generation or later: a scan of that generation shows it. */
bool undo_shows(undo_table *self, uint64_t hash, uint64_t address, uint64_t generation);

/* The lowest address, from from on, that was displaced at generation or later and is of a key of
 * such a hash. False: there is none. */
bool undo_next(undo_table *self, uint64_t hash, uint64_t generation, uint64_t from,
               uint64_t *address_out);

/* Whether anybody may ask for an address that was displaced at this generation. */
typedef bool undo_needed(const void *context, uint64_t address, uint64_t generation);

/* Drops entries that are not needed, and what room they leave; needed NULL: all. Without memory for
 * that they stay. */
void undo_prune(undo_table *self, undo_needed *needed, const void *context);

/* True if there are so many entries more than the last pruning left that another one pays. */
bool undo_has_grown(undo_table *self);

/* Bytes of memory held. */
uint64_t undo_bytes(undo_table *self);

#endif
