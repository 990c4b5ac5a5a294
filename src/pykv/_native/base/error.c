/*
 * error: composes the detail of a failure and keeps the last one of each thread.
 *
 * Thread-safe: the detail is thread-local. A new detail is composed aside and stored whole, so its
 * arguments may point into the old one.
 */
#include "base/error.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum { SYSTEM_TEXT_BYTES = 128 };

static _Thread_local pykv_error last_error;

_Static_assert(sizeof last_error.text == PYKV_ERROR_TEXT_BYTES, "text has its documented size");
_Static_assert(sizeof last_error.path == PYKV_ERROR_PATH_BYTES, "path has its documented size");

static void set_path(pykv_error *error, const char *path)
{
    snprintf(error->path, sizeof error->path, "%s", path == NULL ? "" : path);
}

pykv_status error_set(pykv_status status, const char *format, ...)
{
    pykv_error error = {.status = status};
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(error.text, sizeof error.text, format, arguments);
    va_end(arguments);
    last_error = error;
    return status;
}

pykv_status error_set_at(pykv_status status, const char *path, const char *format, ...)
{
    pykv_error error = {.status = status};
    char message[PYKV_ERROR_TEXT_BYTES];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(message, sizeof message, format, arguments);
    va_end(arguments);
    set_path(&error, path);
    snprintf(error.text, sizeof error.text, "%.200s: %.300s", error.path, message);
    last_error = error;
    return status;
}

/* The system's words for system_errno, in buffer or static. strerror_r has two shapes. */
static const char *system_text(int system_errno, char *buffer, size_t size)
{
#if defined(__GLIBC__)
    return strerror_r(system_errno, buffer, size);
#else
    return strerror_r(system_errno, buffer, size) == 0 ? buffer : "unknown error";
#endif
}

pykv_status error_set_system(pykv_status status, int system_errno, const char *path,
                             const char *format, ...)
{
    pykv_error error = {.status = status, .system_errno = system_errno};
    char message[PYKV_ERROR_TEXT_BYTES];
    char words[SYSTEM_TEXT_BYTES];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(message, sizeof message, format, arguments);
    va_end(arguments);
    set_path(&error, path);
    snprintf(error.text, sizeof error.text, "%.255s%s%.160s: %s (errno %d)", error.path,
             path == NULL ? "" : ": ", message, system_text(system_errno, words, sizeof words),
             system_errno);
    last_error = error;
    return status;
}

pykv_status error_set_corruption(const char *path, uint64_t offset, const char *what,
                                 uint64_t expected, uint64_t got)
{
    pykv_error error = {
        .status = PYKV_CORRUPTION, .offset = offset, .expected = expected, .got = got};
    set_path(&error, path);
    snprintf(error.text, sizeof error.text,
             "%.255s: %.128s at offset %" PRIu64 ": expected 0x%" PRIx64 ", got 0x%" PRIx64,
             error.path, what, offset, expected, got);
    last_error = error;
    return PYKV_CORRUPTION;
}

pykv_status error_set_locked(const char *path, int64_t owner_pid)
{
    pykv_error error = {.status = PYKV_LOCKED, .owner_pid = owner_pid};
    set_path(&error, path);
    if (owner_pid == 0) {
        snprintf(error.text, sizeof error.text, "%.400s: held by another opener", error.path);
    } else {
        snprintf(error.text, sizeof error.text, "%.400s: held by process %" PRId64, error.path,
                 owner_pid);
    }
    last_error = error;
    return PYKV_LOCKED;
}

pykv_status error_set_no_memory(uint64_t size)
{
    return error_set(PYKV_NO_MEMORY, "out of memory: a request of %" PRIu64 " bytes failed", size);
}

const pykv_error *error_last(void)
{
    return &last_error;
}

void error_restore(const pykv_error *saved)
{
    if (saved != &last_error) {
        last_error = *saved;
    }
}

bool error_is_file_limit(void)
{
    return error_last()->system_errno == EFBIG;
}
