/*
 * memtable_search: places among records in order, found by their words.
 */
#include "lsm/memtable_records.h"

TEST(a_search_counts_what_comes_before_a_place)
{
    memtable_run run = {.count = 0};
    memtable_records *made = memtable_records_open();
    uint64_t seed = check_seed();
    while (run.count < MEMTABLE_LEAF_SLOTS) {
        slice key = memtable_key(KEYS_EDGES, check_random(&seed, 7000), made->room);
        const memtable_record *added = memtable_records_make(made, key);
        internal_key place = {key, added->trailer};
        uint64_t word = key_word(key, 0);
        uint32_t index = memtable_search(run.words, run.records, run.count, 0, &place, word);
        uint32_t wanted = 0;
        while (wanted < run.count && memtable_record_compare(run.records[wanted], added, 0) < 0) {
            wanted++;
        }
        CHECK_EQUAL(wanted, index);
        memtable_run_insert(&run, index, added, word);
    }
    for (uint32_t i = 0; i + 1 < run.count; i++) {
        CHECK(memtable_record_compare(run.records[i], run.records[i + 1], 0) < 0);
        CHECK(memtable_record_compare(run.records[i + 1], run.records[i], 0) > 0);
    }
    CHECK_EQUAL(0, memtable_record_compare(run.records[0], run.records[0], 0));
    memtable_records_close(made);
}

TEST(words_are_counted_as_by_a_plain_loop)
{
    uint64_t words[MEMTABLE_LEAF_SLOTS];
    uint64_t seed = check_seed();
    for (uint32_t count = 0; count <= MEMTABLE_LEAF_SLOTS; count++) {
        uint64_t last = 0;
        for (uint32_t i = 0; i < count; i++) {
            last += check_random(&seed, 3);
            words[i] = last;
        }
        for (uint64_t word = 0; word <= last + 1; word++) {
            uint32_t wanted = 0;
            while (wanted < count && words[wanted] < word) {
                wanted++;
            }
            CHECK_EQUAL(wanted, memtable_count_below(words, count, word));
        }
    }
}

TEST_MAIN(CASE(a_search_counts_what_comes_before_a_place),
          CASE(words_are_counted_as_by_a_plain_loop))
