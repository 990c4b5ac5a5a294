/*
 * memtable_many: several lookups side by side, so that their waits for memory overlap.
 *
 * Groups of 16 keys that pass the filter go down the tree level by level; each step fetches the
 * node that the next one reads.
 */
#include <string.h>

#include "lsm/memtable_find.h"
#include "lsm/memtable_internal.h"

enum { GROUP_KEYS = 16, AHEAD_KEYS = 16 };

/* Keys of one group, by their index among all. */
typedef struct group {
    size_t count;
    size_t indexes[GROUP_KEYS];
    memtable_search_state states[GROUP_KEYS];
    internal_key places[GROUP_KEYS];
    const memtable_record *records[GROUP_KEYS];
} group;

static void descend(group *self, const memtable_node *root)
{
    for (size_t i = 0; i < self->count; i++) {
        self->states[i] = (memtable_search_state){root, NULL, 0};
    }
    for (uint32_t level = root->level; level > 0; level--) {
        for (size_t i = 0; i < self->count; i++) {
            if (self->states[i].node != NULL) {
                memtable_find_step(&self->states[i], &self->places[i]);
            }
        }
    }
}

/* Finds the records of the group. */
static size_t finish(group *self, const memtable_node *root, bool *found, iterator_entry *entries)
{
    size_t found_count = 0;
    descend(self, root);
    for (size_t i = 0; i < self->count; i++) {
        self->records[i] = memtable_find_in_leaf(&self->states[i], &self->places[i]);
    }
    for (size_t i = 0; i < self->count; i++) {
        if (self->records[i] != NULL) {
            memtable_record_load(self->records[i], &entries[self->indexes[i]]);
            found[self->indexes[i]] = true;
            found_count++;
        }
    }
    self->count = 0;
    return found_count;
}

size_t memtable_get_many(const memtable *self, const slice *keys, const uint64_t *hashes,
                         size_t count, uint64_t snapshot_sequence, bool *found,
                         iterator_entry *entries)
{
    group pending;
    size_t found_count = 0;
    const memtable_node *root = memtable_tree_root(&self->tree);
    pending.count = 0;
    if (root->level == 0 && memtable_node_count(root) == 0) {
        return 0;
    }
    for (size_t i = 0; i < count && i < AHEAD_KEYS; i++) {
        memtable_filter_prefetch(&self->filter, hashes[i]);
    }
    for (size_t i = 0; i < count; i++) {
        if (i + AHEAD_KEYS < count) {
            memtable_filter_prefetch(&self->filter, hashes[i + AHEAD_KEYS]);
        }
        if (found[i] || !memtable_filter_may_hold(&self->filter, hashes[i])) {
            continue;
        }
        pending.indexes[pending.count] = i;
        pending.places[pending.count] = internal_key_place(keys[i], snapshot_sequence);
        if (++pending.count == GROUP_KEYS) {
            found_count += finish(&pending, root, found, entries);
        }
    }
    return found_count + finish(&pending, root, found, entries);
}
