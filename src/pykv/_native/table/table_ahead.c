/*
 * table_ahead: sorts blocks and asks for the ranges that they stand in.
 */
#include "table/table_ahead.h"

#include "env/env.h"
#include "table/table_reader.h"

void table_ahead_add(table_ahead *self, uint32_t block_index)
{
    if (self->count == TABLE_AHEAD_MAX) {
        table_ahead_ask(self, 1);
    }
    self->blocks[self->count++] = block_index;
}

/* By insertion: what comes is often in order. */
static void sort(uint32_t *blocks, uint32_t count)
{
    for (uint32_t i = 1; i < count; i++) {
        uint32_t moved = blocks[i];
        uint32_t at = i;
        for (; at > 0 && blocks[at - 1] > moved; at--) {
            blocks[at] = blocks[at - 1];
        }
        blocks[at] = moved;
    }
}

/* Leaves one of each in sorted blocks. Returns how many there are. */
static uint32_t drop_equal(uint32_t *blocks, uint32_t count)
{
    uint32_t kept = 0;
    for (uint32_t i = 0; i < count; i++) {
        if (i == 0 || blocks[i] != blocks[kept - 1]) {
            blocks[kept++] = blocks[i];
        }
    }
    return kept;
}

void table_ahead_ask(table_ahead *self, uint32_t distinct_min)
{
    const uint64_t *offsets = self->from->index.offsets;
    sort(self->blocks, self->count);
    uint32_t count = drop_equal(self->blocks, self->count);
    self->count = 0;
    if (count < distinct_min) {
        return;
    }
    for (uint32_t i = 0; i < count;) {
        uint64_t begin = offsets[self->blocks[i]];
        uint64_t end = offsets[self->blocks[i++] + 1];
        while (i < count && offsets[self->blocks[i]] == end &&
               offsets[self->blocks[i] + 1] - begin <= TABLE_AHEAD_BYTES_MAX) {
            end = offsets[self->blocks[i++] + 1];
        }
        env_file_will_need(self->from->file, begin, end - begin);
    }
}

void table_ahead_step(const table *from, uint32_t block_index)
{
    const uint64_t *offsets = from->index.offsets;
    uint64_t next = offsets[block_index] / TABLE_AHEAD_BYTES_MAX + 1;
    if (block_index == 1) {
        next = 0; /* the walk began with the table */
    } else if (block_index == 0 || offsets[block_index - 1] / TABLE_AHEAD_BYTES_MAX + 1 == next) {
        return;
    }
    uint64_t begin = next * TABLE_AHEAD_BYTES_MAX;
    uint64_t end = begin + UINT64_C(2) * TABLE_AHEAD_BYTES_MAX;
    uint64_t blocks_end = offsets[from->index.block_count];
    end = end < blocks_end ? end : blocks_end;
    if (begin < end) {
        env_file_will_need(from->file, begin, end - begin);
    }
}
