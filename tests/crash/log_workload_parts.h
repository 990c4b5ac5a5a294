/*
 * log_workload_parts: what the files of log_workload.h and wal_workload.h share.
 */
#ifndef PYKV_TESTS_LOG_WORKLOAD_PARTS_H
#define PYKV_TESTS_LOG_WORKLOAD_PARTS_H

#include "crash/log_workload.h"

/* Memory for one record. */
typedef struct log_workload_bytes {
    char key[48];
    uint8_t value[LOG_COPY_BYTES_MAX + 5000];
} log_workload_bytes;

/* The record with this sequence as this attempt writes it. It borrows bytes. */
void log_workload_record(const log_workload *plan, uint64_t sequence, uint64_t number,
                         log_workload_bytes *bytes, record *out);

/* Makes a segment file with its header and a sink over it. */
PYKV_NODISCARD pykv_status log_workload_segment_new(env_directory *directory, const char *name,
                                                    const log_segment_header *header,
                                                    const log_workload *plan, env_file **file_out,
                                                    log_sink **sink_out);

/* Compares the records of a log that was found with a history, one by one. A write that failed may
 * stand at the end of a log whose power went before the next sync, even if its sequences were given
 * to another write since. */
typedef struct log_comparison {
    const log_workload *plan;
    const log_history *history;
    bool keeps_all;                                  /* nothing acknowledged may be missing */
    size_t commit_index;                             /* of the next record */
    uint64_t seen_in_commit;                         /* records of it, or of the failed write */
    bool in_failed;                                  /* a failed write has begun */
    bool failed_fits[LOG_WORKLOAD_FAILED_COUNT_MAX]; /* failed writes that the records so far match
                                                      */
} log_comparison;

/* A comparison whose first record is to have this sequence: the first of a commit. */
log_comparison log_comparison_from(const log_workload *plan, const log_history *history,
                                   bool keeps_all, uint64_t sequence);
/* NULL if the record is the one that comes next, and if the log may end there, else what is wrong.
 */
const char *log_comparison_next(log_comparison *self, const record *found);
const char *log_comparison_end(const log_comparison *self);

/* Everything up to sequence was acknowledged as durable. */
void log_history_synced(log_history *self, uint64_t sequence);

#endif
