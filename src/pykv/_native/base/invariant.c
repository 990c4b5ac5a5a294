/*
 * invariant: records a broken invariant and counts it. Thread-safe: the count is atomic and the
 * record is the thread's last error.
 */
#include "base/invariant.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"

static _Atomic uint64_t broken_count;

#ifdef PYKV_CHECK
/* Tells standard error what broke and stops the process where it happened. */
static _Noreturn void stop(const char *text)
{
    ssize_t written = write(STDERR_FILENO, text, strlen(text));
    written += write(STDERR_FILENO, "\n", 1);
    (void)written;
    abort();
}
#endif

void invariant_broken(const char *file, int line, const char *text)
{
    atomic_fetch_add(&broken_count, 1);
    (void)error_set(PYKV_INTERNAL, "%s:%d: broken invariant: %s", file, line, text);
#ifdef PYKV_CHECK
    stop(error_last()->text);
#endif
}

uint64_t invariant_broken_count(void)
{
    return atomic_load(&broken_count);
}
