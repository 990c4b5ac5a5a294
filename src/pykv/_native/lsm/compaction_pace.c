/*
 * compaction_pace: a clock of what is paid for.
 */
#include "lsm/compaction_pace.h"

#include "base/invariant.h"

#define US_PER_SECOND UINT64_C(1000000)

/* What a counter has gained since it was seen last, by whichever thread. */
static uint64_t gained(_Atomic uint64_t *seen, uint64_t now)
{
    uint64_t before = atomic_load_explicit(seen, memory_order_relaxed);
    while (before < now && !atomic_compare_exchange_weak_explicit(
                               seen, &before, now, memory_order_relaxed, memory_order_relaxed)) {
    }
    return now > before ? now - before : 0;
}

static bool writers_wait(compaction_pace *self, const compaction_moment *now)
{
    if (gained(&self->seen_writers_us, now->writers_waited_us) > 0) {
        atomic_store_explicit(&self->writers_until_us, now->now_us + COMPACTION_PACE_MOMENT_US,
                              memory_order_relaxed);
    }
    return now->now_us < atomic_load_explicit(&self->writers_until_us, memory_order_relaxed) &&
           !PYKV_PLANTED(297);
}

static bool is_large(uint64_t us, uint64_t passed_us)
{
    return us > 0 && us >= passed_us / COMPACTION_PACE_SHARE;
}

/* The pace that readers leave to compactions; 0: there is no limit. */
static uint64_t pace_for_readers(compaction_pace *self, const compaction_moment *now)
{
    uint64_t passed_us = gained(&self->seen_us, now->now_us);
    uint64_t waited_us = gained(&self->seen_readers_us, now->readers_waited_us);
    uint64_t loading_us = gained(&self->seen_loading_us, now->readers_loading_us);
    if (writers_wait(self, now)) {
        return 0;
    }
    if (is_large(waited_us, passed_us) && !PYKV_PLANTED(296)) {
        return COMPACTION_PACE_SLOW;
    }
    return is_large(loading_us, passed_us) && !PYKV_PLANTED(349) ? COMPACTION_PACE_GENTLE : 0;
}

/* Adds the time of bytes at a pace to a clock of what is paid for. Pace 0: none. */
static void add_cost(_Atomic uint64_t *clock_us, uint64_t now_us, uint64_t bytes, uint64_t pace)
{
    if (pace == 0 || PYKV_PLANTED(167)) {
        return;
    }
    uint64_t cost_us = bytes * US_PER_SECOND / pace;
    uint64_t until = atomic_load_explicit(clock_us, memory_order_relaxed);
    uint64_t next;
    do {
        next = (until > now_us ? until : now_us) + cost_us;
    } while (!atomic_compare_exchange_weak_explicit(clock_us, &until, next, memory_order_relaxed,
                                                    memory_order_relaxed));
}

void compaction_pace_charge(compaction_pace *self, uint64_t bytes, const compaction_moment *now)
{
    add_cost(&self->paid_until_us, now->now_us, bytes, self->bytes_per_second);
    add_cost(&self->readers_until_us, now->now_us, bytes, pace_for_readers(self, now));
}

static uint64_t left_of(const _Atomic uint64_t *clock_us, uint64_t now_us)
{
    uint64_t until = atomic_load_explicit(clock_us, memory_order_relaxed);
    return until > now_us ? until - now_us : 0;
}

uint64_t compaction_pace_wait_us(const compaction_pace *self, uint64_t now_us, bool writers_wait)
{
    uint64_t paid_us = left_of(&self->paid_until_us, now_us);
    bool yields = !writers_wait || PYKV_PLANTED(353);
    uint64_t readers_us = yields ? left_of(&self->readers_until_us, now_us) : 0;
    return readers_us > paid_us ? readers_us : paid_us;
}
