/*
 * table_cut: where one output of a compaction ends and the next one begins.
 *
 * Outputs end between user keys, when they have their size, and by preference where a table of the
 * level below ends ("grandparents": tables of the level after the one that the output is for): a
 * table that is aligned with those below overlaps fewer of them when its own turn comes. An output
 * that reaches over too much of the level below ends however small it is, so that no later
 * compaction of one table is large.
 *
 * Not thread-safe. The grandparents are borrowed.
 */
#ifndef PYKV_LSM_TABLE_CUT_H
#define PYKV_LSM_TABLE_CUT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/annotate.h"
#include "base/slice.h"
#include "lsm/table_file.h"

typedef struct table_cut_options {
    uint64_t table_bytes; /* size of an output; UINT64_MAX, and no grandparents: one takes all */
    uint64_t overlap_bytes_max;      /* of grandparents that one output may reach over */
    table_file *const *grandparents; /* rising and disjoint */
    size_t grandparent_count;
} table_cut_options;

typedef struct table_cut {
    table_cut_options options;
    size_t next;            /* first grandparent that does not end before the last key */
    uint32_t passed_count;  /* grandparents that ended within the output */
    uint64_t overlap_bytes; /* of those */
} table_cut;

void table_cut_init(table_cut *self, const table_cut_options *options);

/* Tells whether the output, which has output_bytes by now (0: it is empty), ends before key. Called
 * once for each user key that is written, in order, before its first entry. */
PYKV_NODISCARD bool table_cut_before(table_cut *self, slice key, uint64_t output_bytes);

#endif
