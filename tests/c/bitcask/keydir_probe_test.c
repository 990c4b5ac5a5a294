/*
 * keydir_probe: what the home line of a key tells, against the walk.
 */
#include "bitcask/keydir_model.h"
#include "bitcask/keydir_moment.h"
#include "bitcask/keydir_probe.h"

enum { PROBE_KEYS = 40000 };

static uint64_t probe(const keydir *directory, uint64_t hash)
{
    keydir_probe step;
    keydir_probe_bucket(directory, hash, &step);
    keydir_probe_line(directory, &step);
    return keydir_probe_candidate(&step);
}

/* True if the probe told; what it told is then what a walk finds first. */
static bool agrees(const keydir_model *model, uint64_t key)
{
    keydir_cursor cursor;
    uint64_t hash = model->hash(key);
    uint64_t address = probe(model->directory, hash);
    CHECK(keydir_find(model->directory, hash, &cursor));
    bool any = keydir_next(&cursor);
    if (address == KEYDIR_PROBE_UNKNOWN) {
        return false;
    }
    CHECK_EQUAL(any ? cursor.address : KEYDIR_PROBE_ABSENT, address);
    return true;
}

TEST(a_probe_finds_what_a_walk_finds_or_says_that_it_does_not_know)
{
    keydir_model model;
    uint64_t told_present = 0;
    uint64_t told_absent = 0;
    keydir_model_open(&model, keydir_model_mix, 2 * PROBE_KEYS);
    CHECK_EQUAL(KEYDIR_PROBE_ABSENT, probe(model.directory, model.hash(0)));
    for (uint64_t key = 0; key < PROBE_KEYS; key++) {
        CHECK_OK(keydir_model_put(&model, key));
        if (key % 3 == 0) {
            keydir_model_delete(&model, key / 2);
        }
    }
    for (uint64_t key = 0; key < PROBE_KEYS; key++) {
        told_present += agrees(&model, key) && model.address_of[key] != 0;
        told_absent += agrees(&model, PROBE_KEYS + key);
    }
    printf("  told at once: %.0f %% of present keys, %.0f %% of others\n",
           100.0 * (double)told_present / (double)model.count,
           100.0 * (double)told_absent / PROBE_KEYS);
    CHECK(told_present * 10 > model.count * 7);
    keydir_model_close(&model);
}

TEST(a_moment_ends_with_a_change_of_several_slots_and_not_with_one_of_a_single_slot)
{
    keydir_model model;
    keydir_model_open(&model, keydir_model_mix, 1000);
    uint32_t moment = keydir_moment(model.directory);
    CHECK_EQUAL(0, moment & 1);
    CHECK_OK(keydir_model_put(&model, 1));
    CHECK_OK(keydir_model_put(&model, 1));
    keydir_model_delete(&model, 1);
    CHECK(keydir_is_moment(model.directory, moment));
    keydir_change_begin(model.directory);
    CHECK(!keydir_is_moment(model.directory, moment));
    CHECK_EQUAL(1, keydir_moment(model.directory) & 1);
    keydir_change_end(model.directory);
    CHECK(!keydir_is_moment(model.directory, moment));
    CHECK(keydir_is_moment(model.directory, keydir_moment(model.directory)));
    keydir_model_close(&model);
}

TEST_MAIN(CASE(a_probe_finds_what_a_walk_finds_or_says_that_it_does_not_know),
          CASE(a_moment_ends_with_a_change_of_several_slots_and_not_with_one_of_a_single_slot))
