/*
 * block_shard_lock_test: who holds a shard for long lets others have it in between.
 */
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>

#include "table/block_cache_fixture.h"
#include "table/block_shard_lock.h"

enum { LIMIT = 1 << 20, TIMES = 20 };

typedef struct contest {
    block_shard *shard;
    uint64_t turn_count GUARDED_BY(shard->lock); /* of the one who takes it for a moment */
    _Atomic bool is_over;
} contest;

/* Again and again. */
static void *take_for_a_moment(void *argument)
{
    contest *shared = argument;
    while (!atomic_load(&shared->is_over)) {
        block_shard_lock(shared->shard);
        shared->turn_count++;
        block_shard_unlock(shared->shard);
    }
    return NULL;
}

/* Holds the lock until somebody waits for it. */
static void await_waiting(contest *self)
{
    while (atomic_load(&self->shard->waiting_count) == 0) {
        (void)sched_yield();
    }
}

/* A get slept for the lock while a walk let go of it and had it back at once, many times. */
TEST(who_waits_has_the_lock_before_the_holder_has_it_again)
{
    cache_fixture *fixture = fixture_open(LIMIT, 1);
    contest shared = {.shard = &fixture->cache->shards[0]};
    pthread_t other;
    uint64_t missed = 0;
    block_shard_lock(shared.shard);
    CHECK(pthread_create(&other, NULL, take_for_a_moment, &shared) == 0);
    for (int i = 0; i < TIMES; i++) {
        uint64_t before = shared.turn_count;
        await_waiting(&shared);
        block_shard_let_others(shared.shard);
        missed += shared.turn_count == before ? 1 : 0;
    }
    block_shard_unlock(shared.shard);
    atomic_store(&shared.is_over, true);
    CHECK(pthread_join(other, NULL) == 0);
    CHECK(missed < TIMES / 2); /* a thread may be held up for longer than is waited for it */
    CHECK_EQUAL(0, atomic_load(&shared.shard->waiting_count));
    fixture_close(fixture);
}

static bool is_locked(block_shard *shard) NO_THREAD_SAFETY_ANALYSIS
{
    bool locked = !mutex_try_lock(&shard->lock);
    if (!locked) {
        mutex_unlock(&shard->lock);
    }
    return locked;
}

TEST(with_nobody_waiting_the_lock_stays_with_its_holder)
{
    cache_fixture *fixture = fixture_open(LIMIT, 1);
    block_shard *shard = &fixture->cache->shards[0];
    block_shard_lock(shard);
    block_shard_let_others(shard);
    CHECK(is_locked(shard));
    block_shard_unlock(shard);
    CHECK(!is_locked(shard));
    fixture_close(fixture);
}

TEST_MAIN(CASE(who_waits_has_the_lock_before_the_holder_has_it_again),
          CASE(with_nobody_waiting_the_lock_stays_with_its_holder))
