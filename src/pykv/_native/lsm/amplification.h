/*
 * amplification: how many bytes a store writes and keeps for those that it was given.
 *
 * What of the tables is live is guessed. The last level of a tree has each key once. What stands
 * above it is new, or replaces or deletes what stands below: compactions count how much of what
 * they take down makes something go, and the rest is taken to be alike. Before the first of them
 * everything counts as live.
 *
 * Thread-safe: functions of counters and of a version.
 */
#ifndef PYKV_LSM_AMPLIFICATION_H
#define PYKV_LSM_AMPLIFICATION_H

#include "pykv.h"

#include "lsm/compaction_plan.h"
#include "lsm/counters.h"
#include "lsm/table_output.h"
#include "lsm/version.h"

/* Counts a compaction that is done, by levels. */
void amplification_count(lsm_counters *counters, const compaction_plan *plan,
                         const table_output_counts *written);

/* A guess at the bytes that tables and value segments would have without what is dead. */
uint64_t amplification_live_bytes(const lsm_counters *counters, const version *tables);

/* Sets live_bytes and the three ratios, from the other members. */
void amplification_fill(const lsm_counters *counters, const version *tables, pykv_stats *stats);

#endif
