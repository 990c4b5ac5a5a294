/*
 * store_clock: the clock that deadlines are compared with: the wall clock, or the highest time that
 * counted before, whichever is later.
 *
 * What was once told to have expired stays so, whatever the wall clock does: the high water is
 * raised to a deadline that has passed, and to every moment that store_clock_now gives. A store
 * keeps it in its manifest. Who passes over a row that has expired tells its deadline; one above
 * what the newest manifest has is a reason for another manifest, at most one in STORE_CLOCK_KEEP_US
 * and none as long as no row was passed over, however high the water has risen. A wall clock that
 * jumps forward so expires early; one that jumps back stands still here until it has caught up.
 * Orders and files never depend on it.
 *
 * The wall clock is read only where there is a deadline: it costs more than a lookup's hash.
 *
 * Thread-safe.
 */
#ifndef PYKV_LOG_STORE_CLOCK_H
#define PYKV_LOG_STORE_CLOCK_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/annotate.h"
#include "env/env.h"

enum { STORE_CLOCK_LONG_US = 10 * 1000 * 1000, STORE_CLOCK_KEEP_US = 1000 * 1000 };

/* The option ttl_reap_us: its default and its bounds. */
#define STORE_CLOCK_REAP_US     UINT64_C(60000000)
#define STORE_CLOCK_REAP_US_MIN UINT64_C(1000000)
#define STORE_CLOCK_REAP_US_MAX UINT64_C(31536000000000)

typedef struct store_clock {
    env *env;
    _Atomic uint64_t high_us;
    _Atomic uint64_t told_us;    /* the latest deadline of what was told to have expired */
    _Atomic uint64_t kept_us;    /* the high water of the newest manifest */
    _Atomic uint64_t keep_at_us; /* monotonic: no manifest for it before then */
} store_clock;

/* high_us: of the manifest, or 0. */
void store_clock_init(store_clock *self, env *environment, uint64_t high_us);

/* Raises the high water to that of another manifest. */
void store_clock_raise(store_clock *self, uint64_t high_us);

/* The time in microseconds since 1970. Everything that this time has passed has expired from now
 * on, for everybody. */
uint64_t store_clock_now(store_clock *self);

/* The deadline of what lives for life_us from now on; UINT64_MAX where no number tells it. A life
 * of STORE_CLOCK_LONG_US or more begins with the last tick of the system's clock, at most 10 ms
 * ago. */
uint64_t store_clock_deadline(store_clock *self, uint64_t life_us);

/* The time that counted last; no clock is read. Whoever gave a put its time to live has read it. */
static inline uint64_t store_clock_last(const store_clock *self)
{
    return atomic_load_explicit(&self->high_us, memory_order_relaxed);
}

/* Raises the latest deadline that was told. */
void store_clock_tell_later(store_clock *self, uint64_t deadline_us);

/* Says that somebody learns of a row that it has expired, by a moment that store_clock_now gave. */
static inline void store_clock_tell(store_clock *self, uint64_t deadline_us)
{
    if (deadline_us > atomic_load_explicit(&self->told_us, memory_order_relaxed)) {
        store_clock_tell_later(self, deadline_us);
    }
}

/* Says that a manifest with this high water is durable. */
void store_clock_kept(store_clock *self, uint64_t high_us);

/* False if a row was told to have expired that would be back with the high water of the newest
 * manifest. */
bool store_clock_is_kept(const store_clock *self);

/* True if it is not kept, and STORE_CLOCK_KEEP_US have gone by since this was true last: the caller
 * writes a manifest. */
bool store_clock_is_owed(store_clock *self);

/* As store_clock_has_passed, of a deadline that is not 0. */
bool store_clock_is_behind(store_clock *self, uint64_t deadline_us);

/* True if there is a deadline (it is not 0) and it has come. */
static inline bool store_clock_has_passed(store_clock *self, uint64_t deadline_us)
{
    return PYKV_UNLIKELY(deadline_us != 0) && store_clock_is_behind(self, deadline_us);
}

#endif
