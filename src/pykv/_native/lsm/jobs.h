/*
 * jobs: flushes and compactions as bounded steps of the store.
 *
 * One flush runs at a time, behind its lock, and up to LSM_COMPACTIONS_MAX compactions, none of
 * which has a key or a table in common with another where that would matter
 * (lsm/compaction_plan.h); any thread may take the next step of any. A job that a clear made void
 * is given up.
 */
#ifndef PYKV_LSM_JOBS_H
#define PYKV_LSM_JOBS_H

#include "lsm/store.h"

/* Tables of levels above this one are rewritten soon: they are compressed at the fast level, the
 * others at the store's. docs/decisions/0017-level-0-is-compressed-fast.md */
enum { LSM_LEVEL_COMPRESSED_MIN = 2, LSM_ZSTD_LEVEL_FAST = -1 };

/* Bits of a filter for each key that tables have beyond the store's option, where the last level is
 * below them. docs/decisions/0041-cold-reads.md */
enum { LSM_FILTER_BITS_ABOVE_LAST = 4 };

/* What flushes and compactions are told of the store, for outputs of that level. */
table_job lsm_job(lsm *self, uint8_t level_index, uint64_t visible_sequence);

/* A step of flushing the oldest immutable memtable. *worked_out: there was one. */
PYKV_NODISCARD pykv_status lsm_flush_step(lsm *self, bool *worked_out) REQUIRES(self->flush_lock);

/* Flushes until no immutable memtable is left. */
PYKV_NODISCARD pykv_status lsm_flush_all(lsm *self) EXCLUDES(self->flush_lock);

/* As lsm_flush, whatever level 0 holds. */
PYKV_NODISCARD pykv_status lsm_flush_active(lsm *self) EXCLUDES(self->flush_lock);

/* A step of a compaction that nobody is at, or of one that is due and may run beside the others. */
PYKV_NODISCARD pykv_status lsm_compaction_step(lsm *self, bool *worked_out)
    EXCLUDES(self->compaction_lock);

/* A writer found the disk full, and nothing that is due gives room back: until then by the
 * monotonic clock everything is due that lsm_compact does, or until nothing of it is left or it
 * fails. Flushes what is written before, if there is room for that. */
void lsm_wish_for_room(lsm *self, uint64_t until_us) EXCLUDES(self->compaction_lock);

/* Frees what readers have left, and removes the files of tables that nobody refers to. What others
 * have begun to free is done too when it returns. */
void lsm_tidy(lsm *self) EXCLUDES(self->tidy_lock);

/* A manifest with the high water of the clock. What is clean on the disk stays so. */
PYKV_NODISCARD pykv_status lsm_keep_clock(lsm *self) EXCLUDES(self->manifest_lock);

/* Give up what runs; nobody may be at it. */
void lsm_flush_abandon(lsm *self) REQUIRES(self->flush_lock);
void lsm_compactions_abandon(lsm *self) REQUIRES(self->compaction_lock);

#endif
