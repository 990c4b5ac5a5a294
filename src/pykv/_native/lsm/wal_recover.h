/*
 * wal_recover: reads the logs that a manifest lists after an unclean close, in three steps:
 *
 *   1. wal_recovery_open finds the end of the log. Nothing is changed on disk.
 *   2. wal_recovery_replay gives every operation that no table has, in order. Batches come whole.
 *   3. The owner writes what it got to tables; wal_recovery_keep_torn gives files that hold more
 *      than the log a second name, %08x.torn; the owner makes a manifest durable that lists none of
 *      these logs; wal_recovery_finish unlinks them. A read-only owner leaves this step out.
 *
 * A log is never appended to again. Its first records may be in tables already: they are checked
 * with the others and passed over.
 * Not thread-safe.
 */
#ifndef PYKV_LSM_WAL_RECOVER_H
#define PYKV_LSM_WAL_RECOVER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "env/env.h"
#include "log/log_recovery.h"

/* A log that is written anew, until it has its name. */
#define WAL_COPY_NAME "HISTORY.tmp"

typedef struct manifest_log manifest_log; /* lsm/version_edit.h */
typedef struct wal_recovery wal_recovery;

/* What a manifest says of its logs. */
typedef struct wal_recovery_input {
    const manifest_log *logs; /* by rising number */
    size_t log_count;
    uint64_t store_id;
    uint64_t first_sequence;  /* that no table has: flushed_sequence + 1 */
    uint64_t durable_through; /* of the manifest */
    bool mapped;              /* logs may be read through mappings */
    bool point_in_time;       /* end the log at damage instead of refusing it */
    work_lender lender;       /* whose threads may help to find the end */
} wal_recovery_input;

/* What was found. */
typedef struct wal_recovered {
    uint64_t last_sequence;   /* of the log, at least first_sequence - 1 */
    uint64_t synced_sequence; /* known durable; first_sequence - 1 until it was replayed */
    uint64_t sequence_bound;  /* at least that; what is discarded had no higher one */
    uint64_t record_count;    /* that replay gives */
    uint64_t discarded_bytes; /* behind the end of the log */
    bool damaged;             /* with point_in_time: the end lies before a place that was synced */
    bool durable;             /* everything was synced before, and nothing is discarded */
    bool reaches_tables;      /* no sequence that only tables have is above those of the log */
} wal_recovered;

/* Takes one operation of the log; it is valid for the call. A failure ends the replay. */
typedef pykv_status (*wal_replay)(void *context, const record *found);

/* Opens and checks the listed files and finds the end of the log. PYKV_CORRUPTION: a file is
 * missing, is another one, or the log is damaged before a place that was synced. home and what
 * input points to must stay. */
PYKV_NODISCARD pykv_status wal_recovery_open(env_directory *home, const wal_recovery_input *input,
                                             wal_recovery **recovery_out);

/* What wal_recovery_open found. Valid until wal_recovery_free. */
const wal_recovered *wal_recovery_result(const wal_recovery *self);

/* Writes the logs with records anew, up to their ends, as the system may show pages that never
 * reached the disk, and lets wal_recovery_finish keep them: *count_out logs, the first ones. What
 * wal_recovery_keep_torn, which comes before, could not keep of them is copied first. On failure it
 * keeps none. */
PYKV_NODISCARD pykv_status wal_recovery_keep(wal_recovery *self, size_t *count_out);

/* The first sequence of a log of the input, 0 if it has no record. */
uint64_t wal_recovery_first(const wal_recovery *self, size_t index);

/* Offset at which the records of a log of the input end. */
uint64_t wal_recovery_end(const wal_recovery *self, size_t index);

/* Gives the operations from first_sequence on to replay, by rising sequence. */
PYKV_NODISCARD pykv_status wal_recovery_replay(wal_recovery *self, wal_replay replay,
                                               void *context);

/* Keeps what was torn off. Before the manifest without these logs; may be done again after a crash.
 * Where files have one name only, wal_recovery_keep and wal_recovery_finish do it. */
PYKV_NODISCARD pykv_status wal_recovery_keep_torn(wal_recovery *self);

/* Takes the files away. After that manifest; if it fails, or is cut short, the next open removes
 * them, for no manifest lists them. */
PYKV_NODISCARD pykv_status wal_recovery_finish(wal_recovery *self);

/* Closes the files. NULL is ignored. */
void wal_recovery_free(wal_recovery *self);

#endif
