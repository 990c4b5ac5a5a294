/*
 * compaction: carries out a plan in bounded steps: merges its inputs, drops what nobody can see
 * (lsm/table_output.h), writes the outputs.
 *
 * Inputs are read past the cache. A table of the inputs is not read at all if all of it is dead and
 * hides nothing. The plan, its mark and the store's visible sequence are those of one moment under
 * the owner's lock; steps need no lock. Not thread-safe.
 */
#ifndef PYKV_LSM_COMPACTION_RUN_H
#define PYKV_LSM_COMPACTION_RUN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "pykv.h"

#include "base/annotate.h"
#include "lsm/compaction_plan.h"
#include "lsm/table_output.h"

typedef struct compaction compaction;

/* Begins the compaction of a plan, which is borrowed until it is freed. Of options, the size of
 * tables and their overlap count. PYKV_NO_MEMORY. */
PYKV_NODISCARD pykv_status compaction_new(const table_job *job, const compaction_options *options,
                                          const compaction_plan *plan, compaction **out);

/* Goes on for step_bytes of keys and values, about. *more_out: it is not done yet. After a failure
 * only free may follow. */
PYKV_NODISCARD pykv_status compaction_step(compaction *self, uint64_t step_bytes, bool *more_out);

/* The outputs, by rising keys, for the output level of the plan; there may be none. They are
 * durable. Requires that the last step is done. Valid until it is freed. */
const manifest_table *compaction_outputs(const compaction *self, size_t *count_out);

/* The value segments, likewise. */
const manifest_values *compaction_values(const compaction *self, size_t *count_out);

/* The files of the outputs belong to the caller from now on: a manifest lists them, or may. */
void compaction_take(compaction *self);

/* The part of the entries of all inputs that has been read: 0 to 1. */
double compaction_share_read(const compaction *self);

table_output_counts compaction_counts(const compaction *self);

/* Ends it, done or not, and removes the outputs that were not taken. The thread's last error stays.
 * NULL is ignored. */
void compaction_free(compaction *self);

#endif
