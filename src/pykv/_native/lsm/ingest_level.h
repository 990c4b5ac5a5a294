/*
 * ingest_level: how deep a table may go that is newer than everything in a version.
 */
#ifndef PYKV_LSM_INGEST_LEVEL_H
#define PYKV_LSM_INGEST_LEVEL_H

#include "lsm/compaction_job.h"
#include "lsm/version.h"

/* The deepest level where no table above and none of it has keys between smallest and largest, both
 * included, and where no running job of count may put one; level 0 if there is no other. Requires
 * that no memtable holds anything, and the lock of compactions. */
uint8_t ingest_level(const version *of, const compaction_job *jobs, size_t count, slice smallest,
                     slice largest);

#endif
