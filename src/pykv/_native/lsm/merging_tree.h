/*
 * merging_tree: a loser tree over iterators: which of them has the next entry.
 *
 * Leaf c is child c where it stands; node n has the children 2n and 2n + 1 (a leaf c counts as
 * c + child_count) and holds the loser of its game, and node 0 the winner of all. A game is one
 * comparison of words. A word is a number that never falls while keys rise: 0 for keys below those
 * that begin with the prefix, UINT64_MAX for keys above them, else the 8 bytes behind the prefix;
 * backward it is the complement. Equal words leave it to the keys. Where that happens often the
 * prefix is chosen again, so that words tell keys apart that have much in common, and far-away ones
 * as well.
 *
 * Not thread-safe. Private to merging_iterator.c.
 *
 * Invariants, between games: (1) all words are of the same prefix and direction; (2) a child at its
 * end loses to every other.
 */
#ifndef PYKV_LSM_MERGING_TREE_H
#define PYKV_LSM_MERGING_TREE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/annotate.h"
#include "base/iterator.h"
#include "base/slice.h"
#include "lsm/internal_key.h"

enum { MERGING_PREFIX_BYTES_MAX = 128 };

typedef struct merging_node {
    uint64_t word;
    uint32_t child;
} merging_node;

typedef struct merging_slot {
    iterator *walk;    /* the child of this number */
    merging_node node; /* of this number */
    bool is_inside;    /* every key of the child's window begins with the prefix */
} merging_slot;

typedef struct merging_tree {
    merging_slot *slots; /* child_count of them; borrowed */
    uint32_t child_count;
    uint32_t tie_count; /* games between different keys that words left open, since ... */
    size_t tie_shared;  /* the least that two of those keys had in common */
    size_t prefix_length;
    bool is_backward;
    uint8_t prefix[MERGING_PREFIX_BYTES_MAX]; /* ... this was chosen */
} merging_tree;

/* No game is played yet. */
void merging_tree_init(merging_tree *self, merging_slot *slots, uint32_t child_count);

/* Looks at the window a child shows now: to be called whenever that changed. False: it failed. */
bool merging_tree_look(const merging_tree *self, uint32_t child);

/* Plays all games, in a direction, with the children where they stand. Requires a child. */
void merging_tree_build(merging_tree *self, bool is_backward);

/* The current entry of the child that comes next but for the winner; NULL: all those are at their
 * end. */
const iterator_entry *merging_tree_runner_up(merging_tree *self);

/* Chooses the prefix again if words have left too many games open. Requires a valid winner. */
void merging_tree_tune(merging_tree *self);

/* Negative or positive as left comes before or behind right, in the direction; 0: neither. */
int merging_tree_compare(const merging_tree *self, const iterator_entry *left,
                         const iterator_entry *right);

/* Negative, zero or positive as the key is below, among or above those with the prefix. */
int merging_tree_side(const merging_tree *self, slice key);

/* True if left wins a game that words leave open. */
bool merging_tree_wins_tie(merging_tree *self, merging_node left, merging_node right);

static inline merging_slot *merging_tree_winner(const merging_tree *self)
{
    return &self->slots[self->slots[0].node.child];
}

/* The node of a child where it stands. Requires the child looked at. */
static inline merging_node merging_tree_node(const merging_tree *self, uint32_t child)
{
    const merging_slot *slot = &self->slots[child];
    merging_node node = {UINT64_MAX, child};
    if (PYKV_UNLIKELY(!iterator_valid(slot->walk))) {
        return node;
    }
    slice key = iterator_current(slot->walk)->key;
    int side = slot->is_inside ? 0 : merging_tree_side(self, key);
    if (PYKV_LIKELY(side == 0)) {
        node.word = key_word(key, self->prefix_length);
    } else {
        node.word = side < 0 ? 0 : UINT64_MAX;
    }
    node.word = self->is_backward ? ~node.word : node.word;
    return node;
}

static inline bool merging_tree_wins(merging_tree *self, merging_node left, merging_node right)
{
    if (PYKV_UNLIKELY(left.word == right.word)) {
        return merging_tree_wins_tie(self, left, right);
    }
    return left.word < right.word;
}

/* Plays the games of the winner of before, which stands elsewhere now. Nobody can foresee who wins,
 * so the two change places by masks, not by branches. */
static inline void merging_tree_replay(merging_tree *self)
{
    merging_slot *slots = self->slots;
    merging_node node = merging_tree_node(self, slots[0].node.child);
    for (uint32_t n = (node.child + self->child_count) / 2; n > 0; n /= 2) {
        merging_node held = slots[n].node;
        uint64_t mask = 0 - (uint64_t)merging_tree_wins(self, held, node);
        uint64_t words = (held.word ^ node.word) & mask;
        uint32_t children = (held.child ^ node.child) & (uint32_t)mask;
        slots[n].node = (merging_node){held.word ^ words, held.child ^ children};
        node = (merging_node){node.word ^ words, node.child ^ children};
    }
    slots[0].node = node;
}

#endif
