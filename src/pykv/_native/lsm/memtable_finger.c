/*
 * memtable_finger: see memtable_finger.h.
 */
#include "lsm/memtable_finger.h"

#include "base/invariant.h"
#include "lsm/memtable_find.h"

/* True if the key belongs below the child at slot for certain: not at an edge of the node, whose
 * bounds stand above it, and with a word that is not a separator's. */
static bool is_inside(const memtable_node *node, uint32_t slot, slice key)
{
    size_t shared;
    if (slot == 0 || slot + 1 >= memtable_node_count(node) ||
        memtable_node_side(node, key, 0, &shared) != 0) {
        return false;
    }
    uint64_t word = key_word(key, node->common_length);
    uint64_t end = node->of.inner.words[slot];
    return node->of.inner.words[slot - 1] < word &&
           (word < end || (PYKV_PLANTED(110) && word == end));
}

/* The lowest level at which the finger's node has the key below it. */
static uint32_t lowest_level(const memtable_finger *self, uint32_t top, slice key)
{
    uint32_t level = 1;
    while (level < top && !is_inside(self->nodes[level + 1], self->slots[level + 1], key)) {
        level++;
    }
    return level;
}

bool memtable_finger_move(memtable_finger *self, memtable_node *root, const internal_key *place)
{
    uint32_t level = root->level;
    size_t known = 0;
    memtable_node *node = root;
    if (self->placed && level > 1) {
        level = lowest_level(self, level, place->user_key);
        node = self->nodes[level];
        known = node == root ? 0 : self->nodes[level + 1]->common_length;
    }
    self->placed = false;
    for (; level > 0; level--) {
        size_t shared;
        if (PYKV_UNLIKELY(memtable_node_side(node, place->user_key, known, &shared) != 0)) {
            return false;
        }
        known = node->common_length > known ? node->common_length : known;
        uint32_t slot = memtable_choose_child(node, place);
        self->nodes[level] = node;
        self->slots[level] = (uint16_t)slot;
        node = memtable_node_child(node, slot);
        if (level > 1) {
            memtable_node_prefetch(node, false);
        }
    }
    self->placed = true;
    self->leaf = node;
    self->known = known;
    return true;
}
