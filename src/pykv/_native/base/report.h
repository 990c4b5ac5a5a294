/*
 * report: collecting damages for pykv_verify and pykv_repair.
 *
 * Not thread-safe: one report, one thread.
 */
#ifndef PYKV_BASE_REPORT_H
#define PYKV_BASE_REPORT_H

#include "pykv.h"

#include "base/annotate.h"

/* Counts a damage and lists it while there is room. */
void report_add(pykv_report *report, const char *path, uint64_t offset, uint64_t expected,
                uint64_t got, const char *text);

/* The same with this thread's last error; path where the error names none. */
void report_add_last_error(pykv_report *report, const char *path);

/* What a check of path came to: a failure is a damage, taken from this thread's last error, and the
 * walk goes on: PYKV_OK. But PYKV_NO_MEMORY tells nothing of the file, and is given back. */
PYKV_NODISCARD pykv_status report_outcome(pykv_report *report, const char *path,
                                          pykv_status status);

/* Tells how far a verification came; progress may be NULL. PYKV_TIMED_OUT: the user has cancelled.
 */
PYKV_NODISCARD pykv_status report_progress(const pykv_report *report, pykv_progress *progress);

#endif
