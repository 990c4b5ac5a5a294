/*
 * pace: how much writers are slowed down, so that they need not stop.
 *
 * What flushes and compactions owe is a share of what writers would stop at: tables of level 0,
 * memtables that wait, bytes that compactions would read and write. Nothing is slowed down below a
 * soft limit of each. Above it a write costs time by its bytes: the square of the largest share
 * times the slowest pace, so that writers come down smoothly to what background work can take in.
 *
 * The time is not slept by each write, which would be too fine to sleep, but summed up: a pacer
 * knows until when what was written is paid for, and writers wait when that is a portion ahead.
 *
 * Thread-safety: pace_ns_per_kib is a pure function. A pacer may be asked by any thread; it is
 * charged by one at a time.
 */
#ifndef PYKV_LSM_PACE_H
#define PYKV_LSM_PACE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

enum {
    PACE_SLOWEST_NS_PER_KIB = 512000, /* 2 MB/s: the pace just below a stop */
    PACE_PORTION_US = 1000,           /* what is slept at once */
    PACE_AHEAD_US_MAX = 50000,        /* that one write can be made to wait, however large */
    PACE_SHARE_ONE = 1024
};

/* A debt, and from where on it counts. Below soft it is nothing, at stop it is all. */
typedef struct pace_debt {
    uint64_t now;
    uint64_t soft;
    uint64_t stop;
} pace_debt;

typedef struct pacer {
    _Atomic uint64_t ns_per_kib; /* 0: writers are not slowed down */
    _Atomic uint64_t paid_until_ns;
} pacer;

/* The time that a KiB costs with these debts. 0 if all are at most soft. Requires soft < stop. */
uint64_t pace_ns_per_kib(const pace_debt *debts, uint32_t count);

static inline bool pacer_is_on(const pacer *self)
{
    return atomic_load_explicit(&self->ns_per_kib, memory_order_relaxed) != 0;
}

/* Adds the time of bytes that are written now. */
void pacer_charge(pacer *self, uint64_t bytes, uint64_t now_us);

/* How long a writer has to wait before he writes; 0 where it is less than a portion. */
uint64_t pacer_wait_us(const pacer *self, uint64_t now_us);

/* Says that a wait until until_us is over, whatever the clock shows: what it does not show of it is
 * paid for all the same. */
void pacer_settle(pacer *self, uint64_t until_us, uint64_t now_us);

#endif
