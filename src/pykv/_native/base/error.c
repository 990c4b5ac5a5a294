/*
 * error: composes the detail of a failure and keeps the last one of each thread.
 *
 * Thread-safe: the detail is thread-local. A new detail is composed aside and stored whole, so its
 * arguments may point into the old one.
 *
 * The thread has only a pointer in its static block, since glibc's reserve for libraries that are
 * loaded late is small: the detail is allocated at the thread's first failure, and freed when the
 * thread ends. A destructor that fails after that begins anew. Where there is no memory for it, the
 * thread keeps the status alone, and its detail is one that all threads share and nobody changes.
 */
#include "base/error.h"

#include <errno.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

#include "base/memory.h"

enum { SYSTEM_TEXT_BYTES = 128, STATUS_COUNT = PYKV_REPLACED + 1 };

static _Thread_local pykv_error *last_error; /* NULL: none was allocated */
static _Thread_local uint32_t bare_status;   /* of the last failure where last_error is NULL */

/* Details that tell the status alone. Written once, before any thread has such a bare_status. */
static pykv_error bare_errors[STATUS_COUNT];

static pthread_key_t thread_end; /* frees last_error */
static _Atomic bool has_thread_end;

_Static_assert(sizeof bare_errors[0].text == PYKV_ERROR_TEXT_BYTES, "text is as documented");
_Static_assert(sizeof bare_errors[0].path == PYKV_ERROR_PATH_BYTES, "path is as documented");

static void free_detail(void *detail)
{
    last_error = NULL;
    bare_status = PYKV_OK;
    mem_free_of_thread(detail);
}

static void prepare_threads(void)
{
    for (uint32_t i = 0; i < STATUS_COUNT; i++) {
        bare_errors[i].status = (pykv_status)i;
        snprintf(bare_errors[i].text, sizeof bare_errors[i].text, "%s",
                 i == PYKV_OK ? "" : "there was no memory to keep the detail of this failure");
    }
    atomic_store(&has_thread_end, pthread_key_create(&thread_end, free_detail) == 0);
}

/* Threads that end after the library was unloaded must not call into it. */
__attribute__((destructor)) static void forget_threads(void)
{
    if (atomic_exchange(&has_thread_end, false)) {
        (void)pthread_key_delete(thread_end);
    }
}

/* The detail of a thread that has none yet, which the thread's end will free; NULL: no memory. */
static pykv_error *make_detail(void)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    (void)pthread_once(&once, prepare_threads);
    if (!atomic_load(&has_thread_end)) {
        return NULL;
    }
    pykv_error *detail = mem_alloc_of_thread(sizeof *detail);
    if (detail != NULL && pthread_setspecific(thread_end, detail) != 0) {
        mem_free_of_thread(detail);
        return NULL;
    }
    return detail;
}

/* Keeps error as the thread's last one. */
static void keep(const pykv_error *error)
{
    if (last_error == NULL) {
        last_error = make_detail();
    }
    if (last_error != NULL) {
        *last_error = *error;
    } else {
        bare_status = (uint32_t)error->status;
        bare_status = bare_status < STATUS_COUNT ? bare_status : PYKV_NO_MEMORY;
    }
}

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
    keep(&error);
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
    keep(&error);
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
    keep(&error);
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
    keep(&error);
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
    keep(&error);
    return PYKV_LOCKED;
}

pykv_status error_set_no_memory(uint64_t size)
{
    return error_set(PYKV_NO_MEMORY, "out of memory: a request of %" PRIu64 " bytes failed", size);
}

const pykv_error *error_last(void)
{
    return last_error != NULL ? last_error : &bare_errors[bare_status];
}

void error_restore(const pykv_error *saved)
{
    if (saved != error_last()) {
        keep(saved);
    }
}

bool error_is_file_limit(void)
{
    return error_last()->system_errno == EFBIG;
}
