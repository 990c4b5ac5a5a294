/*
 * table_reader: opens what is a table and refuses everything else, whatever byte is wrong; gets
 * pass failures on.
 */
#include "codec/codec_runs.h"
#include "table_shapes.h"

#include "env/env_fault.h"

/* A small table with a filter and several blocks. */
static fixture small(void)
{
    char key[16];
    fixture self = fixture_new();
    table_builder_options options = fixture_build_options(256);
    for (int i = 0; i < 40; i++) {
        int size = snprintf(key, sizeof key, "key%03d", i);
        fixture_put(&self, slice_make(key, (size_t)size), (uint64_t)(i % 5), fixture_text("value"));
    }
    fixture_build(&self, &options);
    CHECK(self.opened->index.block_count > 2);
    return self;
}

/* Opens and verifies the table as it is now. */
static pykv_status open_and_verify(const fixture *self)
{
    table_open_options options = fixture_open_options(self);
    table *opened;
    pykv_status status = table_open(self->directory, FIXTURE_NAME, &options, &opened);
    if (status == PYKV_OK) {
        status = table_verify(opened, NULL);
        table_close(opened);
    }
    return status;
}

TEST(every_flipped_bit_is_noticed_when_the_table_is_opened_and_verified)
{
    fixture self = small();
    uint64_t size;
    (void)fixture_bytes(&self, &size);
    for (uint64_t bit = 0; bit < size * 8; bit++) {
        uint8_t *data = fixture_bytes(&self, &size);
        data[bit / 8] ^= (uint8_t)(1U << bit % 8);
        if (open_and_verify(&self) != PYKV_CORRUPTION) {
            check_failed(__FILE__, __LINE__, "bit %" PRIu64 " was not noticed", bit);
        }
        data[bit / 8] ^= (uint8_t)(1U << bit % 8);
    }
    CHECK_OK(open_and_verify(&self));
    fixture_free(&self);
}

/* Gets every key while a byte is wrong: the right answer, or corruption. */
TEST(a_get_never_gives_a_wrong_answer_from_a_damaged_table)
{
    fixture self = small();
    block_source *source = block_source_direct();
    uint64_t size;
    (void)fixture_bytes(&self, &size);
    uint64_t refused = 0;
    for (uint64_t at = TABLE_HEADER_BYTES; at < self.opened->footer.filter.offset; at += 3) {
        uint8_t *data = fixture_bytes(&self, &size);
        data[at] ^= 0x41;
        for (size_t i = 0; i < self.count; i++) {
            table_found found;
            pykv_status status = table_get(self.opened, source, fixture_position(&self.entries[i]),
                                           fixture_hash(self.entries[i].key), &found);
            CHECK(status == PYKV_OK || status == PYKV_CORRUPTION);
            if (status == PYKV_OK) {
                CHECK(slice_equal(self.entries[i].value, found.value));
                table_release(source, &found);
            } else {
                refused++;
                CHECK_EQUAL(0, strcmp(FIXTURE_PATH, error_last()->path));
                CHECK(error_last()->offset <= at + TABLE_TRAILER_BYTES);
            }
        }
        data[at] ^= 0x41;
    }
    CHECK(refused > 0);
    fixture_free(&self);
}

TEST(a_table_cut_anywhere_is_refused)
{
    fixture self = small();
    env_file *file;
    uint64_t size;
    (void)fixture_bytes(&self, &size);
    CHECK_OK(env_file_open(self.directory, FIXTURE_NAME, ENV_WRITE, &file));
    while (size-- > 0) {
        CHECK_OK(env_file_truncate(file, size));
        CHECK_STATUS(PYKV_CORRUPTION, open_and_verify(&self));
    }
    env_file_close(file);
    fixture_free(&self);
}

TEST(another_file_under_the_name_is_refused)
{
    fixture self = small();
    table_open_options options = fixture_open_options(&self);
    table *opened;
    options.file_id = self.summary.file_id;
    options.file_bytes = self.summary.file_bytes;
    CHECK_OK(table_open(self.directory, FIXTURE_NAME, &options, &opened));
    table_close(opened);
    options.file_id++;
    CHECK_STATUS(PYKV_CORRUPTION, table_open(self.directory, FIXTURE_NAME, &options, &opened));
    options.file_id--;
    options.file_bytes++;
    CHECK_STATUS(PYKV_CORRUPTION, table_open(self.directory, FIXTURE_NAME, &options, &opened));
    CHECK_STATUS(PYKV_PATH_NOT_FOUND, table_open(self.directory, "other", &options, &opened));
    table_close(NULL);
    fixture_free(&self);
}

TEST(a_table_of_another_store_is_read_by_its_own_hashes)
{
    fixture self = small();
    table_open_options options = fixture_open_options(&self);
    table *opened;
    block_source *source = block_source_direct();
    table_found found;
    options.hash_seed_low++;
    CHECK_OK(table_open(self.directory, FIXTURE_NAME, &options, &opened));
    for (size_t i = 0; i < self.count; i++) {
        CHECK(table_may_contain(opened, 12345));
        CHECK_OK(table_get(opened, source, fixture_position(&self.entries[i]), 12345, &found));
        CHECK(slice_equal(self.entries[i].value, found.value));
        table_release(source, &found);
    }
    table_close(opened);
    fixture_free(&self);
}

TEST(a_table_without_a_filter_answers_as_well)
{
    uint64_t chance = check_seed();
    fixture self = fixture_new();
    table_builder_options options = fixture_build_options(512);
    options.filter_bits_per_key = 0;
    shape_fill(&self, 0, &chance);
    fixture_build(&self, &options);
    CHECK(!self.opened->has_filter);
    CHECK(table_may_contain(self.opened, 1));
    for (size_t i = 0; i < self.count; i++) {
        fixture_check_get(&self, self.entries[i].key, self.entries[i].sequence);
    }
    fixture_check_get(&self, fixture_text("absent"), UINT64_MAX);
    CHECK_OK(table_verify(self.opened, NULL));
    fixture_free(&self);
}

TEST(a_block_of_a_codec_that_is_not_at_hand_is_told_apart_from_damage)
{
    uint8_t value[200] = {0};
    fixture self = fixture_new();
    table_builder_options options = fixture_build_options(0);
    table_open_options opening = fixture_open_options(&self);
    codec_table with_runs = codec_table_make();
    table_found found;
    options.codec = &codec_runs;
    codec_table_add(&with_runs, &codec_runs);
    fixture_put(&self, fixture_text("a"), 1, slice_make(value, sizeof value));
    fixture_build(&self, &options);
    CHECK_STATUS(PYKV_NOT_SUPPORTED,
                 table_get(self.opened, block_source_direct(), fixture_position(self.entries),
                           fixture_hash(self.entries[0].key), &found));
    table_close(self.opened);
    opening.codecs = &with_runs;
    CHECK_OK(table_open(self.directory, FIXTURE_NAME, &opening, &self.opened));
    fixture_check_get(&self, fixture_text("a"), 1);
    fixture_free(&self);
}

TEST(bytes_between_keys_grow_with_the_range)
{
    fixture self = small();
    uint64_t all = table_bytes_between(self.opened, fixture_text(""), fixture_text("z"));
    CHECK_EQUAL(self.opened->footer.filter.offset - TABLE_HEADER_BYTES, all);
    uint64_t half = table_bytes_between(self.opened, fixture_text("key020"), fixture_text("z"));
    CHECK(half > all / 4 && half < all * 3 / 4);
    CHECK_EQUAL(0, table_bytes_between(self.opened, fixture_text("z"), fixture_text("a")));
    CHECK(table_memory_bytes(self.opened) > self.opened->index.memory_bytes);
    fixture_free(&self);
}

/* Opens, gets, walks: all that reads. */
static pykv_status read_all(const fixture *self, env_directory *directory)
{
    table_open_options options = fixture_open_options(self);
    block_source *source = block_source_direct();
    table *opened;
    table_found found;
    iterator *walk;
    pykv_status status = table_open(directory, FIXTURE_NAME, &options, &opened);
    if (status != PYKV_OK) {
        return status;
    }
    status = table_get(opened, source, fixture_position(&self->entries[7]),
                       fixture_hash(self->entries[7].key), &found);
    if (status == PYKV_OK) {
        table_release(source, &found);
        status = table_iterator_new(opened, source, &walk);
    }
    if (status == PYKV_OK) {
        size_t seen = 0;
        for (iterator_seek_first(walk); iterator_valid(walk); iterator_next(walk)) {
            seen++;
        }
        status = walk->status;
        CHECK_EQUAL(status == PYKV_OK, seen == self->count);
        iterator_free(walk);
    }
    status = status == PYKV_OK ? table_verify(opened, NULL) : status;
    table_close(opened);
    return status;
}

TEST(every_call_and_every_allocation_that_fails_is_reported_and_nothing_is_lost)
{
    fixture self = small();
    env *faulty;
    env_directory *directory;
    pykv_status status = PYKV_IO_FAILED;
    CHECK_OK(env_fault_new(self.disk, &faulty));
    CHECK_OK(env_directory_open(faulty, "/d", false, &directory));
    int64_t blocks = mem_block_count();
    for (uint64_t k = 1; status != PYKV_OK; k++) {
        env_fault_plan plan = {.at = k, .system_errno = 5};
        env_fault_set(faulty, &plan);
        status = read_all(&self, directory);
        CHECK(status == PYKV_IO_FAILED || (status == PYKV_OK && k > 10));
        CHECK_EQUAL(blocks, mem_block_count());
    }
    status = PYKV_NO_MEMORY;
    for (uint64_t k = 1; status != PYKV_OK; k++) {
        mem_fail_at(k, 0);
        status = read_all(&self, self.directory);
        mem_fail_at(0, 0);
        CHECK(status == PYKV_NO_MEMORY || (status == PYKV_OK && k > 10));
        CHECK_EQUAL(blocks, mem_block_count());
    }
    env_directory_close(directory);
    env_fault_free(faulty);
    fixture_free(&self);
}

TEST_MAIN(CASE(every_flipped_bit_is_noticed_when_the_table_is_opened_and_verified),
          CASE(a_get_never_gives_a_wrong_answer_from_a_damaged_table),
          CASE(a_table_cut_anywhere_is_refused), CASE(another_file_under_the_name_is_refused),
          CASE(a_table_of_another_store_is_read_by_its_own_hashes),
          CASE(a_table_without_a_filter_answers_as_well),
          CASE(a_block_of_a_codec_that_is_not_at_hand_is_told_apart_from_damage),
          CASE(bytes_between_keys_grow_with_the_range),
          CASE(every_call_and_every_allocation_that_fails_is_reported_and_nothing_is_lost))
