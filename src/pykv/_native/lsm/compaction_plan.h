/*
 * compaction_plan: what one compaction takes in, and where it goes.
 *
 * A plan is legal in whatever order plans are run, because of what making one sees to:
 *   (1) of level 0 it takes with a table every older one that overlaps it, so that no older version
 *       of a key stays above a newer one; into level 0 it takes neighbours, so that their sequences
 *       stay between those of the tables beside them;
 *   (2) of a deeper level it takes neighbours; outputs never split a key's versions, so no table
 *       beside them has a key of theirs;
 *   (3) it takes every table of the output level that its inputs overlap, and the levels between
 *       input and output level are empty;
 *   (4) no input is one of another compaction, and its keys do not lie between those of another
 *       compaction into the same level, whose outputs may span them.
 *
 * Plans belong to the owner of compactions: making, beginning and ending one needs his lock. What a
 * plan names is valid until it is reset; it keeps its version for that.
 */
#ifndef PYKV_LSM_COMPACTION_PLAN_H
#define PYKV_LSM_COMPACTION_PLAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "pykv.h"

#include "base/annotate.h"
#include "lsm/compaction_score.h"
#include "lsm/version.h"

typedef struct compaction_plan {
    version *of; /* one reference */
    uint8_t input_level;
    uint8_t output_level; /* that of the inputs, if tables are rewritten where they stand */
    /* Of the input level and of the output level; those of level 0 newest first, others rising. */
    table_file **inputs[2];
    size_t input_counts[2];
    table_file **grandparents; /* of the level behind the output level, where inputs reach */
    size_t grandparent_count;
    slice smallest; /* of all inputs */
    slice largest;
    uint64_t input_bytes;
    bool is_trivial_move; /* the one input changes its level as it is */
    bool is_removal;      /* the inputs, of any levels, go unread; there are no outputs */
    /* "level 0", "runs", "size", "expired", "tombstones", "deleted", "small", "manual", "values" or
     * "room" */
    const char *reason;
} compaction_plan;

/* A run of neighbours in a level. */
typedef struct level_run {
    uint32_t first;
    uint32_t count;
} level_run;

/* The tables of a level from 1 on that have keys between smallest and largest, both included. */
level_run level_overlap(const level *self, slice smallest, slice largest);
uint64_t level_run_bytes(const level *self, level_run run);

/* True if a level deeper than level_index has such a table. */
bool version_overlaps_below(const version *self, uint8_t level_index, slice smallest,
                            slice largest);

/* Makes the plan that takes all of run, neighbours of a level from 1 on, to the next level, with
 * neighbours that cost nothing below. PYKV_WOULD_BLOCK: not beside what is running.
 * PYKV_NO_MEMORY. */
PYKV_NODISCARD pykv_status compaction_plan_level(version *of, const compaction_options *options,
                                                 uint8_t level_index, level_run run,
                                                 const char *reason, compaction_plan *out);

/* Makes the plan that takes the tables of level 0 with wanted set, one flag each, and those that
 * they need, to output_level. As above. */
PYKV_NODISCARD pykv_status compaction_plan_level0(version *of, const compaction_options *options,
                                                  uint8_t output_level, const bool *wanted,
                                                  const char *reason, compaction_plan *out);

/* Makes the plan that takes run, neighbours of level 0, into one table of level 0, in whose place
 * it stands, or, if the oldest one is among them, to a deeper output_level. As above. */
PYKV_NODISCARD pykv_status compaction_plan_runs(version *of, const compaction_options *options,
                                                uint8_t output_level, level_run run,
                                                const char *reason, compaction_plan *out);

/* Makes the plan that rewrites run, neighbours of a level from 1 on, where they stand. As above. */
PYKV_NODISCARD pykv_status compaction_plan_rewrite(version *of, const compaction_options *options,
                                                   uint8_t level_index, level_run run,
                                                   const char *reason, compaction_plan *out);

/* Marks the inputs as busy, or not any more. Between the two the plan stands in
 * compaction_options.running. */
void compaction_plan_begin(const compaction_plan *self);
void compaction_plan_end(const compaction_plan *self);

/* Frees what the plan holds; again is nothing. */
void compaction_plan_reset(compaction_plan *self);

#endif
