/*
 * wal_workload: the reading half of wal_workload.c, for log_subject.h.
 */
#ifndef PYKV_TESTS_WAL_WORKLOAD_H
#define PYKV_TESTS_WAL_WORKLOAD_H

#include "crash/log_workload.h"

const char *wal_workload_check(env *disk, const log_workload *plan, const log_history *history,
                               bool keeps_all, uint64_t *last_out, pykv_status *status_out);
PYKV_NODISCARD pykv_status wal_workload_recover(env *disk, const log_workload *plan);

#endif
