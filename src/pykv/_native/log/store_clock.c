/*
 * store_clock: a wall clock that never goes back.
 */
#include "log/store_clock.h"

#include "base/invariant.h"

void store_clock_init(store_clock *self, env *environment, uint64_t high_us)
{
    self->env = environment;
    atomic_store_explicit(&self->high_us, high_us, memory_order_relaxed);
}

/* Raises the high water to time_us; returns what it is then at least. */
static uint64_t raise_to(store_clock *self, uint64_t time_us)
{
    uint64_t high = atomic_load_explicit(&self->high_us, memory_order_relaxed);
    while (high < time_us) {
        if (atomic_compare_exchange_weak_explicit(&self->high_us, &high, time_us,
                                                  memory_order_relaxed, memory_order_relaxed)) {
            return time_us;
        }
    }
    return high;
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

bool store_clock_is_behind(store_clock *self, uint64_t deadline_us)
{
    if (deadline_us <= atomic_load_explicit(&self->high_us, memory_order_relaxed)) {
        return true;
    }
    if (env_wall_us(self->env) < deadline_us) {
        return false;
    }
    if (!PYKV_PLANTED(160)) {
        (void)raise_to(self, deadline_us);
    }
    return true;
}
