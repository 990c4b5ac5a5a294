/*
 * table_ahead: what is asked for is what the blocks take in the file, each once.
 */
#include "table_fixture.h"

#include "table/block_source.h"
#include "table/table_ahead.h"
#include "table/table_iterator.h"

enum { KEY_COUNT = 4000 };

/* Blocks of one entry or two. */
static fixture many_blocks(void)
{
    char key[8];
    fixture self = fixture_new();
    table_builder_options options = fixture_build_options(64);
    for (int i = 0; i < KEY_COUNT; i++) {
        snprintf(key, sizeof key, "%06d", i);
        fixture_put(&self, slice_make(key, 6), 7,
                    slice_make("a value of 50 bytes, and some more of "
                               "the same for it",
                               50));
    }
    fixture_build(&self, &options);
    CHECK(self.opened->index.block_count > 1000);
    return self;
}

static uint64_t bytes_of(const fixture *self, uint32_t first, uint32_t count)
{
    const uint64_t *offsets = self->opened->index.offsets;
    return offsets[first + count] - offsets[first];
}

/* Adds the blocks and asks. Checks in how many ranges of how many bytes. */
static void expect(const fixture *self, const uint32_t *blocks, size_t count, uint32_t distinct_min,
                   uint64_t ranges, uint64_t bytes)
{
    uint64_t counts[2];
    uint64_t sums[2];
    table_ahead ahead = {.from = self->opened};
    env_memory_asked(self->disk, &counts[0], &sums[0]);
    for (size_t i = 0; i < count; i++) {
        table_ahead_add(&ahead, blocks[i]);
    }
    table_ahead_ask(&ahead, distinct_min);
    env_memory_asked(self->disk, &counts[1], &sums[1]);
    CHECK_EQUAL(ranges, counts[1] - counts[0]);
    CHECK_EQUAL(bytes, sums[1] - sums[0]);
    CHECK_EQUAL(0, ahead.count);
}

TEST(each_block_is_asked_for_once_and_neighbours_together)
{
    fixture self = many_blocks();
    expect(&self, (uint32_t[]){9, 3, 9, 7, 3}, 5, 1, 3,
           bytes_of(&self, 3, 1) + bytes_of(&self, 7, 1) + bytes_of(&self, 9, 1));
    expect(&self, (uint32_t[]){5, 4, 3, 9, 4}, 5, 1, 2,
           bytes_of(&self, 3, 3) + bytes_of(&self, 9, 1));
    uint32_t last = self.opened->index.block_count - 1;
    expect(&self, (uint32_t[]){last, 0}, 2, 1, 2, bytes_of(&self, 0, 1) + bytes_of(&self, last, 1));
    fixture_free(&self);
}

TEST(fewer_than_are_worth_it_are_not_asked_for)
{
    fixture self = many_blocks();
    expect(&self, NULL, 0, 1, 0, 0);
    expect(&self, (uint32_t[]){8}, 1, 1, 1, bytes_of(&self, 8, 1));
    expect(&self, (uint32_t[]){8}, 1, 2, 0, 0);
    expect(&self, (uint32_t[]){8, 8, 8}, 3, 2, 0, 0);
    expect(&self, (uint32_t[]){8, 3}, 2, 2, 2, bytes_of(&self, 8, 1) + bytes_of(&self, 3, 1));
    fixture_free(&self);
}

/* Linux cuts a request that is longer than its read-ahead. */
TEST(a_range_has_a_length_at_most)
{
    enum { COUNT = 20 };
    static char value[9000];
    uint32_t blocks[COUNT];
    char key[8];
    fixture self = fixture_new();
    table_builder_options options = fixture_build_options(1024);
    for (int i = 0; i < COUNT; i++) {
        snprintf(key, sizeof key, "%06d", i);
        fixture_put(&self, slice_make(key, 6), 7, slice_make(value, sizeof value));
        blocks[i] = (uint32_t)i;
    }
    fixture_build(&self, &options);
    CHECK_EQUAL(COUNT, self.opened->index.block_count);
    CHECK(bytes_of(&self, 0, 14) <= TABLE_AHEAD_BYTES_MAX);
    CHECK(bytes_of(&self, 0, 15) > TABLE_AHEAD_BYTES_MAX);
    expect(&self, blocks, 14, 1, 1, bytes_of(&self, 0, 14));
    expect(&self, blocks, COUNT, 1, 2, bytes_of(&self, 0, COUNT));
    fixture_free(&self);
}

TEST(more_than_fit_are_asked_for_all_the_same)
{
    enum { COUNT = 2 * TABLE_AHEAD_MAX + 10 };
    static uint32_t blocks[COUNT];
    uint64_t bytes = 0;
    fixture self = many_blocks();
    for (uint32_t i = 0; i < COUNT; i++) {
        blocks[i] = 2 * (COUNT - 1 - i) % (self.opened->index.block_count - 1);
        CHECK(2 * COUNT < self.opened->index.block_count);
        bytes += bytes_of(&self, blocks[i], 1);
    }
    expect(&self, blocks, COUNT, 1, COUNT, bytes);
    fixture_free(&self);
}

/* What a walk through all blocks, forwards or back, asks for. */
static uint64_t bytes_of_walk(const fixture *self, bool forwards, block_source *source)
{
    uint64_t count;
    uint64_t before;
    uint64_t after;
    iterator *walk;
    env_memory_asked(self->disk, &count, &before);
    CHECK_OK(table_iterator_new(self->opened, source, &walk));
    forwards ? iterator_seek_first(walk) : iterator_seek_last(walk);
    while (iterator_valid(walk)) {
        forwards ? iterator_next(walk) : iterator_previous(walk);
    }
    CHECK_OK(walk->status);
    iterator_free(walk);
    env_memory_asked(self->disk, &count, &after);
    return after - before;
}

/* The system reads ahead of no walk by itself: it took 8 MiB at once, for which a get waited. */
TEST(a_walk_asks_for_two_pieces_ahead_where_it_comes_to_a_piece)
{
    enum { BLOCKS = 100, PIECE = TABLE_AHEAD_BYTES_MAX };
    static char value[9000];
    char key[8];
    fixture self = fixture_new();
    table_builder_options options = fixture_build_options(1024);
    for (int i = 0; i < BLOCKS; i++) {
        snprintf(key, sizeof key, "%06d", i);
        fixture_put(&self, slice_make(key, 6), 7, slice_make(value, sizeof value));
    }
    fixture_build(&self, &options);
    uint64_t end = bytes_of(&self, 0, BLOCKS) + self.opened->index.offsets[0];
    CHECK(end > 6 * PIECE && end < 7 * PIECE);
    /* Of seven pieces the first two at the beginning, and from each the two behind it. */
    CHECK_EQUAL(2 * end - 3 * PIECE, bytes_of_walk(&self, true, block_source_direct()));
    CHECK_EQUAL(0, bytes_of_walk(&self, false, block_source_direct()));
    fixture_free(&self);
}

TEST_MAIN(CASE(each_block_is_asked_for_once_and_neighbours_together),
          CASE(fewer_than_are_worth_it_are_not_asked_for), CASE(a_range_has_a_length_at_most),
          CASE(more_than_fit_are_asked_for_all_the_same),
          CASE(a_walk_asks_for_two_pieces_ahead_where_it_comes_to_a_piece))
