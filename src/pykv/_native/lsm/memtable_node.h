/*
 * memtable_node: a node of a memtable's B+tree.
 *
 *   leaf    up to 64 records. The first `sorted` are in order and never change; up to 16 behind
 *           them are in the order in which they came. An insert writes a slot behind the last one
 *           and publishes it by storing the count; a leaf whose slots or whose unsorted part are
 *           full is replaced by one or two sorted ones
 *   inner   up to 43 children and a separator between each two: the first record of the subtree
 *           to its right, which stays the first for ever, because nothing is removed. Separators
 *           never change; a child is replaced by one atomic store
 *
 * Every key below a node begins with the same common_length bytes, and the node keeps the next 8
 * bytes of each key as a number: most searches read the node alone, whatever the keys begin with.
 * A search has to make sure that its own key begins with those bytes (memtable_node_side).
 *
 * Thread-safety: one writer builds nodes; readers are inside the epoch of the pool. Everything but
 * a leaf's count and an inner node's children is constant once the node is published.
 *
 * Invariants: (1) common_length bytes are shared by every key below; (2) words[i] is key_word of
 * records[i] at common_length; (3) an inner node has at least two children.
 */
#ifndef PYKV_LSM_MEMTABLE_NODE_H
#define PYKV_LSM_MEMTABLE_NODE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/reclaim.h"
#include "lsm/internal_key.h"
#include "lsm/memtable_record.h"

enum {
    MEMTABLE_LEAF_SLOTS = 64,
    MEMTABLE_LEAF_UNSORTED = 16,
    MEMTABLE_CHILDREN = 43,
    MEMTABLE_LEVELS_MAX = 16, /* an inner node has 21 children or more but at the edges */
    MEMTABLE_TAIL_BYTES = 32,
    MEMTABLE_NODE_BYTES = 64 + 16 * MEMTABLE_LEAF_SLOTS
};

struct memtable_pool; /* memtable_pool.h */

typedef struct memtable_node {
    reclaim_item retired; /* the pool's */
    struct memtable_pool *pool;
    _Atomic uint16_t count; /* records of a leaf, children of an inner node */
    uint16_t sorted;        /* of a leaf */
    uint16_t common_length;
    uint8_t level;                     /* 0: leaf */
    uint8_t tail_length;               /* the smaller of common_length and the bytes of tail */
    uint8_t tail[MEMTABLE_TAIL_BYTES]; /* the last of the common bytes */
    union {
        struct {
            uint64_t words[MEMTABLE_LEAF_SLOTS];
            const memtable_record *records[MEMTABLE_LEAF_SLOTS];
        } leaf;
        struct {
            uint64_t words[MEMTABLE_CHILDREN - 1];
            const memtable_record *records[MEMTABLE_CHILDREN - 1];
            _Atomic(struct memtable_node *) children[MEMTABLE_CHILDREN];
        } inner;
    } of;
} memtable_node;

_Static_assert(sizeof(memtable_node) == MEMTABLE_NODE_BYTES, "a header of one line, then slots");

/* The records of a leaf in order. */
typedef struct memtable_run {
    uint32_t count;
    uint64_t words[MEMTABLE_LEAF_SLOTS + 1];
    const memtable_record *records[MEMTABLE_LEAF_SLOTS + 1];
} memtable_run;

static inline uint32_t memtable_node_count(const memtable_node *self)
{
    return atomic_load_explicit(&self->count, memory_order_acquire);
}

static inline memtable_node *memtable_node_child(const memtable_node *self, uint32_t index)
{
    return atomic_load_explicit(&self->of.inner.children[index], memory_order_acquire);
}

/* A record that says what the common bytes are. Requires one below. */
static inline const memtable_record *memtable_node_sample(const memtable_node *self)
{
    return self->level == 0 ? self->of.leaf.records[0] : self->of.inner.records[0];
}

/* Fetches the lines that a search of the node reads. */
static inline void memtable_node_prefetch(const memtable_node *self, bool is_leaf)
{
    const char *lines = (const char *)self;
    size_t bytes = is_leaf ? sizeof *self : offsetof(memtable_node, of.inner.records);
    for (size_t i = 0; i < bytes; i += 64) {
        __builtin_prefetch(lines + i);
    }
}

/* As memtable_node_side for a node whose common bytes are not all known to agree. */
int memtable_node_side_unknown(const memtable_node *self, slice key, size_t known,
                               size_t *shared_out);

/*
 * Where the key stands beside the keys below the node, as far as the common bytes say: 0 if it
 * begins with them, else negative or positive as it is below or above all of them, with the length
 * that it shares in *shared_out. Its first `known` bytes are known to agree.
 */
static inline int memtable_node_side(const memtable_node *self, slice key, size_t known,
                                     size_t *shared_out)
{
    return known >= self->common_length ? 0
                                        : memtable_node_side_unknown(self, key, known, shared_out);
}

/* The records of a leaf in order. */
void memtable_leaf_sort(const memtable_node *self, memtable_run *out);

#endif
