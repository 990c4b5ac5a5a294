/*
 * memtable_find: every way down a tree against a plain walk over its records.
 */
#include "lsm/memtable_records.h"

enum { FIND_RECORDS = 3000 };

static int by_order(const void *left, const void *right)
{
    const memtable_record *const *one = left;
    const memtable_record *const *other = right;
    return memtable_record_compare(*one, *other, 0);
}

/* A tree of keys with three versions each, and its records in order. */
static memtable_records *fill(memtable_keys keys, const memtable_record **sorted)
{
    memtable_records *made = memtable_records_open();
    for (uint64_t i = 0; i < FIND_RECORDS; i++) {
        uint64_t number = i % (FIND_RECORDS / 3);
        sorted[i] = memtable_records_insert(made, memtable_key(keys, number, made->room));
    }
    qsort(sorted, FIND_RECORDS, sizeof sorted[0], by_order);
    return made;
}

static size_t count_before(const memtable_record *const *sorted, internal_key place)
{
    size_t count = 0;
    while (count < FIND_RECORDS) {
        internal_key there = {memtable_record_key(sorted[count]), sorted[count]->trailer};
        if (internal_key_compare(there, place) >= 0) {
            break;
        }
        count++;
    }
    return count;
}

/* What the place's leaf, and the one behind it, say is behind the place. */
static const memtable_record *record_behind(memtable_node *root, internal_key place)
{
    memtable_descent way;
    memtable_run run;
    memtable_descend(root, place, &way);
    memtable_leaf_sort(way.nodes[0], &run);
    uint32_t index = memtable_descent_search(&way, &run, place);
    if (index < run.count) {
        return run.records[index];
    }
    if (!memtable_descent_advance(&way)) {
        return NULL;
    }
    memtable_leaf_sort(way.nodes[0], &run);
    return run.records[0];
}

static void check_place(memtable_node *root, const memtable_record *const *sorted,
                        internal_key place)
{
    size_t index = count_before(sorted, place);
    const memtable_record *behind = index < FIND_RECORDS ? sorted[index] : NULL;
    CHECK(behind == record_behind(root, place));
    bool answers = behind != NULL && slice_equal(memtable_record_key(behind), place.user_key);
    CHECK(memtable_find(root, &place) == (answers ? behind : NULL));
}

TEST(every_place_is_found_as_by_a_plain_walk)
{
    static const memtable_record *sorted[FIND_RECORDS];
    uint64_t seed = check_seed();
    for (int keys = 0; keys < KEYS_KINDS; keys++) {
        if (keys == KEYS_LONG) {
            continue;
        }
        memtable_records *made = fill((memtable_keys)keys, sorted);
        memtable_node *root = memtable_tree_root(&made->tree);
        for (uint32_t i = 0; i < 500; i++) {
            uint64_t number = check_random(&seed, FIND_RECORDS);
            slice key = memtable_key((memtable_keys)keys, number, made->room);
            uint64_t sequence = check_random(&seed, FIND_RECORDS + 2);
            check_place(root, sorted, internal_key_place(key, sequence));
            key.size -= key.size > 0;
            check_place(root, sorted, internal_key_place(key, UINT64_MAX));
        }
        CHECK(memtable_first_record(root) == sorted[0]);
        CHECK(memtable_last_record(root) == sorted[FIND_RECORDS - 1]);
        memtable_records_close(made);
    }
}

TEST(a_way_advances_over_every_leaf_once)
{
    static const memtable_record *sorted[FIND_RECORDS];
    memtable_descent way;
    memtable_run run;
    memtable_records *made = fill(KEYS_PATHS, sorted);
    size_t index = 0;
    memtable_descend(memtable_tree_root(&made->tree), internal_key_place(slice_make("", 0), 0),
                     &way);
    do {
        memtable_leaf_sort(way.nodes[0], &run);
        for (uint32_t i = 0; i < run.count; i++) {
            CHECK(run.records[i] == sorted[index++]);
        }
    } while (memtable_descent_advance(&way));
    CHECK_EQUAL(FIND_RECORDS, index);
    memtable_records_close(made);
}

TEST(the_way_to_the_end_leads_to_the_last_leaf)
{
    static const memtable_record *sorted[FIND_RECORDS];
    memtable_descent way;
    memtable_run run;
    memtable_records *made = fill(KEYS_RANDOM, sorted);
    memtable_descend_last(memtable_tree_root(&made->tree), &way);
    memtable_leaf_sort(way.nodes[0], &run);
    CHECK(run.records[run.count - 1] == sorted[FIND_RECORDS - 1]);
    CHECK(!memtable_descent_advance(&way));
    memtable_records_close(made);
}

TEST(an_empty_tree_has_one_way_and_no_record)
{
    memtable_records *made = memtable_records_open();
    memtable_node *root = memtable_tree_root(&made->tree);
    internal_key place = internal_key_place(slice_make("any", 3), UINT64_MAX);
    CHECK(memtable_find(root, &place) == NULL);
    CHECK(record_behind(root, place) == NULL);
    memtable_records_close(made);
}

TEST_MAIN(CASE(every_place_is_found_as_by_a_plain_walk), CASE(a_way_advances_over_every_leaf_once),
          CASE(the_way_to_the_end_leads_to_the_last_leaf),
          CASE(an_empty_tree_has_one_way_and_no_record))
