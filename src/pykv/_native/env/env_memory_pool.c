/*
 * env_memory_pool: a stack of zeroed reservations behind a mutex; what does not fit is unmapped.
 */
#include "env/env_memory_pool.h"

#include <sys/mman.h>

#include "base/memory.h"

memory_pool *memory_pool_new(size_t reservation_size)
{
    memory_pool *pool = mem_alloc_zeroed(1, sizeof *pool);
    if (pool == NULL) {
        return NULL;
    }
    pool->reservation_size = reservation_size;
    pool->disk_count = 1;
    mutex_init(&pool->lock);
    return pool;
}

void memory_pool_hold(memory_pool *pool)
{
    mutex_lock(&pool->lock);
    pool->disk_count++;
    mutex_unlock(&pool->lock);
}

void memory_pool_release(memory_pool *pool)
{
    mutex_lock(&pool->lock);
    uint64_t left = --pool->disk_count;
    mutex_unlock(&pool->lock);
    if (left > 0) {
        return;
    }
    for (size_t i = 0; i < pool->count; i++) {
        memory_pool_discard(pool, pool->reservations[i]);
    }
    mutex_destroy(&pool->lock);
    mem_free(pool);
}

uint8_t *memory_pool_take(memory_pool *pool)
{
    uint8_t *taken = NULL;
    mutex_lock(&pool->lock);
    if (pool->count > 0) {
        taken = pool->reservations[--pool->count];
    }
    mutex_unlock(&pool->lock);
    if (taken != NULL) {
        return taken;
    }
    void *fresh = mmap(NULL, pool->reservation_size, PROT_READ | PROT_WRITE,
                       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    return fresh != MAP_FAILED ? fresh : NULL;
}

void memory_pool_give(memory_pool *pool, uint8_t *reservation, size_t touched)
{
    bool kept = false;
    mutex_lock(&pool->lock);
    if (touched <= MEMORY_POOL_BYTES_MAX && pool->count < MEMORY_POOL_COUNT_MAX) {
        pool->reservations[pool->count++] = reservation;
        kept = true;
    }
    mutex_unlock(&pool->lock);
    if (!kept) {
        memory_pool_discard(pool, reservation);
    }
}

void memory_pool_discard(memory_pool *pool, uint8_t *reservation)
{
    (void)munmap(reservation, pool->reservation_size);
}
