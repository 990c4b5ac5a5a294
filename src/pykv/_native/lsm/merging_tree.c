/*
 * merging_tree: games that words leave open, and the choice of the prefix. See merging_tree.h.
 */
#include "lsm/merging_tree.h"

#include <string.h>

enum {
    TIES_MAX = 8,
    /* Bytes before those that differed which words hold too: so that the keys that follow begin
     * with the prefix as well, and not just those up to the next change of these bytes. */
    SLACK_BYTES = 3,
    NO_CHILD = UINT32_MAX
};

void merging_tree_init(merging_tree *self, merging_slot *slots, uint32_t child_count)
{
    self->slots = slots;
    self->child_count = child_count;
    self->tie_count = 0;
    self->tie_shared = 0;
    self->prefix_length = 0;
    self->is_backward = false;
}

/* ---- order ---- */

int merging_tree_compare(const merging_tree *self, const iterator_entry *left,
                         const iterator_entry *right)
{
    int order = slice_compare(left->key, right->key);
    if (order == 0) {
        order = (left->sequence < right->sequence) - (left->sequence > right->sequence);
    }
    return self->is_backward ? -order : order;
}

int merging_tree_side(const merging_tree *self, slice key)
{
    size_t shared = key.size < self->prefix_length ? key.size : self->prefix_length;
    int order = shared == 0 ? 0 : memcmp(key.data, self->prefix, shared);
    return order != 0 ? order : -(key.size < self->prefix_length);
}

static void note_tie(merging_tree *self, size_t shared)
{
    if (self->tie_count == 0 || shared < self->tie_shared) {
        self->tie_shared = shared;
    }
    self->tie_count++;
}

bool merging_tree_wins_tie(merging_tree *self, merging_node left, merging_node right)
{
    const iterator *left_walk = self->slots[left.child].walk;
    const iterator *right_walk = self->slots[right.child].walk;
    if (!iterator_valid(left_walk) || !iterator_valid(right_walk)) {
        return iterator_valid(left_walk);
    }
    const iterator_entry *left_entry = iterator_current(left_walk);
    const iterator_entry *right_entry = iterator_current(right_walk);
    if (!slice_equal(left_entry->key, right_entry->key)) {
        note_tie(self, key_shared_length(left_entry->key, right_entry->key));
    }
    return merging_tree_compare(self, left_entry, right_entry) < 0;
}

/* ---- the tree ---- */

bool merging_tree_look(const merging_tree *self, uint32_t child)
{
    merging_slot *slot = &self->slots[child];
    const iterator *walk = slot->walk;
    if (!iterator_valid(walk)) {
        return walk->status == PYKV_OK;
    }
    slot->is_inside = self->prefix_length == 0 ||
                      (merging_tree_side(self, walk->entries[0].key) == 0 &&
                       merging_tree_side(self, walk->entries[walk->count - 1].key) == 0);
    return true;
}

/* Plays a child's way up to the first node where nobody has come yet; who wins waits there. */
static void enter(merging_tree *self, merging_node node)
{
    uint32_t n = (node.child + self->child_count) / 2;
    for (; n > 0 && self->slots[n].node.child != NO_CHILD; n /= 2) {
        merging_node held = self->slots[n].node;
        if (merging_tree_wins(self, held, node)) {
            self->slots[n].node = node;
            node = held;
        }
    }
    self->slots[n].node = node;
}

void merging_tree_build(merging_tree *self, bool is_backward)
{
    self->is_backward = is_backward;
    for (uint32_t n = 0; n < self->child_count; n++) {
        self->slots[n].node.child = NO_CHILD;
    }
    for (uint32_t c = 0; c < self->child_count; c++) {
        enter(self, merging_tree_node(self, c));
    }
}

/* It lost to nobody but the winner: it is on the winner's way. */
const iterator_entry *merging_tree_runner_up(merging_tree *self)
{
    uint32_t n = (self->slots[0].node.child + self->child_count) / 2;
    if (n == 0) {
        return NULL;
    }
    merging_node best = self->slots[n].node;
    for (n /= 2; n > 0; n /= 2) {
        merging_node held = self->slots[n].node;
        best = merging_tree_wins(self, held, best) ? held : best;
    }
    const iterator *walk = self->slots[best.child].walk;
    return iterator_valid(walk) ? iterator_current(walk) : NULL;
}

void merging_tree_tune(merging_tree *self)
{
    if (PYKV_LIKELY(self->tie_count < TIES_MAX)) {
        return;
    }
    slice key = iterator_current(merging_tree_winner(self)->walk)->key;
    size_t length = self->tie_shared > SLACK_BYTES ? self->tie_shared - SLACK_BYTES : 0;
    length = length < key.size ? length : key.size;
    self->tie_count = 0;
    self->prefix_length = length < MERGING_PREFIX_BYTES_MAX ? length : MERGING_PREFIX_BYTES_MAX;
    if (self->prefix_length > 0) {
        memcpy(self->prefix, key.data, self->prefix_length);
    }
    for (uint32_t c = 0; c < self->child_count; c++) {
        (void)merging_tree_look(self, c);
    }
    for (uint32_t n = 0; n < self->child_count; n++) {
        self->slots[n].node = merging_tree_node(self, self->slots[n].node.child);
    }
}
