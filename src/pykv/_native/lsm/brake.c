/*
 * brake: the debts of a store, and the wait of its writers.
 */
#include "lsm/brake.h"

#include "base/invariant.h"

enum {
    PENDING_MEMTABLES = 32, /* bytes of so many full memtables, and of a share of the tables, may */
    PENDING_SHARE = 4,      /* wait for compactions before that slows writers down, */
    PENDING_STOP = 4        /* and so many times that counts as all */
};

uint32_t lsm_level0_stop(lsm *self)
{
    return lent_count(&self->gate.lent, PYKV_ROLE_DATA) > 0 ? LSM_LEVEL0_STOP : LSM_LEVEL0_SLOW;
}

/* What compactions have read counts no more, although it goes only when all of them is done: so the
 * debt is paid evenly, and writers are slowed down evenly. */
static pace_debt level0_debt(const lsm *self, const version *tables) REQUIRES(self->writer)
{
    uint64_t parts = tables->levels[0].count * (uint64_t)LSM_LEVEL0_PARTS;
    uint64_t read = PYKV_PLANTED(294) ? 0 : self->level0_read;
    uint64_t soft = LSM_LEVEL0_SLOW * (uint64_t)LSM_LEVEL0_PARTS;
    return (pace_debt){parts > read ? parts - read : 0, soft, 2 * soft};
}

static pace_debt crowd_debt(const version *tables)
{
    return (pace_debt){tables->levels[0].count, LSM_LEVEL0_CROWD, LSM_LEVEL0_STOP};
}

/* While as many memtables wait as may, the active one is what is left. */
static pace_debt memtable_debt(const lsm *self, const view *now)
{
    memtable_stats stats;
    if (now->immutable_count < VIEW_IMMUTABLES_MAX) {
        return (pace_debt){0, 0, 1};
    }
    memtable_stats_read(now->active, &stats);
    uint64_t limit = self->options.memtable_bytes;
    return (pace_debt){stats.used_bytes + limit / 16, 0, limit + limit / 16};
}

static pace_debt pending_debt(const lsm *self, const version *tables)
{
    uint64_t soft =
        PENDING_MEMTABLES * self->options.memtable_bytes + version_bytes(tables) / PENDING_SHARE;
    uint64_t pending =
        atomic_load_explicit(&self->counters.pending_compaction_bytes, memory_order_relaxed);
    return (pace_debt){pending, soft, PENDING_STOP * soft};
}

void lsm_brake_renew(lsm *self)
{
    const view *now = lsm_view(self);
    uint64_t pace = 0;
    if (lent_count(&self->gate.lent, PYKV_ROLE_DATA) > 0) {
        pace_debt debts[] = {level0_debt(self, now->version), crowd_debt(now->version),
                             memtable_debt(self, now), pending_debt(self, now->version)};
        pace = pace_ns_per_kib(debts, sizeof debts / sizeof debts[0]);
    }
    atomic_store_explicit(&self->pacer.ns_per_kib, pace, memory_order_relaxed);
}

static void set_read(lsm *self, uint64_t now, uint64_t *parts) REQUIRES(self->writer)
{
    self->level0_read += PYKV_PLANTED(293) && now == 0 ? 0 : now - *parts;
    *parts = now;
    lsm_brake_renew(self);
}

void lsm_brake_note(lsm *self, double tables, uint64_t *parts)
{
    mutex_lock(&self->writer);
    set_read(self, (uint64_t)(tables * (double)LSM_LEVEL0_PARTS), parts);
    mutex_unlock(&self->writer);
}

void lsm_brake_forget(lsm *self, uint64_t *parts)
{
    if (*parts > 0) {
        mutex_lock(&self->writer);
        set_read(self, 0, parts);
        mutex_unlock(&self->writer);
    }
}

bool lsm_brake_holds(lsm *self)
{
    return pacer_wait_us(&self->pacer, env_monotonic_us(self->env)) > 0;
}

static void wait_portion(lsm *self, uint64_t portion_us)
{
    mutex_lock(&self->room_lock);
    (void)condition_wait_for(&self->room_made, &self->room_lock, portion_us);
    mutex_unlock(&self->room_lock);
}

void lsm_brake_wait(lsm *self)
{
    uint64_t began = env_monotonic_us(self->env);
    uint64_t until = began + pacer_wait_us(&self->pacer, began);
    uint64_t now = began;
    uint64_t counted = began;
    for (uint64_t at = began; at < until && lsm_brake_is_on(self);) {
        uint64_t portion = until - at < PACE_PORTION_US ? until - at : PACE_PORTION_US;
        wait_portion(self, portion);
        at += portion;
        now = env_monotonic_us(self->env);
        atomic_fetch_add_explicit(&self->counters.delay_us, now - counted, memory_order_relaxed);
        counted = now;
        mutex_lock(&self->writer);
        lsm_brake_renew(self);
        mutex_unlock(&self->writer);
    }
    mutex_lock(&self->writer);
    pacer_settle(&self->pacer, until, now);
    mutex_unlock(&self->writer);
}

void lsm_brake_charge(lsm *self, uint64_t bytes)
{
    pacer_charge(&self->pacer, PYKV_PLANTED(125) ? 0 : bytes, env_monotonic_us(self->env));
}
