/*
 * memtable_iterator: windows, seeks at every place, changes of direction, and what is added while
 * the walk goes on.
 */
#include "lsm/memtable_model_check.h"

enum { WALK_OPERATIONS = 1000 };

static void fill(memtable_model *model, memtable_keys keys)
{
    memtable_model_open(model, 2 * WALK_OPERATIONS, check_seed());
    while (model->count < WALK_OPERATIONS) {
        uint64_t number = check_random(&model->seed, WALK_OPERATIONS / 2);
        CHECK_OK(memtable_model_add(model, memtable_key(keys, number, model->room)));
    }
}

TEST(both_seeks_stop_beside_every_place)
{
    memtable_model model;
    iterator *walk;
    fill(&model, KEYS_EDGES);
    CHECK_OK(memtable_iterator_new(model.table, &walk));
    for (size_t i = 0; i < model.count; i++) {
        slice key = model.entries[i].key;
        iterator_seek(walk, key, model.entries[i].sequence);
        memtable_model_same(&model, i, iterator_current(walk));
        iterator_seek_back(walk, key, model.entries[i].sequence - 1);
        memtable_model_same(&model, i, iterator_current(walk));
        iterator_seek_back(walk, key, model.entries[i].sequence);
        CHECK(iterator_valid(walk) == (i > 0));
        if (i > 0) {
            memtable_model_same(&model, i - 1, iterator_current(walk));
        }
    }
    iterator_free(walk);
    memtable_model_close(&model);
}

TEST(a_step_back_after_a_step_ahead_returns_at_every_entry)
{
    memtable_model model;
    iterator *walk;
    fill(&model, KEYS_PATHS);
    CHECK_OK(memtable_iterator_new(model.table, &walk));
    iterator_seek_first(walk);
    for (size_t i = 0; i + 1 < model.count; i++) {
        memtable_model_same(&model, i, iterator_current(walk));
        iterator_next(walk);
        memtable_model_same(&model, i + 1, iterator_current(walk));
        iterator_previous(walk);
        memtable_model_same(&model, i, iterator_current(walk));
        iterator_next(walk);
    }
    iterator_next(walk);
    CHECK(!iterator_valid(walk));
    iterator_seek_last(walk);
    for (size_t i = model.count - 1; i > 0; i--) {
        iterator_previous(walk);
        memtable_model_same(&model, i - 1, iterator_current(walk));
        iterator_next(walk);
        memtable_model_same(&model, i, iterator_current(walk));
        iterator_previous(walk);
    }
    iterator_previous(walk);
    CHECK(!iterator_valid(walk));
    iterator_free(walk);
    memtable_model_close(&model);
}

TEST(a_walk_by_windows_gives_every_entry)
{
    memtable_model model;
    iterator *walk;
    const iterator_entry *rest;
    size_t index = 0;
    size_t windows = 0;
    fill(&model, KEYS_RANDOM);
    CHECK_OK(memtable_iterator_new(model.table, &walk));
    iterator_seek_first(walk);
    for (uint32_t count; (count = iterator_rest(walk, &rest)) != 0; windows++) {
        CHECK(count <= 64);
        for (uint32_t i = 0; i < count; i++) {
            memtable_model_same(&model, index++, &rest[i]);
        }
        iterator_skip(walk, count);
    }
    CHECK_EQUAL(model.count, index);
    CHECK(windows < WALK_OPERATIONS / 16);
    iterator_free(walk);
    memtable_model_close(&model);
}

/* A walk that skips what its snapshot does not hold gives exactly the snapshot, whatever is added
 * on the way, ahead of it or behind, and however often leaves are split under it. */
TEST(a_walk_at_a_snapshot_is_not_disturbed_by_what_is_added)
{
    memtable_model model;
    iterator *walk;
    fill(&model, KEYS_PATHS);
    uint64_t snapshot = model.sequence;
    model_entry *then = malloc(model.count * sizeof *then);
    CHECK(then != NULL);
    memcpy(then, model.entries, model.count * sizeof *then);
    CHECK_OK(memtable_iterator_new(model.table, &walk));
    size_t index = 0;
    for (iterator_seek_first(walk); iterator_valid(walk); iterator_next(walk)) {
        if (iterator_current(walk)->sequence <= snapshot) {
            CHECK_EQUAL(then[index].sequence, iterator_current(walk)->sequence);
            index++;
        }
        if (model.count < model.capacity) {
            uint64_t number = check_random(&model.seed, WALK_OPERATIONS);
            CHECK_OK(memtable_model_add(&model, memtable_key(KEYS_PATHS, number, model.room)));
        }
    }
    CHECK_EQUAL(WALK_OPERATIONS, index);
    iterator_free(walk);
    free(then);
    memtable_model_close(&model);
}

TEST(an_iterator_keeps_its_memtable)
{
    memtable_model model;
    iterator *walk;
    fill(&model, KEYS_RANDOM);
    CHECK_OK(memtable_iterator_new(model.table, &walk));
    memtable *kept = memtable_acquire(model.table);
    memtable_release(model.table);
    memtable_release(kept);
    iterator_seek_last(walk);
    memtable_model_same(&model, model.count - 1, iterator_current(walk));
    model.table = memtable_acquire(kept);
    iterator_free(walk);
    memtable_model_close(&model);
}

TEST(an_empty_memtable_has_no_entry_to_stand_on)
{
    memtable_model model;
    iterator *walk;
    memtable_model_open(&model, 1, 1);
    CHECK_OK(memtable_iterator_new(model.table, &walk));
    iterator_seek_first(walk);
    CHECK(!iterator_valid(walk));
    iterator_seek_last(walk);
    CHECK(!iterator_valid(walk));
    iterator_seek_back(walk, slice_make("k", 1), 1);
    CHECK(!iterator_valid(walk));
    CHECK_OK(memtable_model_add(&model, slice_make("k", 1)));
    iterator_seek_first(walk);
    memtable_model_same(&model, 0, iterator_current(walk));
    iterator_free(walk);
    memtable_model_close(&model);
}

TEST_MAIN(CASE(both_seeks_stop_beside_every_place),
          CASE(a_step_back_after_a_step_ahead_returns_at_every_entry),
          CASE(a_walk_by_windows_gives_every_entry),
          CASE(a_walk_at_a_snapshot_is_not_disturbed_by_what_is_added),
          CASE(an_iterator_keeps_its_memtable), CASE(an_empty_memtable_has_no_entry_to_stand_on))
