/*
 * version: versions keep their order and their tables, and tell what a manifest lists.
 */
#include "lsm/version_iterate.h"
#include "lsm/version_tables.h"

/* Tables that a test made, each with one reference of the test. */
typedef struct shelf {
    version_fixture *disk;
    table_file *files[16];
    uint8_t levels[16];
    size_t count;
} shelf;

static table_file *put(shelf *self, uint8_t level_index, const char *keys, uint64_t first)
{
    table_file *file = version_table_of(self->disk, keys, first);
    self->levels[self->count] = level_index;
    self->files[self->count++] = file;
    return file;
}

static void release_all(shelf *self)
{
    for (size_t i = 0; i < self->count; i++) {
        table_file_release(self->files[i]);
    }
    self->count = 0;
}

static pykv_status make(shelf *self, version **version_out)
{
    return version_from_tables(self->files, self->levels, self->count, version_out);
}

static pykv_status apply(const version *base, const uint32_t *removed, size_t removed_count,
                         const version_addition *added, size_t added_count, version **version_out)
{
    version_change change = {.removed = removed,
                             .removed_count = removed_count,
                             .added = added,
                             .added_count = added_count};
    return version_apply(base, &change, version_out);
}

TEST(tables_stand_newest_first_at_level_0_and_by_key_below)
{
    shelf all = {.disk = version_fixture_open()};
    version *self;
    table_file *old = put(&all, 0, "b x", 100);
    table_file *plum = put(&all, 2, "plum quince", 30);
    table_file *fresh = put(&all, 0, "a z", 102);
    table_file *apple = put(&all, 2, "apple pear", 40);
    CHECK_OK(make(&all, &self));
    CHECK_EQUAL(4, self->file_count);
    CHECK_EQUAL(2, self->levels[0].count);
    CHECK(self->levels[0].files[0] == fresh && self->levels[0].files[1] == old);
    CHECK(self->levels[2].files[0] == apple && self->levels[2].files[1] == plum);
    CHECK(self->levels[2].tables[1] == plum->table);
    CHECK_EQUAL(apple->facts.file_bytes + plum->facts.file_bytes, self->levels[2].bytes);
    CHECK_EQUAL(0, self->levels[1].count);
    uint64_t bytes = 0;
    for (size_t i = 0; i < all.count; i++) {
        bytes += all.files[i]->facts.file_bytes;
    }
    CHECK_EQUAL(bytes, version_bytes(self));
    release_all(&all);
    version_release(self);
    version_fixture_close(all.disk);
}

TEST(a_change_takes_tables_out_and_puts_others_in)
{
    shelf all = {.disk = version_fixture_open()};
    version *base;
    version *next;
    table_file *a = put(&all, 0, "a c", 10);
    table_file *b = put(&all, 1, "a b", 4);
    table_file *c = put(&all, 1, "d e", 6);
    CHECK_OK(make(&all, &base));
    table_file *merged = put(&all, 1, "a b c", 20);
    uint32_t removed[] = {b->facts.number, a->facts.number};
    version_addition added[] = {{merged, 1}};
    CHECK_OK(apply(base, removed, 2, added, 1, &next));
    CHECK_EQUAL(2, next->file_count);
    CHECK_EQUAL(0, next->levels[0].count);
    CHECK(next->levels[1].files[0] == merged && next->levels[1].files[1] == c);
    CHECK_EQUAL(3, base->file_count);
    CHECK(base->levels[0].files[0] == a && base->levels[1].files[0] == b);
    release_all(&all);
    version_release(base);
    version_release(next);
    version_fixture_close(all.disk);
}

TEST(a_table_may_move_to_another_level)
{
    shelf all = {.disk = version_fixture_open()};
    version *base;
    version *next;
    table_file *file = put(&all, 3, "a b", 1);
    CHECK_OK(make(&all, &base));
    version_addition added[] = {{file, 6}};
    CHECK_OK(apply(base, &file->facts.number, 1, added, 1, &next));
    CHECK_EQUAL(0, next->levels[3].count);
    CHECK(next->levels[6].files[0] == file);
    release_all(&all);
    version_release(base);
    CHECK_EQUAL(0, table_graveyard_empty(&all.disk->graves));
    version_release(next);
    CHECK_EQUAL(1, table_graveyard_empty(&all.disk->graves));
    version_fixture_close(all.disk);
}

TEST(a_table_lives_as_long_as_a_version_that_has_it)
{
    shelf all = {.disk = version_fixture_open()};
    version *base;
    version *next;
    table_file *leaving = put(&all, 1, "a b", 1);
    put(&all, 1, "c d", 3);
    CHECK_OK(make(&all, &base));
    CHECK_OK(apply(base, &leaving->facts.number, 1, NULL, 0, &next));
    release_all(&all);
    CHECK(version_acquire(base) == base);
    version_release(base);
    table_file_mark_obsolete(leaving);
    CHECK_EQUAL(0, table_graveyard_empty(&all.disk->graves));
    version_release(base);
    CHECK_EQUAL(1, table_graveyard_empty(&all.disk->graves));
    CHECK(!version_has_file(all.disk, 1) && version_has_file(all.disk, 2));
    version_release(next);
    version_release(NULL);
    version_fixture_close(all.disk);
}

static void check_refused(shelf *all, const char *words)
{
    version *self;
    CHECK_STATUS(PYKV_CORRUPTION, make(all, &self));
    CHECK(strstr(error_last()->text, words) != NULL);
    CHECK(strstr(error_last()->text, VERSION_HOME "/0000") != NULL);
    release_all(all);
}

/* What overlaps would be searched in one of its tables only. */
TEST(tables_that_overlap_below_level_0_are_refused)
{
    shelf all = {.disk = version_fixture_open()};
    version *self;
    put(&all, 1, "a c", 1);
    put(&all, 1, "b d", 3);
    check_refused(&all, "tables of one level overlap");
    put(&all, 6, "a c", 1);
    put(&all, 6, "c d", 3);
    check_refused(&all, "tables of one level overlap");
    put(&all, 6, "a z", 1);
    put(&all, 6, "c d", 3);
    check_refused(&all, "tables of one level overlap");
    put(&all, 6, "a c", 1);
    put(&all, 5, "c d", 3);
    put(&all, 6, "ca d", 3);
    CHECK_OK(make(&all, &self));
    release_all(&all);
    version_release(self);
    version_fixture_close(all.disk);
}

/* The newer of two such tables could not be told. */
TEST(tables_that_overlap_in_sequences_at_level_0_are_refused)
{
    shelf all = {.disk = version_fixture_open()};
    version *self;
    put(&all, 0, "a b c", 10);
    put(&all, 0, "d e", 12);
    check_refused(&all, "tables of level 0 overlap in sequences");
    put(&all, 0, "a b c d", 10);
    put(&all, 0, "d e", 11);
    check_refused(&all, "tables of level 0 overlap in sequences");
    put(&all, 0, "a b c", 10);
    put(&all, 0, "a b c", 13);
    CHECK_OK(make(&all, &self));
    release_all(&all);
    version_release(self);
    version_fixture_close(all.disk);
}

TEST(a_key_is_below_a_level_if_a_deeper_table_has_it_within_its_bounds)
{
    shelf all = {.disk = version_fixture_open()};
    version *self;
    put(&all, 0, "m n", 100);
    put(&all, 2, "b d", 1);
    put(&all, 4, "f h", 3);
    put(&all, 4, "k l", 5);
    CHECK_OK(make(&all, &self));
    CHECK(version_key_is_below(self, 0, version_text("c")));
    CHECK(version_key_is_below(self, 1, version_text("b")));
    CHECK(version_key_is_below(self, 1, version_text("d")));
    CHECK(!version_key_is_below(self, 2, version_text("c")));
    CHECK(!version_key_is_below(self, 1, version_text("a")));
    CHECK(version_key_is_below(self, 2, version_text("g")));
    CHECK(!version_key_is_below(self, 2, version_text("i")));
    CHECK(version_key_is_below(self, 3, version_text("l")));
    CHECK(!version_key_is_below(self, 3, version_text("la")));
    CHECK(!version_key_is_below(self, 4, version_text("g")));
    CHECK(!version_key_is_below(self, 6, version_text("g")));
    CHECK(!version_key_is_below(self, 0, version_text("m")));
    release_all(&all);
    version_release(self);
    version_fixture_close(all.disk);
}

TEST(the_list_is_that_of_a_manifest_with_the_levels_of_now)
{
    shelf all = {.disk = version_fixture_open()};
    version *self;
    manifest_table *tables;
    uint64_t count;
    put(&all, 6, "x y", 1); /* number 1 */
    put(&all, 0, "a", 20);
    put(&all, 6, "a b", 5); /* number 3, before number 1 by key */
    put(&all, 0, "a", 22);
    CHECK_OK(make(&all, &self));
    CHECK_OK(version_list(self, &tables, &count));
    CHECK_EQUAL(4, count);
    static const uint32_t numbers[] = {2, 4, 1, 3};
    static const uint8_t levels[] = {0, 0, 6, 6};
    for (size_t i = 0; i < count; i++) {
        CHECK_EQUAL(numbers[i], tables[i].number);
        CHECK_EQUAL(levels[i], tables[i].level);
    }
    lsm_manifest list = {
        .next_number = 5, .last_sequence = 22, .table_count = count, .tables = tables};
    CHECK_OK(lsm_manifest_replace(all.disk->home, &list));
    mem_free(tables);
    release_all(&all);
    version_release(self);
    version_fixture_close(all.disk);
}

TEST(an_empty_version_has_nothing)
{
    version_fixture *disk = version_fixture_open();
    version *self;
    version *same;
    manifest_table *tables;
    uint64_t count;
    table_found found;
    CHECK_OK(version_new_empty(&self));
    CHECK_EQUAL(0, version_bytes(self));
    CHECK_EQUAL(0, version_iterator_count(self));
    CHECK_STATUS(PYKV_NOT_FOUND, version_get(self, &disk->cached.face, version_text("a"), 9,
                                             version_hash(version_text("a")), &found));
    CHECK_OK(version_list(self, &tables, &count));
    CHECK_EQUAL(0, count);
    mem_free(tables);
    CHECK_OK(apply(self, NULL, 0, NULL, 0, &same));
    CHECK_EQUAL(0, same->file_count);
    version_release(self);
    version_release(same);
    version_fixture_close(disk);
}

TEST(a_failed_allocation_is_no_memory_and_takes_no_reference)
{
    shelf all = {.disk = version_fixture_open()};
    version *self = NULL;
    manifest_table *tables = NULL;
    uint64_t count;
    put(&all, 0, "a b", 10);
    put(&all, 1, "a b", 1);
    pykv_status status = PYKV_NO_MEMORY;
    for (uint64_t at = 1; status != PYKV_OK; at++) {
        mem_fail_at(at, 0);
        status = make(&all, &self);
        mem_fail_at(0, 0);
        CHECK(status == PYKV_OK || status == PYKV_NO_MEMORY);
    }
    mem_fail_at(1, 0);
    CHECK_STATUS(PYKV_NO_MEMORY, version_list(self, &tables, &count));
    mem_fail_at(0, 0);
    version_release(self);
    release_all(&all);
    CHECK_EQUAL(2, table_graveyard_empty(&all.disk->graves));
    version_fixture_close(all.disk);
}

TEST_MAIN(CASE(tables_stand_newest_first_at_level_0_and_by_key_below),
          CASE(a_change_takes_tables_out_and_puts_others_in),
          CASE(a_table_may_move_to_another_level),
          CASE(a_table_lives_as_long_as_a_version_that_has_it),
          CASE(tables_that_overlap_below_level_0_are_refused),
          CASE(tables_that_overlap_in_sequences_at_level_0_are_refused),
          CASE(a_key_is_below_a_level_if_a_deeper_table_has_it_within_its_bounds),
          CASE(the_list_is_that_of_a_manifest_with_the_levels_of_now),
          CASE(an_empty_version_has_nothing),
          CASE(a_failed_allocation_is_no_memory_and_takes_no_reference))
