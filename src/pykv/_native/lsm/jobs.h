/*
 * jobs: flushes and compactions as bounded steps of the store.
 *
 * One flush and one compaction run at a time, each behind its lock; several threads may take their
 * steps in turn. A job that a clear made void is given up.
 */
#ifndef PYKV_LSM_JOBS_H
#define PYKV_LSM_JOBS_H

#include "lsm/store.h"

/* Tables of levels above this one are rewritten soon: they are compressed at the fast level, the
 * others at the store's. docs/decisions/0017-level-0-is-compressed-fast.md */
enum { LSM_LEVEL_COMPRESSED_MIN = 2, LSM_ZSTD_LEVEL_FAST = -1 };

/* What flushes and compactions are told of the store, for outputs of that level. */
table_job lsm_job(lsm *self, uint8_t level_index, uint64_t visible_sequence);

/* A step of flushing the oldest immutable memtable. *worked_out: there was one. */
PYKV_NODISCARD pykv_status lsm_flush_step(lsm *self, bool *worked_out) REQUIRES(self->flush_lock);

/* Flushes until no immutable memtable is left. */
PYKV_NODISCARD pykv_status lsm_flush_all(lsm *self) EXCLUDES(self->flush_lock);

/* As lsm_flush, whatever level 0 holds. */
PYKV_NODISCARD pykv_status lsm_flush_active(lsm *self) EXCLUDES(self->flush_lock);

/* A step of the compaction that runs, or of the one that is due. */
PYKV_NODISCARD pykv_status lsm_compaction_step(lsm *self, bool *worked_out)
    REQUIRES(self->compaction_lock);

/* Gives up what runs. */
void lsm_flush_abandon(lsm *self) REQUIRES(self->flush_lock);
void lsm_compaction_abandon(lsm *self) REQUIRES(self->compaction_lock);

#endif
