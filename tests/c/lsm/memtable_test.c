/*
 * memtable: random histories against the model, versions and snapshots, failing memory, counts.
 * Walks are in memtable_iterator_test.c, threads in memtable_threads_test.c.
 */
#include "lsm/memtable_model_check.h"

enum { HISTORY_OPERATIONS = 1500, KEY_NUMBERS = 600 };

static slice model_key(memtable_model *model, memtable_keys keys, uint64_t number)
{
    return memtable_key(keys, number, model->room);
}

/* A number for the next operation: in turn for keys that come in order, else at random. */
static uint64_t next_number(memtable_model *model, memtable_keys keys)
{
    bool in_turn = keys == KEYS_ASCENDING || keys == KEYS_DESCENDING || keys == KEYS_PHASES;
    bool repeats = check_random(&model->seed, 4) == 0;
    uint64_t bound = keys == KEYS_LONG ? 60 : KEY_NUMBERS;
    return in_turn && !repeats ? model->sequence : check_random(&model->seed, bound);
}

/* One walk that steps at random, and changes its direction as it likes. */
static void wander(memtable_model *model, slice key)
{
    iterator *walk;
    uint64_t snapshot = check_random(&model->seed, model->sequence + 2);
    size_t place = memtable_model_place(model, key, snapshot);
    bool behind = check_random(&model->seed, 2) == 0;
    int64_t index = (int64_t)place - (behind ? 0 : 1);
    CHECK_OK(memtable_iterator_new(model->table, &walk));
    if (behind) {
        iterator_seek(walk, key, snapshot);
    } else {
        iterator_seek_back(walk, key, snapshot);
    }
    uint64_t run = 1 + check_random(&model->seed, 100);
    for (int steps = 0; steps < 120 && iterator_valid(walk); steps++) {
        memtable_model_same(model, (size_t)index, iterator_current(walk));
        if (check_random(&model->seed, run) == 0) {
            behind = !behind;
        }
        index += behind ? 1 : -1;
        if (behind) {
            iterator_next(walk);
        } else {
            iterator_previous(walk);
        }
    }
    CHECK(iterator_valid(walk) == (index >= 0 && (uint64_t)index < model->count));
    iterator_free(walk);
}

static void one_history(memtable_keys keys, uint64_t seed)
{
    memtable_model model;
    uint64_t found_count = 0;
    uint64_t operations = 1 + seed % HISTORY_OPERATIONS;
    memtable_model_open(&model, HISTORY_OPERATIONS, seed);
    while (model.count < operations) {
        slice key = model_key(&model, keys, next_number(&model, keys));
        CHECK_OK(memtable_model_add(&model, key));
        if (check_random(&model.seed, 4) == 0) {
            key = model_key(&model, keys, check_random(&model.seed, KEY_NUMBERS * 4));
            uint64_t snapshot = check_random(&model.seed, model.sequence + 2);
            found_count += memtable_model_get(&model, key, snapshot);
        }
        if (check_random(&model.seed, 200) == 0) {
            wander(&model, model_key(&model, keys, check_random(&model.seed, KEY_NUMBERS)));
        }
    }
    memtable_model_check(&model);
    for (size_t i = 0; i < model.count; i++) {
        uint64_t sequence = model.entries[i].sequence;
        CHECK(memtable_model_get(&model, model.entries[i].key, sequence));
        found_count += memtable_model_get(&model, model.entries[i].key, sequence - 1);
    }
    wander(&model, slice_make("", 0));
    memtable_model_close(&model);
}

TEST(random_histories_agree_with_a_sorted_array)
{
    uint64_t histories = check_count("PYKV_HISTORIES", 300) / 10 + KEYS_KINDS;
    uint64_t seed = check_seed();
    for (uint64_t i = 0; i < histories; i++) {
        one_history((memtable_keys)(i % KEYS_KINDS), check_random(&seed, UINT64_MAX));
    }
}

TEST(an_empty_memtable_holds_nothing)
{
    memtable_model model;
    iterator_entry entry;
    memtable_model_open(&model, 1, 1);
    CHECK(!memtable_model_get(&model, slice_make("", 0), UINT64_MAX));
    CHECK(!memtable_smallest(model.table, &entry));
    CHECK(!memtable_largest(model.table, &entry));
    memtable_model_check(&model);
    memtable_model_close(&model);
}

TEST(the_empty_key_and_the_largest_are_keys)
{
    memtable_model model;
    iterator_entry entry;
    memtable_model_open(&model, 2, 1);
    memset(model.room, 0xFF, MEMTABLE_KEY_ROOM);
    slice largest = slice_make(model.room, MEMTABLE_KEY_ROOM);
    CHECK_OK(memtable_model_add(&model, largest));
    CHECK_OK(memtable_model_add(&model, slice_make("", 0)));
    CHECK(memtable_model_get(&model, largest, 2));
    CHECK(memtable_model_get(&model, slice_make("", 0), 2));
    CHECK(!memtable_model_get(&model, slice_make(model.room, MEMTABLE_KEY_ROOM - 1), 2));
    CHECK(memtable_smallest(model.table, &entry));
    CHECK_EQUAL(0, entry.key.size);
    CHECK(memtable_largest(model.table, &entry));
    CHECK_EQUAL(MEMTABLE_KEY_ROOM, entry.key.size);
    memtable_model_close(&model);
}

TEST(a_snapshot_sees_the_newest_version_up_to_its_sequence)
{
    memtable_model model;
    iterator_entry entry;
    slice key = slice_make("k", 1);
    memtable_model_open(&model, 500, 1);
    for (int i = 0; i < 500; i++) {
        CHECK_OK(memtable_model_add(&model, key));
    }
    for (uint64_t snapshot = 1; snapshot <= 500; snapshot++) {
        CHECK(memtable_get(model.table, key, memtable_key_hash(key), snapshot, &entry));
        CHECK_EQUAL(snapshot, entry.sequence);
        CHECK_EQUAL(snapshot % 5 == 0 ? RECORD_DELETE : RECORD_PUT, entry.kind);
    }
    CHECK(!memtable_get(model.table, key, memtable_key_hash(key), 0, &entry));
    CHECK(memtable_get(model.table, key, memtable_key_hash(key), UINT64_MAX, &entry));
    CHECK_EQUAL(500, entry.sequence);
    memtable_model_close(&model);
}

/* Each key's newest version stands first in a leaf that the place before it does not lead to: the
 * search ends in the leaf to the left and has to take the record behind it. */
TEST(a_version_at_the_begin_of_a_leaf_is_found_from_the_leaf_before_it)
{
    memtable_model model;
    memtable_model_open(&model, 6000, 1);
    for (uint64_t i = 0; i < 6000; i++) {
        CHECK_OK(memtable_model_add(&model, model_key(&model, KEYS_PATHS, i * 7919 % 6000)));
    }
    for (uint64_t i = 0; i < 6000; i++) {
        CHECK(memtable_model_get(&model, model_key(&model, KEYS_PATHS, i), UINT64_MAX));
    }
    memtable_model_check(&model);
    memtable_model_close(&model);
}

/* One more allocation fails at a time, until none does. */
TEST(an_add_without_memory_fails_before_anything_changed)
{
    uint64_t failures = 0;
    int64_t blocks = mem_block_count();
    for (uint64_t countdown = 1;; countdown++) {
        memtable_model model;
        memtable_model_open(&model, 3000, countdown);
        mem_fail_at(countdown, 0);
        bool failed = false;
        for (uint64_t i = 0; i < 3000; i++) {
            slice key = model_key(&model, KEYS_RANDOM, i);
            pykv_status status = memtable_model_add(&model, key);
            if (status != PYKV_OK) {
                CHECK_EQUAL(PYKV_NO_MEMORY, status);
                failed = true;
                memtable_model_get(&model, key, UINT64_MAX);
                CHECK_OK(memtable_model_add(&model, key));
            }
        }
        bool armed = mem_fail_at(0, 0) < countdown;
        memtable_model_check(&model);
        memtable_model_close(&model);
        CHECK_EQUAL(blocks, mem_block_count());
        failures += failed;
        if (armed) {
            break;
        }
    }
    CHECK(failures >= 5);
}

TEST(a_memtable_or_iterator_without_memory_is_not_made)
{
    epoch entered;
    reclaimer readers;
    memtable *table = NULL;
    iterator *walk = NULL;
    int64_t blocks = mem_block_count();
    epoch_init(&entered);
    reclaimer_init(&readers, &entered);
    for (uint64_t countdown = 1; countdown <= 4; countdown++) {
        mem_fail_at(countdown, 0);
        CHECK_STATUS(PYKV_NO_MEMORY, memtable_create(&readers, 1 << 20, &table));
        CHECK(table == NULL);
        CHECK_EQUAL(blocks, mem_block_count());
    }
    mem_fail_at(0, 0);
    CHECK_OK(memtable_create(&readers, 1 << 20, &table));
    mem_fail_at(1, 0);
    CHECK_STATUS(PYKV_NO_MEMORY, memtable_iterator_new(table, &walk));
    mem_fail_at(0, 0);
    CHECK(walk == NULL);
    memtable_release(table);
    CHECK_EQUAL(blocks, mem_block_count());
    reclaimer_destroy(&readers);
}

/* With a reader who stays inside, nothing that is retired comes back, so the writer takes new
 * nodes; without memory for those it would wait for the reader. */
TEST(adds_go_on_while_a_reader_stays_inside)
{
    memtable_model model;
    memtable_model_open(&model, 8000, 1);
    epoch_token token = epoch_enter(model.readers.readers);
    for (uint64_t i = 0; i < 8000; i++) {
        CHECK_OK(memtable_model_add(&model, model_key(&model, KEYS_RANDOM, i)));
    }
    epoch_leave(model.readers.readers, token);
    memtable_model_check(&model);
    memtable_model_close(&model);
}

TEST(a_batch_that_was_reserved_needs_no_memory)
{
    memtable_model model;
    uint64_t bytes = 0;
    iterator_entry entry = {.value = slice_make("value", 5), .kind = RECORD_PUT};
    memtable_model_open(&model, 1, 1);
    for (uint64_t i = 0; i < 20000; i++) {
        bytes += memtable_entry_bytes(16, 5, false);
    }
    CHECK_OK(memtable_reserve(model.table, 20000, bytes));
    mem_fail_at(1, 1);
    for (uint64_t i = 0; i < 20000; i++) {
        entry.key = model_key(&model, KEYS_RANDOM, i);
        entry.sequence = i + 1;
        memtable_add(model.table, &entry, memtable_key_hash(entry.key));
    }
    mem_fail_at(0, 0);
    for (uint64_t i = 0; i < 20000; i++) {
        slice key = model_key(&model, KEYS_RANDOM, i);
        CHECK(memtable_get(model.table, key, memtable_key_hash(key), UINT64_MAX, &entry));
        CHECK_EQUAL(i + 1, entry.sequence);
    }
    memtable_model_close(&model);
}

/* Adds keys to a memtable of its own, which goes again. The structs alone come from the heap. */
static void fill_and_drop(memtable_model *model, kept_memory *memory, uint64_t round)
{
    enum { KEYS = 4000 };
    memtable *table;
    iterator_entry entry = {.value = slice_make("value", 5), .kind = RECORD_PUT};
    mem_fail_at(round == 0 ? 0 : 3, 1);
    CHECK_OK(memtable_create_in(&model->readers, memory, 1 << 20, &table));
    for (uint64_t i = 0; i < KEYS; i++) {
        entry.key = model_key(model, KEYS_RANDOM, i);
        entry.sequence = i + 1;
        CHECK(!memtable_get(table, entry.key, memtable_key_hash(entry.key), UINT64_MAX, &entry));
        CHECK_OK(memtable_reserve(table, 1, memtable_entry_bytes(entry.key.size, 5, false)));
        memtable_add(table, &entry, memtable_key_hash(entry.key));
    }
    mem_fail_at(0, 0);
    memtable_release(table);
    CHECK(!reclaimer_sweep(&model->readers));
}

TEST(a_memtable_that_is_made_for_more_has_a_filter_for_it_and_is_full_at_its_limit)
{
    memtable_model model;
    memtable *plain;
    memtable *large;
    memtable_model_open(&model, 1, 1);
    CHECK_OK(memtable_create(&model.readers, 1 << 20, &plain));
    CHECK_OK(memtable_create_for(&model.readers, NULL, 1 << 20, 16 << 20, &large));
    memtable_stats of_plain;
    memtable_stats of_large;
    memtable_stats_read(plain, &of_plain);
    memtable_stats_read(large, &of_large);
    CHECK_EQUAL((15 << 20) / 64, of_large.used_bytes - of_plain.used_bytes);
    CHECK_OK(memtable_reserve(large, 1, memtable_entry_bytes(1, 1 << 20, false)));
    static uint8_t value[1 << 20];
    iterator_entry entry = {.key = slice_make("k", 1),
                            .value = slice_make(value, sizeof value),
                            .sequence = 1,
                            .kind = RECORD_PUT};
    CHECK(!memtable_is_full(large));
    memtable_add(large, &entry, memtable_key_hash(entry.key));
    CHECK(memtable_is_full(large));
    memtable_release(plain);
    memtable_release(large);
    CHECK(!reclaimer_sweep(&model.readers));
    memtable_model_close(&model);
}

TEST(a_memtable_is_made_of_the_memory_of_the_one_before)
{
    memtable_model model;
    kept_memory memory;
    kept_memory_init(&memory, 4 << 20, NULL);
    memtable_model_open(&model, 1, 1);
    fill_and_drop(&model, &memory, 0);
    uint64_t kept = kept_memory_bytes(&memory);
    CHECK(kept > 4000 * 32);
    for (uint64_t round = 1; round < 4; round++) {
        fill_and_drop(&model, &memory, round);
        CHECK_EQUAL(kept, kept_memory_bytes(&memory));
    }
    memtable_model_close(&model);
    kept_memory_destroy(&memory);
}

TEST(used_bytes_grow_with_every_operation_to_the_limit)
{
    memtable_model model;
    memtable_stats before;
    memtable_stats after;
    memtable_model_open(&model, 20000, 1);
    memtable_stats_read(model.table, &before);
    CHECK(before.used_bytes < 40 * 1024);
    while (!memtable_is_full(model.table)) {
        memtable_stats_read(model.table, &before);
        CHECK(before.used_bytes < 1 << 20);
        slice key = model_key(&model, KEYS_RANDOM, model.count);
        CHECK_OK(memtable_model_add(&model, key));
        memtable_stats_read(model.table, &after);
        CHECK(after.used_bytes >= before.used_bytes + memtable_entry_bytes(16, 0, false));
    }
    CHECK(after.used_bytes >= 1 << 20);
    CHECK(after.allocated_bytes < after.used_bytes * 5 / 4);
    CHECK_EQUAL(model.count / 5, after.delete_count);
    CHECK_EQUAL(7000, after.deadline_min_us);
    memtable_model_close(&model);
}

TEST(a_sealed_memtable_lives_as_long_as_a_reference)
{
    memtable_model model;
    iterator_entry entry;
    slice key = slice_make("key", 3);
    memtable_model_open(&model, 1, 1);
    CHECK_OK(memtable_model_add(&model, key));
    CHECK(!memtable_is_sealed(model.table));
    memtable_seal(model.table);
    CHECK(memtable_is_sealed(model.table));
    memtable *second = memtable_acquire(model.table);
    memtable_release(model.table);
    memtable_prefetch(second, memtable_key_hash(key));
    CHECK(memtable_get(second, key, memtable_key_hash(key), 1, &entry));
    CHECK(slice_equal(key, entry.key));
    memtable_model_close(&model);
}

TEST_MAIN(CASE(random_histories_agree_with_a_sorted_array), CASE(an_empty_memtable_holds_nothing),
          CASE(the_empty_key_and_the_largest_are_keys),
          CASE(a_snapshot_sees_the_newest_version_up_to_its_sequence),
          CASE(a_version_at_the_begin_of_a_leaf_is_found_from_the_leaf_before_it),
          CASE(an_add_without_memory_fails_before_anything_changed),
          CASE(a_memtable_or_iterator_without_memory_is_not_made),
          CASE(adds_go_on_while_a_reader_stays_inside),
          CASE(a_batch_that_was_reserved_needs_no_memory),
          CASE(a_memtable_that_is_made_for_more_has_a_filter_for_it_and_is_full_at_its_limit),
          CASE(a_memtable_is_made_of_the_memory_of_the_one_before),
          CASE(used_bytes_grow_with_every_operation_to_the_limit),
          CASE(a_sealed_memtable_lives_as_long_as_a_reference))
