/*
 * merging_tree: the winner and the runner-up are those of a plain comparison of all children, and
 * words come to tell keys apart that have much in common.
 */
#include "walk_children.h"

#include "lsm/merging_tree.h"

enum { CHILDREN = 7 };

typedef struct grove {
    walk_model model;
    merging_slot slots[CHILDREN];
    merging_tree tree;
} grove;

static void grove_open(grove *self, memtable_keys keys, size_t count, uint64_t seed)
{
    walk_model_open(&self->model, seed, keys, count, count);
    walk_model_divide(&self->model, CHILDREN, 2);
}

static void grove_start(grove *self, bool is_backward)
{
    merging_tree_init(&self->tree, self->slots, CHILDREN);
    for (uint32_t c = 0; c < CHILDREN; c++) {
        self->slots[c].walk = array_iterator_new(&self->model.control, self->model.parts[c],
                                                 self->model.part_counts[c]);
        if (is_backward) {
            iterator_seek_last(self->slots[c].walk);
        } else {
            iterator_seek_first(self->slots[c].walk);
        }
        CHECK(merging_tree_look(&self->tree, c));
    }
    merging_tree_build(&self->tree, is_backward);
}

static void grove_close(grove *self)
{
    for (uint32_t c = 0; c < CHILDREN; c++) {
        iterator_free(self->slots[c].walk);
    }
    walk_model_close(&self->model);
}

static void step_winner(grove *self)
{
    merging_slot *winner = merging_tree_winner(&self->tree);
    if (self->tree.is_backward) {
        iterator_previous(winner->walk);
    } else {
        iterator_next(winner->walk);
    }
    CHECK(merging_tree_look(&self->tree, self->slots[0].node.child));
    merging_tree_replay(&self->tree);
}

static void check_order(memtable_keys keys, bool is_backward, uint64_t seed)
{
    grove self;
    grove_open(&self, keys, 200, seed);
    const iterator_entry *entries = self.model.entries;
    size_t count = self.model.count;
    grove_start(&self, is_backward);
    for (size_t i = 0; i < count; i++) {
        const iterator_entry *wanted = &entries[is_backward ? count - 1 - i : i];
        const iterator *walk = merging_tree_winner(&self.tree)->walk;
        CHECK(iterator_valid(walk));
        CHECK_EQUAL(wanted->sequence, iterator_current(walk)->sequence);
        merging_tree_tune(&self.tree);
        const iterator_entry *second = merging_tree_runner_up(&self.tree);
        CHECK(second == NULL ||
              merging_tree_compare(&self.tree, iterator_current(walk), second) < 0);
        if (i + 1 < count && second != NULL) {
            const iterator_entry *next = &entries[is_backward ? count - 2 - i : i + 1];
            CHECK(merging_tree_compare(&self.tree, next, second) <= 0);
        }
        step_winner(&self);
    }
    CHECK(!iterator_valid(merging_tree_winner(&self.tree)->walk));
    CHECK(merging_tree_runner_up(&self.tree) == NULL);
    grove_close(&self);
}

TEST(the_winner_is_the_next_entry_of_all_in_both_directions)
{
    for (uint64_t seed = 0; seed < 18; seed++) {
        memtable_keys keys = (memtable_keys)(seed % KEYS_KINDS);
        check_order(keys == KEYS_LONG ? KEYS_EDGES : keys, seed % 2 == 1, check_seed() + seed);
    }
}

/* Keys of 60 bytes that differ behind byte 30: without a prefix all games would go by keys. */
TEST(words_come_to_tell_keys_with_much_in_common_apart)
{
    grove self;
    grove_open(&self, KEYS_PATHS, 2000, check_seed());
    uint64_t ties = 0;
    grove_start(&self, false);
    for (size_t i = 0; i < self.model.count; i++) {
        uint32_t before = self.tree.tie_count;
        merging_tree_tune(&self.tree);
        before = self.tree.tie_count < before ? self.tree.tie_count : before;
        step_winner(&self);
        ties += self.tree.tie_count - before;
    }
    CHECK(self.tree.prefix_length > 8);
    CHECK(ties < self.model.count / 2);
    grove_close(&self);
}

/* Below, among and above the keys with the prefix; a key shorter than the prefix is below. */
TEST(words_never_fall_while_keys_rise)
{
    static const char *keys[] = {"",    "a",       "ab",          "abc", "abc\1", "abcdefghijkl",
                                 "abx", "abx\xFF", "\xFF\xFF\xFF"};
    merging_slot slot = {.is_inside = false};
    merging_tree tree;
    array_control control = {.seed = 1};
    iterator_entry entry = {.sequence = 1};
    uint64_t last = 0;
    merging_tree_init(&tree, &slot, 1);
    memcpy(tree.prefix, "abc", 3);
    tree.prefix_length = 3;
    for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++) {
        entry.key = slice_make(keys[i], strlen(keys[i]));
        slot.walk = array_iterator_new(&control, &entry, 1);
        iterator_seek_first(slot.walk);
        CHECK(merging_tree_look(&tree, 0));
        CHECK_EQUAL(strncmp(keys[i], "abc", 3) == 0, slot.is_inside);
        uint64_t word = merging_tree_node(&tree, 0).word;
        CHECK(word >= last);
        last = word;
        tree.is_backward = true;
        CHECK_EQUAL(~word, merging_tree_node(&tree, 0).word);
        tree.is_backward = false;
        iterator_free(slot.walk);
    }
    CHECK_EQUAL(UINT64_MAX, last);
}

TEST(a_failed_child_is_told_from_one_at_its_end)
{
    grove self;
    grove_open(&self, KEYS_RANDOM, 20, check_seed());
    grove_start(&self, false);
    iterator_seek(self.slots[3].walk, slice_make("\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF", 9), 0);
    CHECK(merging_tree_look(&self.tree, 3));
    CHECK_EQUAL(UINT64_MAX, merging_tree_node(&self.tree, 3).word);
    self.model.control.fail_at = self.model.control.calls + 1;
    iterator_seek_first(self.slots[3].walk);
    CHECK(!merging_tree_look(&self.tree, 3));
    grove_close(&self);
}

TEST_MAIN(CASE(the_winner_is_the_next_entry_of_all_in_both_directions),
          CASE(words_come_to_tell_keys_with_much_in_common_apart),
          CASE(words_never_fall_while_keys_rise), CASE(a_failed_child_is_told_from_one_at_its_end))
