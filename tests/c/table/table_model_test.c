/*
 * table_model_test: a table answers as the sorted array does that it was made of, for many shapes
 * of keys: gets at every snapshot, seeks to every key and between, walks with changes of direction.
 */
#include "table_shapes.h"

/* Turns of a walk, and seeks, for each table. */
enum { TURN_COUNT = 1000, BLOCK_BYTES_COUNT = 3 };

static const uint32_t block_bytes[BLOCK_BYTES_COUNT] = {256, 4096, 65536};

/* Runs a check on a table of each shape with each size of blocks. */
static void for_each_table(void (*check)(fixture *self, uint64_t *chance))
{
    for (size_t shape = 0; shape < SHAPE_COUNT; shape++) {
        for (size_t i = 0; i < BLOCK_BYTES_COUNT; i++) {
            uint64_t chance = check_seed() + shape;
            fixture self = fixture_new();
            table_builder_options options = fixture_build_options(block_bytes[i]);
            options.keeps_checks = i == 1;
            shape_fill(&self, shape, &chance);
            fixture_build(&self, &options);
            check(&self, &chance);
            fixture_free(&self);
        }
    }
}

/* A key close to that of an entry, as often as not in no entry. */
static slice near_key(const fixture *self, uint8_t *space, uint64_t *chance)
{
    const table_entry *entry = &self->entries[check_random(chance, self->count)];
    size_t size = entry->key.size;
    memcpy(space, entry->key.data, size);
    switch (check_random(chance, 5)) {
    case 0:
        return slice_make(space, size);
    case 1:
        return slice_make(space, size > 0 ? size - 1 : 0);
    case 2:
        space[size] = (uint8_t)(check_random(chance, 2) * 255);
        return slice_make(space, size < PYKV_KEY_BYTES_MAX ? size + 1 : size);
    default:
        if (size > 0) {
            space[check_random(chance, size)] ^= (uint8_t)(1U << check_random(chance, 8));
        }
        return slice_make(space, size);
    }
}

static void check_gets(fixture *self, uint64_t *chance)
{
    static uint8_t space[PYKV_KEY_BYTES_MAX + 1];
    for (size_t i = 0; i < self->count; i++) {
        const table_entry *entry = &self->entries[i];
        fixture_check_get(self, entry->key, entry->sequence);
        fixture_check_get(self, entry->key, entry->sequence + 1);
        fixture_check_get(self, entry->key, entry->sequence - 1);
        fixture_check_get(self, entry->key, UINT64_MAX);
        fixture_check_get(self, entry->key, 0);
    }
    for (int i = 0; i < TURN_COUNT; i++) {
        fixture_check_get(self, near_key(self, space, chance), UINT64_MAX);
    }
}

TEST(a_get_finds_the_newest_entry_that_its_snapshot_sees)
{
    for_each_table(check_gets);
}

/* Seeks both ways and compares where the walk stands. */
static void check_seek(const fixture *self, iterator *walk, slice key, uint64_t sequence)
{
    size_t rank = fixture_rank(self, table_position_make(key, sequence));
    iterator_seek(walk, key, sequence);
    fixture_check_at(self, walk, rank);
    iterator_seek_back(walk, key, sequence);
    fixture_check_at(self, walk, rank > 0 ? rank - 1 : SIZE_MAX);
}

static void check_seeks(fixture *self, uint64_t *chance)
{
    static uint8_t space[PYKV_KEY_BYTES_MAX + 1];
    iterator *walk;
    CHECK_OK(table_iterator_new(self->opened, block_source_direct(), &walk));
    for (size_t i = 0; i < self->count; i++) {
        const table_entry *entry = &self->entries[i];
        check_seek(self, walk, entry->key, entry->sequence);
        check_seek(self, walk, entry->key, entry->sequence + 1);
        check_seek(self, walk, entry->key, 0);
        check_seek(self, walk, entry->key, UINT64_MAX);
    }
    for (int i = 0; i < TURN_COUNT; i++) {
        check_seek(self, walk, near_key(self, space, chance), check_random(chance, 20000));
    }
    iterator_free(walk);
}

TEST(a_seek_goes_to_the_first_entry_behind_and_a_seek_back_to_the_last_before)
{
    for_each_table(check_seeks);
}

/* Walks from end to end, then at random, a step back or ahead, with a seek now and then. */
static void check_walk(fixture *self, uint64_t *chance)
{
    iterator *walk;
    CHECK_OK(table_iterator_new(self->opened, block_source_direct(), &walk));
    CHECK(!iterator_valid(walk));
    iterator_seek_first(walk);
    for (size_t rank = 0; rank < self->count; rank++) {
        fixture_check_at(self, walk, rank);
        iterator_next(walk);
    }
    fixture_check_at(self, walk, SIZE_MAX);
    iterator_seek_last(walk);
    for (size_t rank = self->count; rank-- > 0;) {
        fixture_check_at(self, walk, rank);
        iterator_previous(walk);
    }
    fixture_check_at(self, walk, SIZE_MAX);
    size_t rank = SIZE_MAX;
    for (int i = 0; i < TURN_COUNT; i++) {
        if (rank >= self->count || check_random(chance, 100) == 0) {
            rank = check_random(chance, self->count);
            iterator_seek(walk, self->entries[rank].key, self->entries[rank].sequence);
        }
        size_t run = 1 + check_random(chance, check_random(chance, 4) == 0 ? 200 : 4);
        bool ahead = check_random(chance, 2) == 0;
        for (; run > 0 && rank < self->count; run--) {
            fixture_check_at(self, walk, rank);
            if (ahead) {
                iterator_next(walk);
                rank++;
            } else {
                iterator_previous(walk);
                rank--;
            }
        }
    }
    iterator_free(walk);
}

TEST(a_walk_may_turn_at_any_entry)
{
    for_each_table(check_walk);
}

static void check_many(fixture *self, uint64_t *chance)
{
    enum { MANY = 100 };
    static uint8_t spaces[MANY][PYKV_KEY_BYTES_MAX + 1];
    static table_request requests[MANY];
    table_request *pointers[MANY];
    block_source *source = block_source_direct();
    uint64_t sequence = check_random(chance, 2) == 0 ? UINT64_MAX : check_random(chance, 1000);
    for (size_t i = 0; i < MANY; i++) {
        requests[i].key = near_key(self, spaces[i], chance);
        requests[i].hash = fixture_hash(requests[i].key);
        pointers[i] = &requests[i];
    }
    table_get_many(self->opened, source, sequence, pointers, MANY, &(bool){false});
    for (size_t i = 0; i < MANY; i++) {
        size_t rank = fixture_rank(self, table_position_make(requests[i].key, sequence));
        bool is_there = rank < self->count && slice_equal(self->entries[rank].key, requests[i].key);
        CHECK_EQUAL(is_there ? PYKV_OK : PYKV_NOT_FOUND, requests[i].status);
        if (is_there) {
            CHECK(slice_equal(self->entries[rank].value, requests[i].found.value));
            CHECK_EQUAL(self->entries[rank].sequence, requests[i].found.sequence);
            table_release(source, &requests[i].found);
        }
    }
}

TEST(many_gets_at_once_find_what_single_ones_find)
{
    for_each_table(check_many);
}

static void check_whole(fixture *self, uint64_t *chance)
{
    uint32_t crc;
    (void)chance;
    CHECK_OK(table_verify(self->opened, &crc));
    CHECK_EQUAL(self->summary.file_crc, crc);
    CHECK_EQUAL(self->summary.file_bytes, self->opened->file_bytes);
    CHECK_EQUAL(self->count, self->summary.entry_count);
    CHECK(slice_equal(self->entries[0].key, self->opened->properties.first_key));
    CHECK(slice_equal(self->entries[self->count - 1].key, self->opened->properties.last_key));
}

TEST(every_table_passes_its_own_verification)
{
    int64_t blocks = mem_block_count();
    for_each_table(check_whole);
    CHECK_EQUAL(blocks, mem_block_count());
}

TEST_MAIN(CASE(a_get_finds_the_newest_entry_that_its_snapshot_sees),
          CASE(a_seek_goes_to_the_first_entry_behind_and_a_seek_back_to_the_last_before),
          CASE(a_walk_may_turn_at_any_entry), CASE(many_gets_at_once_find_what_single_ones_find),
          CASE(every_table_passes_its_own_verification))
