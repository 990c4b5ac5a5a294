/*
 * memtable_insert: the tree of a memtable and how it takes records in.
 *
 * Thread-safety: one writer, outside the epoch of the pool; readers take the root inside it. A
 * record is found by every reader who takes the root after memtable_insert has returned. One
 * that was there before is found at every moment.
 */
#ifndef PYKV_LSM_MEMTABLE_INSERT_H
#define PYKV_LSM_MEMTABLE_INSERT_H

#include <stdatomic.h>
#include <stddef.h>

#include "pykv.h"

#include "base/annotate.h"
#include "lsm/memtable_node.h"
#include "lsm/memtable_pool.h"

/* A leaf with more records is split when it is sorted, so that a new one has room. */
enum { MEMTABLE_LEAF_SPLIT = 60 };

typedef struct memtable_tree {
    _Atomic(memtable_node *) root;
    memtable_pool *pool; /* owned */
    /* the writer's */
    size_t leaf_count;
    size_t inner_count;
} memtable_tree;

/* An empty tree, whose nodes readers hold in the epoch of the reclaimer. PYKV_NO_MEMORY. */
PYKV_NODISCARD pykv_status memtable_tree_init(memtable_tree *self, reclaimer *readers,
                                              kept_memory *memory);

/* Requires that no reader is left. */
void memtable_tree_reset(memtable_tree *self);

static inline memtable_node *memtable_tree_root(const memtable_tree *self)
{
    return atomic_load_explicit(&self->root, memory_order_acquire);
}

/* Makes sure that record_count inserts succeed. PYKV_NO_MEMORY. */
PYKV_NODISCARD pykv_status memtable_tree_reserve(memtable_tree *self, size_t record_count);

/* Adds a record, which belongs to the tree's owner. No record there has the same key and trailer.
 * Requires it reserved. */
void memtable_insert(memtable_tree *self, const memtable_record *record);

/* Adds records as memtable_insert does, one after the other; cheaper if their keys rise. */
void memtable_insert_many(memtable_tree *self, const memtable_record *const *records, size_t count);

#endif
