/*
 * memtable_find: ways down a memtable's tree: to a place, to its ends, to one key.
 *
 * Thread-safety: readers are inside the epoch of the tree's pool from taking the root until they
 * have left its nodes; records outlive that. A way down stays usable while nodes are replaced: it
 * leads through nodes of which each was current when it was reached, and no record of an operation
 * that was visible then is missed.
 */
#ifndef PYKV_LSM_MEMTABLE_FIND_H
#define PYKV_LSM_MEMTABLE_FIND_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/annotate.h"
#include "lsm/internal_key.h"
#include "lsm/memtable_node.h"
#include "lsm/memtable_record.h"
#include "lsm/memtable_search.h"

/* How many separators of an inner node come before the place: the child to take. Requires that the
 * key begins with the node's common bytes. */
static inline uint32_t memtable_choose_child(const memtable_node *node, const internal_key *place)
{
    size_t common_length = node->common_length;
    return memtable_search(node->of.inner.words, node->of.inner.records,
                           memtable_node_count(node) - 1, common_length, place,
                           key_word(place->user_key, common_length));
}

/* A way from the root to a leaf. Borrows nodes. */
typedef struct memtable_descent {
    memtable_node *nodes[MEMTABLE_LEVELS_MAX]; /* by level; nodes[0] is the leaf */
    uint16_t slots[MEMTABLE_LEVELS_MAX];       /* of an inner node: the child taken */
    uint32_t level_count;
    int side;            /* 0, or the key is below (-1) or above (1) all under ... */
    uint32_t side_level; /* ... the node of this level: the way runs along its edge */
    size_t shared;       /* with side: the length of what the key shares with that node */
    uint64_t word;       /* without side: key_word of the key at the leaf's common_length */
} memtable_descent;

/* To the leaf where an operation at the place belongs. */
void memtable_descend(memtable_node *root, internal_key place, memtable_descent *out);

/* To the last leaf; its side is 1. */
void memtable_descend_last(memtable_node *root, memtable_descent *out);

/* How many records of run, which is the leaf in order, come before the place. */
uint32_t memtable_descent_search(const memtable_descent *self, const memtable_run *run,
                                 internal_key place);

/* On to the next leaf. False if there is none; the descent is then used up. There is no way back to
 * the leaf before, because none is needed: a leaf's first record is the separator to its left, so
 * a place before it leads to the leaf before. */
PYKV_NODISCARD bool memtable_descent_advance(memtable_descent *self);

/* The newest record of the place's key behind the place, or NULL. */
const memtable_record *memtable_find(const memtable_node *root, const internal_key *place);

/* A lookup in steps, so that several can run side by side. */
typedef struct memtable_search_state {
    const memtable_node *node;    /* where it stands; NULL: it is over */
    const memtable_record *upper; /* first record behind all below node, or NULL */
    size_t known;                 /* bytes of the key that agree with what is below node */
} memtable_search_state;

/* One level down; the child's first lines are being fetched. Requires an inner node. */
void memtable_find_step(memtable_search_state *state, const internal_key *place);

/* In the leaf: as memtable_find. */
const memtable_record *memtable_find_in_leaf(const memtable_search_state *state,
                                             const internal_key *place);

/* The first or last record below a node that has some. */
const memtable_record *memtable_first_record(const memtable_node *node);
const memtable_record *memtable_last_record(const memtable_node *node);

#endif
