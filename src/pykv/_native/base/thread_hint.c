/*
 * thread_hint: deals the numbers. Thread-safe: one shared counter.
 */
#include "base/thread_hint.h"

#include <stdatomic.h>

_Thread_local uint32_t thread_hint_dealt PYKV_STATIC_TLS;

static _Atomic uint32_t next_hint;

uint32_t thread_hint_deal(void)
{
    uint32_t hint = atomic_fetch_add_explicit(&next_hint, 1, memory_order_relaxed);
    hint %= THREAD_HINT_COUNT;
    thread_hint_dealt = hint + 1;
    return hint;
}
