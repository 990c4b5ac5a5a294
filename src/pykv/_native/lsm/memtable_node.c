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

/* Orders the unsorted slots from first to count by insertion; they are few. */
static void sort_slots(const memtable_node *leaf, uint32_t first, uint32_t count,
                       uint8_t order[MEMTABLE_LEAF_UNSORTED])
{
    const uint64_t *words = leaf->of.leaf.words;
    const memtable_record *const *records = leaf->of.leaf.records;
    for (uint32_t slot = first; slot < count; slot++) {
        uint32_t at = slot - first;
        while (at > 0) {
            uint32_t before = order[at - 1];
            bool moves = words[slot] < words[before];
            if (words[slot] == words[before]) {
                moves = memtable_record_compare(records[slot], records[before],
                                                leaf->common_length) < 0;
            }
            if (!moves) {
                break;
            }
            order[at] = order[at - 1];
            at--;
        }
        order[at] = (uint8_t)slot;
    }
}

static void append_slots(memtable_run *run, const memtable_node *leaf, uint32_t first,
                         uint32_t count)
{
    memcpy(run->words + run->count, leaf->of.leaf.words + first, count * sizeof run->words[0]);
    memcpy(run->records + run->count, leaf->of.leaf.records + first,
           count * sizeof run->records[0]);
    run->count += count;
}

void memtable_leaf_sort(const memtable_node *self, memtable_run *out)
{
    uint8_t order[MEMTABLE_LEAF_UNSORTED] = {0};
    uint32_t count = memtable_node_count(self);
    uint32_t sorted = self->sorted;
    uint32_t taken = 0;
    PYKV_ASSERT(self->level == 0 && count - sorted <= MEMTABLE_LEAF_UNSORTED);
    memtable_node_prefetch(self, true);
    sort_slots(self, sorted, count, order);
    out->count = 0;
    for (uint32_t i = 0; i < count - sorted; i++) {
        uint32_t slot = order[i];
        const memtable_record *record = self->of.leaf.records[slot];
        internal_key place = {memtable_record_key(record), record->trailer};
        uint32_t until =
            taken + memtable_search(self->of.leaf.words + taken, self->of.leaf.records + taken,
                                    sorted - taken, self->common_length, &place,
                                    self->of.leaf.words[slot]);
        append_slots(out, self, taken, until - taken);
        append_slots(out, self, slot, 1);
        taken = until;
    }
    append_slots(out, self, taken, sorted - taken);
}
