/*
 * compaction_score: how large each level should be, and how far the levels are above that.
 *
 * The deepest level that has tables, "last", decides: the level above it should have its bytes
 * divided by the multiplier, and so on upwards, as long as that is at least level_bytes_base. The
 * first level of those is "base", into which level 0 goes; the levels above base should be empty.
 * So nine tenths of all bytes stand in the last level, however large the store is.
 *
 * With lazy compaction no level between level 0 and the last should keep a table. Level 0 is
 * tiered: its tables are sorted runs, of which runs_merged that are about as large become one,
 * until they weigh half of the last level and go down all together (lsm/compaction_pick_runs.h):
 * into the last level if that is small, else into the level above it, from where tables go one by
 * one.
 *
 * A score of 1 or more means that the level is due. Level 0 counts tables, because reads pay for
 * each of them; it waits for as many as weigh what base should, within bounds, because each time
 * it goes there all of base is rewritten. A level that should be empty is due as soon as it has a
 * table. Tables that are inputs of a compaction do not count any more.
 *
 * Pure functions of a version, its busy marks and the options: they need the owner's compaction
 * lock, and no file.
 */
#ifndef PYKV_LSM_COMPACTION_SCORE_H
#define PYKV_LSM_COMPACTION_SCORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lsm/version.h"

struct compaction_plan;

/* What picking needs to know of its store. No member has a default. */
typedef struct compaction_options {
    uint64_t table_bytes;      /* size of an output */
    uint64_t level_bytes_base; /* a level between level 0 and the last should have at least that */
    uint32_t level_multiplier;
    uint32_t level0_trigger;      /* tables, at least */
    uint32_t level0_trigger_max;  /* and at most */
    uint64_t overlap_bytes_max;   /* of the level after next, that one output may reach over */
    uint8_t level_compressed_min; /* from this level on tables are compressed well; 0: none are */
    uint64_t input_bytes_max;     /* up to which inputs are added where they cost nothing below */
    uint32_t runs_merged;         /* 0: leveled; else lazy: tables of level 0 that become one */
    uint32_t runs_max;            /* lazy: tables of level 0 at which it is due */
    uint64_t run_bytes_max;       /* lazy: of one that others become */
    bool urgent_first;            /* urgent and crowded tables go before a level that is due, */
    bool ranges_first;            /* and crowded ones before urgent ones */
    uint64_t visible_sequence;
    uint64_t now_us;     /* wall clock */
    uint64_t reap_by_us; /* rows of level 0 with deadlines up to it make it due */
    /* Compactions that have not been installed or given up yet. */
    const struct compaction_plan *const *running;
    size_t running_count;
} compaction_options;

typedef struct compaction_levels {
    uint8_t base; /* where level 0 goes */
    uint8_t last; /* the deepest level that has tables, or the deepest of all */
    uint64_t targets[LSM_LEVEL_COUNT]; /* bytes; 0: the level should be empty. Not of level 0 */
    double scores[LSM_LEVEL_COUNT];
} compaction_levels;

/* Options of leveled compaction for tables of that size: level_bytes_base of 2 tables, a multiplier
 * of 10, a trigger of 4 to 8, reaching over at most 10 tables, inputs of up to 25. Sequence,
 * clocks and running are zero, and levels that are due go first. */
compaction_options compaction_options_make(uint64_t table_bytes);

/* The same for lazy compaction: runs of 8, due at 20, of up to 64 tables. */
compaction_options compaction_options_make_lazy(uint64_t table_bytes);

/* Bytes that level 0 may have beside the last level where compaction is lazy. */
uint64_t compaction_runs_allowed(const version *of, const compaction_levels *levels);

void compaction_levels_measure(const version *of, const compaction_options *options,
                               compaction_levels *out);

/* What the pace of writers goes by: bytes that compactions will have read and written once no level
 * is above its target, about; where compaction is lazy, for what is beyond its time.
 */
uint64_t compaction_debt(const version *of, const compaction_options *options);

#endif
