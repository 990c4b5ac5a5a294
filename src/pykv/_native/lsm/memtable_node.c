/*
 * memtable_node: placing keys beside a node, and ordering what a leaf holds. See memtable_node.h.
 */
#include "lsm/memtable_node.h"

#include <string.h>

#include "base/invariant.h"
#include "lsm/memtable_search.h"

/* The order of two slices, and how far they agree beyond the known bytes. */
static int compare_from(slice key, slice common, size_t known, size_t *shared_out)
{
    size_t shared = known + key_shared_length(key_suffix(key, known), key_suffix(common, known));
    *shared_out = shared;
    if (shared == common.size) {
        return 0;
    }
    return shared == key.size || key.data[shared] < common.data[shared] ? -1 : 1;
}

int memtable_node_side_unknown(const memtable_node *self, slice key, size_t known,
                               size_t *shared_out)
{
    size_t common_length = self->common_length;
    if (PYKV_LIKELY(common_length - known <= self->tail_length)) {
        size_t first = common_length - self->tail_length; /* where the tail begins in the key */
        slice rest = key_suffix(key, first);
        int side = compare_from(rest, slice_make(self->tail, self->tail_length), known - first,
                                shared_out);
        *shared_out += first;
        return side;
    }
    slice common = slice_make(memtable_node_sample(self)->bytes, common_length);
    return compare_from(key, common, known, shared_out);
}

/* Records of a leaf with their words, in order. */
typedef struct few {
    uint32_t count;
    uint64_t words[MEMTABLE_LEAF_UNSORTED];
    const memtable_record *records[MEMTABLE_LEAF_UNSORTED];
} few;

/* Orders the unsorted slots by insertion; they are few. */
static void sort_slots(const memtable_node *leaf, uint32_t count, few *out)
{
    out->count = 0;
    for (uint32_t slot = leaf->sorted; slot < count; slot++) {
        uint64_t word = leaf->of.leaf.words[slot];
        const memtable_record *record = leaf->of.leaf.records[slot];
        uint32_t at = out->count++;
        for (; at > 0 && word <= out->words[at - 1]; at--) {
            if (word == out->words[at - 1] &&
                memtable_record_compare(record, out->records[at - 1], leaf->common_length) > 0) {
                break;
            }
            out->words[at] = out->words[at - 1];
            out->records[at] = out->records[at - 1];
        }
        out->words[at] = word;
        out->records[at] = record;
    }
}

/* Copies what is left of a run behind that of out. */
static void append_rest(memtable_run *out, const uint64_t *words,
                        const memtable_record *const *records, uint32_t first, uint32_t count)
{
    memcpy(out->words + out->count, words + first, (count - first) * sizeof words[0]);
    memcpy(out->records + out->count, records + first, (count - first) * sizeof records[0]);
    out->count += count - first;
}

void memtable_leaf_sort(const memtable_node *self, memtable_run *out)
{
    few added;
    uint32_t count = memtable_node_count(self);
    uint32_t sorted = self->sorted;
    uint32_t left = 0;
    uint32_t right = 0;
    const uint64_t *words = self->of.leaf.words;
    const memtable_record *const *records = self->of.leaf.records;
    PYKV_ASSERT(self->level == 0 && count - sorted <= MEMTABLE_LEAF_UNSORTED);
    memtable_node_prefetch(self, true);
    sort_slots(self, count, &added);
    out->count = 0;
    while (left < sorted && right < added.count) {
        /* Which of the two comes next is not for a processor to guess: no branch but for ties. */
        uint64_t word = words[left];
        uint64_t other = added.words[right];
        bool takes_left = word < other;
        if (PYKV_UNLIKELY(word == other)) {
            takes_left = memtable_record_compare(records[left], added.records[right],
                                                 self->common_length) < 0;
        }
        const memtable_record *const *next = takes_left ? &records[left] : &added.records[right];
        out->words[out->count] = takes_left ? word : other;
        out->records[out->count++] = *next;
        left += takes_left;
        right += !takes_left;
    }
    append_rest(out, words, records, left, sorted);
    append_rest(out, added.words, added.records, right, added.count);
}
