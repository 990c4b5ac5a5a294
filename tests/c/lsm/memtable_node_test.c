/*
 * memtable_node: keys beside the common bytes of a node, and the order of a leaf's slots.
 */
#include "lsm/memtable_records.h"

TEST(a_key_is_placed_beside_the_common_bytes)
{
    static const char *const keys[] = {"common/m", "common/n"};
    size_t shared = 99;
    memtable_records *made = memtable_records_open();
    memtable_node *leaf = memtable_records_leaf(made, keys, 2, 7);
    CHECK_EQUAL(0, memtable_node_side(leaf, slice_make("common/a", 8), 0, &shared));
    CHECK_EQUAL(0, memtable_node_side(leaf, slice_make("common/", 7), 3, &shared));
    CHECK(memtable_node_side(leaf, slice_make("common", 6), 0, &shared) < 0);
    CHECK_EQUAL(6, shared);
    CHECK(memtable_node_side(leaf, slice_make("coz", 3), 2, &shared) > 0);
    CHECK_EQUAL(2, shared);
    CHECK(memtable_node_side(leaf, slice_make("", 0), 0, &shared) < 0);
    CHECK_EQUAL(0, shared);
    CHECK_EQUAL(0, memtable_node_side(leaf, slice_make("zzz", 3), 7, &shared));
    memtable_records_close(made);
}

TEST(common_bytes_beyond_the_tail_are_compared_too)
{
    char first[101];
    char key[101];
    const char *keys[] = {first};
    size_t shared;
    memset(first, 'x', 100);
    first[100] = '\0';
    memtable_records *made = memtable_records_open();
    memtable_node *leaf = memtable_records_leaf(made, keys, 1, 90);
    for (size_t at = 0; at < 100; at++) {
        memcpy(key, first, sizeof key);
        key[at] = 'w';
        int side = memtable_node_side(leaf, slice_make(key, 100), at / 2, &shared);
        CHECK(at < 90 ? side < 0 && shared == at : side == 0);
        key[at] = 'y';
        side = memtable_node_side(leaf, slice_make(key, 100), at, &shared);
        CHECK(at < 90 ? side > 0 && shared == at : side == 0);
    }
    memtable_records_close(made);
}

TEST(a_leaf_gives_its_slots_in_order_however_they_came)
{
    static const char *const keys[] = {"b", "d", "f", "h"};
    static const char *const late[] = {"g", "a", "d", "z", "c", "d", "e", "b"};
    memtable_run run;
    memtable_records *made = memtable_records_open();
    memtable_node *leaf = memtable_records_leaf(made, keys, 4, 0);
    for (uint32_t i = 0; i < 8; i++) {
        const memtable_record *added = memtable_records_text(made, late[i]);
        leaf->of.leaf.words[4 + i] = key_word(memtable_record_key(added), 0);
        leaf->of.leaf.records[4 + i] = added;
        atomic_store(&leaf->count, (uint16_t)(5 + i));
        memtable_leaf_sort(leaf, &run);
        CHECK_EQUAL(5 + i, run.count);
        for (uint32_t k = 0; k < run.count; k++) {
            CHECK_EQUAL(key_word(memtable_record_key(run.records[k]), 0), run.words[k]);
            CHECK(k == 0 || memtable_record_compare(run.records[k - 1], run.records[k], 0) < 0);
        }
    }
    memtable_node_prefetch(leaf, true);
    memtable_records_close(made);
}

TEST_MAIN(CASE(a_key_is_placed_beside_the_common_bytes),
          CASE(common_bytes_beyond_the_tail_are_compared_too),
          CASE(a_leaf_gives_its_slots_in_order_however_they_came))
