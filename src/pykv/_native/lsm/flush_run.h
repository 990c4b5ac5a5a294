/*
 * flush_run: writes a sealed memtable as one table for level 0, in bounded steps.
 *
 * Flushes go by age: when one begins, no older memtable may be left. Shadowed versions are dropped,
 * tombstones that hide nothing (lsm/table_output.h), and what the memtable's range deletes hide,
 * all of which are visible to whoever reads what the job publishes. What is taken from the memtable
 * is compared with the check that it came with (docs/decisions/0042). Not thread-safe.
 */
#ifndef PYKV_LSM_FLUSH_RUN_H
#define PYKV_LSM_FLUSH_RUN_H

#include <stdbool.h>
#include <stdint.h>

#include "pykv.h"

#include "base/annotate.h"
#include "lsm/memtable.h"
#include "lsm/table_output.h"
#include "lsm/version.h"

typedef struct flush_run flush_run;

/* Begins to write from, the oldest memtable that is not in a table, which is sealed; its range
 * deletes have sequences up to the job's visible one. older is the newest version: all that is
 * older than the memtable. References of both are taken. PYKV_NO_MEMORY. */
PYKV_NODISCARD pykv_status flush_run_new(const table_job *job, memtable *from, version *older,
                                         flush_run **out);

/* Goes on for step_bytes of keys and values, about. *more_out: it is not done yet. PYKV_CORRUPTION:
 * an entry has changed in memory. After a failure only free may follow. */
PYKV_NODISCARD pykv_status flush_run_step(flush_run *self, uint64_t step_bytes, bool *more_out);

/* The table, which is durable; NULL if nothing was left to write. Requires that the last step is
 * done. Valid until it is freed. */
const manifest_table *flush_run_output(const flush_run *self);

/* The value segments, likewise. */
const manifest_values *flush_run_values(const flush_run *self, size_t *count_out);

/* The files belong to the caller from now on: a manifest lists them, or may. */
void flush_run_take(flush_run *self);

table_output_counts flush_run_counts(const flush_run *self);

/* Ends it, done or not, and removes a table that was not taken. The thread's last error stays. NULL
 * is ignored. */
void flush_run_free(flush_run *self);

#endif
