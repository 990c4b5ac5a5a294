/*
 * block_shard_lock: a mutex, and a count of who waits for it.
 */
#include "table/block_shard_lock.h"

#include <sched.h>

enum {
    TRIES_MAX = 16,   /* of about a microsecond, before a thread sleeps */
    YIELDS_MAX = 1000 /* to threads that wait; waking one takes up to a tenth of these */
};

/* True if the lock was had without sleep. */
static bool try_for_some_time(block_shard *self) TRY_ACQUIRES(true, self->lock)
{
    for (int i = 0; i < TRIES_MAX; i++) {
        if (mutex_try_lock_briefly(&self->lock)) {
            return true;
        }
    }
    return false;
}

void block_shard_lock(block_shard *self)
{
    if (PYKV_LIKELY(mutex_try_lock(&self->lock))) {
        return;
    }
    atomic_fetch_add_explicit(&self->waiting_count, 1, memory_order_relaxed);
    if (!try_for_some_time(self)) {
        mutex_lock(&self->lock);
    }
    atomic_fetch_sub_explicit(&self->waiting_count, 1, memory_order_relaxed);
}

void block_shard_unlock(block_shard *self)
{
    mutex_unlock(&self->lock);
}

static bool is_waited_for(const block_shard *self)
{
    return atomic_load_explicit(&self->waiting_count, memory_order_relaxed) > 0;
}

void block_shard_let_others(block_shard *self)
{
    if (PYKV_PLANTED(347) || !is_waited_for(self)) {
        return;
    }
    mutex_unlock(&self->lock);
    for (int i = 0; i < YIELDS_MAX && is_waited_for(self); i++) {
        (void)sched_yield();
    }
    mutex_lock(&self->lock);
}
