/*
 * memtable_internal: what the files of the memtable share. Private to memtable.c, memtable_many.c,
 * memtable_add_many.c and memtable_iterator.c.
 */
#ifndef PYKV_LSM_MEMTABLE_INTERNAL_H
#define PYKV_LSM_MEMTABLE_INTERNAL_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "lsm/memtable.h"
#include "lsm/memtable_arena.h"
#include "lsm/memtable_filter.h"
#include "lsm/memtable_insert.h"

struct memtable {
    /* constant */
    reclaimer *readers;
    uint64_t limit_bytes;
    memtable_filter filter;
    /* own synchronisation */
    memtable_tree tree;
    _Atomic bool sealed;
    _Atomic uint32_t references;
    /* stored by the writer, loaded by anyone */
    _Alignas(64) _Atomic uint64_t count;
    _Atomic uint64_t delete_count;
    _Atomic uint64_t record_bytes;
    _Atomic uint64_t sequence_min;
    _Atomic uint64_t sequence_max;
    _Atomic uint64_t deadline_min_us;
    /* the writer's */
    memtable_arena arena;
};

/* Counts operations (one at least, in the order of their sequences) that take bytes as records. */
void memtable_count_many(memtable *self, const record *operations, size_t count, uint64_t bytes);

#endif
