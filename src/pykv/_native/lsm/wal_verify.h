/*
 * wal_verify: the records in the logs of an open store are read again and checked: each by its
 * checks, batches by their seals, and all of them by their order, within a log and from log to log.
 * Writers go on meanwhile; what they append is not looked at. Thread-safe.
 */
#ifndef PYKV_LSM_WAL_VERIFY_H
#define PYKV_LSM_WAL_VERIFY_H

#include "log/log_segment.h"
#include "lsm/wal.h"

/* Checks what was in the logs when it began, and counts it in report; damage is listed there. Not
 * with the writer lock. PYKV_NO_MEMORY. */
PYKV_NODISCARD pykv_status wal_verify(wal *self, pykv_report *report);

/* A log with records, as of when it was listed. */
typedef struct wal_extent {
    struct wal_log *log; /* valid as long as the log that it was listed of */
    log_segment_header header;
    uint64_t end; /* of its last record */
} wal_extent;

/* The logs that have records, by rising number; with the writer lock. Free *extents_out with
 * mem_free. PYKV_NO_MEMORY. */
PYKV_NODISCARD pykv_status wal_extents(wal *self, wal_extent **extents_out, size_t *count_out);

/* Whether the manifest in force lists a log. */
typedef struct wal_keeper {
    void *owner;
    bool (*is_listed)(void *owner, const log_segment_header *header);
} wal_keeper;

/* As wal_verify, of a reader's logs, which their writer may let go at any moment. */
PYKV_NODISCARD pykv_status wal_verify_shown(env_directory *home, const wal_extent *extents,
                                            size_t count, const wal_keeper *keeper,
                                            pykv_report *report);

#endif
