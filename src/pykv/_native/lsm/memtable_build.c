/*
 * memtable_build: see memtable_build.h.
 */
#include "lsm/memtable_build.h"

#include <string.h>

#include "base/invariant.h"
#include "lsm/memtable_find.h"

void memtable_lower_words(uint64_t *words, uint32_t count, const memtable_record *sample,
                          size_t from, size_t to)
{
    PYKV_ASSERT(to < from);
    uint64_t common = key_word(memtable_record_key(sample), to);
    size_t added = from - to; /* common bytes that the words have to begin with */
    for (uint32_t i = 0; i < count; i++) {
        if (added >= sizeof common) {
            words[i] = common;
        } else {
            uint64_t own = words[i] >> (8 * added);
            words[i] = (common & ~(UINT64_MAX >> (8 * added))) | own;
        }
    }
}

void memtable_run_insert(memtable_run *self, uint32_t index, const memtable_record *record,
                         uint64_t word)
{
    uint32_t behind = self->count - index;
    PYKV_ASSERT(index <= self->count && self->count <= MEMTABLE_LEAF_SLOTS);
    memmove(self->words + index + 1, self->words + index, behind * sizeof self->words[0]);
    memmove(self->records + index + 1, self->records + index, behind * sizeof self->records[0]);
    self->words[index] = word;
    self->records[index] = record;
    self->count++;
}

/* Sets the common bytes, which are those of the sample. */
static void set_common(memtable_node *node, const memtable_record *sample, size_t common_length)
{
    size_t tail = common_length < MEMTABLE_TAIL_BYTES ? common_length : MEMTABLE_TAIL_BYTES;
    PYKV_ASSERT(common_length <= memtable_record_key_size(sample));
    node->common_length = (uint16_t)common_length;
    node->tail_length = (uint8_t)tail;
    memcpy(node->tail, sample->bytes + common_length - tail, tail);
}

/* The common length to use between two records, of which common_length bytes are known. */
static size_t regained(const memtable_record *first, const memtable_record *last,
                       size_t common_length)
{
    size_t shared = key_shared_length(memtable_record_key(first), memtable_record_key(last));
    shared = shared < UINT16_MAX ? shared : UINT16_MAX;
    return shared >= common_length + MEMTABLE_COMMON_GAIN ? shared : common_length;
}

/* Copies words and records; takes the words anew where the common length is another. */
static void fill(uint64_t *words, const memtable_record **records, const uint64_t *source_words,
                 const memtable_record *const *source_records, uint32_t count, bool again,
                 size_t common_length)
{
    memcpy(records, source_records, count * sizeof records[0]);
    if (!again) {
        memcpy(words, source_words, count * sizeof words[0]);
        return;
    }
    for (uint32_t i = 0; i < count; i++) {
        words[i] = key_word(memtable_record_key(records[i]), common_length);
    }
}

memtable_node *memtable_build_leaf(memtable_pool *pool, const memtable_run *run, uint32_t first,
                                   uint32_t count, size_t common_length, bool regain)
{
    memtable_node *node = memtable_pool_take(pool, 0);
    const memtable_record *const *records = run->records + first;
    PYKV_ASSERT(count > 0 && first + count <= run->count);
    size_t chosen =
        regain ? regained(records[0], records[count - 1], common_length) : common_length;
    fill(node->of.leaf.words, node->of.leaf.records, run->words + first, records, count,
         chosen != common_length, chosen);
    set_common(node, records[0], chosen);
    node->sorted = (uint16_t)count;
    atomic_store_explicit(&node->count, (uint16_t)count, memory_order_relaxed);
    return node;
}

void memtable_fan_open(memtable_fan *out, const memtable_node *node)
{
    uint32_t count = memtable_node_count(node);
    out->child_count = count;
    out->level = node->level;
    out->common_length = node->common_length;
    memcpy(out->words, node->of.inner.words, (count - 1) * sizeof out->words[0]);
    memcpy(out->records, node->of.inner.records, (count - 1) * sizeof out->records[0]);
    for (uint32_t i = 0; i < count; i++) {
        out->children[i] = memtable_node_child(node, i);
    }
}

void memtable_fan_insert(memtable_fan *self, uint32_t slot, const memtable_record *separator,
                         memtable_node *child)
{
    uint32_t behind = self->child_count - 1 - slot; /* separators and children to move */
    PYKV_ASSERT(slot < self->child_count && self->child_count <= MEMTABLE_CHILDREN);
    memmove(self->words + slot + 1, self->words + slot, behind * sizeof self->words[0]);
    memmove(self->records + slot + 1, self->records + slot, behind * sizeof self->records[0]);
    memmove(self->children + slot + 2, self->children + slot + 1,
            behind * sizeof self->children[0]);
    self->words[slot] = key_word(memtable_record_key(separator), self->common_length);
    self->records[slot] = separator;
    self->children[slot + 1] = child;
    self->child_count++;
}

memtable_node *memtable_build_inner(memtable_pool *pool, const memtable_fan *fan, uint32_t first,
                                    uint32_t count, bool regain)
{
    memtable_node *node = memtable_pool_take(pool, fan->level);
    PYKV_ASSERT(count >= 2 && first + count <= fan->child_count);
    size_t chosen = fan->common_length;
    if (regain) {
        chosen = regained(memtable_first_record(fan->children[first]),
                          memtable_last_record(fan->children[first + count - 1]), chosen);
    }
    fill(node->of.inner.words, node->of.inner.records, fan->words + first, fan->records + first,
         count - 1, chosen != fan->common_length, chosen);
    set_common(node, fan->records[first], chosen);
    for (uint32_t i = 0; i < count; i++) {
        atomic_store_explicit(&node->of.inner.children[i], fan->children[first + i],
                              memory_order_relaxed);
    }
    node->sorted = 0;
    atomic_store_explicit(&node->count, (uint16_t)count, memory_order_relaxed);
    return node;
}
