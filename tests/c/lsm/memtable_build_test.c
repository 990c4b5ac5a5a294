/*
 * memtable_build: words that follow the common length, and nodes of what they were given.
 */
#include "lsm/memtable_records.h"

TEST(lowered_words_are_those_of_the_lower_length)
{
    uint8_t bytes[40];
    uint64_t words[20];
    memtable_records *made = memtable_records_open();
    uint64_t seed = check_seed();
    for (size_t from = 1; from <= 30; from++) {
        for (size_t to = 0; to < from; to++) {
            made->count = 0;
            memset(bytes, 'q', sizeof bytes);
            for (uint32_t i = 0; i < 20; i++) {
                size_t size = from + check_random(&seed, 10);
                for (size_t k = from; k < size; k++) {
                    bytes[k] = (uint8_t)check_random(&seed, 256);
                }
                (void)memtable_records_make(made, slice_make(bytes, size));
                words[i] = key_word(slice_make(bytes, size), from);
            }
            memtable_lower_words(words, 20, made->records[0], from, to);
            for (uint32_t i = 0; i < 20; i++) {
                CHECK_EQUAL(key_word(memtable_record_key(made->records[i]), to), words[i]);
                free(made->records[i]);
            }
            made->count = 0;
        }
    }
    memtable_records_close(made);
}

TEST(a_leaf_regains_a_common_prefix_that_is_worth_it)
{
    static const char *const keys[] = {"abcdefgh1", "abcdefgh2", "abx"};
    memtable_records *made = memtable_records_open();
    memtable_run run = {.count = 0};
    for (uint32_t i = 0; i < 3; i++) {
        const memtable_record *added = memtable_records_text(made, keys[i]);
        memtable_run_insert(&run, i, added, key_word(memtable_record_key(added), 0));
    }
    CHECK_OK(memtable_pool_reserve(made->tree.pool, 3));
    memtable_pool_supply(made->tree.pool, 3);
    memtable_node *both = memtable_build_leaf(made->tree.pool, &run, 0, 2, 0, true);
    CHECK_EQUAL(8, both->common_length);
    CHECK_EQUAL(2, memtable_records_check(both));
    memtable_node *all = memtable_build_leaf(made->tree.pool, &run, 0, 3, 0, true);
    CHECK_EQUAL(0, all->common_length);
    CHECK_EQUAL(3, memtable_records_check(all));
    memtable_node *kept = memtable_build_leaf(made->tree.pool, &run, 0, 2, 0, false);
    CHECK_EQUAL(0, kept->common_length);
    memtable_records_close(made);
}

TEST(a_fan_takes_a_child_in_at_any_slot)
{
    static const char *const texts[] = {"path/b", "path/d", "path/f", "path/h"};
    memtable_records *made = memtable_records_open();
    for (uint32_t slot = 0; slot < 3; slot++) {
        memtable_fan fan = {.child_count = 1, .level = 1};
        memtable_node *leaves[4];
        for (uint32_t i = 0; i < 4; i++) {
            leaves[i] = memtable_records_leaf(made, &texts[i], 1, 0);
        }
        fan.children[0] = leaves[0];
        for (uint32_t i = 1; i < 4; i++) {
            if (i != slot + 1) {
                uint32_t behind = fan.child_count - 1;
                memtable_fan_insert(&fan, behind, leaves[i]->of.leaf.records[0], leaves[i]);
            }
        }
        memtable_fan_insert(&fan, slot, leaves[slot + 1]->of.leaf.records[0], leaves[slot + 1]);
        CHECK_OK(memtable_pool_reserve(made->tree.pool, 1));
        memtable_pool_supply(made->tree.pool, 1);
        memtable_node *node = memtable_build_inner(made->tree.pool, &fan, 0, 4, true);
        CHECK_EQUAL(5, node->common_length);
        CHECK_EQUAL(4, memtable_records_check(node));
        memtable_fan again;
        memtable_fan_open(&again, node);
        CHECK_EQUAL(4, again.child_count);
        CHECK_EQUAL(1, again.level);
        CHECK(again.children[slot + 1] == leaves[slot + 1]);
    }
    memtable_records_close(made);
}

TEST_MAIN(CASE(lowered_words_are_those_of_the_lower_length),
          CASE(a_leaf_regains_a_common_prefix_that_is_worth_it),
          CASE(a_fan_takes_a_child_in_at_any_slot))
