/*
 * ingest: tables that were made elsewhere become part of the store in one step.
 *
 *   1. Every file is checked, and gets a name in the store: a link or a copy; rows that come to a
 *      namespace are written again, with its prefix.
 *   2. Writers pause. The memtables are flushed, so everything written is in tables.
 *   3. A record for each file (RECORD_INGEST, its first and its last key) goes to the log and is
 *      synced. It takes the sequence that all rows of the file count as: who writes later gets a
 *      higher one, also after a crash.
 *   4. One manifest lists the tables, each in the deepest level where nothing is in its way, and
 *      says that everything up to the last of these sequences is in tables.
 *   5. The view, then the visible sequence: readers see all rows or none. Writers go on.
 *
 * What crashes before 4 leaves records that mean nothing and files that nobody lists. Any thread
 * may call it at any time; one ingest runs at a time.
 */
#ifndef PYKV_LSM_INGEST_H
#define PYKV_LSM_INGEST_H

#include "lsm/lsm.h"

enum { LSM_INGEST_FILES_MAX = 4096 };

/* Of lsm.ingest_mark: one runs, and writers wait, but its first record is not in the log yet. Later
 * it is the sequence of that, which the change feed must not reach. */
#define LSM_INGEST_UNMARKED UINT64_MAX

#endif
