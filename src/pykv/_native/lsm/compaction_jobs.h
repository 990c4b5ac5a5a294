/*
 * compaction_jobs: which compactions run, who goes on with which, and how they end.
 */
#ifndef PYKV_LSM_COMPACTION_JOBS_H
#define PYKV_LSM_COMPACTION_JOBS_H

#include "lsm/store.h"

/* Takes a job for the caller to go on with: one that waits, or a new one: what a wish needs,
 * or what is due. PYKV_NOT_FOUND: there is nothing to do; PYKV_WOULD_BLOCK: nothing beside what
 * others are at; or why a new one could not begin. */
PYKV_NODISCARD pykv_status compaction_jobs_take(lsm *self, compaction_job **job_out)
    REQUIRES(self->compaction_lock);

/* True if somebody is at a step of one. */
bool compaction_jobs_running(lsm *self) REQUIRES(self->compaction_lock);

/* Goes on with a job that was taken, and installs it when it is done; one that a clear made void
 * goes on no more. *more_out: it is not done. After a failure it has to be ended. */
PYKV_NODISCARD pykv_status compaction_job_advance(lsm *self, compaction_job *job, bool *more_out)
    EXCLUDES(self->compaction_lock);

/* What there was room for decides what is tried next: twice as much, and more values that move; or
 * the same with fewer of these; or half, or the same alone where others took room too. True: try
 * that. */
bool compaction_jobs_note_room(lsm *self, const compaction_job *job, pykv_status status)
    REQUIRES(self->compaction_lock);

/* True if one found the disk full, and no other has found much room since. */
bool compaction_jobs_are_short(const lsm *self) REQUIRES(self->compaction_lock);

/* How far the levels are above what they should have, now. */
void compaction_jobs_measure(lsm *self, compaction_levels *levels_out)
    EXCLUDES(self->compaction_lock);

/* Gives up a job, done or not, and frees its place. */
void compaction_job_end(lsm *self, compaction_job *job);

#endif
