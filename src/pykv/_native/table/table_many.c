/*
 * table_many: gets of many keys, in steps that each touch memory for all keys of a chunk before the
 * next one uses what was fetched: filter lines, places and prefixes of the index, slots, blocks,
 * entries, values. Blocks that the cache does not have are asked of the system for all chunks,
 * before the first one is read.
 */
#include "table/block_search.h"
#include "table/table_ahead.h"
#include "table/table_found.h"
#include "table/table_reader.h"

enum { CHUNK = 32, FETCHED_BYTES = 384 /* of a block: what comes before its entries */ };

/* A request that passed the filter. */
typedef struct candidate {
    table_request *request;
    uint64_t hash;
    table_search search;
    uint32_t block_index;
    uint32_t first; /* entry of the block to look at */
    block_hold hold;
} candidate;

/* Those of count requests that pass the filter. */
static size_t choose(table *self, table_request *const *requests, size_t count, candidate *chosen)
{
    uint64_t hashes[CHUNK];
    bool may_contain[CHUNK];
    size_t chosen_count = 0;
    for (size_t i = 0; i < count; i++) {
        hashes[i] = table_own_hash(self, requests[i]->key, requests[i]->hash);
        may_contain[i] = true;
        requests[i]->status = PYKV_NOT_FOUND;
    }
    if (self->has_filter) {
        filter_may_contain_many(&self->filter, hashes, count, may_contain);
    }
    for (size_t i = 0; i < count; i++) {
        if (may_contain[i]) {
            candidate *one = &chosen[chosen_count++];
            *one = (candidate){.request = requests[i], .hash = hashes[i]};
            table_index_aim(&self->index, requests[i]->key, &one->search);
        }
    }
    return chosen_count;
}

/* Finds the block of each candidate, and drops those that none would hold. */
static size_t find_blocks(table *self, uint64_t sequence, candidate *chosen, size_t count)
{
    size_t kept = 0;
    for (size_t i = 0; i < count; i++) {
        table_index_approach(&self->index, &chosen[i].search);
    }
    for (size_t i = 0; i < count; i++) {
        table_position position = table_found_position(chosen[i].request->key, sequence);
        uint32_t block_index = table_index_reach(&self->index, &chosen[i].search, &position);
        if (block_index < self->index.block_count) {
            __builtin_prefetch((const void *)&self->slots[block_index]);
            chosen[kept] = chosen[i];
            chosen[kept++].block_index = block_index;
        }
    }
    return kept;
}

/* Returns whether all blocks are cached. */
static bool fetch_blocks(const table *self, const candidate *chosen, size_t count)
{
    bool are_cached = true;
    for (size_t i = 0; i < count; i++) {
        are_cached &= table_prefetch_block(self, chosen[i].block_index, FETCHED_BYTES);
    }
    return are_cached;
}

/* Asks the system for the blocks of requests that are not cached, if they are at least so many. One
 * request after another: a disk takes longer than that. */
static void ask(const table *self, uint64_t sequence, table_request *const *requests, size_t count,
                uint32_t distinct_min)
{
    table_ahead ahead = {.from = self};
    for (size_t i = 0; i < count; i++) {
        slice key = requests[i]->key;
        uint64_t hash = table_own_hash(self, key, requests[i]->hash);
        if (self->has_filter && !filter_may_contain(&self->filter, hash)) {
            continue;
        }
        uint32_t block_index = table_index_find(&self->index, table_found_position(key, sequence));
        if (block_index < self->index.block_count && !table_prefetch_block(self, block_index, 0)) {
            table_ahead_add(&ahead, block_index);
        }
    }
    table_ahead_ask(&ahead, distinct_min);
}

void table_ask_for_many(const table *self, uint64_t sequence, table_request *const *requests,
                        size_t count)
{
    ask(self, sequence, requests, count, 1);
}

/* Holds the block of every candidate; neighbours share theirs. A failure becomes the status of the
 * requests that wanted the block. */
static void hold_blocks(table *self, block_source *source, candidate *chosen, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        candidate *before = i == 0 ? NULL : &chosen[i - 1];
        if (before != NULL && before->block_index == chosen[i].block_index) {
            chosen[i].request->status = before->request->status;
            if (before->hold.block != NULL) {
                chosen[i].hold = source->share(source, before->hold);
            }
            continue;
        }
        pykv_status status =
            source->acquire(source, self, chosen[i].block_index, BLOCK_FOR_GET, &chosen[i].hold);
        if (status != PYKV_OK) {
            chosen[i].request->status = status;
        }
    }
}

/* Fetches the entries that will be compared. */
static void fetch_entries(candidate *chosen, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (chosen[i].hold.block != NULL) {
            chosen[i].first = block_fetch(chosen[i].hold.block, chosen[i].hash);
        }
    }
}

/* Its end: the begin came with the entry. */
static void fetch_value(slice value)
{
    if (value.size > 0) {
        __builtin_prefetch(value.data + value.size - 1);
    }
}

static void find(block_source *source, uint64_t sequence, candidate *chosen, size_t count)
{
    uint32_t index;
    block_entry entry;
    for (size_t i = 0; i < count; i++) {
        candidate *one = &chosen[i];
        table_position position = table_found_position(one->request->key, sequence);
        if (one->hold.block == NULL) {
            continue;
        }
        if (block_find_fetched(one->hold.block, one->first, &position, one->hash, &index, &entry)) {
            table_found_fill(one->hold, index, &entry, &one->request->found);
            one->request->status = PYKV_OK;
            fetch_value(entry.value);
        } else {
            block_source_release(source, &one->hold);
        }
    }
}

void table_get_many(table *self, block_source *source, uint64_t sequence,
                    table_request *const *requests, size_t count, bool *asked)
{
    candidate chosen[CHUNK];
    for (size_t begin = 0; begin < count; begin += CHUNK) {
        size_t size = count - begin < CHUNK ? count - begin : CHUNK;
        size_t chosen_count = choose(self, requests + begin, size, chosen);
        chosen_count = find_blocks(self, sequence, chosen, chosen_count);
        if (!fetch_blocks(self, chosen, chosen_count) && source->may_read && !*asked) {
            ask(self, sequence, requests + begin, count - begin, 2);
            *asked = true;
        }
        hold_blocks(self, source, chosen, chosen_count);
        fetch_entries(chosen, chosen_count);
        find(source, sequence, chosen, chosen_count);
    }
}
