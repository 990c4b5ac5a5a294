/*
 * memtable_build: makes nodes of a memtable's tree from records and children in order.
 *
 * The writer's alone; what is built is invisible until it is published.
 */
#ifndef PYKV_LSM_MEMTABLE_BUILD_H
#define PYKV_LSM_MEMTABLE_BUILD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lsm/memtable_node.h"
#include "lsm/memtable_pool.h"

/* A split chooses a longer common prefix only where it is longer by this many bytes: below that
 * the words still hold enough of the keys to tell them apart. */
enum { MEMTABLE_COMMON_GAIN = 4 };

/* An inner node laid open, with room for one more child. */
typedef struct memtable_fan {
    uint32_t child_count;
    uint8_t level;
    size_t common_length;
    uint64_t words[MEMTABLE_CHILDREN];
    const memtable_record *records[MEMTABLE_CHILDREN];
    memtable_node *children[MEMTABLE_CHILDREN + 1];
} memtable_fan;

/* Lowers words that were taken at common length `from` to `to`, which is smaller. sample is one of
 * the records whose keys share from bytes. */
void memtable_lower_words(uint64_t *words, uint32_t count, const memtable_record *sample,
                          size_t from, size_t to);

/* Puts a record into a run at index. Requires room. */
void memtable_run_insert(memtable_run *self, uint32_t index, const memtable_record *record,
                         uint64_t word);

/* A leaf of the records of run from first on, whose words were taken at common_length. With
 * regain, a longer common prefix is looked for. Requires a node supplied. */
memtable_node *memtable_build_leaf(memtable_pool *pool, const memtable_run *run, uint32_t first,
                                   uint32_t count, size_t common_length, bool regain);

/* Lays an inner node open. */
void memtable_fan_open(memtable_fan *out, const memtable_node *node);

/* Puts a child and the separator before it behind the child at slot. Requires room. */
void memtable_fan_insert(memtable_fan *self, uint32_t slot, const memtable_record *separator,
                         memtable_node *child);

/* An inner node of count (2 or more) children of the fan from first on; regain as above. */
memtable_node *memtable_build_inner(memtable_pool *pool, const memtable_fan *fan, uint32_t first,
                                    uint32_t count, bool regain);

#endif
