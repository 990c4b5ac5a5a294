/*
 * block_source: the source without a cache. A count of holds stands before each block.
 */
#include "table/block_source.h"

#include <stdatomic.h>

#include "base/error.h"
#include "base/memory.h"
#include "table/table_ahead.h"
#include "table/table_reader.h"

typedef struct counted {
    _Alignas(64) _Atomic uint32_t hold_count;
    _Alignas(64) uint8_t memory[];
} counted;

static pykv_status acquire(block_source *self, table *from, uint32_t block_index, block_use use,
                           block_hold *hold_out)
{
    (void)self;
    if (use == BLOCK_FOR_STEP) {
        table_ahead_step(from, block_index);
    }
    uint64_t bytes = sizeof(counted) + table_block_bytes(from, block_index);
    counted *made = mem_alloc_aligned(64, bytes);
    const block *loaded = NULL;
    if (made == NULL) {
        return error_set_no_memory(bytes);
    }
    pykv_status status = table_load_block(from, block_index, made->memory, &loaded);
    if (status != PYKV_OK) {
        mem_free(made);
        return status;
    }
    atomic_init(&made->hold_count, 1);
    *hold_out = (block_hold){loaded, made};
    return PYKV_OK;
}

static block_hold share(block_source *self, block_hold hold)
{
    (void)self;
    counted *held = hold.owner;
    atomic_fetch_add_explicit(&held->hold_count, 1, memory_order_relaxed);
    return hold;
}

static void release(block_source *self, block_hold hold)
{
    (void)self;
    counted *held = hold.owner;
    if (atomic_fetch_sub_explicit(&held->hold_count, 1, memory_order_acq_rel) == 1) {
        mem_free(held);
    }
}

block_source *block_source_direct(void)
{
    static block_source direct = {acquire, share, release, true};
    return &direct;
}
