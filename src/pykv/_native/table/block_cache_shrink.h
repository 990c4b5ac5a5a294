/*
 * block_cache_shrink: giving slabs back to the system.
 *
 * Blocks that go leave gaps all over the slabs. Where bytes are wanted for other use, or for long
 * blocks, the emptiest slabs are vacated: their blocks move to gaps of others.
 * Where there is none, cold blocks go, and hot ones too if they must. Pinned blocks stay, and keep
 * their slab.
 */
#ifndef PYKV_TABLE_BLOCK_CACHE_SHRINK_H
#define PYKV_TABLE_BLOCK_CACHE_SHRINK_H

#include "table/block_cache_shard.h"

/* Gives slabs back, so that bytes are free in the budget, as far as slabs can do it. Blocks that
 * moved keep theirs until the readers of now have left. regard_use: hot blocks without a gap stay,
 * and as many cold ones go, whose gaps are there for the next call. Nothing happens while another
 * thread is at it. Outside the epoch: what moved inside is free only after it, and it takes long.
 */
void block_cache_shrink(block_cache *self, uint64_t bytes, bool regard_use);

#endif
