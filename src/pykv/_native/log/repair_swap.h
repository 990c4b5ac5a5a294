/*
 * repair_swap: putting a repaired store of any engine in the place of the damaged one.
 *
 * The repaired store waits in repairing/ with a file DONE:
 *
 *   offset size  field
 *        0    4  first_number  of the new numbered files; older ones have lower numbers
 *        4   48  of the report: file_count, record_count, byte_count, damage_count,
 *                lost_record_count, kept_record_count, u64 each
 *       52    4  crc           crc32c of bytes 0..52
 *
 * Not thread-safe: whoever repairs holds the lock of the store.
 */
#ifndef PYKV_LOG_REPAIR_SWAP_H
#define PYKV_LOG_REPAIR_SWAP_H

#include "env/env.h"
#include "log/home.h"

#define REPAIR_DIRECTORY "repairing"
#define REPAIR_DONE_NAME "DONE"

/* How far an earlier repair came. */
typedef enum repair_stage {
    REPAIR_NONE,    /* there was none, or it may begin anew: nothing of the old store was moved */
    REPAIR_MOVING,  /* files are under way; only repair_swap makes a store of them again */
    REPAIR_SWAPPED, /* the repaired store is in place; repair_clean is left to do */
} repair_stage;

PYKV_NODISCARD pykv_status repair_find_stage(env_directory *home, repair_stage *stage_out);

/* The path of repairing/, in fresh memory (mem_free). */
PYKV_NODISCARD pykv_status repair_path(const env_directory *home, char **path_out);

/* An epoch for the repaired store, whose sequences are others than those of the store with epoch:
 * higher by a random step, so that followers can tell. */
PYKV_NODISCARD pykv_status repair_epoch(env *environment, uint64_t epoch, uint64_t *epoch_out);

/* Says, durably, that the store in repairing/ is whole, that its numbered files begin at
 * first_number, and what the repair saw. */
PYKV_NODISCARD pykv_status repair_mark_done(env_directory *home, uint32_t first_number,
                                            const pykv_report *report);

/* Moves the old files to damaged-N and those of repairing/ here, its manifest last, and cleans.
 * After a crash at any place it may be repeated in the stage REPAIR_MOVING. report_out, if not
 * NULL, gets the numbers of DONE; where the damages were is forgotten. */
PYKV_NODISCARD pykv_status repair_swap(env *environment, env_directory *home,
                                       const home_engine *engine, pykv_report *report_out);

/* Removes repairing/ and what is left in it after the swap. */
PYKV_NODISCARD pykv_status repair_clean(env *environment, env_directory *home);

#endif
