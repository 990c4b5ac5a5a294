/*
 * range_set: joins, cuts and searches.
 *
 * A set is one piece of memory: struct | fragments | sequences | keys, if it owns them. It is put
 * together in a draft, fragment by fragment; neighbours that say the same become one.
 */
#include "lsm/range_set.h"

#include <string.h>

#include "base/buffer.h"
#include "base/error.h"
#include "base/invariant.h"
#include "base/memory.h"

/* ---- drafts ---- */

typedef struct draft {
    buffer fragments; /* of range_fragment */
    buffer sequences; /* of uint64_t */
} draft;

static void draft_reset(draft *self)
{
    buffer_reset(&self->fragments);
    buffer_reset(&self->sequences);
}

static uint32_t draft_sequence_count(const draft *self)
{
    return (uint32_t)(self->sequences.size / sizeof(uint64_t));
}

static range_fragment *draft_last(draft *self)
{
    return self->fragments.size == 0
               ? NULL
               : (range_fragment *)(void *)(self->fragments.data + self->fragments.size) - 1;
}

/* True if the sequences of two fragments are the same. */
static bool says_the_same(const draft *self, const range_fragment *left,
                          const range_fragment *right)
{
    const uint64_t *all = (const uint64_t *)(const void *)self->sequences.data;
    return left->sequence_count == right->sequence_count &&
           memcmp(all + left->first_sequence, all + right->first_sequence,
                  left->sequence_count * sizeof *all) == 0;
}

/* Ends a fragment whose sequences were appended from first on; none: there is no fragment. */
static pykv_status draft_add(draft *self, slice start, slice stop, uint32_t first)
{
    range_fragment added = {start, stop, first, draft_sequence_count(self) - first};
    range_fragment *last = draft_last(self);
    if (added.sequence_count == 0) {
        return PYKV_OK;
    }
    if (last != NULL && slice_equal(last->stop, start) && says_the_same(self, last, &added)) {
        last->stop = stop;
        self->sequences.size = first * sizeof(uint64_t);
        return PYKV_OK;
    }
    return buffer_append(&self->fragments, &added, sizeof added);
}

/* Appends those of a fragment's sequences that the rule keeps beside those from first on. */
static pykv_status draft_take(draft *self, const range_set *from, uint32_t index,
                              const range_rule *rule, uint32_t first)
{
    const range_fragment *fragment = &from->fragments[index];
    pykv_status status = PYKV_OK;
    for (uint32_t i = 0; i < fragment->sequence_count && status == PYKV_OK; i++) {
        uint64_t sequence = from->sequences[fragment->first_sequence + i];
        if (sequence > rule->snapshot_sequence) {
            continue;
        }
        if (rule->newest && draft_sequence_count(self) > first) {
            uint64_t *there = (uint64_t *)(void *)self->sequences.data + first;
            *there = sequence > *there ? sequence : *there;
        } else {
            status = buffer_append(&self->sequences, &sequence, sizeof sequence);
        }
        if (rule->newest) {
            break;
        }
    }
    return status;
}

static slice copy_key(slice key, uint8_t **at)
{
    uint8_t *copy = *at;
    if (key.size != 0) {
        memcpy(copy, key.data, key.size);
    }
    *at += key.size;
    return slice_make(copy, key.size);
}

/* Makes the set of a draft. */
static pykv_status draft_finish(const draft *self, bool owns_keys, const range_set **out)
{
    size_t count = self->fragments.size / sizeof(range_fragment);
    const range_fragment *from = (const range_fragment *)(const void *)self->fragments.data;
    uint64_t key_bytes = 0;
    for (size_t i = 0; i < count; i++) {
        key_bytes += from[i].start.size + from[i].stop.size;
    }
    size_t bytes = sizeof(range_set) + self->fragments.size + self->sequences.size +
                   (owns_keys ? key_bytes : 0);
    *out = NULL;
    if (count == 0) {
        return PYKV_OK;
    }
    range_set *made = mem_alloc(bytes);
    if (made == NULL) {
        return error_set_no_memory(bytes);
    }
    memset(made, 0, sizeof *made);
    range_fragment *fragments = (range_fragment *)(void *)(made + 1);
    uint64_t *sequences = (uint64_t *)(void *)(fragments + count);
    uint8_t *keys = (uint8_t *)sequences + self->sequences.size;
    memcpy(fragments, from, self->fragments.size);
    memcpy(sequences, self->sequences.data, self->sequences.size);
    for (size_t i = 0; i < count && owns_keys; i++) {
        fragments[i].start = copy_key(from[i].start, &keys);
        fragments[i].stop = copy_key(from[i].stop, &keys);
    }
    atomic_init(&made->references, 1);
    made->count = (uint32_t)count;
    made->sequence_count = draft_sequence_count(self);
    made->fragments = fragments;
    made->sequences = sequences;
    made->key_bytes = key_bytes;
    *out = made;
    return PYKV_OK;
}

/* ---- joining ---- */

/* What is left of a set: from the fragment at index on, of that the part from start on. */
typedef struct rest {
    const range_set *of;
    uint32_t index;
    slice start;
} rest;

static rest rest_of(const range_set *of)
{
    rest made = {of, 0, slice_make(NULL, 0)};
    if (of != NULL) {
        made.start = of->fragments[0].start;
    }
    return made;
}

static bool is_at_end(const rest *self)
{
    return self->of == NULL || self->index == self->of->count;
}

static slice stop_of(const rest *self)
{
    return self->of->fragments[self->index].stop;
}

/* Passes over everything before key, where the first fragment is cut, or over that fragment. */
static void pass(rest *self, slice stop)
{
    if (slice_equal(stop_of(self), stop)) {
        self->index++;
        if (self->index < self->of->count) {
            self->start = self->of->fragments[self->index].start;
        }
    } else {
        self->start = stop;
    }
}

static slice lower_stop(slice left, slice right)
{
    return right.size == 0 || (left.size != 0 && slice_compare(left, right) < 0) ? left : right;
}

/* Adds the next piece, in which both rests stay as they are. */
static pykv_status join_piece(draft *made, rest *older, rest *newer, const range_rule *rule)
{
    int order = is_at_end(older)   ? 1
                : is_at_end(newer) ? -1
                                   : slice_compare(older->start, newer->start);
    rest *first = order <= 0 ? older : newer;
    slice start = first->start;
    slice stop = stop_of(first);
    if (order == 0) {
        stop = lower_stop(stop, stop_of(newer));
    } else if (order < 0 && !is_at_end(newer)) {
        stop = lower_stop(stop, newer->start);
    } else if (order > 0 && !is_at_end(older)) {
        stop = lower_stop(stop, older->start);
    }
    uint32_t at = draft_sequence_count(made);
    pykv_status status = PYKV_OK;
    if (order >= 0) {
        status = draft_take(made, newer->of, newer->index, rule, at);
        pass(newer, stop);
    }
    if (order <= 0 && status == PYKV_OK) {
        status = draft_take(made, older->of, older->index, rule, at);
        pass(older, stop);
    }
    return status == PYKV_OK ? draft_add(made, start, stop, at) : status;
}

pykv_status range_set_join(const range_set *older, const range_set *newer, const range_rule *rule,
                           const range_set **out)
{
    draft made = {BUFFER_EMPTY, BUFFER_EMPTY};
    rest left = rest_of(older);
    rest right = rest_of(newer);
    pykv_status status = PYKV_OK;
    while (status == PYKV_OK && (!is_at_end(&left) || !is_at_end(&right))) {
        status = join_piece(&made, &left, &right, rule);
    }
    if (status == PYKV_OK) {
        status = draft_finish(&made, rule->owns_keys, out);
    }
    draft_reset(&made);
    return status;
}

/* Adds a fragment with one sequence. */
static pykv_status add_one(draft *made, slice start, slice stop, uint64_t sequence)
{
    uint32_t at = draft_sequence_count(made);
    pykv_status status = buffer_append(&made->sequences, &sequence, sizeof sequence);
    return status == PYKV_OK ? draft_add(made, start, stop, at) : status;
}

pykv_status range_set_one(slice start, slice stop, uint64_t sequence, const range_set **out)
{
    draft made = {BUFFER_EMPTY, BUFFER_EMPTY};
    PYKV_ASSERT(range_is_before(start, stop));
    pykv_status status = add_one(&made, start, stop, sequence);
    if (status == PYKV_OK) {
        status = draft_finish(&made, false, out);
    }
    draft_reset(&made);
    return status;
}

pykv_status range_set_make(const range_fragment *fragments, const uint64_t *sequences, size_t count,
                           const range_set **out)
{
    draft made = {BUFFER_EMPTY, BUFFER_EMPTY};
    pykv_status status = PYKV_OK;
    for (size_t i = 0; i < count && status == PYKV_OK; i++) {
        status = add_one(&made, fragments[i].start, fragments[i].stop, sequences[i]);
    }
    if (status == PYKV_OK) {
        status = draft_finish(&made, true, out);
    }
    draft_reset(&made);
    return status;
}

/* Adds a fragment as it is. */
static pykv_status copy_fragment(draft *made, const range_set *from, uint32_t index)
{
    static const range_rule everything = {UINT64_MAX, false, false};
    uint32_t at = draft_sequence_count(made);
    const range_fragment *fragment = &from->fragments[index];
    pykv_status status = draft_take(made, from, index, &everything, at);
    return status == PYKV_OK ? draft_add(made, fragment->start, fragment->stop, at) : status;
}

pykv_status range_set_keep(const range_set *self, const bool *keeps, const range_set **out)
{
    draft made = {BUFFER_EMPTY, BUFFER_EMPTY};
    pykv_status status = PYKV_OK;
    for (uint32_t i = 0; i < self->count && status == PYKV_OK; i++) {
        status = keeps[i] ? copy_fragment(&made, self, i) : PYKV_OK;
    }
    if (status == PYKV_OK) {
        status = draft_finish(&made, true, out);
    }
    draft_reset(&made);
    return status;
}

pykv_status range_set_part(const range_set *self, uint32_t begin, uint32_t end,
                           const range_set **out)
{
    draft made = {BUFFER_EMPTY, BUFFER_EMPTY};
    pykv_status status = PYKV_OK;
    for (uint32_t i = begin; i < end && status == PYKV_OK; i++) {
        status = copy_fragment(&made, self, i);
    }
    if (status == PYKV_OK) {
        status = draft_finish(&made, false, out);
    }
    draft_reset(&made);
    return status;
}

/* ---- references ---- */

static range_set *counted(const range_set *self)
{
    return (range_set *)(uintptr_t)self;
}

const range_set *range_set_acquire(const range_set *self)
{
    if (self != NULL) {
        atomic_fetch_add_explicit(&counted(self)->references, 1, memory_order_relaxed);
    }
    return self;
}

void range_set_release(const range_set *self)
{
    if (self != NULL &&
        atomic_fetch_sub_explicit(&counted(self)->references, 1, memory_order_acq_rel) == 1) {
        mem_free(counted(self));
    }
}

static void release_retired(reclaim_item *item)
{
    range_set_release((range_set *)(void *)((char *)item - offsetof(range_set, retired)));
}

void range_set_retire(const range_set *self, reclaimer *readers)
{
    if (self != NULL) {
        reclaimer_retire(readers, &counted(self)->retired, release_retired);
    }
}

/* ---- searching ---- */

uint32_t range_set_find(const range_set *self, slice key)
{
    uint32_t low = 0;
    uint32_t high = self->count;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (range_is_before(key, self->fragments[middle].stop)) {
            high = middle;
        } else {
            low = middle + 1;
        }
    }
    return low;
}

uint64_t range_fragment_cover(const range_set *self, uint32_t index, uint64_t snapshot_sequence)
{
    const range_fragment *fragment = &self->fragments[index];
    const uint64_t *sequences = self->sequences + fragment->first_sequence;
    uint32_t low = 0;
    uint32_t high = fragment->sequence_count;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (sequences[middle] <= snapshot_sequence) {
            high = middle;
        } else {
            low = middle + 1;
        }
    }
    return low < fragment->sequence_count ? sequences[low] : 0;
}

uint64_t range_set_cover(const range_set *self, slice key, uint64_t snapshot_sequence)
{
    uint32_t index = range_set_find(self, key);
    if (index == self->count || slice_compare(key, self->fragments[index].start) < 0) {
        return 0;
    }
    return range_fragment_cover(self, index, snapshot_sequence);
}

bool range_set_covers(const range_set *self, slice smallest, slice largest, uint64_t sequence)
{
    slice from = smallest;
    for (uint32_t i = range_set_find(self, smallest); i < self->count; i++) {
        const range_fragment *fragment = &self->fragments[i];
        if (slice_compare(from, fragment->start) < 0 ||
            range_fragment_cover(self, i, UINT64_MAX) <= sequence) {
            return false;
        }
        if (range_is_before(largest, fragment->stop)) {
            return true;
        }
        from = fragment->stop;
    }
    return false;
}

uint64_t range_set_sequence_max(const range_set *self)
{
    uint64_t highest = 0;
    for (uint32_t i = 0; self != NULL && i < self->sequence_count; i++) {
        highest = self->sequences[i] > highest ? self->sequences[i] : highest;
    }
    return highest;
}

uint64_t range_set_bytes(const range_set *self)
{
    return sizeof *self + self->count * sizeof *self->fragments +
           self->sequence_count * sizeof *self->sequences + self->key_bytes;
}
