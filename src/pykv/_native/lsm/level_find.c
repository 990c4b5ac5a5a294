/*
 * level_find: which table of a level may hold a key.
 *
 * The largest keys rise, and so do their words, the 8 bytes behind what all of them begin with. A
 * search in the words touches nothing else; whole keys decide where words are equal.
 */
#include <string.h>

#include "base/invariant.h"
#include "lsm/internal_key.h"
#include "lsm/version.h"

/* The first file from low on and before high whose largest key is not before key, or high. */
static uint32_t find_by_keys(const level *self, uint32_t low, uint32_t high, slice key)
{
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (slice_compare(self->files[middle]->largest, key) < 0) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

/* The first place whose word is not below word. Without a branch that depends on the words. */
static uint32_t find_word(const uint64_t *words, uint32_t count, uint64_t word)
{
    const uint64_t *at = words;
    while (count > 1) {
        uint32_t half = count / 2;
        at += at[half - 1] < word ? half : 0;
        count -= half;
    }
    return (uint32_t)(at - words) + (*at < word);
}

/* Negative, zero or positive as key comes before all keys that begin with what the largest keys
 * have in common, is one, or comes behind them. */
static int compare_common(const level *self, slice key)
{
    size_t size = key.size < self->common_length ? key.size : self->common_length;
    int order = size == 0 ? 0 : memcmp(key.data, self->files[0]->largest.data, size);
    return order != 0 || size == self->common_length ? order : -1;
}

uint32_t level_find(const level *self, slice key)
{
    if (self->count == 1) {
        return slice_compare(self->files[0]->largest, key) < 0;
    }
    if (self->count == 0 || self->largest_words == NULL) {
        return find_by_keys(self, 0, self->count, key);
    }
    if (self->common_length > 0) {
        int order = compare_common(self, key);
        if (order != 0) {
            return order < 0 ? 0 : self->count;
        }
    }
    uint64_t word = key_word(key, self->common_length);
    uint32_t low = find_word(self->largest_words, self->count, word);
    if (low == self->count || self->largest_words[low] != word || PYKV_PLANTED(73)) {
        return low;
    }
    uint32_t rest = self->count - low;
    uint32_t high = word == UINT64_MAX ? self->count
                                       : low + find_word(self->largest_words + low, rest, word + 1);
    return find_by_keys(self, low, high, key);
}

level level_part(const level *self, uint32_t begin, uint32_t end)
{
    level part = {.files = self->files + begin,
                  .tables = self->tables + begin,
                  .largest_words = self->largest_words == NULL ? NULL : self->largest_words + begin,
                  .count = end - begin,
                  .common_length = self->common_length,
                  .sequence_max = self->sequence_max};
    return part;
}
