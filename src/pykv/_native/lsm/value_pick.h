/*
 * value_pick: which value segments are to be emptied, and by which compaction.
 *
 * Where the segments take more than space_amplification_max times what tables point to in them, the
 * deadest of them move: every flush and compaction takes the values in them along, and tables that
 * point to them are rewritten where they stand. A segment to which nothing points any more goes
 * with the next version. (RocksDB collects its blob files in this way.)
 *
 * Pure functions of a version and its busy marks: they need the owner's compaction lock.
 */
#ifndef PYKV_LSM_VALUE_PICK_H
#define PYKV_LSM_VALUE_PICK_H

#include "lsm/compaction_plan.h"
#include "lsm/value_split.h"

/* Sets moved and moved_count of the job. The version is borrowed by it. */
void value_pick_moved(const version *of, double amplification_max, value_job *job);

/* Makes the plan that rewrites a table which points to what moves. PYKV_NOT_FOUND: there is none
 * that may be taken now. PYKV_NO_MEMORY. */
PYKV_NODISCARD pykv_status value_pick_plan(version *of, const compaction_options *options,
                                           const value_job *job, compaction_plan *out);

#endif
