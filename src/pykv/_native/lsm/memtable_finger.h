/*
 * memtable_finger: the writer's way to leaf after leaf, for places that come in order.
 *
 * From one place to the next the finger goes up only as far as it has to: of a batch in order most
 * records share all but the lowest inner node with the record before. It does not touch the leaf,
 * so that the leaves of several records can be fetched side by side.
 *
 * Thread-safety: the writer's. Invariant: a finger is moved only over a tree whose nodes have not
 * been replaced since it was reset.
 */
#ifndef PYKV_LSM_MEMTABLE_FINGER_H
#define PYKV_LSM_MEMTABLE_FINGER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "pykv.h"

#include "base/annotate.h"
#include "lsm/internal_key.h"
#include "lsm/memtable_node.h"

/* Borrows nodes. placed false: it is reset, as one that is all zeros. */
typedef struct memtable_finger {
    memtable_node *nodes[MEMTABLE_LEVELS_MAX]; /* inner ones by level, where it has been */
    uint16_t slots[MEMTABLE_LEVELS_MAX];       /* the children taken */
    bool placed;                               /* nodes and slots are of a way from the root */
    memtable_node *leaf;                       /* to which the last move led */
    size_t known;                              /* bytes of its key that agree with all of leaf */
} memtable_finger;

/* To the leaf where an operation at the place belongs. False: the key does not begin with the
 * common bytes of a node on the way, and the finger is reset. */
PYKV_NODISCARD bool memtable_finger_move(memtable_finger *self, memtable_node *root,
                                         const internal_key *place);

#endif
