/*
 * memtable_add_many: adds a batch: its records are stored in the order in which they came, and go
 * into the tree in the order of their keys, so that neighbours share the way down.
 *
 * The order is by the 8 bytes behind what all keys of the tree begin with, and where the batch does
 * not spread evenly it is a rough one: it makes the inserts cheaper and nothing else depends on it.
 */
#include "base/invariant.h"
#include "log/log_format.h"
#include "lsm/memtable_internal.h"

enum { BUCKETS = 512, STEPS_MAX = 16, AHEAD_KEYS = 8 };

typedef struct placed {
    uint64_t word;
    const memtable_record *record;
} placed;

/* Stores the records and enters them in the filter. */
static uint64_t store_all(memtable *self, const record *operations, const uint64_t *hashes,
                          size_t count, size_t common_length, placed *out)
{
    uint64_t total = 0;
    for (size_t i = 0; i < count; i++) {
        const record *added = &operations[i];
        uint64_t bytes =
            memtable_record_bytes(added->key.size, added->value.size, added->deadline_us != 0);
        iterator_entry entry = {.key = added->key,
                                .value = added->value,
                                .sequence = added->sequence,
                                .deadline_us = added->deadline_us,
                                .body_crc = added->body_crc,
                                .kind = added->kind};
        memtable_record *stored = memtable_arena_take(&self->arena, bytes);
        if (i + AHEAD_KEYS < count) {
            memtable_filter_prefetch(&self->filter, hashes[i + AHEAD_KEYS]);
        }
        memtable_record_store(stored, &entry);
        memtable_filter_add(&self->filter, hashes[i]);
        out[i] = (placed){key_word(added->key, common_length), stored};
        total += bytes;
    }
    return total;
}

/* How far to shift the difference of a word to the lowest one for its bucket. */
static unsigned shift_of(const placed *items, size_t count, uint64_t *lowest_out)
{
    uint64_t lowest = UINT64_MAX;
    uint64_t highest = 0;
    for (size_t i = 0; i < count; i++) {
        lowest = items[i].word < lowest ? items[i].word : lowest;
        highest = items[i].word > highest ? items[i].word : highest;
    }
    unsigned shift = 0;
    while ((highest - lowest) >> shift >= BUCKETS) {
        shift++;
    }
    *lowest_out = lowest;
    return shift;
}

/* Puts items into out by rising buckets, those of one bucket in their order. */
static void distribute(const placed *items, size_t count, placed *out)
{
    uint16_t ends[BUCKETS + 1] = {0};
    uint64_t lowest;
    unsigned shift = shift_of(items, count, &lowest);
    for (size_t i = 0; i < count; i++) {
        ends[((items[i].word - lowest) >> shift) + 1]++;
    }
    for (size_t bucket = 1; bucket < BUCKETS; bucket++) {
        ends[bucket] = (uint16_t)(ends[bucket] + ends[bucket - 1]);
    }
    for (size_t i = 0; i < count; i++) {
        out[ends[(items[i].word - lowest) >> shift]++] = items[i];
    }
}

/* Moves each item to the left, a few places at most. */
static void straighten(placed *items, size_t count)
{
    for (size_t i = 1; i < count; i++) {
        placed item = items[i];
        size_t least = i > STEPS_MAX ? i - STEPS_MAX : 0;
        size_t at = i;
        for (; at > least && items[at - 1].word > item.word; at--) {
            items[at] = items[at - 1];
        }
        items[at] = item;
    }
}

void memtable_add_many(memtable *self, const record *operations, const uint64_t *hashes,
                       size_t count)
{
    placed items[MEMTABLE_ADD_MAX];
    placed ordered[MEMTABLE_ADD_MAX];
    const memtable_record *records[MEMTABLE_ADD_MAX];
    PYKV_ASSERT(!memtable_is_sealed(self));
    PYKV_ASSERT(count <= MEMTABLE_ADD_MAX);
    if (count == 0) {
        return;
    }
    size_t common_length = memtable_tree_root(&self->tree)->common_length;
    uint64_t bytes = store_all(self, operations, hashes, count, common_length, items);
    distribute(items, count, ordered);
    straighten(ordered, count);
    for (size_t i = 0; i < count; i++) {
        records[i] = ordered[i].record;
    }
    memtable_insert_many(&self->tree, records, count);
    memtable_count_many(self, operations, count, bytes);
    for (size_t i = 0; i < count && memtable_ranges(self) != NULL; i++) {
        memtable_ranges_note(self, operations[i].key, operations[i].sequence);
    }
}
