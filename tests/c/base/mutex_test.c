/*
 * mutex_test: exclusion, waiting with and without a limit, waking one and all.
 */
#include <signal.h>
#include <time.h>

#include "child.h"
#include "harness/check.h"

#include "base/mutex.h"

enum { THREAD_COUNT = 4, ROUND_COUNT = 20000, LONG_WAIT_US = 20000000 };

typedef struct shared {
    mutex lock;
    condition changed;
    uint64_t counter;
    int waiting;
    int woken;
    bool open;
} shared;

static void shared_init(shared *self)
{
    memset(self, 0, sizeof *self);
    mutex_init(&self->lock);
    condition_init(&self->changed);
}

static void shared_destroy(shared *self)
{
    condition_destroy(&self->changed);
    mutex_destroy(&self->lock);
}

static void start_all(pthread_t *threads, void *(*body)(void *), void *argument)
{
    for (size_t i = 0; i < THREAD_COUNT; i++) {
        CHECK(pthread_create(&threads[i], NULL, body, argument) == 0);
    }
}

static void join_all(const pthread_t *threads)
{
    for (size_t i = 0; i < THREAD_COUNT; i++) {
        CHECK(pthread_join(threads[i], NULL) == 0);
    }
}

static uint64_t monotonic_us(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
}

static void *count_up(void *argument)
{
    shared *self = argument;
    for (int i = 0; i < ROUND_COUNT; i++) {
        mutex_lock(&self->lock);
        self->counter++;
        mutex_unlock(&self->lock);
    }
    return NULL;
}

TEST(one_thread_at_a_time_holds_the_lock)
{
    shared state;
    shared_init(&state);
    pthread_t threads[THREAD_COUNT];
    start_all(threads, count_up, &state);
    join_all(threads);
    CHECK_EQUAL(THREAD_COUNT * ROUND_COUNT, state.counter);
    shared_destroy(&state);
}

static void *try_once(void *argument)
{
    shared *self = argument;
    if (mutex_try_lock(&self->lock)) {
        self->counter++;
        mutex_unlock(&self->lock);
    }
    return NULL;
}

TEST(trying_a_lock_that_is_held_fails_at_once)
{
    shared state;
    shared_init(&state);
    pthread_t threads[THREAD_COUNT];
    mutex_lock(&state.lock);
    start_all(threads, try_once, &state);
    join_all(threads);
    CHECK_EQUAL(0, state.counter);
    mutex_unlock(&state.lock);
    CHECK(mutex_try_lock(&state.lock));
    mutex_unlock(&state.lock);
    shared_destroy(&state);
}

TEST(a_limited_wait_that_nobody_ends_runs_out_not_early)
{
    shared state;
    shared_init(&state);
    mutex_lock(&state.lock);
    uint64_t began = monotonic_us();
    bool woken = condition_wait_for(&state.changed, &state.lock, 30000);
    uint64_t took_us = monotonic_us() - began;
    CHECK(!woken);
    CHECK(took_us >= 30000);
    CHECK(!condition_wait_for(&state.changed, &state.lock, 0));
    mutex_unlock(&state.lock);
    shared_destroy(&state);
}

static void *wait_until_open(void *argument)
{
    shared *self = argument;
    mutex_lock(&self->lock);
    self->waiting++;
    while (!self->open) {
        condition_wait(&self->changed, &self->lock);
    }
    self->woken++;
    mutex_unlock(&self->lock);
    return NULL;
}

/* Returns when all threads wait; the lock is held. */
static void lock_when_all_wait(shared *self)
{
    mutex_lock(&self->lock);
    while (self->waiting < THREAD_COUNT) {
        (void)condition_wait_for(&self->changed, &self->lock, 1000);
    }
}

TEST(a_broadcast_wakes_every_waiter)
{
    shared state;
    shared_init(&state);
    pthread_t threads[THREAD_COUNT];
    start_all(threads, wait_until_open, &state);
    lock_when_all_wait(&state);
    state.open = true;
    condition_broadcast(&state.changed);
    mutex_unlock(&state.lock);
    join_all(threads);
    CHECK_EQUAL(THREAD_COUNT, state.woken);
    shared_destroy(&state);
}

static void *wait_long_for_one(void *argument)
{
    shared *self = argument;
    mutex_lock(&self->lock);
    self->waiting++;
    bool woken = true;
    while (self->counter == 0 && woken) {
        woken = condition_wait_for(&self->changed, &self->lock, LONG_WAIT_US);
    }
    self->counter -= self->counter > 0 ? 1 : 0;
    self->woken += woken ? 1 : 0;
    mutex_unlock(&self->lock);
    return NULL;
}

TEST(each_signal_wakes_a_waiter_before_its_limit)
{
    shared state;
    shared_init(&state);
    pthread_t threads[THREAD_COUNT];
    start_all(threads, wait_long_for_one, &state);
    lock_when_all_wait(&state);
    for (int i = 0; i < THREAD_COUNT; i++) {
        state.counter++;
        condition_signal(&state.changed);
    }
    mutex_unlock(&state.lock);
    join_all(threads);
    CHECK_EQUAL(THREAD_COUNT, state.woken);
    CHECK_EQUAL(0, state.counter);
    shared_destroy(&state);
}

static void *open_soon(void *argument)
{
    shared *self = argument;
    mutex_lock(&self->lock);
    self->open = true;
    condition_signal(&self->changed);
    mutex_unlock(&self->lock);
    return NULL;
}

TEST(the_longest_limit_does_not_overflow_into_the_past)
{
    shared state;
    shared_init(&state);
    pthread_t thread;
    mutex_lock(&state.lock);
    CHECK(pthread_create(&thread, NULL, open_soon, &state) == 0);
    bool woken = true;
    while (!state.open && woken) {
        woken = condition_wait_for(&state.changed, &state.lock, UINT64_MAX);
    }
    mutex_unlock(&state.lock);
    CHECK(pthread_join(thread, NULL) == 0);
    CHECK(woken);
    shared_destroy(&state);
}

#ifdef PYKV_CHECK
static int unlock_what_is_not_held(void)
{
    mutex lock;
    (void)close(STDERR_FILENO); /* the message is expected */
    mutex_init(&lock);
    mutex_unlock(&lock);
    return 0;
}

static int lock_twice(void)
{
    mutex lock;
    (void)close(STDERR_FILENO);
    mutex_init(&lock);
    mutex_lock(&lock);
    mutex_lock(&lock);
    return 0;
}
#endif

/* The thread sanitizer notices this before the lock does, and ends the process by itself. */
#ifdef __SANITIZE_THREAD__
enum { STOPPED_UNLOCKING = 66 };
#else
enum { STOPPED_UNLOCKING = CHILD_SIGNALLED + SIGABRT };
#endif

TEST(misuse_of_a_lock_stops_check_builds)
{
#ifdef PYKV_CHECK
    CHECK_EQUAL(STOPPED_UNLOCKING, child_run(unlock_what_is_not_held));
    CHECK_EQUAL(CHILD_SIGNALLED + SIGABRT, child_run(lock_twice));
#else
    mutex lock;
    mutex_init(&lock);
    mutex_lock(&lock);
    CHECK(!mutex_try_lock(&lock));
    mutex_unlock(&lock);
    mutex_destroy(&lock);
#endif
}

TEST_MAIN(CASE(one_thread_at_a_time_holds_the_lock), CASE(trying_a_lock_that_is_held_fails_at_once),
          CASE(a_limited_wait_that_nobody_ends_runs_out_not_early),
          CASE(a_broadcast_wakes_every_waiter), CASE(each_signal_wakes_a_waiter_before_its_limit),
          CASE(the_longest_limit_does_not_overflow_into_the_past),
          CASE(misuse_of_a_lock_stops_check_builds))
