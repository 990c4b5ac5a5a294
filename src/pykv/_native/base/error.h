/*
 * error: the detail behind a status code, kept per thread until the next failure.
 *
 * A function that fails sets the detail once, where the failure is known best, and returns the
 * status; callers pass the status on unchanged. Success does not clear the detail: it is
 * meaningful only right after a failure, on the same thread. A thread whose first failure finds no
 * memory for the detail keeps the status, with a text that says so.
 */
#ifndef PYKV_BASE_ERROR_H
#define PYKV_BASE_ERROR_H

#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>

#include "pykv.h"

#include "base/annotate.h"

/* Records status with a printf-style message, cut at PYKV_ERROR_TEXT_BYTES. Returns status. */
pykv_status error_set(pykv_status status, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* As error_set, with the file or directory it concerns. The text becomes "<path>: <message>". */
pykv_status error_set_at(pykv_status status, const char *path, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/*
 * As error_set, with the errno that the system gave and the file it concerns (NULL: none). The text
 * becomes "<path>: <message>: <the system's words> (errno N)".
 */
pykv_status error_set_system(pykv_status status, int system_errno, const char *path,
                             const char *format, ...) __attribute__((format(printf, 4, 5)));

/*
 * Records PYKV_CORRUPTION of file at offset: what was expected and what was found, with both
 * numbers (printed in hex). Returns PYKV_CORRUPTION.
 */
pykv_status error_set_corruption(const char *path, uint64_t offset, const char *what,
                                 uint64_t expected, uint64_t got);

/*
 * Records PYKV_LOCKED: path is held by process owner_pid (0: unknown). Returns PYKV_LOCKED.
 */
pykv_status error_set_locked(const char *path, int64_t owner_pid);

/* Records PYKV_NO_MEMORY for a request of size bytes. Returns PYKV_NO_MEMORY. */
pykv_status error_set_no_memory(uint64_t size);

/* The detail of this thread's last failure. Owned by the thread; valid until its next failure. */
const pykv_error *error_last(void);

/* Puts a saved copy back, for clean-up code that may fail itself after the first failure. */
void error_restore(const pykv_error *saved);

/* True if the last error is that a file would grow beyond what one file may have: there may be room
 * for others. */
bool error_is_file_limit(void);

#endif
