/*
 * memtable_find: see memtable_find.h.
 *
 * At each node the search makes sure that its key begins with the node's common bytes; those of the
 * node above are known to agree already. Where it does not, the key is below or above everything
 * under the node, and the way goes along the node's edge without another comparison.
 */
#include "lsm/memtable_find.h"

#include "base/invariant.h"

/* Fills the way from level down along the edge of the side. */
static void descend_edge(memtable_descent *self, uint32_t level, int side)
{
    for (; level > 0; level--) {
        memtable_node *node = self->nodes[level];
        uint32_t slot = side < 0 ? 0 : memtable_node_count(node) - 1;
        self->slots[level] = (uint16_t)slot;
        self->nodes[level - 1] = memtable_node_child(node, slot);
    }
}

void memtable_descend(memtable_node *root, internal_key place, memtable_descent *out)
{
    size_t known = 0;
    memtable_node *node = root;
    out->level_count = root->level + 1U;
    out->shared = 0;
    for (uint32_t level = root->level;; level--) {
        out->nodes[level] = node;
        out->side = memtable_node_side(node, place.user_key, known, &out->shared);
        if (PYKV_UNLIKELY(out->side != 0)) {
            out->side_level = level;
            descend_edge(out, level, out->side);
            return;
        }
        known = node->common_length > known ? node->common_length : known;
        if (level == 0) {
            out->word = key_word(place.user_key, node->common_length);
            return;
        }
        uint32_t slot = memtable_choose_child(node, &place);
        out->slots[level] = (uint16_t)slot;
        node = memtable_node_child(node, slot);
        if (level > 1) {
            memtable_node_prefetch(node, false);
        }
    }
}

void memtable_descend_last(memtable_node *root, memtable_descent *out)
{
    out->level_count = root->level + 1U;
    out->nodes[root->level] = root;
    out->side = 1;
    out->side_level = root->level;
    out->shared = 0;
    descend_edge(out, root->level, 1);
}

uint32_t memtable_descent_search(const memtable_descent *self, const memtable_run *run,
                                 internal_key place)
{
    if (self->side != 0) {
        return self->side < 0 ? 0 : run->count;
    }
    return memtable_search(run->words, run->records, run->count, self->nodes[0]->common_length,
                           &place, self->word);
}

bool memtable_descent_advance(memtable_descent *self)
{
    for (uint32_t level = 1; level < self->level_count; level++) {
        uint32_t slot = self->slots[level] + 1U;
        if (slot < memtable_node_count(self->nodes[level])) {
            self->slots[level] = (uint16_t)slot;
            self->nodes[level - 1] = memtable_node_child(self->nodes[level], slot);
            descend_edge(self, level - 1, -1);
            return true;
        }
    }
    return false;
}

/* True if the record is an operation on the place's key behind the place. */
static bool answers(const memtable_record *record, const internal_key *place)
{
    return record->trailer <= place->trailer &&
           slice_equal(memtable_record_key(record), place->user_key);
}

/* The state's upper record if it is the answer. */
static const memtable_record *upper_answer(const memtable_search_state *state,
                                           const internal_key *place)
{
    return state->upper != NULL && answers(state->upper, place) ? state->upper : NULL;
}

/* Compares the common bytes; false if the key is not below the node, where only the upper record
 * can be the answer. */
static bool enter(memtable_search_state *state, const internal_key *place)
{
    size_t shared;
    const memtable_node *node = state->node;
    int side = memtable_node_side(node, place->user_key, state->known, &shared);
    state->known = node->common_length > state->known ? node->common_length : state->known;
    return PYKV_LIKELY(side == 0);
}

void memtable_find_step(memtable_search_state *state, const internal_key *place)
{
    const memtable_node *node = state->node;
    if (!enter(state, place)) {
        state->node = NULL;
        return;
    }
    uint32_t slot = memtable_choose_child(node, place);
    if (slot + 1 < memtable_node_count(node)) {
        state->upper = node->of.inner.records[slot];
    }
    state->node = memtable_node_child(node, slot);
    memtable_node_prefetch(state->node, node->level == 1);
}

/* The newest answer among the unsorted slots, or best. */
static const memtable_record *search_unsorted(const memtable_node *leaf, const internal_key *place,
                                              uint64_t word, const memtable_record *best)
{
    uint32_t count = memtable_node_count(leaf);
    for (uint32_t i = leaf->sorted; i < count; i++) {
        if (leaf->of.leaf.words[i] == word && answers(leaf->of.leaf.records[i], place) &&
            (best == NULL || leaf->of.leaf.records[i]->trailer > best->trailer)) {
            best = leaf->of.leaf.records[i];
        }
    }
    return best;
}

const memtable_record *memtable_find_in_leaf(const memtable_search_state *state,
                                             const internal_key *place)
{
    memtable_search_state here = *state;
    const memtable_node *leaf = state->node;
    if (leaf == NULL || !enter(&here, place)) {
        return upper_answer(state, place);
    }
    uint64_t word = key_word(place->user_key, leaf->common_length);
    uint32_t index = memtable_search(leaf->of.leaf.words, leaf->of.leaf.records, leaf->sorted,
                                     leaf->common_length, place, word);
    const memtable_record *best = NULL;
    if (index == leaf->sorted) {
        best = upper_answer(state, place);
    } else if (leaf->of.leaf.words[index] == word && answers(leaf->of.leaf.records[index], place)) {
        best = leaf->of.leaf.records[index];
    }
    return search_unsorted(leaf, place, word, best);
}

const memtable_record *memtable_find(const memtable_node *root, const internal_key *place)
{
    memtable_search_state state = {root, NULL, 0};
    while (state.node != NULL && state.node->level > 0) {
        memtable_find_step(&state, place);
    }
    return memtable_find_in_leaf(&state, place);
}

/* True if left comes before right, both of one leaf. */
static bool slot_before(const memtable_node *leaf, uint32_t left, uint32_t right)
{
    const uint64_t *words = leaf->of.leaf.words;
    if (words[left] != words[right]) {
        return words[left] < words[right];
    }
    return memtable_record_compare(leaf->of.leaf.records[left], leaf->of.leaf.records[right],
                                   leaf->common_length) < 0;
}

/* The first (side -1) or last record of a leaf. */
static const memtable_record *leaf_end(const memtable_node *leaf, int side)
{
    uint32_t count = memtable_node_count(leaf);
    uint32_t best = side < 0 || leaf->sorted == 0 ? 0 : leaf->sorted - 1U;
    PYKV_ASSERT(count > 0);
    for (uint32_t i = leaf->sorted; i < count; i++) {
        if (side < 0 ? slot_before(leaf, i, best) : slot_before(leaf, best, i)) {
            best = i;
        }
    }
    return leaf->of.leaf.records[best];
}

const memtable_record *memtable_first_record(const memtable_node *node)
{
    while (node->level > 0) {
        node = memtable_node_child(node, 0);
    }
    return leaf_end(node, -1);
}

const memtable_record *memtable_last_record(const memtable_node *node)
{
    while (node->level > 0) {
        node = memtable_node_child(node, memtable_node_count(node) - 1);
    }
    return leaf_end(node, 1);
}
