/*
 * merging_iterator: it agrees with a sorted array in every order of operations, however the entries
 * are divided among the children; shows runs of a child where they are; and fails as a child does.
 */
#include "walk_children.h"

enum { ENTRIES = 300, OPERATIONS = 300 };

static void check_same(const walk_model *model, size_t index, const iterator_entry *got)
{
    const iterator_entry *wanted = &model->entries[index];
    CHECK(slice_equal(wanted->key, got->key));
    CHECK(slice_equal(wanted->value, got->value));
    CHECK_EQUAL(wanted->sequence, got->sequence);
    CHECK_EQUAL(wanted->deadline_us, got->deadline_us);
    CHECK_EQUAL(wanted->body_crc, got->body_crc);
    CHECK_EQUAL(wanted->kind, got->kind);
}

/* Checks that the iterator stands on the entry of this index; count or more: on none. */
static void check_at(const walk_model *model, const iterator *walk, size_t index)
{
    CHECK_OK(walk->status);
    CHECK_EQUAL(index < model->count, iterator_valid(walk));
    if (index < model->count) {
        check_same(model, index, iterator_current(walk));
    }
}

/* A seek of one of four kinds; returns the index that it should stand on. */
static size_t seek_somewhere(walk_model *model, iterator *walk)
{
    size_t index = check_random(&model->seed, model->count);
    slice key = model->entries[index].key;
    uint64_t sequence = model->entries[index].sequence + check_random(&model->seed, 3) - 1;
    switch (check_random(&model->seed, 6)) {
    case 0:
        iterator_seek_first(walk);
        return 0;
    case 1:
        iterator_seek_last(walk);
        return model->count - 1;
    case 2:
    case 3:
        iterator_seek_back(walk, key, sequence);
        return array_place(model->entries, model->count, key, sequence) - 1;
    default:
        iterator_seek(walk, key, sequence);
        return array_place(model->entries, model->count, key, sequence);
    }
}

/* Takes the rest of the window, or a part of it; returns the index to stand on then. */
static size_t take_window(walk_model *model, iterator *walk, size_t index)
{
    const iterator_entry *rest;
    uint32_t count = iterator_rest(walk, &rest);
    CHECK(count > 0 && index + count <= model->count);
    for (uint32_t i = 0; i < count; i++) {
        check_same(model, index + i, &rest[i]);
    }
    uint32_t taken = 1 + (uint32_t)check_random(&model->seed, count);
    iterator_skip(walk, taken);
    return index + taken;
}

/* Steps back and forth at random: mostly on, in a direction that changes now and then. */
static void walk_at_random(walk_model *model, iterator *walk)
{
    size_t index = model->count;
    bool is_backward = false;
    for (size_t i = 0; i < OPERATIONS; i++) {
        is_backward = check_random(&model->seed, 8) == 0 ? !is_backward : is_backward;
        if (index >= model->count || check_random(&model->seed, 40) == 0) {
            index = seek_somewhere(model, walk);
        } else if (is_backward) {
            iterator_previous(walk);
            index--;
        } else if (check_random(&model->seed, 10) == 0) {
            index = take_window(model, walk, index);
        } else {
            iterator_next(walk);
            index++;
        }
        check_at(model, walk, index);
    }
}

static void agree(memtable_keys keys, uint64_t seed, bool over_memtables)
{
    static const uint64_t changes[] = {1, 2, 20, 100};
    uint64_t key_count = seed % 3 == 0 ? ENTRIES / 10 : ENTRIES;
    walk_model model;
    walk_model_open(&model, seed, keys, ENTRIES, key_count);
    walk_model_divide(&model, 1 + seed % WALK_CHILDREN_MAX, changes[seed / 5 % 4]);
    iterator *walk = walk_merge(&model, over_memtables);
    CHECK(!iterator_valid(walk));
    walk_at_random(&model, walk);
    iterator_free(walk);
    walk_model_close(&model);
}

TEST(it_agrees_with_a_sorted_array_over_hostile_windows)
{
    uint64_t rounds = check_count("PYKV_ROUNDS", 300);
    for (uint64_t seed = 0; seed < rounds; seed++) {
        agree(seed % 20 == 7 ? KEYS_LONG : (memtable_keys)(seed % KEYS_LONG), check_seed() + seed,
              false);
    }
}

TEST(it_agrees_with_a_sorted_array_over_memtables)
{
    uint64_t rounds = check_count("PYKV_ROUNDS", 100);
    for (uint64_t seed = 0; seed < rounds; seed++) {
        memtable_keys keys = (memtable_keys)(seed % KEYS_KINDS);
        agree(keys == KEYS_LONG ? KEYS_RANDOM : keys, check_seed() + seed, true);
    }
}

TEST(a_step_back_after_a_step_ahead_returns_at_every_entry)
{
    walk_model model;
    walk_model_open(&model, check_seed(), KEYS_PATHS, ENTRIES, ENTRIES / 3);
    walk_model_divide(&model, 5, 1);
    iterator *walk = walk_merge(&model, false);
    iterator_seek_first(walk);
    for (size_t i = 0; i + 1 < model.count; i++) {
        iterator_next(walk);
        check_at(&model, walk, i + 1);
        iterator_previous(walk);
        check_at(&model, walk, i);
        iterator_next(walk);
    }
    iterator_seek_last(walk);
    for (size_t i = model.count - 1; i > 0; i--) {
        iterator_previous(walk);
        check_at(&model, walk, i - 1);
        iterator_next(walk);
        check_at(&model, walk, i);
        iterator_previous(walk);
    }
    iterator_previous(walk);
    check_at(&model, walk, SIZE_MAX);
    iterator_free(walk);
    walk_model_close(&model);
}

/* The k-th call of a child fails, for every k that the operations come to. */
TEST(a_failing_child_ends_the_walk_and_the_next_seek_tries_again)
{
    walk_model model;
    walk_model_open(&model, check_seed(), KEYS_PATHS, 120, 60);
    model.control.window_max = 4;
    walk_model_divide(&model, 4, 2);
    size_t failures = 0;
    for (uint64_t k = 1; k <= 100; k++) {
        iterator *walk = walk_merge(&model, false);
        model.control.calls = 0;
        model.control.fail_at = k;
        if (k % 3 == 0) {
            iterator_seek_last(walk);
        } else if (k % 3 == 1) {
            iterator_seek_back(walk, model.entries[50].key, model.entries[50].sequence);
        } else {
            iterator_seek(walk, model.entries[50].key, model.entries[50].sequence);
        }
        for (size_t i = 0; i < 200 && iterator_valid(walk); i++) {
            if ((i / 30 + k) % 2 == 0) {
                iterator_next(walk);
            } else {
                iterator_previous(walk);
            }
        }
        failures += walk->status != PYKV_OK;
        CHECK_EQUAL(model.control.calls >= k, walk->status == PYKV_IO_FAILED);
        CHECK(!iterator_valid(walk) || walk->status == PYKV_OK);
        model.control.fail_at = 0;
        iterator_seek_first(walk);
        check_at(&model, walk, 0);
        iterator_seek_last(walk);
        check_at(&model, walk, model.count - 1);
        iterator_free(walk);
    }
    CHECK(failures > 50);
    walk_model_close(&model);
}

/* Children that do not overlap are shown by their own windows, both ways. */
TEST(runs_of_a_child_are_shown_where_they_are)
{
    walk_model model;
    walk_model_open(&model, check_seed(), KEYS_ASCENDING, 1000, 1000000);
    model.control.window_max = 0;
    walk_model_divide(&model, 4, UINT64_MAX);
    iterator *children[3];
    iterator *walk;
    size_t windows = 0;
    for (size_t c = 0; c < 3; c++) {
        size_t share = model.count / 3;
        children[c] = array_iterator_new(&model.control, model.entries + c * share,
                                         c < 2 ? share : model.count - 2 * share);
    }
    CHECK_OK(merging_iterator_new(children, 3, &walk));
    iterator_seek_first(walk);
    for (size_t index = 0; iterator_valid(walk); windows++) {
        const iterator_entry *rest;
        uint32_t count = iterator_rest(walk, &rest);
        check_same(&model, index, rest);
        CHECK(rest == array_of(children[windows])->copy);
        index += count;
        iterator_skip(walk, count);
    }
    CHECK_EQUAL(3, windows);
    for (iterator_seek_last(walk); iterator_valid(walk); windows++) {
        CHECK(walk->entries == array_of(children[5 - windows])->copy);
        walk->index = 0;
        iterator_previous(walk);
    }
    CHECK_EQUAL(6, windows);
    iterator_free(walk);
    walk_model_close(&model);
}

/* What is added to a memtable on the way, ahead or behind, does not disturb what was there. */
TEST(a_walk_at_a_snapshot_is_not_disturbed_by_what_is_added)
{
    walk_model model;
    walk_model_open(&model, check_seed(), KEYS_PATHS, ENTRIES, ENTRIES);
    memtable *table;
    iterator *children[2];
    iterator *walk;
    uint8_t *room = malloc(MEMTABLE_KEY_ROOM);
    walk_model_divide(&model, 2, 2);
    CHECK_OK(memtable_create(&model.readers, 1 << 20, &table));
    for (size_t i = 0; i < model.part_counts[0]; i++) {
        walk_memtable_add(table, &model.parts[0][i]);
    }
    CHECK_OK(memtable_iterator_new(table, &children[0]));
    children[1] = array_iterator_new(&model.control, model.parts[1], model.part_counts[1]);
    CHECK_OK(merging_iterator_new(children, 2, &walk));
    iterator_seek_first(walk);
    uint64_t sequence = model.count;
    size_t index = 0;
    for (size_t i = 0; i < 1000; i++) {
        bool goes_on = i / 50 % 3 != 1;
        do {
            goes_on ? iterator_next(walk) : iterator_previous(walk);
        } while (iterator_valid(walk) && iterator_current(walk)->sequence > model.count);
        index += goes_on ? 1 : SIZE_MAX;
        if (!iterator_valid(walk)) {
            CHECK(index >= model.count);
            index = 0;
            iterator_seek(walk, model.entries[0].key, model.entries[0].sequence);
        }
        check_at(&model, walk, index);
        slice key = memtable_key(KEYS_PATHS, check_random(&model.seed, 2 * ENTRIES), room);
        iterator_entry added = walk_operation(key, ++sequence);
        walk_memtable_add(table, &added);
        free((void *)(uintptr_t)added.key.data);
        free((void *)(uintptr_t)added.value.data);
    }
    iterator_free(walk);
    memtable_release(table);
    free(room);
    walk_model_close(&model);
}

/* The step back from "z" finds "d", which was added behind "c" since: that is no step back. */
TEST(what_is_added_between_is_not_shown_on_the_wrong_side)
{
    static const char *keys[] = {"a", "c", "d", "z"};
    iterator_entry entries[4];
    walk_model model;
    memtable *table;
    iterator *children[2];
    iterator *walk;
    walk_model_open(&model, check_seed(), KEYS_PATHS, 1, 1);
    for (size_t i = 0; i < 4; i++) {
        entries[i] = (iterator_entry){
            .key = slice_make(keys[i], 1), .sequence = i == 2 ? 9 : i + 1, .kind = RECORD_PUT};
    }
    CHECK_OK(memtable_create(&model.readers, 1 << 20, &table));
    walk_memtable_add(table, &entries[0]);
    walk_memtable_add(table, &entries[3]);
    CHECK_OK(memtable_iterator_new(table, &children[0]));
    children[1] = array_iterator_new(&model.control, &entries[1], 1);
    CHECK_OK(merging_iterator_new(children, 2, &walk));
    iterator_seek(walk, slice_make("b", 1), 9);
    CHECK_BYTES("c", iterator_current(walk)->key.data, 1);
    walk_memtable_add(table, &entries[2]);
    iterator_previous(walk);
    CHECK_BYTES("a", iterator_current(walk)->key.data, 1);
    iterator_previous(walk);
    CHECK(!iterator_valid(walk));
    iterator_free(walk);
    memtable_release(table);
    walk_model_close(&model);
}

TEST(one_child_is_given_back_and_none_makes_an_empty_walk)
{
    walk_model model;
    walk_model_open(&model, check_seed(), KEYS_PATHS, 10, 10);
    iterator *child = array_iterator_new(&model.control, model.entries, model.count);
    iterator *walk;
    CHECK_OK(merging_iterator_new(&child, 1, &walk));
    CHECK(walk == child);
    iterator_free(walk);
    CHECK_OK(merging_iterator_new(NULL, 0, &walk));
    iterator_seek_first(walk);
    CHECK(!iterator_valid(walk) && walk->status == PYKV_OK);
    iterator_seek_last(walk);
    CHECK(!iterator_valid(walk));
    iterator_seek_back(walk, slice_make("k", 1), 1);
    CHECK(!iterator_valid(walk));
    iterator_free(walk);
    walk_model_close(&model);
}

TEST(without_memory_the_children_stay_the_callers)
{
    walk_model model;
    walk_model_open(&model, check_seed(), KEYS_PATHS, 10, 10);
    iterator *children[2];
    iterator *walk = NULL;
    children[0] = array_iterator_new(&model.control, model.entries, model.count);
    children[1] = array_iterator_new(&model.control, model.entries, 0);
    (void)mem_fail_at(1, 0);
    pykv_status status = merging_iterator_new(children, 2, &walk);
    (void)mem_fail_at(0, 0);
    CHECK_STATUS(PYKV_NO_MEMORY, status);
    CHECK(walk == NULL);
    CHECK_EQUAL(2, model.control.live);
    iterator_free(children[0]);
    iterator_free(children[1]);
    walk_model_close(&model);
}

TEST_MAIN(CASE(it_agrees_with_a_sorted_array_over_hostile_windows),
          CASE(it_agrees_with_a_sorted_array_over_memtables),
          CASE(a_step_back_after_a_step_ahead_returns_at_every_entry),
          CASE(a_failing_child_ends_the_walk_and_the_next_seek_tries_again),
          CASE(runs_of_a_child_are_shown_where_they_are),
          CASE(a_walk_at_a_snapshot_is_not_disturbed_by_what_is_added),
          CASE(what_is_added_between_is_not_shown_on_the_wrong_side),
          CASE(one_child_is_given_back_and_none_makes_an_empty_walk),
          CASE(without_memory_the_children_stay_the_callers))
