/*
 * repair_lost: ranges and what was found are sorted when they are counted, and overlapping ranges
 * made one.
 */
#include "bitcask/repair_lost.h"

#include <stdlib.h>

typedef struct range {
    uint64_t first;
    uint64_t last;
} range;

pykv_status repair_lost_expect(repair_lost *self, uint64_t first, uint64_t last)
{
    range added = {first, last};
    return first <= last ? buffer_append(&self->expected, &added, sizeof added) : PYKV_OK;
}

pykv_status repair_lost_found(repair_lost *self, uint64_t sequence)
{
    return buffer_append(&self->found, &sequence, sizeof sequence);
}

static int compare_ranges(const void *left, const void *right)
{
    const range *a = left;
    const range *b = right;
    return (a->first > b->first) - (a->first < b->first);
}

static int compare_sequences(const void *left, const void *right)
{
    const uint64_t *a = left;
    const uint64_t *b = right;
    return (*a > *b) - (*a < *b);
}

static void sort(buffer *items, size_t item_bytes, int (*compare)(const void *, const void *))
{
    if (items->size > 0) {
        qsort(items->data, items->size / item_bytes, item_bytes, compare);
    }
}

/* Makes ranges, sorted by first, disjoint; returns how many are left. */
static size_t unite(range *ranges, size_t count)
{
    size_t kept = 0;
    for (size_t i = 0; i < count; i++) {
        if (kept > 0 && ranges[i].first <= ranges[kept - 1].last) {
            if (ranges[i].last > ranges[kept - 1].last) {
                ranges[kept - 1].last = ranges[i].last;
            }
        } else {
            ranges[kept++] = ranges[i];
        }
    }
    return kept;
}

uint64_t repair_lost_count(repair_lost *self)
{
    sort(&self->expected, sizeof(range), compare_ranges);
    sort(&self->found, sizeof(uint64_t), compare_sequences);
    range *ranges = (range *)(void *)self->expected.data;
    const uint64_t *found = (const uint64_t *)(const void *)self->found.data;
    size_t range_count = unite(ranges, self->expected.size / sizeof *ranges);
    size_t found_count = self->found.size / sizeof *found;
    size_t at = 0;
    uint64_t lost = 0;
    self->expected.size = range_count * sizeof *ranges;
    for (size_t i = 0; i < range_count; i++) {
        lost += ranges[i].last - ranges[i].first + 1;
        for (; at < found_count && found[at] <= ranges[i].last; at++) {
            bool again = at > 0 && found[at] == found[at - 1];
            lost -= found[at] >= ranges[i].first && !again;
        }
    }
    return lost;
}

void repair_lost_reset(repair_lost *self)
{
    buffer_reset(&self->expected);
    buffer_reset(&self->found);
}

/* ---- what should be there ---- */
