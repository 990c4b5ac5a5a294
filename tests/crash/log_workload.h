/*
 * log_workload: a small owner of a log and a seeded stream of writes and syncs for it, shared by
 * the crash and the fault tests of the log.
 *
 * The store keeps the owner's duties: it seals a segment before it makes the next, syncs older
 * segments before newer ones and the directory before it calls anything durable, tells the writer
 * only what a successful sync covered, never writes again after a failed sync, and gives a failed
 * write's sequences to the next one. It may make a segment ahead of time, as engines do. Every
 * record follows from its sequence and the number of the attempt that wrote it, so it can be
 * checked without a copy.
 */
#ifndef PYKV_TESTS_LOG_WORKLOAD_H
#define PYKV_TESTS_LOG_WORKLOAD_H

#include "env/env_memory.h"
#include "log/log_recovery.h"
#include "log/log_writer.h"

enum {
    LOG_WORKLOAD_BATCH_COUNT_MAX = 8,
    LOG_WORKLOAD_COMMIT_COUNT_MAX = 1024,
    LOG_WORKLOAD_FAILED_COUNT_MAX = 64,
    LOG_WORKLOAD_FILE_BYTES_MAX = 4 << 20,
    LOG_WORKLOAD_FILE_COUNT_MAX = 64
};

typedef struct log_workload {
    uint64_t seed;
    bool mapped;           /* the sink; else pwrite */
    bool padding;          /* syncs end at sectors */
    size_t step_count;     /* writes and syncs, below LOG_WORKLOAD_COMMIT_COUNT_MAX */
    uint64_t capacity;     /* of a segment */
    uint64_t sync_percent; /* of the steps; the others write */
} log_workload;

/* One write of count records. */
typedef struct attempt {
    uint64_t number;
    uint64_t first_sequence;
    size_t count;
} attempt;

/* What the store's user knows; it outlives the crash. */
typedef struct log_history {
    attempt commits[LOG_WORKLOAD_COMMIT_COUNT_MAX]; /* acknowledged, in order */
    size_t commit_count;
    attempt failed[LOG_WORKLOAD_FAILED_COUNT_MAX]; /* and may still come to light */
    size_t failed_count;
    uint64_t last_sequence;   /* acknowledged */
    uint64_t synced_sequence; /* acknowledged as durable */
} log_history;

typedef struct log_store {
    const log_workload *plan;
    log_history *history;
    env_directory *directory;
    env_file *older[LOG_WORKLOAD_FILE_COUNT_MAX]; /* sealed, not synced, oldest first */
    size_t older_count;
    env_file *file; /* NULL: no active segment */
    log_sink *sink;
    log_writer writer;
    env_file *prepared; /* NULL, or a segment made ahead */
    log_sink *prepared_sink;
    uint64_t prepared_file_id;
    uint32_t prepared_number;
    uint32_t active_number;
    uint32_t number; /* of the last segment made */
    uint64_t synced_through;
    uint64_t chance;
    uint64_t attempt_count;
    bool directory_changed;
    bool failed; /* a sync failed: no more writes */
} log_store;

/* Opens an empty store in directory "/log" of a disk, which is made if it is missing. */
PYKV_NODISCARD pykv_status log_store_open(log_store *self, env *disk, const log_workload *plan,
                                          log_history *history);
/* Does one write or sync, chosen by the plan's seed. */
PYKV_NODISCARD pykv_status log_store_step(log_store *self);
PYKV_NODISCARD pykv_status log_store_sync(log_store *self);
/* Releases everything; syncs nothing. */
void log_store_close(log_store *self);

/* Recovers the log in "/log" of a disk without changing anything, and compares it with the history:
 * NULL if it is what the history promises, else what is wrong (static). keeps_all: nothing
 * acknowledged may be missing, synced or not. last_out: last sequence of the log. A status other
 * than PYKV_OK that kept it from reading goes to status_out. */
const char *log_store_check(env *disk, const log_workload *plan, const log_history *history,
                            bool keeps_all, uint64_t *last_out, pykv_status *status_out);

/* As an owner does at open after a crash: copies the log into one new file, makes it durable in
 * place of the old ones, and removes them. */
PYKV_NODISCARD pykv_status log_store_recover(env *disk, const log_workload *plan);

#endif
