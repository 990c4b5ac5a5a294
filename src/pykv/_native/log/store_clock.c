/*
 * store_clock: a wall clock that never goes back.
 */
#include "log/store_clock.h"

#include "base/invariant.h"

void store_clock_init(store_clock *self, env *environment, uint64_t high_us)
{
    self->env = environment;
    atomic_store_explicit(&self->high_us, high_us, memory_order_relaxed);
    atomic_store_explicit(&self->told_us, 0, memory_order_relaxed);
    atomic_store_explicit(&self->kept_us, high_us, memory_order_relaxed);
    atomic_store_explicit(&self->keep_at_us, 0, memory_order_relaxed);
}

/* Raises a time to time_us; returns what it is then at least. */
static uint64_t raise_time(_Atomic uint64_t *raised_us, uint64_t time_us)
{
    uint64_t high = atomic_load_explicit(raised_us, memory_order_relaxed);
    while (high < time_us) {
        if (atomic_compare_exchange_weak_explicit(raised_us, &high, time_us, memory_order_relaxed,
                                                  memory_order_relaxed)) {
            return time_us;
        }
    }
    return high;
}

static uint64_t raise_to(store_clock *self, uint64_t time_us)
{
    return raise_time(&self->high_us, time_us);
}

void store_clock_raise(store_clock *self, uint64_t high_us)
{
    (void)raise_to(self, high_us);
}

uint64_t store_clock_now(store_clock *self)
{
    return raise_to(self, env_wall_us(self->env));
}

uint64_t store_clock_deadline(store_clock *self, uint64_t life_us)
{
    bool is_long = life_us >= STORE_CLOCK_LONG_US || PYKV_PLANTED(352);
    uint64_t now_us = is_long ? raise_to(self, env_wall_tick_us(self->env)) : store_clock_now(self);
    return life_us < UINT64_MAX - now_us ? now_us + life_us : UINT64_MAX;
}

/* ---- what manifests keep ---- */

void store_clock_tell_later(store_clock *self, uint64_t deadline_us)
{
    (void)raise_time(&self->told_us, deadline_us);
}

void store_clock_kept(store_clock *self, uint64_t high_us)
{
    (void)raise_time(&self->kept_us, high_us);
}

bool store_clock_is_kept(const store_clock *self)
{
    uint64_t told_us = atomic_load_explicit(&self->told_us, memory_order_relaxed);
    return told_us <= atomic_load_explicit(&self->kept_us, memory_order_relaxed);
}

bool store_clock_is_owed(store_clock *self)
{
    if (store_clock_is_kept(self) || PYKV_PLANTED(382)) {
        return false;
    }
    uint64_t now_us = env_monotonic_us(self->env);
    uint64_t keep_at_us = atomic_load_explicit(&self->keep_at_us, memory_order_relaxed);
    return now_us >= keep_at_us && atomic_compare_exchange_strong_explicit(
                                       &self->keep_at_us, &keep_at_us, now_us + STORE_CLOCK_KEEP_US,
                                       memory_order_relaxed, memory_order_relaxed);
}

/* ---- deadlines ---- */

bool store_clock_is_behind(store_clock *self, uint64_t deadline_us)
{
    if (deadline_us <= atomic_load_explicit(&self->high_us, memory_order_relaxed)) {
        store_clock_tell(self, deadline_us);
        return true;
    }
    if (env_wall_us(self->env) < deadline_us) {
        return false;
    }
    if (!PYKV_PLANTED(160)) {
        (void)raise_to(self, deadline_us);
    }
    store_clock_tell(self, deadline_us);
    return true;
}
