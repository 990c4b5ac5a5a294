/*
 * mutex, condition: thin names over pthreads that carry the thread-safety annotations.
 *
 * Condition waits use the monotonic clock. Lock order is stated where the locks are declared.
 */
#ifndef PYKV_BASE_MUTEX_H
#define PYKV_BASE_MUTEX_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/annotate.h"

typedef struct CAPABILITY("mutex") mutex {
    pthread_mutex_t native;
} mutex;

typedef struct condition {
    pthread_cond_t native;
} condition;

void mutex_init(mutex *self);
void mutex_destroy(mutex *self);
void mutex_lock(mutex *self) ACQUIRES(self);
bool mutex_try_lock(mutex *self) TRY_ACQUIRES(true, self);
/* Tries for as long as a short hold by another thread takes, about a microsecond, without sleep. */
bool mutex_try_lock_briefly(mutex *self) TRY_ACQUIRES(true, self);
void mutex_unlock(mutex *self) RELEASES(self);

void condition_init(condition *self);
void condition_destroy(condition *self);
void condition_signal(condition *self);
void condition_broadcast(condition *self);
void condition_wait(condition *self, mutex *lock) REQUIRES(lock);

/* Waits at most timeout_us microseconds of the kernel's monotonic clock; false: they ran out. */
bool condition_wait_for(condition *self, mutex *lock, uint64_t timeout_us) REQUIRES(lock);

#endif
