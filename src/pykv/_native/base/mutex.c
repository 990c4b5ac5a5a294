/*
 * mutex, condition: pthreads behind the annotated names. In PYKV_CHECK builds a mutex knows its
 * owner, so that locking twice and unlocking another thread's lock break an invariant.
 */
#include "base/mutex.h"

#include <errno.h>
#include <time.h>

#include "base/invariant.h"

enum { MICROSECONDS_PER_SECOND = 1000000, NANOSECONDS_PER_SECOND = 1000000000, BRIEF_TRIES = 40 };

/* Tells the processor that the thread spins. */
static void relax(void)
{
#if defined(__x86_64__) || defined(__i386__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    __asm__ volatile("yield");
#endif
}

void mutex_init(mutex *self)
{
    pthread_mutexattr_t attributes;
    int failed = pthread_mutexattr_init(&attributes);
#ifdef PYKV_CHECK
    failed |= pthread_mutexattr_settype(&attributes, PTHREAD_MUTEX_ERRORCHECK);
#endif
    failed |= pthread_mutex_init(&self->native, &attributes);
    failed |= pthread_mutexattr_destroy(&attributes);
    PYKV_ASSERT(failed == 0);
}

void mutex_destroy(mutex *self)
{
    int failed = pthread_mutex_destroy(&self->native);
    PYKV_ASSERT(failed == 0);
}

void mutex_lock(mutex *self) NO_THREAD_SAFETY_ANALYSIS
{
    int failed = pthread_mutex_lock(&self->native);
    PYKV_ASSERT(failed == 0);
}

bool mutex_try_lock(mutex *self) NO_THREAD_SAFETY_ANALYSIS
{
    int failed = pthread_mutex_trylock(&self->native);
    PYKV_ASSERT(failed == 0 || failed == EBUSY);
    return failed == 0;
}

bool mutex_try_lock_briefly(mutex *self) NO_THREAD_SAFETY_ANALYSIS
{
    for (int i = 0; i < BRIEF_TRIES; i++) {
        if (mutex_try_lock(self)) {
            return true;
        }
        relax();
    }
    return false;
}

void mutex_unlock(mutex *self) NO_THREAD_SAFETY_ANALYSIS
{
    int failed = pthread_mutex_unlock(&self->native);
    PYKV_ASSERT(failed == 0);
}

void condition_init(condition *self)
{
    pthread_condattr_t attributes;
    int failed = pthread_condattr_init(&attributes);
#if !defined(__APPLE__)
    failed |= pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
#endif
    failed |= pthread_cond_init(&self->native, &attributes);
    failed |= pthread_condattr_destroy(&attributes);
    PYKV_ASSERT(failed == 0);
}

void condition_destroy(condition *self)
{
    int failed = pthread_cond_destroy(&self->native);
    PYKV_ASSERT(failed == 0);
}

void condition_signal(condition *self)
{
    int failed = pthread_cond_signal(&self->native);
    PYKV_ASSERT(failed == 0);
}

void condition_broadcast(condition *self)
{
    int failed = pthread_cond_broadcast(&self->native);
    PYKV_ASSERT(failed == 0);
}

void condition_wait(condition *self, mutex *lock)
{
    int failed = pthread_cond_wait(&self->native, &lock->native);
    PYKV_ASSERT(failed == 0);
}

static struct timespec timespec_from(uint64_t time_us)
{
    struct timespec result = {
        .tv_sec = (time_t)(time_us / MICROSECONDS_PER_SECOND),
        .tv_nsec = (long)(time_us % MICROSECONDS_PER_SECOND) * 1000,
    };
    return result;
}

bool condition_wait_for(condition *self, mutex *lock, uint64_t timeout_us)
{
    struct timespec wait = timespec_from(timeout_us);
#if defined(__APPLE__)
    int failed = pthread_cond_timedwait_relative_np(&self->native, &lock->native, &wait);
#else
    struct timespec deadline;
    int clock_failed = clock_gettime(CLOCK_MONOTONIC, &deadline);
    PYKV_ASSERT(clock_failed == 0);
    deadline.tv_sec += wait.tv_sec;
    deadline.tv_nsec += wait.tv_nsec;
    if (deadline.tv_nsec >= NANOSECONDS_PER_SECOND) {
        deadline.tv_sec++;
        deadline.tv_nsec -= NANOSECONDS_PER_SECOND;
    }
    int failed = pthread_cond_timedwait(&self->native, &lock->native, &deadline);
#endif
    PYKV_ASSERT(failed == 0 || failed == ETIMEDOUT);
    return failed == 0;
}
