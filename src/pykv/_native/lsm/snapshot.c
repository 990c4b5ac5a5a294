/*
 * snapshot: taking moments, keeping them, and giving them up.
 */
#include "lsm/snapshot.h"

#include <stddef.h>

#include "base/error.h"
#include "base/invariant.h"
#include "base/memory.h"

/* What a snapshot keeps, apart from its handle: readers may be inside when it is given up. */
typedef struct kept_moment {
    reclaim_item retired;
    lsm_moment moment;
} kept_moment;

struct lsm_snapshot {
    lsm_snapshot *next;          /* guarded by the store's writer lock */
    _Atomic(kept_moment *) kept; /* NULL once closed; changed with the writer lock */
};

/* ---- moments ---- */

pykv_status lsm_moment_of(lsm *store, const lsm_snapshot *snapshot, lsm_moment *moment_out)
{
    if (snapshot == NULL) {
        *moment_out = lsm_moment_now(store);
        return PYKV_OK;
    }
    const kept_moment *kept = atomic_load_explicit(&snapshot->kept, memory_order_acquire);
    if (kept == NULL) {
        return error_set(PYKV_CLOSED, "the snapshot is closed");
    }
    bool is_none = PYKV_PLANTED(364) && kept->moment.sequence == 0;
    *moment_out = is_none ? lsm_moment_now(store) : kept->moment;
    return PYKV_OK;
}

pykv_status lsm_moment_acquire(lsm *store, const lsm_snapshot *snapshot, lsm_moment *moment_out)
{
    lsm_moment moment;
    epoch_token token = epoch_enter(&store->gate.readers);
    pykv_status status = lsm_moment_of(store, snapshot, &moment);
    if (status == PYKV_OK) {
        (void)view_acquire(moment.view);
    }
    epoch_leave(&store->gate.readers, token);
    if (status != PYKV_OK) {
        return status;
    }
    if (moment.now_us == 0) {
        moment.now_us = store_clock_now(&store->clock);
    }
    *moment_out = moment;
    return PYKV_OK;
}

/* ---- snapshots ---- */

static void take_in(lsm *store, lsm_snapshot *self, kept_moment *kept) REQUIRES(store->writer)
{
    atomic_init(&self->kept, kept);
    self->next = store->snapshots;
    store->snapshots = self;
    store->open_snapshot_count++;
}

pykv_status lsm_snapshot_new(lsm *store, lsm_snapshot **snapshot_out)
{
    lsm_snapshot *self = mem_alloc_zeroed(1, sizeof *self);
    kept_moment *kept = mem_alloc_zeroed(1, sizeof *kept);
    if (self == NULL || kept == NULL) {
        mem_free(self);
        mem_free(kept);
        return error_set_no_memory(sizeof *self + sizeof *kept);
    }
    bool unlocked = PYKV_PLANTED(379);
    pykv_status status =
        unlocked ? lsm_moment_acquire(store, NULL, &kept->moment) : PYKV_WOULD_BLOCK;
    mutex_lock(&store->writer);
    if (!unlocked) {
        status = lsm_moment_acquire(store, NULL, &kept->moment);
    }
    if (status == PYKV_OK) {
        kept->moment.now_us = PYKV_PLANTED(366) ? 0 : kept->moment.now_us;
        take_in(store, self, kept);
    }
    mutex_unlock(&store->writer);
    if (status != PYKV_OK) {
        mem_free(self);
        mem_free(kept);
        return status;
    }
    *snapshot_out = self;
    return PYKV_OK;
}

static void free_kept(reclaim_item *item)
{
    kept_moment *kept = (kept_moment *)((char *)item - offsetof(kept_moment, retired));
    view_release(kept->moment.view);
    mem_free(kept);
}

/* Takes the snapshot off the list and gives its moment up, unless that is done. */
static void give_up(lsm *store, lsm_snapshot *self) REQUIRES(store->writer)
{
    kept_moment *kept = atomic_exchange_explicit(&self->kept, NULL, memory_order_acq_rel);
    if (kept == NULL) {
        return;
    }
    lsm_snapshot **at = &store->snapshots;
    while (*at != self) {
        at = &(*at)->next;
    }
    *at = self->next;
    store->open_snapshot_count--;
    if (PYKV_PLANTED(145)) {
        free_kept(&kept->retired);
        return;
    }
    reclaimer_retire(&store->reclaimer, &kept->retired, free_kept);
}

void lsm_snapshot_close(lsm *store, lsm_snapshot *self)
{
    epoch_token token;
    bool counted = gate_enter(&store->gate, &store->gate.others, &token);
    mutex_lock(&store->writer);
    give_up(store, self);
    mutex_unlock(&store->writer);
    /* A close that it is not counted into sweeps by itself. */
    if (counted) {
        (void)reclaimer_sweep(&store->reclaimer);
        epoch_leave(&store->gate.others, token);
    }
}

void lsm_snapshot_free(lsm *store, lsm_snapshot *self)
{
    if (self != NULL) {
        lsm_snapshot_close(store, self);
        mem_free(self);
    }
}

pykv_status lsm_snapshot_sequence(lsm *store, const lsm_snapshot *snapshot, uint64_t *sequence_out)
{
    lsm_moment moment = {.sequence = 0};
    pykv_status status = lsm_moment_of(store, snapshot, &moment);
    if (status == PYKV_OK) {
        *sequence_out = moment.sequence;
    }
    return status;
}

void lsm_snapshot_close_all(lsm *self)
{
    mutex_lock(&self->writer);
    while (self->snapshots != NULL) {
        give_up(self, self->snapshots);
    }
    mutex_unlock(&self->writer);
}
