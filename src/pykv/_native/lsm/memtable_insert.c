/*
 * memtable_insert: see memtable_insert.h.
 *
 * Most inserts write one slot of a leaf. The others replace the leaf, and then every node above
 * that takes another child or whose common prefix the new key does not share; the lowest node that
 * stays as it is gets the new child by one store, which publishes all of it. A common prefix that
 * shrinks above that node is published by a second store: between the two a reader may miss the new
 * record only, which nobody can ask for yet.
 */
#include "lsm/memtable_insert.h"

#include "base/invariant.h"
#include "lsm/memtable_build.h"
#include "lsm/memtable_find.h"
#include "lsm/memtable_finger.h"

/* Records whose leaves are fetched side by side. */
enum { AHEAD_RECORDS = 8 };

/* What takes the place of a node; none at all: left is NULL. */
typedef struct change {
    memtable_node *left;
    memtable_node *right; /* or NULL */
    const memtable_record *separator;
} change;

pykv_status memtable_tree_init(memtable_tree *self, reclaimer *readers, kept_memory *memory)
{
    memtable_pool *pool = NULL;
    pykv_status status = memtable_pool_new(readers, memory, &pool);
    if (status != PYKV_OK) {
        return status;
    }
    status = memtable_pool_reserve(pool, 1);
    if (status != PYKV_OK) {
        memtable_pool_release(pool);
        return status;
    }
    memtable_node *root = memtable_pool_take(pool, 0);
    root->sorted = 0;
    root->common_length = 0;
    root->tail_length = 0;
    atomic_init(&root->count, 0);
    atomic_init(&self->root, root);
    self->pool = pool;
    self->leaf_count = 1;
    self->inner_count = 0;
    return PYKV_OK;
}

void memtable_tree_reset(memtable_tree *self)
{
    memtable_pool_release(self->pool);
    self->pool = NULL;
}

/* Nodes that one insert may need at once: two a level and a new root. */
static size_t nodes_at_once(const memtable_tree *self)
{
    const memtable_node *root = atomic_load_explicit(&self->root, memory_order_relaxed);
    return 2 * (root->level + 2U) + 1;
}

/*
 * Every leaf that is there may be split by one insert, and each 21 more inserts may fill and split
 * another one; so for the nodes above them. What an insert replaces comes back to the pool.
 */
pykv_status memtable_tree_reserve(memtable_tree *self, size_t record_count)
{
    size_t leaves = self->leaf_count < record_count ? self->leaf_count : record_count;
    leaves += record_count / 21 + 1;
    size_t inners = self->inner_count < leaves ? self->inner_count : leaves;
    inners += leaves / 10 + 2;
    return memtable_pool_reserve(self->pool, leaves + inners + nodes_at_once(self) + 4);
}

static void append_slot(memtable_node *leaf, uint32_t count, const memtable_record *record,
                        uint64_t word)
{
    leaf->of.leaf.words[count] = word;
    leaf->of.leaf.records[count] = record;
    atomic_store_explicit(&leaf->count, (uint16_t)(count + 1), memory_order_release);
}

/* True if the way leads along the first (side -1) or last edge of the whole tree. */
static bool at_edge(const memtable_descent *way, int side)
{
    for (uint32_t level = 1; level < way->level_count; level++) {
        uint32_t last = memtable_node_count(way->nodes[level]) - 1;
        if (way->slots[level] != (side < 0 ? 0 : last)) {
            return false;
        }
    }
    return true;
}

/* Where to split a run that took its newest record in at index: in the middle, but for keys that
 * come in order at an end of the tree, which leave full leaves behind. */
static uint32_t split_point(const memtable_descent *way, uint32_t count, uint32_t index)
{
    if (index == count - 1 && at_edge(way, 1)) {
        return count - 1;
    }
    return index == 0 && at_edge(way, -1) ? 1 : count / 2;
}

/* The way's leaf with one record more, in order. */
static change rebuild_leaf(memtable_tree *self, const memtable_descent *way,
                           const memtable_record *record)
{
    memtable_run run;
    slice key = memtable_record_key(record);
    internal_key place = {key, record->trailer};
    size_t common_length = way->nodes[0]->common_length;
    memtable_leaf_sort(way->nodes[0], &run);
    uint32_t index = memtable_descent_search(way, &run, place);
    if (way->side != 0 && way->shared < common_length) {
        memtable_lower_words(run.words, run.count, run.records[0], common_length, way->shared);
        common_length = way->shared;
    }
    memtable_run_insert(&run, index, record, key_word(key, common_length));
    change made = {NULL, NULL, NULL};
    if (run.count <= MEMTABLE_LEAF_SPLIT) {
        made.left = memtable_build_leaf(self->pool, &run, 0, run.count, common_length, false);
        return made;
    }
    uint32_t at = split_point(way, run.count, index);
    made.left = memtable_build_leaf(self->pool, &run, 0, at, common_length, true);
    made.right = memtable_build_leaf(self->pool, &run, at, run.count - at, common_length, true);
    made.separator = run.records[at];
    self->leaf_count++;
    return made;
}

/* The way's inner node of this level with a change below taken in, and with its common prefix cut
 * down to shared bytes. */
static change rebuild_inner(memtable_tree *self, const memtable_descent *way, uint32_t level,
                            change below, size_t shared)
{
    memtable_fan fan;
    uint32_t slot = way->slots[level];
    memtable_fan_open(&fan, way->nodes[level]);
    if (shared < fan.common_length) {
        memtable_lower_words(fan.words, fan.child_count - 1, fan.records[0], fan.common_length,
                             shared);
        fan.common_length = shared;
    }
    if (below.left != NULL) {
        fan.children[slot] = below.left;
    }
    if (below.right != NULL) {
        memtable_fan_insert(&fan, slot, below.separator, below.right);
    }
    change made = {NULL, NULL, NULL};
    uint32_t count = fan.child_count;
    if (count <= MEMTABLE_CHILDREN) {
        made.left = memtable_build_inner(self->pool, &fan, 0, count, false);
        return made;
    }
    uint32_t at = at_edge(way, 1) ? count - 2 : at_edge(way, -1) ? 2 : count / 2;
    made.left = memtable_build_inner(self->pool, &fan, 0, at, true);
    made.right = memtable_build_inner(self->pool, &fan, at, count - at, true);
    made.separator = fan.records[at - 1];
    self->inner_count++;
    return made;
}

/* A root above two nodes. */
static memtable_node *build_root(memtable_tree *self, change below)
{
    memtable_fan fan = {.child_count = 1, .level = (uint8_t)(below.left->level + 1)};
    PYKV_ASSERT(fan.level < MEMTABLE_LEVELS_MAX);
    fan.children[0] = below.left;
    memtable_fan_insert(&fan, 0, below.separator, below.right);
    self->inner_count++;
    return memtable_build_inner(self->pool, &fan, 0, 2, true);
}

/* Carries a change of the leaf up and publishes it. */
static void climb(memtable_tree *self, const memtable_descent *way, change below)
{
    memtable_node *replaced[MEMTABLE_LEVELS_MAX];
    uint32_t replaced_count = 0;
    replaced[replaced_count++] = way->nodes[0];
    for (uint32_t level = 1; level < way->level_count; level++) {
        memtable_node *node = way->nodes[level];
        bool sided = way->side != 0 && level <= way->side_level;
        size_t shared = sided ? way->shared : node->common_length;
        if (below.right != NULL || shared < node->common_length) {
            below = rebuild_inner(self, way, level, below, shared);
            replaced[replaced_count++] = node;
        } else if (below.left != NULL) {
            atomic_store_explicit(&node->of.inner.children[way->slots[level]], below.left,
                                  memory_order_release);
            below.left = NULL;
        }
    }
    if (below.left != NULL) {
        memtable_node *root = below.right != NULL ? build_root(self, below) : below.left;
        atomic_store_explicit(&self->root, root, memory_order_release);
    }
    for (uint32_t i = 0; i < replaced_count; i++) {
        memtable_pool_retire(self->pool, replaced[i]);
    }
}

static inline bool has_room(const memtable_node *leaf, uint32_t count)
{
    return count < MEMTABLE_LEAF_SLOTS && count - leaf->sorted < MEMTABLE_LEAF_UNSORTED;
}

/* Adds a record. Returns the leaf that another took the place of, or NULL. */
static const memtable_node *insert(memtable_tree *self, const memtable_record *record)
{
    memtable_descent way;
    internal_key place = {memtable_record_key(record), record->trailer};
    memtable_descend(atomic_load_explicit(&self->root, memory_order_relaxed), place, &way);
    memtable_node *leaf = way.nodes[0];
    uint32_t count = memtable_node_count(leaf);
    if (PYKV_LIKELY(way.side == 0 && has_room(leaf, count))) {
        append_slot(leaf, count, record, way.word);
        return NULL;
    }
    memtable_pool_supply(self->pool, nodes_at_once(self));
    climb(self, &way, rebuild_leaf(self, &way, record));
    return leaf;
}

void memtable_insert(memtable_tree *self, const memtable_record *record)
{
    (void)insert(self, record);
}

/* ---- many ---- */

/* Where a record belongs. leaf NULL: it does not share some node's common bytes. */
typedef struct spot {
    memtable_node *leaf;
    size_t known;
} spot;

/* Finds the leaves, and fetches their first lines. */
static void find_leaves(memtable_node *root, memtable_finger *finger,
                        const memtable_record *const *records, size_t count, spot *spots)
{
    for (size_t i = 0; i < count; i++) {
        internal_key place = {memtable_record_key(records[i]), records[i]->trailer};
        bool found = memtable_finger_move(finger, root, &place);
        spots[i] = (spot){found ? finger->leaf : NULL, finger->known};
        __builtin_prefetch(finger->leaf);
    }
}

/* Fetches the lines of the slots that will be written, or all of a leaf that has to be replaced. */
static void fetch_slots(const spot *spots, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        const memtable_node *leaf = spots[i].leaf;
        if (leaf != NULL) {
            uint32_t used = memtable_node_count(leaf);
            if (!has_room(leaf, used)) {
                memtable_node_prefetch(leaf, true);
            } else {
                __builtin_prefetch(&leaf->of.leaf.words[used], 1);
                __builtin_prefetch(&leaf->of.leaf.records[used], 1);
            }
        }
    }
}

/* Adds a record to the leaf of its spot. False if nodes have to be replaced for it. */
static bool append(const spot *to, const memtable_record *record)
{
    size_t shared;
    slice key = memtable_record_key(record);
    memtable_node *leaf = to->leaf;
    if (leaf == NULL || memtable_node_side(leaf, key, to->known, &shared) != 0) {
        return false;
    }
    uint32_t count = memtable_node_count(leaf);
    if (!has_room(leaf, count)) {
        return false;
    }
    append_slot(leaf, count, record, key_word(key, leaf->common_length));
    return true;
}

/* True if the leaf is one of those. */
static bool is_among(const memtable_node *leaf, const memtable_node *const *leaves, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (leaves[i] == leaf) {
            return true;
        }
    }
    return false;
}

/* Adds records up to one without a spot. Returns how many. A leaf that is replaced for one of them
 * is not the place of those behind it any more; other leaves are, whatever becomes of the nodes
 * above them. */
static size_t insert_some(memtable_tree *self, memtable_finger *finger,
                          const memtable_record *const *records, size_t count)
{
    spot spots[AHEAD_RECORDS];
    const memtable_node *replaced[AHEAD_RECORDS];
    size_t replaced_count = 0;
    count = count < AHEAD_RECORDS ? count : AHEAD_RECORDS;
    find_leaves(atomic_load_explicit(&self->root, memory_order_relaxed), finger, records, count,
                spots);
    fetch_slots(spots, count);
    for (size_t i = 0; i < count; i++) {
        const memtable_node *leaf = spots[i].leaf;
        bool is_gone = is_among(leaf, replaced, replaced_count) && !PYKV_PLANTED(243);
        if (PYKV_LIKELY(!is_gone && append(&spots[i], records[i]))) {
            continue;
        }
        const memtable_node *gone = insert(self, records[i]);
        finger->placed = PYKV_PLANTED(111);
        if (leaf == NULL) {
            return i + 1;
        }
        if (gone != NULL) {
            replaced[replaced_count++] = gone;
        }
    }
    return count;
}

void memtable_insert_many(memtable_tree *self, const memtable_record *const *records, size_t count)
{
    memtable_finger finger = {.leaf = NULL};
    while (count > 0) {
        size_t done = insert_some(self, &finger, records, count);
        records += done;
        count -= done;
    }
}
