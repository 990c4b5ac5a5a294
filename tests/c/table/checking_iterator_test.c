/*
 * checking_iterator_test: tables whose checks are right over entries that are wrong.
 */
#include "table_shapes.h"

#include "base/coding.h"
#include "table/checking_iterator.h"
#include "table/table_format.h"

enum { BLOCK_BYTES = 64 };

/* A table of blocks with one or two entries each. */
static fixture new_table(void)
{
    static const char *const keys[] = {"apple", "banana", "cherry", "date", "elder", "fig"};
    char value[40];
    fixture self = fixture_new();
    table_builder_options options = fixture_build_options(BLOCK_BYTES);
    memset(value, '-', sizeof value);
    for (uint64_t i = 0; i < sizeof keys / sizeof *keys; i++) {
        fixture_put(&self, fixture_text(keys[i]), 10 + i, slice_make(value, sizeof value));
    }
    fixture_build(&self, &options);
    CHECK(self.opened->index.block_count > 2);
    return self;
}

/* Walks on from where it stands, and counts. */
static uint64_t walk_on(iterator *walk)
{
    uint64_t count = 0;
    for (; iterator_valid(walk); count++) {
        iterator_next(walk);
    }
    return count;
}

/* Writes bytes to a block, at its begin or where text stands, under a check that is right. False:
 * it does not hold text.
 */
static bool change_block(const fixture *self, uint32_t block_index, const char *text,
                         const void *bytes, size_t count)
{
    block_handle place = table_index_handle(&self->opened->index, block_index);
    block_trailer trailer = {place.size, BLOCK_DATA, CODEC_NONE};
    uint64_t size;
    uint8_t *data = fixture_bytes(self, &size) + place.offset;
    uint8_t *at = text == NULL ? data : memmem(data, place.size, text, strlen(text));
    if (at == NULL) {
        return false;
    }
    memcpy(at, bytes, count);
    block_trailer_encode(&trailer, self->opened->seed, place.offset, data, place.size,
                         data + place.size);
    return true;
}

/* Gives an entry another first letter. */
static void change_key(const fixture *self, const char *key, char letter)
{
    uint32_t i = 0;
    while (!change_block(self, i, key, &letter, 1)) {
        CHECK(++i < self->opened->index.block_count);
    }
}

/* Checks that a walk over all ends as damage of this kind, and that the error tells where. */
static void check_damage(const fixture *self, const char *what)
{
    iterator *walk;
    CHECK_OK(checking_iterator_new(self->opened, block_source_direct(), &walk));
    iterator_seek_first(walk);
    CHECK(walk_on(walk) < self->count);
    CHECK_STATUS(PYKV_CORRUPTION, walk->status);
    CHECK(strstr(error_last()->text, what) != NULL);
    CHECK(strcmp(FIXTURE_PATH, error_last()->path) == 0);
    iterator_free(walk);
}

TEST(a_sound_table_is_shown_whole_from_the_begin_and_from_any_place)
{
    fixture self = new_table();
    for (size_t from = 0; from < self.count; from++) {
        iterator *walk;
        CHECK_OK(checking_iterator_new(self.opened, block_source_direct(), &walk));
        iterator_seek_first(walk);
        CHECK(slice_equal(self.entries[0].key, iterator_current(walk)->key));
        iterator_seek(walk, self.entries[from].key, self.entries[from].sequence);
        CHECK(slice_equal(self.entries[from].key, iterator_current(walk)->key));
        CHECK_EQUAL(self.count - from, walk_on(walk));
        CHECK_OK(walk->status);
        iterator_free(walk);
    }
    fixture_free(&self);
}

TEST(entries_that_do_not_rise_are_damage_of_the_table)
{
    fixture self = new_table();
    change_key(&self, "cherry", 'a');
    check_damage(&self, "do not rise");
    fixture_free(&self);
    /* Between the windows of two blocks. */
    self = new_table();
    change_key(&self, "apple", 'e');
    check_damage(&self, "do not rise");
    fixture_free(&self);
}

TEST(entries_beyond_the_ends_of_their_table_are_damage_of_it)
{
    fixture self = new_table();
    change_key(&self, "apple", 'A');
    check_damage(&self, "before the first");
    fixture_free(&self);
    self = new_table();
    change_key(&self, "fig", 'g');
    check_damage(&self, "behind the last");
    fixture_free(&self);
}

TEST(entries_newer_or_older_than_their_table_are_damage_of_it)
{
    uint8_t sequence[8];
    fixture self = new_table();
    store_u64(sequence, 100);
    change_block(&self, 1, NULL, sequence, sizeof sequence);
    check_damage(&self, "newer");
    store_u64(sequence, 1);
    change_block(&self, 1, NULL, sequence, sizeof sequence);
    check_damage(&self, "older");
    fixture_free(&self);
}

/* A walk that leaves what a range delete hides by a seek would stay there for ever. */
TEST(a_seek_that_ends_before_its_place_is_damage_of_the_table)
{
    iterator *walk;
    fixture self = new_table();
    change_key(&self, "date", 'b');
    CHECK_OK(checking_iterator_new(self.opened, block_source_direct(), &walk));
    iterator_seek(walk, fixture_text("d"), UINT64_MAX);
    CHECK(!iterator_valid(walk));
    CHECK_STATUS(PYKV_CORRUPTION, walk->status);
    iterator_free(walk);
    fixture_free(&self);
}

TEST(a_walk_back_is_refused)
{
    iterator *walk;
    fixture self = new_table();
    CHECK_OK(checking_iterator_new(self.opened, block_source_direct(), &walk));
    iterator_seek_last(walk);
    CHECK_STATUS(PYKV_INTERNAL, walk->status);
    iterator_seek_first(walk);
    CHECK(iterator_valid(walk));
    iterator_previous(walk);
    CHECK_STATUS(PYKV_INTERNAL, walk->status);
    iterator_seek_back(walk, fixture_text("fig"), 0);
    CHECK_STATUS(PYKV_INTERNAL, walk->status);
    iterator_free(walk);
    fixture_free(&self);
}

TEST(a_failed_allocation_is_no_memory)
{
    fixture self = new_table();
    pykv_status status = PYKV_NO_MEMORY;
    for (uint64_t at = 1; status != PYKV_OK; at++) {
        iterator *walk;
        mem_fail_at(at, 0);
        status = checking_iterator_new(self.opened, block_source_direct(), &walk);
        if (status == PYKV_OK) {
            iterator_seek_first(walk);
            walk_on(walk);
            status = walk->status;
            iterator_free(walk);
        }
        mem_fail_at(0, 0);
        CHECK(status == PYKV_OK || status == PYKV_NO_MEMORY);
    }
    fixture_free(&self);
}

TEST_MAIN(CASE(a_sound_table_is_shown_whole_from_the_begin_and_from_any_place),
          CASE(entries_that_do_not_rise_are_damage_of_the_table),
          CASE(entries_beyond_the_ends_of_their_table_are_damage_of_it),
          CASE(entries_newer_or_older_than_their_table_are_damage_of_it),
          CASE(a_seek_that_ends_before_its_place_is_damage_of_the_table),
          CASE(a_walk_back_is_refused), CASE(a_failed_allocation_is_no_memory))
