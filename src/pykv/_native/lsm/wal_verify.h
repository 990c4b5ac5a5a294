/*
 * wal_verify: the records in the logs of an open store are read again and checked: each by its
 * checks, batches by their seals, and all of them by their order, within a log and from log to log.
 * Writers go on meanwhile; what they append is not looked at. Thread-safe.
 */
#ifndef PYKV_LSM_WAL_VERIFY_H
#define PYKV_LSM_WAL_VERIFY_H

#include "lsm/wal.h"

/* Checks what was in the logs when it began, and counts it in report; damage is listed there. Not
 * with the writer lock. PYKV_NO_MEMORY. */
PYKV_NODISCARD pykv_status wal_verify(wal *self, pykv_report *report);

#endif
