/*
 * user_iterator_cross: runs of operations on one key are jumped over, not walked; and whichever
 * call of the source fails, the walk fails with it and nothing wrong is shown before.
 */
#include "user_operations.h"

#include "lsm/user_iterator_internal.h"

enum { VERSIONS = 5000, KEYS = 3 };

/* Operations on keys "a", "b", "c", VERSIONS of each, sequences dealt in turn. */
static void many_versions(walk_model *self)
{
    *self = (walk_model){.seed = 7, .count = KEYS * VERSIONS, .blocks_before = mem_block_count()};
    self->entries = malloc(self->count * sizeof *self->entries);
    CHECK(self->entries != NULL);
    for (size_t i = 0; i < self->count; i++) {
        char key = (char)('a' + i % KEYS);
        self->entries[i] = walk_operation(slice_make(&key, 1), i + 1);
        self->entries[i].kind = RECORD_PUT;
        self->entries[i].deadline_us = 0;
    }
    qsort(self->entries, self->count, sizeof *self->entries, walk_order);
    self->control = (array_control){.seed = 9, .window_max = 8};
    epoch_init(&self->entered);
    reclaimer_init(&self->readers, &self->entered);
    walk_model_divide(self, 1, 1);
}

static user_iterator *walk_at(walk_model *model, uint64_t snapshot_sequence)
{
    user_iterator_options options = {.snapshot_sequence = snapshot_sequence};
    user_iterator *made;
    CHECK_OK(user_iterator_new(walk_merge(model, false), &options, &made));
    model->control.calls = 0;
    return made;
}

/* Walks over all rows and back; returns the calls of the source that it took. */
static uint64_t calls_of_a_walk(walk_model *model, uint64_t snapshot_sequence)
{
    user_iterator *walk = walk_at(model, snapshot_sequence);
    CHECK_OK(user_iterator_seek_first(walk));
    for (size_t i = 0; i < KEYS; i++) {
        const iterator_entry *row = user_iterator_row(walk);
        CHECK(row != NULL);
        CHECK_EQUAL('a' + i, row->key.data[0]);
        CHECK(row->sequence <= snapshot_sequence && row->sequence + KEYS > snapshot_sequence);
        CHECK_OK(user_iterator_next(walk));
    }
    CHECK(user_iterator_row(walk) == NULL);
    for (size_t i = KEYS; i-- > 0;) {
        CHECK_OK(user_iterator_previous(walk));
        const iterator_entry *row = user_iterator_row(walk);
        CHECK(row != NULL);
        CHECK_EQUAL('a' + i, row->key.data[0]);
        CHECK(row->sequence <= snapshot_sequence && row->sequence + KEYS > snapshot_sequence);
    }
    CHECK_OK(user_iterator_previous(walk));
    CHECK(user_iterator_row(walk) == NULL);
    user_iterator_free(walk);
    return model->control.calls;
}

TEST(long_runs_of_one_key_are_jumped_over_both_ways)
{
    walk_model model;
    many_versions(&model);
    size_t count = KEYS * VERSIONS;
    CHECK(calls_of_a_walk(&model, count) < 150);     /* all that is skipped is older */
    CHECK(calls_of_a_walk(&model, count / 2) < 250); /* older and newer */
    CHECK(calls_of_a_walk(&model, KEYS) < 150);      /* newer */
    walk_model_close(&model);
}

TEST(a_jump_that_fails_ends_the_walk)
{
    walk_model model;
    many_versions(&model);
    for (uint64_t k = 1; k < 80; k++) {
        user_iterator *walk = walk_at(&model, KEYS * VERSIONS / 2);
        model.control.fail_at = k;
        pykv_status status = user_iterator_seek_last(walk);
        while (status == PYKV_OK && user_iterator_row(walk) != NULL) {
            status = user_iterator_previous(walk);
        }
        CHECK_EQUAL(model.control.calls >= k, status == PYKV_IO_FAILED);
        CHECK_EQUAL(status == PYKV_OK ? STAND_FIRST : STAND_FAILED, walk->stand);
        model.control.fail_at = 0;
        user_iterator_free(walk);
    }
    walk_model_close(&model);
}

/* A source that shows an entry in a walk and does not find it in a seek: a damaged table may. */
TEST(a_seek_that_does_not_find_what_a_walk_showed_is_corruption)
{
    walk_model model;
    many_versions(&model);
    user_iterator *walk = walk_at(&model, KEYS * VERSIONS);
    CHECK_OK(user_iterator_seek_last(walk));
    for (size_t i = VERSIONS; i < VERSIONS + VERSIONS / 2; i++) {
        model.parts[0][i].key = slice_make("bb", 2); /* before "b" */
    }
    pykv_status status = PYKV_OK;
    while (status == PYKV_OK && user_iterator_row(walk) != NULL) {
        status = user_iterator_previous(walk);
    }
    CHECK_STATUS(PYKV_CORRUPTION, status);
    CHECK(strstr(error_last()->text, "does not find") != NULL);
    user_iterator_free(walk);
    walk_model_close(&model);
}

/* Every call that random operations come to fails once. What is shown until then is right. */
TEST(any_call_of_the_source_may_fail)
{
    uint8_t room[128];
    size_t failures = 0;
    for (uint64_t k = 1; k <= 150; k++) {
        user_model model;
        bool is_backward = k % 2 == 0;
        pykv_status status = PYKV_OK;
        walk_model walk;
        walk_model_open(&walk, check_seed() + k, KEYS_PATHS, 150, k % 3 == 0 ? 4 : 100);
        walk_model_divide(&walk, 1 + k % 4, 2);
        walk.control.window_max = 1 + (uint32_t)k % 5;
        user_model_open(&model, &walk, false);
        walk.control.fail_at = 2 * k;
        for (size_t i = 0; i < 100 && status == PYKV_OK; i++) {
            status = user_random_operation(&model, &is_backward, room);
            if (status == PYKV_OK && walk.control.calls < walk.control.fail_at) {
                user_model_check_row(&model);
            }
        }
        CHECK(status == PYKV_OK || status == PYKV_IO_FAILED);
        failures += status != PYKV_OK;
        CHECK(status == PYKV_OK || user_iterator_next(model.iterator) == PYKV_IO_FAILED);
        walk.control.fail_at = 0;
        user_model_stand(&model, model.count - 1, true);
        CHECK_OK(user_iterator_seek_last(model.iterator));
        user_model_check_row(&model);
        user_model_close(&model);
        walk_model_close(&walk);
    }
    CHECK(failures > 50);
}

TEST(a_kept_key_may_be_part_of_the_one_that_was_kept)
{
    walk_model model;
    many_versions(&model);
    user_iterator *walk = walk_at(&model, 1);
    CHECK_OK(user_keep(walk, slice_make("abcdef", 6)));
    CHECK_OK(user_keep(walk, slice_make(walk->kept.data + 2, 3)));
    CHECK(slice_equal(slice_make("cde", 3), walk->last));
    CHECK_EQUAL(4, walk->kept.size);
    CHECK_EQUAL(0, walk->kept.data[3]);
    CHECK_OK(user_keep(walk, slice_make("", 0)));
    CHECK_EQUAL(0, walk->last.size);
    CHECK(!user_same_key(walk->last, NO_KEY));
    user_iterator_free(walk);
    walk_model_close(&model);
}

TEST_MAIN(CASE(long_runs_of_one_key_are_jumped_over_both_ways),
          CASE(a_jump_that_fails_ends_the_walk),
          CASE(a_seek_that_does_not_find_what_a_walk_showed_is_corruption),
          CASE(any_call_of_the_source_may_fail),
          CASE(a_kept_key_may_be_part_of_the_one_that_was_kept))
