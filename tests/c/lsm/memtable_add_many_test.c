/*
 * memtable_add_many: batches of every size and order against the model.
 */
#include "lsm/memtable_model_check.h"

enum { OPERATIONS = 3000, VALUE_ROOM = 40 };

/* A batch with room for its keys and values. */
typedef struct batch {
    record operations[MEMTABLE_ADD_MAX];
    uint64_t hashes[MEMTABLE_ADD_MAX];
    uint8_t *keys[MEMTABLE_ADD_MAX];
    uint8_t values[MEMTABLE_ADD_MAX][VALUE_ROOM];
} batch;

/* Fills in operation i as memtable_model_add would make it. */
static void fill(batch *self, size_t i, slice key, uint64_t sequence)
{
    uint8_t kind = sequence % 5 == 0 ? RECORD_DELETE : RECORD_PUT;
    size_t size = kind == RECORD_PUT ? memtable_model_value(sequence, self->values[i]) : 0;
    self->keys[i] = malloc(key.size + 1);
    CHECK(self->keys[i] != NULL);
    memcpy(self->keys[i], key.data, key.size);
    self->hashes[i] = memtable_key_hash(key);
    self->operations[i] = (record){.kind = kind,
                                   .sequence = sequence,
                                   .deadline_us = sequence % 7 == 0 ? sequence * 1000 : 0,
                                   .body_crc = (uint32_t)sequence ^ 0xABCD,
                                   .key = slice_make(self->keys[i], key.size),
                                   .value = slice_make(self->values[i], size)};
}

/* Adds a batch of count operations to both. */
static void add(memtable_model *model, batch *room, memtable_keys keys, size_t count)
{
    uint64_t bytes = 0;
    uint64_t first = model->sequence + 1;
    for (size_t i = 0; i < count; i++) {
        bool in_turn = check_random(&model->seed, 2) == 0;
        uint64_t number = in_turn ? first + i : check_random(&model->seed, OPERATIONS / 4);
        fill(room, i, memtable_key(keys, number, model->room), first + i);
        bytes += memtable_entry_bytes(room->operations[i].key.size, room->operations[i].value.size,
                                      room->operations[i].deadline_us != 0);
    }
    CHECK_OK(memtable_reserve(model->table, count, bytes));
    memtable_add_many(model->table, room->operations, room->hashes, count);
    for (size_t i = 0; i < count; i++) {
        memtable_model_note(model, room->operations[i].key, room->operations[i].deadline_us,
                            room->operations[i].kind);
        free(room->keys[i]);
    }
}

static uint64_t deletes_of(const memtable_model *model)
{
    uint64_t count = 0;
    for (size_t i = 0; i < model->count; i++) {
        count += model->entries[i].kind == RECORD_DELETE;
    }
    return count;
}

static void one_history(batch *room, memtable_keys keys)
{
    memtable_model model;
    memtable_stats stats;
    memtable_model_open(&model, OPERATIONS + MEMTABLE_ADD_MAX, check_seed());
    size_t operations = keys == KEYS_LONG ? 100 : OPERATIONS;
    while (model.count < operations) {
        bool small = keys == KEYS_LONG || check_random(&model.seed, 2) == 0;
        add(&model, room, keys, 1 + check_random(&model.seed, small ? 20 : MEMTABLE_ADD_MAX));
    }
    memtable_model_check(&model);
    for (size_t i = 0; i < model.count; i += 1 + check_random(&model.seed, 9)) {
        CHECK(memtable_model_get(&model, model.entries[i].key, model.entries[i].sequence));
    }
    memtable_stats_read(model.table, &stats);
    CHECK_EQUAL(deletes_of(&model), stats.delete_count);
    CHECK_EQUAL(7000, stats.deadline_min_us);
    memtable_model_close(&model);
}

TEST(batches_are_found_and_walked_like_single_operations)
{
    batch *room = malloc(sizeof *room);
    CHECK(room != NULL);
    for (int keys = 0; keys < KEYS_KINDS; keys++) {
        one_history(room, (memtable_keys)keys);
    }
    free(room);
}

TEST(an_empty_batch_changes_nothing)
{
    memtable_model model;
    memtable_model_open(&model, 1, check_seed());
    memtable_add_many(model.table, NULL, NULL, 0);
    memtable_model_check(&model);
    memtable_model_close(&model);
}

TEST_MAIN(CASE(batches_are_found_and_walked_like_single_operations),
          CASE(an_empty_batch_changes_nothing))
