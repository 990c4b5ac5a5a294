/*
 * compaction_score: how large each level should be, and how far the levels are above that.
 *
 * The deepest level that has tables, "last", decides: the level above it should have its bytes
 * divided by the multiplier, and so on upwards, as long as that is at least level_bytes_base. The
 * first level of those is "base", into which level 0 goes; the levels above base should be empty.
 * So nine tenths of all bytes stand in the last level, however large the store is.
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
    uint64_t visible_sequence;
    uint64_t now_us; /* wall clock */
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

/* Options for tables of that size: level_bytes_base of 2 tables, a multiplier of 10, a trigger of
 * 4 to 8, reaching over at most 10 tables, inputs of up to 25. Sequence, clock and running are
 * zero. */
compaction_options compaction_options_make(uint64_t table_bytes);

void compaction_levels_measure(const version *of, const compaction_options *options,
                               compaction_levels *out);

/* Bytes that compactions will have read and written once no level is above its target, about: what
 * the pace of writers goes by. */
uint64_t compaction_debt(const version *of, const compaction_options *options);

#endif
