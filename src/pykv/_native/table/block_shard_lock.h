/*
 * block_shard_lock: the lock of a shard of the block cache, which a walk holds for long.
 *
 * A get that loads a block needs it for a moment. Who walks a shard's queues, to vacate slabs, has
 * it for milliseconds in all; it lets go in between, and by a mutex alone it would have it back
 * before a thread that sleeps for it has woken. So who waits says so, and waits awake at first.
 *
 * Thread-safe.
 */
#ifndef PYKV_TABLE_BLOCK_SHARD_LOCK_H
#define PYKV_TABLE_BLOCK_SHARD_LOCK_H

#include "table/block_cache_shard.h"

void block_shard_lock(block_shard *self) ACQUIRES(self->lock);
void block_shard_unlock(block_shard *self) RELEASES(self->lock);

/* Lets go of the lock while others wait for it, for a millisecond at most, and has it back. */
void block_shard_let_others(block_shard *self) REQUIRES(self->lock);

#endif
