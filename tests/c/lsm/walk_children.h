/*
 * walk_children: iterators over the children of a walk_model, over memtables or arrays, as one.
 */
#ifndef PYKV_TESTS_LSM_WALK_CHILDREN_H
#define PYKV_TESTS_LSM_WALK_CHILDREN_H

#include "walk_model.h"

#include "lsm/memtable.h"
#include "lsm/merging_iterator.h"

static inline void walk_memtable_add(memtable *table, const iterator_entry *entry)
{
    uint64_t bytes =
        memtable_entry_bytes(entry->key.size, entry->value.size, entry->deadline_us != 0);
    CHECK_OK(memtable_reserve(table, 1, bytes));
    memtable_add(table, entry, memtable_key_hash(entry->key));
}

/* An iterator over a memtable of the operations of a child. */
static inline iterator *walk_memtable_iterator(walk_model *self, size_t child)
{
    memtable *table;
    iterator *walk;
    CHECK_OK(memtable_create(&self->readers, 1 << 20, &table));
    for (size_t i = 0; i < self->part_counts[child]; i++) {
        walk_memtable_add(table, &self->parts[child][i]);
    }
    CHECK_OK(memtable_iterator_new(table, &walk));
    memtable_release(table);
    return walk;
}

/* Iterators over all children, over memtables or arrays, as one. */
static inline iterator *walk_merge(walk_model *self, bool over_memtables)
{
    iterator *children[WALK_CHILDREN_MAX];
    iterator *merged;
    for (size_t c = 0; c < self->child_count; c++) {
        children[c] = over_memtables ? walk_memtable_iterator(self, c)
                                     : array_iterator_new(&self->control, self->parts[c],
                                                          self->part_counts[c]);
    }
    CHECK_OK(merging_iterator_new(children, self->child_count, &merged));
    return merged;
}

#endif
