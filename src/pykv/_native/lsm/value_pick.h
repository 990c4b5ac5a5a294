/*
 * value_pick: which value segments are to be emptied, and by which compaction.
 *
 * Where the segments take more than space_amplification_max times what tables point to in them, the
 * deadest of them move: every flush and compaction takes the values in them along, and tables that
 * point to them are rewritten where they stand. A segment to which nothing points any more goes
 * with the next version. (RocksDB collects its blob files in this way.)
 *
 * Small segments, which flushes of few values leave, move although they are live: a compaction
 * whose inputs point to many takes what is in them along, and a table that points to many is
 * rewritten where it stands. Only what becomes one segment then makes them fewer, so what other
 * tables point to in them does not count. As with small tables, none of those that move has more
 * bytes than the others together: most values move as often as the segment of theirs grows to the
 * double.
 *
 * On a disk that is too full for that they move one by one, the one with the fewest live values
 * first: it gives its bytes back before another takes room. What finds room is tried with more the
 * next time.
 *
 * A segment with a value that could not be read when it was to move stays where it is, and does not
 * count, until the store is resumed or opened again: else every compaction that meets it would
 * fail.
 *
 * Pure functions of a version and its busy marks: they need the owner's compaction lock.
 */
#ifndef PYKV_LSM_VALUE_PICK_H
#define PYKV_LSM_VALUE_PICK_H

#include "lsm/compaction_plan.h"
#include "lsm/value_split.h"

/* Which segments move together because of what is dead, from what needs most room to what needs
 * least. */
typedef enum value_moves {
    VALUE_MOVES_MANY = 0, /* the deadest ones */
    VALUE_MOVES_TWO,      /* of those */
    VALUE_MOVES_ONE,      /* the deadest */
    VALUE_MOVES_LEAST,    /* the one with the fewest live values */
    VALUE_MOVES_NONE
} value_moves;

/* Sets moved and moved_count of the job: what is dead. The version is borrowed by it. */
void value_pick_moved(const version *of, double amplification_max, value_moves moves,
                      value_job *job);

/* Bytes of values that move with a plan. */
uint64_t value_pick_bytes(const compaction_plan *plan, const value_job *job);

/* Adds the small segments that the inputs of a plan point to, if they are to move: those of less
 * than small_bytes. */
void value_pick_small(const compaction_plan *plan, uint64_t small_bytes, value_job *job);

/* Makes the plan that rewrites a table which points to what moves, or to small segments that are to
 * move. PYKV_NOT_FOUND: there is none that may be taken now. PYKV_NO_MEMORY. */
PYKV_NODISCARD pykv_status value_pick_plan(version *of, const compaction_options *options,
                                           const value_job *job, uint64_t small_bytes,
                                           compaction_plan *out);

#endif
