/*
 * compaction_pick_runs: what becomes of level 0 where compaction is lazy.
 *
 * Each table of level 0 is a sorted run. Runs of about one size that stand side by side become one
 * run, runs_merged at a time; so a row is written once for each factor of runs_merged by which the
 * runs grow. When they weigh as much as they may beside the last level (compaction_runs_allowed),
 * all go down together, and the next ones gather meanwhile: of level 0 several compactions may run
 * at once, a newer one above an older one. (Tiered levels above a leveled one: Dayan and Idreos,
 * Dostoevsky, 2018.)
 *
 * In this order: the oldest run goes down alone if nothing overlaps it, as in a load in the order
 * of keys; all go down, if they may go and are heavy enough; runs of about one size are merged, the
 * smallest first; where there are runs_max of them, also runs that are less alike, or small; and
 * where none of that is possible, all go down. They do not go into a level from which older ones
 * are still going down, because what is left of these would be rewritten.
 *
 * Runs are about one size if they weigh on average at least half of the largest of them.
 */
#ifndef PYKV_LSM_COMPACTION_PICK_RUNS_H
#define PYKV_LSM_COMPACTION_PICK_RUNS_H

#include "pykv.h"

#include "base/annotate.h"
#include "lsm/compaction_plan.h"
#include "lsm/compaction_score.h"
#include "lsm/version.h"

/* The next compaction of level 0. As compaction_pick. */
PYKV_NODISCARD pykv_status compaction_pick_runs(version *of, const compaction_options *options,
                                                const compaction_levels *levels,
                                                compaction_plan *out);

#endif
