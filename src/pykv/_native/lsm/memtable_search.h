/*
 * memtable_search: the search among records in order, by words first.
 *
 * Records are told apart by the 8 bytes behind their common bytes, each as one number; only where
 * those are equal are records read and the keys compared. Pure functions: thread-safe.
 */
#ifndef PYKV_LSM_MEMTABLE_SEARCH_H
#define PYKV_LSM_MEMTABLE_SEARCH_H

#include <stddef.h>
#include <stdint.h>

#include "base/annotate.h"
#include "lsm/internal_key.h"
#include "lsm/memtable_record.h"

/* Negative or positive as left comes before or behind right; both begin with the same
 * common_length bytes. 0 for one and the same. */
int memtable_record_compare(const memtable_record *left, const memtable_record *right,
                            size_t common_length);

/* How many of count words in order are below word. Without a branch on the words. */
static inline uint32_t memtable_count_below(const uint64_t *words, uint32_t count, uint64_t word)
{
    const uint64_t *base = words;
    if (PYKV_UNLIKELY(count == 0)) {
        return 0;
    }
    while (count > 1) {
        uint32_t half = count / 2;
        base += half & (0U - (base[half - 1] < word));
        count -= half;
    }
    return (uint32_t)(base - words) + (*base < word);
}

/* memtable_search among the records from first on whose words equal the one at first. */
uint32_t memtable_search_ties(const uint64_t *words, const memtable_record *const *records,
                              uint32_t first, uint32_t count, size_t common_length,
                              const internal_key *place);

/* Of count records with their words, in order: how many come before the place. word is key_word of
 * place->user_key at common_length, whose common bytes agree. */
static inline uint32_t memtable_search(const uint64_t *words, const memtable_record *const *records,
                                       uint32_t count, size_t common_length,
                                       const internal_key *place, uint64_t word)
{
    uint32_t index = memtable_count_below(words, count, word);
    if (index == count || words[index] != word) {
        return index;
    }
    return memtable_search_ties(words, records, index, count, common_length, place);
}

#endif
