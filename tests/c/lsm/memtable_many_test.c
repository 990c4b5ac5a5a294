/*
 * memtable_many: lookups side by side give what single ones give.
 */
#include "lsm/memtable_model_check.h"

enum { MANY_MAX = 300, MANY_KEY_ROOM = 64, MANY_OPERATIONS = 3000 };

static void fill(memtable_model *model)
{
    while (model->count < MANY_OPERATIONS) {
        uint64_t number = check_random(&model->seed, 2000);
        memtable_keys keys = (memtable_keys)(number % 3); /* random, paths, edges */
        CHECK_OK(memtable_model_add(model, memtable_key(keys, number, model->room)));
    }
}

/* Looks count random keys up at once and one by one; every third is marked as found already. */
static size_t look_up(memtable_model *model, size_t count, uint64_t snapshot)
{
    static uint8_t rooms[MANY_MAX][MANY_KEY_ROOM * 2];
    static slice keys[MANY_MAX];
    static uint64_t hashes[MANY_MAX];
    static iterator_entry entries[MANY_MAX];
    bool found[MANY_MAX];
    size_t wanted = 0;
    for (size_t i = 0; i < count; i++) {
        uint64_t number = check_random(&model->seed, 4000);
        keys[i] = memtable_key((memtable_keys)(number % 3), number, rooms[i]);
        hashes[i] = memtable_key_hash(keys[i]);
        found[i] = i % 3 == 2;
        entries[i].sequence = UINT64_MAX;
    }
    epoch_token token = epoch_enter(model->readers.readers);
    size_t got = memtable_get_many(model->table, keys, hashes, count, snapshot, found, entries);
    epoch_leave(model->readers.readers, token);
    for (size_t i = 0; i < count; i++) {
        if (i % 3 == 2) {
            CHECK(found[i]);
            CHECK_EQUAL(UINT64_MAX, entries[i].sequence);
            continue;
        }
        CHECK_EQUAL(memtable_model_get(model, keys[i], snapshot), found[i]);
        if (found[i]) {
            size_t index = memtable_model_place(model, keys[i], snapshot);
            memtable_model_same(model, index, &entries[i]);
        }
        wanted += found[i];
    }
    CHECK_EQUAL(wanted, got);
    return got;
}

TEST(many_lookups_give_what_single_ones_give)
{
    memtable_model model;
    size_t found = 0;
    memtable_model_open(&model, MANY_OPERATIONS, check_seed());
    fill(&model);
    for (size_t count = 0; count <= MANY_MAX; count++) {
        found += look_up(&model, count, check_random(&model.seed, MANY_OPERATIONS + 2));
        found += look_up(&model, count, UINT64_MAX);
    }
    CHECK(found > MANY_MAX * 30);
    memtable_model_close(&model);
}

TEST(an_empty_memtable_answers_none_of_many)
{
    memtable_model model;
    memtable_model_open(&model, 1, 1);
    CHECK_EQUAL(0, look_up(&model, MANY_MAX, UINT64_MAX));
    memtable_model_close(&model);
}

TEST_MAIN(CASE(many_lookups_give_what_single_ones_give),
          CASE(an_empty_memtable_answers_none_of_many))
