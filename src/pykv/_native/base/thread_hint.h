/*
 * thread_hint: a small number for the calling thread, to spread shared counters over cache lines.
 *
 * Numbers are dealt round robin, so threads that run at the same time mostly differ; two threads
 * may share one, and nothing but speed may rest on it. Thread-safe.
 */
#ifndef PYKV_BASE_THREAD_HINT_H
#define PYKV_BASE_THREAD_HINT_H

#include <stdint.h>

#include "base/annotate.h"

enum { THREAD_HINT_COUNT = 32 };

/*
 * The static model makes the access one instruction. glibc keeps room for it in libraries that are
 * loaded late; musl does not, and gets the general model.
 */
#if defined(__GLIBC__)
#define PYKV_STATIC_TLS __attribute__((tls_model("initial-exec")))
#else
#define PYKV_STATIC_TLS
#endif

/* The thread's number plus one; 0: not dealt yet. Read through thread_hint only. */
extern _Thread_local uint32_t thread_hint_dealt PYKV_STATIC_TLS;

/* Deals the calling thread its number and returns it. */
uint32_t thread_hint_deal(void);

/* The calling thread's number, below THREAD_HINT_COUNT; the same at every call of a thread. */
static inline uint32_t thread_hint(void)
{
    uint32_t dealt = thread_hint_dealt;
    return PYKV_LIKELY(dealt != 0) ? dealt - 1 : thread_hint_deal();
}

#endif
