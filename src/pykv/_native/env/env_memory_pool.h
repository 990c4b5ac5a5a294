/*
 * env_memory_pool: address space of files that were freed, for the next files of the same disk and
 * of all disks made from it by crash or clone. Private to env_memory*.c and their tests.
 *
 * Making thousands of crashed disks from one would otherwise spend most of its time in page faults.
 * A reservation in the pool is all zeros, and most of its pages are there already. Thread-safe; the
 * pool lives until the last disk lets go of it.
 */
#ifndef PYKV_ENV_ENV_MEMORY_POOL_H
#define PYKV_ENV_ENV_MEMORY_POOL_H

#include <stddef.h>
#include <stdint.h>

#include "base/annotate.h"
#include "base/mutex.h"

enum { MEMORY_POOL_COUNT_MAX = 64, MEMORY_POOL_BYTES_MAX = 1 << 20 };

typedef struct memory_pool {
    size_t reservation_size; /* constant: of each reservation */
    mutex lock;
    /* GUARDED_BY(lock): all below */
    uint64_t disk_count;
    size_t count;
    uint8_t *reservations[MEMORY_POOL_COUNT_MAX];
} memory_pool;

/* A pool held by one disk, or NULL without memory. */
PYKV_NODISCARD memory_pool *memory_pool_new(size_t reservation_size);
void memory_pool_hold(memory_pool *pool);
/* The last one frees the pool and what is in it. */
void memory_pool_release(memory_pool *pool);

/* A reservation of zeros, or NULL if there is no address space. */
PYKV_NODISCARD uint8_t *memory_pool_take(memory_pool *pool);
/* Gives a reservation back. The caller has zeroed it; touched is how many bytes of it were in use:
 * one of which more than MEMORY_POOL_BYTES_MAX were is unmapped, as is one too many. */
void memory_pool_give(memory_pool *pool, uint8_t *reservation, size_t touched);
/* Unmaps a reservation of which it is not known that it is zeros. */
void memory_pool_discard(memory_pool *pool, uint8_t *reservation);

#endif
