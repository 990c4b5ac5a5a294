/*
 * level_iterator: the tables of a level look like one, in both directions; only the table that the
 * walk is in is open.
 */
#include "lsm/level_iterator.h"
#include "lsm/version_history.h"

/* The entries of one level of a model, in order. */
typedef struct row {
    table_entry *entries;
    size_t count;
} row;

static row row_of(const version_model *model, uint8_t level_index)
{
    row self = {.entries = calloc(model->count + 1, sizeof *self.entries)};
    CHECK(self.entries != NULL);
    for (size_t i = 0; i < model->count; i++) {
        if (model->levels[i] == level_index) {
            self.entries[self.count++] = model->entries[i];
        }
    }
    return self;
}

static size_t rank_in(const row *self, slice key, uint64_t sequence)
{
    table_entry place = {.key = key, .sequence = sequence};
    size_t rank = 0;
    while (rank < self->count && model_order(&self->entries[rank], &place) < 0) {
        rank++;
    }
    return rank;
}

/* Checks that the walk stands on entry number rank; SIZE_MAX, and what is too high: on none. */
static void check_at(const row *self, const iterator *walk, size_t rank)
{
    CHECK_OK(walk->status);
    CHECK_EQUAL(rank < self->count, iterator_valid(walk));
    if (rank < self->count) {
        const iterator_entry *got = iterator_current(walk);
        CHECK(slice_equal(self->entries[rank].key, got->key));
        CHECK(slice_equal(self->entries[rank].value, got->value));
        CHECK_EQUAL(self->entries[rank].sequence, got->sequence);
        CHECK_EQUAL(self->entries[rank].kind, got->kind);
    }
}

/* A random step or seek; returns where the walk has to stand after it. */
static size_t step(version_model *model, const row *self, iterator *walk, size_t rank,
                   uint8_t *room)
{
    uint64_t sequence;
    uint64_t chance = check_random(&model->seed, 20);
    if (chance >= 4 && rank < self->count) {
        bool forwards = chance % 2 == 0;
        if (forwards) {
            iterator_next(walk);
        } else {
            iterator_previous(walk);
        }
        return forwards ? rank + 1 : rank - 1;
    }
    slice key = model_ask(model, room, &sequence);
    switch (chance % 4) {
    case 0:
        iterator_seek_first(walk);
        return 0;
    case 1:
        iterator_seek_last(walk);
        return self->count - 1;
    case 2:
        iterator_seek(walk, key, sequence);
        return rank_in(self, key, sequence);
    default:
        iterator_seek_back(walk, key, sequence);
        return rank_in(self, key, sequence) - 1;
    }
}

static void check_level(version_model *model, uint8_t level_index, uint8_t *room)
{
    iterator *walk;
    row self = row_of(model, level_index);
    size_t rank = SIZE_MAX;
    CHECK_OK(
        level_iterator_new(&model->made->levels[level_index], &model->disk->cached.face, &walk));
    check_at(&self, walk, rank);
    for (uint32_t i = 0; i < 600; i++) {
        rank = step(model, &self, walk, rank, room);
        check_at(&self, walk, rank);
    }
    iterator_free(walk);
    free(self.entries);
}

TEST(random_steps_and_seeks_stand_where_they_do_in_a_sorted_array)
{
    uint8_t *room = malloc(MEMTABLE_KEY_ROOM);
    CHECK(room != NULL);
    for (uint32_t round = 0; round < 2 * KEYS_KINDS; round++) {
        version_fixture *disk = version_fixture_open();
        uint64_t seed = check_seed() + round;
        version_model model = model_open(disk, (memtable_keys)(round % KEYS_KINDS),
                                         1 + check_random(&seed, 500), 3, seed);
        check_level(&model, 1, room);
        check_level(&model, 2, room);
        model_close(&model);
        version_fixture_close(disk);
    }
    free(room);
}

/* ---- a level of three tables ---- */

typedef struct three {
    version_fixture *disk;
    version *made;
    iterator *walk;
} three;

static three three_open(block_source *source)
{
    three self = {.disk = version_fixture_open()};
    table_file *files[] = {version_table_of(self.disk, "a b c", 1),
                           version_table_of(self.disk, "d e f", 4),
                           version_table_of(self.disk, "g h i", 7)};
    uint8_t levels[] = {1, 1, 1};
    CHECK_OK(version_from_tables(files, levels, 3, &self.made));
    for (size_t i = 0; i < 3; i++) {
        table_file_release(files[i]);
    }
    CHECK_OK(level_iterator_new(&self.made->levels[1],
                                source != NULL ? source : &self.disk->cached.face, &self.walk));
    return self;
}

static void three_close(three *self)
{
    iterator_free(self->walk);
    version_release(self->made);
    version_fixture_close(self->disk);
}

static void check_key(const three *self, const char *key)
{
    CHECK_OK(self->walk->status);
    CHECK(iterator_valid(self->walk));
    CHECK(slice_equal(version_text(key), iterator_current(self->walk)->key));
}

/* The place behind the last entry of a table, but not behind its largest key, belongs to the next
 * table. */
TEST(a_place_between_two_tables_is_before_the_next_one_and_behind_the_one_before)
{
    three self = three_open(NULL);
    iterator_seek(self.walk, version_text("c"), 2);
    check_key(&self, "d");
    iterator_seek(self.walk, version_text("ca"), 2);
    check_key(&self, "d");
    iterator_seek_back(self.walk, version_text("d"), UINT64_MAX);
    check_key(&self, "c");
    iterator_seek_back(self.walk, version_text("c"), 2);
    check_key(&self, "c");
    iterator_seek(self.walk, version_text("i"), 1);
    CHECK(!iterator_valid(self.walk) && self.walk->status == PYKV_OK);
    iterator_seek_back(self.walk, version_text("a"), UINT64_MAX);
    CHECK(!iterator_valid(self.walk) && self.walk->status == PYKV_OK);
    three_close(&self);
}

TEST(a_turn_at_the_border_of_two_tables_goes_back)
{
    three self = three_open(NULL);
    iterator_seek(self.walk, version_text("c"), UINT64_MAX);
    iterator_next(self.walk);
    check_key(&self, "d");
    iterator_previous(self.walk);
    check_key(&self, "c");
    iterator_next(self.walk);
    check_key(&self, "d");
    three_close(&self);
}

TEST(windows_of_the_tables_are_shown_whole_and_may_be_skipped)
{
    three self = three_open(NULL);
    const iterator_entry *entries;
    iterator_seek_first(self.walk);
    CHECK_EQUAL(3, iterator_rest(self.walk, &entries));
    CHECK(slice_equal(version_text("c"), entries[2].key));
    iterator_skip(self.walk, 2);
    check_key(&self, "c");
    iterator_skip(self.walk, 1);
    check_key(&self, "d");
    iterator_skip(self.walk, 3);
    check_key(&self, "g");
    iterator_skip(self.walk, 1);
    iterator_previous(self.walk);
    check_key(&self, "g");
    iterator_previous(self.walk);
    check_key(&self, "f");
    three_close(&self);
}

/* A source that counts what it holds, and fails from a call on. */
typedef struct strict_source {
    block_source face;
    uint32_t held;
    uint32_t calls;
    uint32_t fail_at; /* 0: never */
} strict_source;

static pykv_status strict_acquire(block_source *face, table *from, uint32_t block_index,
                                  block_use use, block_hold *hold_out)
{
    strict_source *self = (strict_source *)face;
    block_source *direct = block_source_direct();
    if (++self->calls == self->fail_at) {
        return error_set(PYKV_IO_FAILED, "this call was to fail");
    }
    self->held++;
    return direct->acquire(direct, from, block_index, use, hold_out);
}

static void strict_release(block_source *face, block_hold hold)
{
    block_source *direct = block_source_direct();
    ((strict_source *)face)->held--;
    direct->release(direct, hold);
}

TEST(one_table_is_held_at_a_time_and_none_before_the_first_seek)
{
    strict_source source = {.face = {.acquire = strict_acquire, .release = strict_release}};
    three self = three_open(&source.face);
    CHECK_EQUAL(0, source.calls);
    iterator_seek_first(self.walk);
    CHECK_EQUAL(1, source.calls);
    for (uint32_t i = 0; i < 9; i++) {
        CHECK_EQUAL(1, source.held);
        CHECK(iterator_valid(self.walk));
        iterator_next(self.walk);
    }
    CHECK_EQUAL(3, source.calls);
    CHECK_EQUAL(0, source.held);
    three_close(&self);
}

TEST(a_failure_ends_the_walk_with_its_status_and_a_seek_begins_anew)
{
    for (uint32_t at = 1; at <= 3; at++) {
        strict_source source = {.face = {.acquire = strict_acquire, .release = strict_release},
                                .fail_at = at};
        three self = three_open(&source.face);
        uint32_t seen = 0;
        for (iterator_seek_first(self.walk); iterator_valid(self.walk); seen++) {
            iterator_next(self.walk);
        }
        CHECK_EQUAL(3 * (at - 1), seen);
        CHECK_STATUS(PYKV_IO_FAILED, self.walk->status);
        iterator_seek_last(self.walk);
        check_key(&self, "i");
        source.fail_at = source.calls + at;
        for (seen = 0, iterator_seek_last(self.walk); iterator_valid(self.walk); seen++) {
            iterator_previous(self.walk);
        }
        CHECK(self.walk->status == (at == 3 ? PYKV_OK : PYKV_IO_FAILED));
        CHECK_EQUAL(at == 3 ? 9 : 3 * at, seen);
        three_close(&self);
    }
}

TEST(a_failed_allocation_ends_the_walk_with_no_memory)
{
    three self = three_open(NULL);
    iterator *none;
    mem_fail_at(1, 0);
    CHECK_STATUS(PYKV_NO_MEMORY,
                 level_iterator_new(&self.made->levels[1], &self.disk->cached.face, &none));
    mem_fail_at(0, 0);
    iterator_seek(self.walk, version_text("c"), UINT64_MAX);
    mem_fail_at(1, 0);
    iterator_next(self.walk);
    mem_fail_at(0, 0);
    CHECK(!iterator_valid(self.walk));
    CHECK_STATUS(PYKV_NO_MEMORY, self.walk->status);
    iterator_seek(self.walk, version_text("d"), UINT64_MAX);
    check_key(&self, "d");
    three_close(&self);
}

TEST_MAIN(CASE(random_steps_and_seeks_stand_where_they_do_in_a_sorted_array),
          CASE(a_place_between_two_tables_is_before_the_next_one_and_behind_the_one_before),
          CASE(a_turn_at_the_border_of_two_tables_goes_back),
          CASE(windows_of_the_tables_are_shown_whole_and_may_be_skipped),
          CASE(one_table_is_held_at_a_time_and_none_before_the_first_seek),
          CASE(a_failure_ends_the_walk_with_its_status_and_a_seek_begins_anew),
          CASE(a_failed_allocation_ends_the_walk_with_no_memory))
