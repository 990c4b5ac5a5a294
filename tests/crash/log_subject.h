/*
 * log_subject: an owner of a log as the crash and fault suites see it: something that takes steps,
 * makes promises (log_history), and can be looked at and recovered after its disk crashed.
 *
 * One store at a time. check and recover work on a disk on which no store is open, or beside one
 * without changing what it needs.
 */
#ifndef PYKV_TESTS_LOG_SUBJECT_H
#define PYKV_TESTS_LOG_SUBJECT_H

#include "crash/log_workload.h"

typedef struct log_subject {
    /* An empty store on a disk. Clears the history. After a failure: close, then it may be tried
     * again. */
    pykv_status (*open)(env *disk, const log_workload *plan, log_history *history);
    /* One step of the plan: a write, a sync or another duty. */
    pykv_status (*step)(void);
    pykv_status (*sync)(void);
    /* True after a failed sync: no more writes. */
    bool (*has_failed)(void);
    /* Releases everything; syncs nothing. */
    void (*close)(void);
    /* As log_store_check and log_store_recover. */
    const char *(*check)(env *disk, const log_workload *plan, const log_history *history,
                         bool keeps_all, uint64_t *last_out, pykv_status *status_out);
    pykv_status (*recover)(env *disk, const log_workload *plan);
} log_subject;

/* The small owner of log_workload.h, and a write-ahead log (wal_workload.c). */
extern const log_subject log_store_subject;
extern const log_subject wal_subject;

/* The suites. PYKV_STATES disks, PYKV_FAULTS runs, of which each call takes its share of cases. */
enum { LOG_CRASH_CASES = 4, LOG_FAULT_CASES = 6 };

/* The power goes at the calls of seeded workloads, and inside the recovery from that. */
void log_crash_simulate(const log_subject *subject, bool mapped, bool padding);

/* Calls fail, allocations fail, the disk is full; once or until healed. */
void log_fault_calls(const log_subject *subject, bool mapped);
void log_fault_allocations(const log_subject *subject, bool mapped);
void log_fault_full_disks(const log_subject *subject, bool mapped);

#endif
