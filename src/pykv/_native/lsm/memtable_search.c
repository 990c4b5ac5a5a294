/*
 * memtable_search: comparing records where words are equal. See memtable_search.h.
 */
#include "lsm/memtable_search.h"

#include <stdbool.h>

/* True if the record comes before the place; both keys begin with the same common bytes. */
static bool precedes(const memtable_record *record, const internal_key *place, size_t common_length)
{
    slice key = key_suffix(memtable_record_key(record), common_length);
    int order = slice_compare(key, key_suffix(place->user_key, common_length));
    return order != 0 ? order < 0 : record->trailer > place->trailer;
}

uint32_t memtable_search_ties(const uint64_t *words, const memtable_record *const *records,
                              uint32_t first, uint32_t count, size_t common_length,
                              const internal_key *place)
{
    uint64_t word = words[first];
    uint32_t last = first + 1;
    while (last < count && words[last] == word) {
        last++;
    }
    while (first < last) {
        uint32_t middle = first + (last - first) / 2;
        if (precedes(records[middle], place, common_length)) {
            first = middle + 1;
        } else {
            last = middle;
        }
    }
    return first;
}

int memtable_record_compare(const memtable_record *left, const memtable_record *right,
                            size_t common_length)
{
    int order = slice_compare(key_suffix(memtable_record_key(left), common_length),
                              key_suffix(memtable_record_key(right), common_length));
    return order != 0 ? order : (left->trailer < right->trailer) - (left->trailer > right->trailer);
}
