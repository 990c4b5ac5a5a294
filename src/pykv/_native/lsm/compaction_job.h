/*
 * compaction_job: one of the compactions that run side by side.
 *
 * A store has LSM_COMPACTIONS_MAX places for them. The compaction lock guards the state of each
 * place, and the plans and busy marks of all. Who takes a job that waits makes it "steps", leaves
 * the lock, and is then the only one who touches its compaction, until he hands it back.
 */
#ifndef PYKV_LSM_COMPACTION_JOB_H
#define PYKV_LSM_COMPACTION_JOB_H

#include <stdbool.h>
#include <stdint.h>

#include "lsm/compaction_pick.h"
#include "lsm/compaction_run.h"
#include "lsm/value_pick.h"

enum { LSM_COMPACTIONS_MAX = 4 };

typedef enum compaction_state {
    COMPACTION_NONE = 0, /* the place is free */
    COMPACTION_WAITS,    /* planned, for somebody to go on with it */
    COMPACTION_STEPS     /* somebody is at it */
} compaction_state;

/* What the disk has room for, as far as compactions that failed have shown. */
typedef struct compaction_room {
    uint64_t bytes_max; /* of inputs; 0: no limit is known */
    value_moves moves;
} compaction_room;

typedef struct compaction_job {
    compaction_state state;
    compaction_plan plan;
    compaction *run;      /* NULL: a trivial move */
    uint64_t clear_count; /* of the store when it was planned */
    bool is_wished;       /* a manual compaction waits for it */
    bool values_are_due;  /* the value log was above its limit when it was planned */
    uint64_t moved_bytes; /* of values, to another segment */
    uint64_t level0_read; /* of its tables of level 0, in parts (lsm/brake.h) */
} compaction_job;

/* Of tables that go before a level that is due (compaction_pick.h). */
typedef struct compaction_turns {
    uint32_t waited;   /* picks since the last one */
    bool ranges_first; /* at the next one: they alternate */
} compaction_turns;

#endif
