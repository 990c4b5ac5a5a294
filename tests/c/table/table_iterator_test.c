/*
 * table_iterator: windows stay within a block and within the arena, a failure ends the walk and
 * says why, and a later seek goes on.
 */
#include "table_shapes.h"

#include "table/table_format.h"

/* Numbered keys, in blocks of a few. */
static fixture numbers(int count)
{
    char key[16];
    fixture self = fixture_new();
    table_builder_options options = fixture_build_options(256);
    for (int i = 0; i < count; i++) {
        int size = snprintf(key, sizeof key, "key%04d", i);
        fixture_put(&self, slice_make(key, (size_t)size), 1, fixture_text("value"));
    }
    fixture_build(&self, &options);
    return self;
}

TEST(the_rest_of_a_window_is_taken_at_once)
{
    fixture self = numbers(500);
    iterator *walk;
    size_t seen = 0;
    size_t windows = 0;
    CHECK_OK(table_iterator_new(self.opened, block_source_direct(), &walk));
    iterator_seek_first(walk);
    while (iterator_valid(walk)) {
        const iterator_entry *rest;
        uint32_t count = iterator_rest(walk, &rest);
        for (uint32_t i = 0; i < count; i++) {
            CHECK(slice_equal(self.entries[seen + i].key, rest[i].key));
        }
        seen += count;
        windows++;
        iterator_skip(walk, count);
    }
    CHECK_OK(walk->status);
    CHECK_EQUAL(500, seen);
    CHECK(windows <= self.opened->index.block_count + 2);
    iterator_free(walk);
    fixture_free(&self);
}

TEST(a_damaged_block_ends_the_walk_and_a_seek_elsewhere_goes_on)
{
    fixture self = numbers(300);
    iterator *walk;
    uint64_t size;
    size_t seen = 0;
    uint32_t damaged = self.opened->index.block_count / 2;
    fixture_bytes(&self, &size)[self.opened->index.offsets[damaged]] ^= 1;
    CHECK_OK(table_iterator_new(self.opened, block_source_direct(), &walk));
    for (iterator_seek_first(walk); iterator_valid(walk); iterator_next(walk)) {
        seen++;
    }
    CHECK_EQUAL(PYKV_CORRUPTION, walk->status);
    CHECK(seen > 0 && seen < 300);
    iterator_seek(walk, self.entries[seen].key, 1);
    CHECK_EQUAL(PYKV_CORRUPTION, walk->status);
    iterator_seek_last(walk);
    fixture_check_at(&self, walk, 299);
    for (; iterator_valid(walk); iterator_previous(walk)) {
        seen++;
    }
    CHECK_EQUAL(PYKV_CORRUPTION, walk->status);
    CHECK(seen < 300);
    iterator_seek(walk, self.entries[0].key, 1);
    fixture_check_at(&self, walk, 0);
    iterator_free(walk);
    fixture_free(&self);
}

/* Keys so long that the arena holds one at a time still come out whole, both ways. */
TEST(keys_that_fill_the_arena_are_shown_one_by_one)
{
    static uint8_t key[PYKV_KEY_BYTES_MAX];
    fixture self = fixture_new();
    table_builder_options options = fixture_build_options(TABLE_BLOCK_BYTES_MAX);
    iterator *walk;
    memset(key, 'k', sizeof key);
    for (int i = 0; i < 20; i++) {
        key[sizeof key - 1] = (uint8_t)i;
        fixture_put(&self, slice_make(key, sizeof key), 1, fixture_text("value"));
    }
    fixture_build(&self, &options);
    CHECK_OK(table_iterator_new(self.opened, block_source_direct(), &walk));
    iterator_seek_first(walk);
    for (size_t i = 0; i < 20; i++) {
        fixture_check_at(&self, walk, i);
        iterator_next(walk);
    }
    iterator_seek_last(walk);
    for (size_t i = 20; i-- > 0;) {
        fixture_check_at(&self, walk, i);
        iterator_previous(walk);
    }
    iterator_free(walk);
    fixture_free(&self);
}

TEST(an_iterator_that_is_freed_on_its_way_gives_its_block_back)
{
    fixture self = numbers(100);
    iterator *walk;
    CHECK_OK(table_iterator_new(self.opened, block_source_direct(), &walk));
    iterator_seek(walk, self.entries[50].key, 1);
    fixture_check_at(&self, walk, 50);
    iterator_free(walk);
    fixture_free(&self);
}

TEST(no_memory_for_an_iterator_is_reported)
{
    fixture self = numbers(3);
    iterator *walk;
    int64_t blocks = mem_block_count();
    for (uint64_t k = 1; k <= 2; k++) {
        mem_fail_at(k, 0);
        CHECK_STATUS(PYKV_NO_MEMORY, table_iterator_new(self.opened, block_source_direct(), &walk));
    }
    mem_fail_at(0, 0);
    CHECK_EQUAL(blocks, mem_block_count());
    fixture_free(&self);
}

/* Fuzzing found that a window which began at an entry that shares nothing with the head of its
 * group, and is not that head, read the next ones' heads at NULL: no writer makes such a block, as
 * keys rise, but its checks may be right. */
TEST(a_window_that_begins_with_an_entry_that_shares_nothing_knows_the_head_of_its_group)
{
    enum { WINDOW = 4, SHARED_AT = 1, COUNT = 12 };
    fixture self = numbers(COUNT);
    block_handle place = table_index_handle(&self.opened->index, 0);
    block_trailer trailer = {place.size, BLOCK_DATA, CODEC_NONE};
    uint64_t size;
    uint8_t *data = fixture_bytes(&self, &size) + place.offset;
    uint8_t *value = memmem(data, place.size, "value", 5);
    iterator *walk;
    for (size_t i = 1; i < WINDOW; i++) {
        value = memmem(value + 1, place.size, "value", 5);
    }
    value[5 + SHARED_AT] = 0;
    block_trailer_encode(&trailer, self.opened->seed, place.offset, data, place.size,
                         data + place.size);
    CHECK_OK(table_iterator_new(self.opened, block_source_direct(), &walk));
    size_t seen = 0;
    for (iterator_seek_first(walk); iterator_valid(walk); iterator_next(walk), seen++) {
        CHECK(seen == WINDOW || slice_equal(self.entries[seen].key, iterator_current(walk)->key));
    }
    CHECK_EQUAL(COUNT, seen);
    iterator_free(walk);
    fixture_free(&self);
}

TEST_MAIN(CASE(the_rest_of_a_window_is_taken_at_once),
          CASE(a_damaged_block_ends_the_walk_and_a_seek_elsewhere_goes_on),
          CASE(keys_that_fill_the_arena_are_shown_one_by_one),
          CASE(an_iterator_that_is_freed_on_its_way_gives_its_block_back),
          CASE(no_memory_for_an_iterator_is_reported),
          CASE(a_window_that_begins_with_an_entry_that_shares_nothing_knows_the_head_of_its_group))
