/*
 * view_ranges: the range deletes of memtables and version together.
 */
#include "base/invariant.h"
#include "lsm/view.h"

static uint64_t higher(uint64_t best, const range_set *in, slice key, uint64_t sequence)
{
    uint64_t found = in == NULL ? 0 : range_set_cover(in, key, sequence);
    return found > best ? found : best;
}

uint64_t view_cover(const view *self, slice key, uint64_t sequence)
{
    uint64_t best = higher(0, memtable_ranges(self->active), key, sequence);
    for (uint32_t i = 0; i < self->immutable_count && i < VIEW_IMMUTABLES_MAX; i++) {
        best = higher(best, memtable_ranges(self->immutables[i]), key, sequence);
    }
    return higher(best, self->version->ranges, key, sequence);
}

static void take(view_ranges *out, const range_set *from)
{
    if (from != NULL) {
        out->sets[out->count++] = range_set_acquire(from);
    }
}

void view_take_ranges(const view *self, view_ranges *out)
{
    out->count = 0;
    take(out, memtable_ranges(self->active));
    uint32_t count = PYKV_PLANTED(141) ? 0 : self->immutable_count;
    for (uint32_t i = 0; i < count && i < VIEW_IMMUTABLES_MAX; i++) {
        take(out, memtable_ranges(self->immutables[i]));
    }
    take(out, self->version->ranges);
}

static bool starts_in(const range_set *from, uint32_t index, const key_range *range)
{
    return index < from->count &&
           (!range->has_stop || slice_compare(from->fragments[index].start, range->stop) < 0);
}

/* Replaces *set by its join with what a set has in range. */
static pykv_status join_one(const range_set *from, const range_rule *rule, const key_range *range,
                            const range_set **set)
{
    const range_set *part;
    const range_set *joined;
    uint32_t begin = range_set_find(from, range->start);
    uint32_t end = begin;
    while (starts_in(from, end, range)) {
        end++;
    }
    pykv_status status = range_set_part(from, begin, end, &part);
    if (status == PYKV_OK) {
        status = range_set_join(*set, part, rule, &joined);
        range_set_release(part);
    }
    if (status == PYKV_OK) {
        range_set_release(*set);
        *set = joined;
    }
    return status;
}

/* The one set that has something in range; NULL: there is none, or there are several. */
static const range_set *only_one(const view_ranges *taken, const key_range *range)
{
    const range_set *only = NULL;
    for (size_t i = 0; i < taken->count; i++) {
        const range_set *from = taken->sets[i];
        if (starts_in(from, range_set_find(from, range->start), range)) {
            if (only != NULL) {
                return NULL;
            }
            only = from;
        }
    }
    return only;
}

pykv_status view_join_ranges(view_ranges *taken, uint64_t sequence, const key_range *range,
                             const range_set **out)
{
    range_rule rule = {sequence, true, false};
    const range_set *all = range_set_acquire(only_one(taken, range));
    bool is_joined = all != NULL;
    pykv_status status = PYKV_OK;
    for (size_t i = 0; i < taken->count && status == PYKV_OK && !is_joined; i++) {
        status = join_one(taken->sets[i], &rule, range, &all);
    }
    for (size_t i = 0; i < taken->count; i++) {
        range_set_release(taken->sets[i]);
    }
    taken->count = 0;
    if (status != PYKV_OK) {
        range_set_release(all);
        return status;
    }
    *out = all;
    return PYKV_OK;
}
