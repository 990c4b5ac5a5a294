/*
 * table_builder: takes entries in order and within bounds, tells what it wrote, and passes every
 * failure on.
 */
#include "codec/codec_runs.h"
#include "table_shapes.h"

#include "env/env_fault.h"

static table_builder *begin(fixture *self, const table_builder_options *options)
{
    table_builder *builder;
    CHECK_OK(table_builder_open(self->disk, self->directory, FIXTURE_NAME, options, &builder));
    return builder;
}

static table_entry entry_of(const char *key, uint64_t sequence)
{
    table_entry made = {.key = fixture_text(key), .sequence = sequence, .kind = TABLE_PUT};
    return made;
}

TEST(an_entry_that_does_not_follow_the_last_one_is_refused_and_changes_nothing)
{
    fixture self = fixture_new();
    table_builder_options options = fixture_build_options(0);
    table_builder *builder = begin(&self, &options);
    static const char *const keys[] = {"m", "m", "l", ""};
    static const uint64_t sequences[] = {5, 6, 5, 5};
    table_entry first = entry_of("m", 5);
    CHECK_OK(table_builder_add(builder, &first));
    for (size_t i = 0; i < 4; i++) {
        table_entry entry = entry_of(keys[i], sequences[i]);
        CHECK_STATUS(PYKV_INVALID_ARGUMENT, table_builder_add(builder, &entry));
    }
    table_entry next = entry_of("m", 4);
    CHECK_OK(table_builder_add(builder, &next));
    CHECK_EQUAL(2, table_builder_entry_count(builder));
    CHECK(slice_equal(fixture_text("m"), table_builder_last_key(builder)));
    CHECK_OK(table_builder_finish(builder, &self.summary));
    CHECK_EQUAL(2, self.summary.entry_count);
    table_builder_free(builder);
    fixture_free(&self);
}

TEST(an_entry_out_of_bounds_is_refused)
{
    static uint8_t key[STORED_KEY_BYTES_MAX + 1];
    fixture self = fixture_new();
    table_builder_options options = fixture_build_options(0);
    table_builder *builder = begin(&self, &options);
    table_entry wrong[4];
    for (size_t i = 0; i < 4; i++) {
        wrong[i] = entry_of("a", 1);
    }
    wrong[0].kind = 0;
    wrong[1].kind = TABLE_KIND_MAX + 1;
    wrong[2].sequence = UINT64_MAX;
    wrong[3].key = slice_make(key, sizeof key);
    for (size_t i = 0; i < 4; i++) {
        CHECK_STATUS(PYKV_INVALID_ARGUMENT, table_builder_add(builder, &wrong[i]));
    }
    CHECK_STATUS(PYKV_INVALID_ARGUMENT, table_builder_finish(builder, &self.summary));
    table_builder_free(builder);
    CHECK_EQUAL(0, self.summary.file_bytes);
    fixture_free(&self);
}

TEST(options_out_of_bounds_and_a_file_that_is_there_are_refused)
{
    fixture self = fixture_new();
    table_builder *builder;
    table_builder_options options = fixture_build_options(TABLE_BLOCK_BYTES_MIN - 1);
    CHECK_STATUS(PYKV_INVALID_ARGUMENT,
                 table_builder_open(self.disk, self.directory, FIXTURE_NAME, &options, &builder));
    options.block_bytes = TABLE_BLOCK_BYTES_MAX + 1;
    CHECK_STATUS(PYKV_INVALID_ARGUMENT,
                 table_builder_open(self.disk, self.directory, FIXTURE_NAME, &options, &builder));
    options.block_bytes = 0;
    table_builder_free(begin(&self, &options));
    CHECK_STATUS(PYKV_PATH_EXISTS,
                 table_builder_open(self.disk, self.directory, FIXTURE_NAME, &options, &builder));
    table_builder_free(NULL);
    fixture_free(&self);
}

TEST(the_summary_tells_what_was_written)
{
    fixture self = fixture_new();
    table_builder_options options = fixture_build_options(0);
    uint64_t size;
    table_entry entries[3] = {entry_of("a", 30), entry_of("b", 10), entry_of("c", 20)};
    entries[0].deadline_us = 500;
    entries[1].deadline_us = 400;
    entries[2].kind = TABLE_DELETE;
    for (size_t i = 0; i < 3; i++) {
        fixture_add(&self, entries[i]);
    }
    fixture_build(&self, &options);
    CHECK_EQUAL(3, self.summary.entry_count);
    CHECK_EQUAL(1, self.summary.tombstone_count);
    CHECK_EQUAL(10, self.summary.sequence_min);
    CHECK_EQUAL(30, self.summary.sequence_max);
    CHECK_EQUAL(400, self.summary.deadline_min_us);
    CHECK_EQUAL(0, self.summary.deadline_max_us); /* c never expires */
    CHECK_EQUAL(self.opened->file_id, self.summary.file_id);
    (void)fixture_bytes(&self, &size);
    CHECK_EQUAL(size, self.summary.file_bytes);
    fixture_free(&self);
}

TEST(a_table_whose_entries_all_expire_tells_when_the_last_one_does)
{
    static const uint64_t deadlines[] = {500, 900, 400};
    static const char *const keys[] = {"a", "b", "c"};
    fixture self = fixture_new();
    table_builder_options options = fixture_build_options(0);
    for (size_t i = 0; i < 3; i++) {
        table_entry entry = entry_of(keys[i], 1);
        entry.deadline_us = deadlines[i];
        fixture_add(&self, entry);
    }
    fixture_build(&self, &options);
    CHECK_EQUAL(400, self.summary.deadline_min_us);
    CHECK_EQUAL(900, self.summary.deadline_max_us);
    CHECK_EQUAL(900, self.opened->properties.deadline_max_us);
    CHECK_OK(table_verify(self.opened, NULL));
    fixture_free(&self);
}

TEST(every_file_has_an_id_of_its_own)
{
    fixture self = fixture_new();
    table_builder_options options = fixture_build_options(0);
    table_summary first;
    table_summary second;
    fixture_put(&self, fixture_text("a"), 1, fixture_text("b"));
    CHECK_OK(fixture_write(&self, self.disk, self.directory, &options, &first));
    fixture_remove(&self);
    CHECK_OK(fixture_write(&self, self.disk, self.directory, &options, &second));
    CHECK(first.file_id != second.file_id);
    CHECK(first.file_crc != second.file_crc);
    fixture_free(&self);
}

/* Keys with values of 200 bytes, half of which are the same byte over and over, half random. */
static void add_half_compressible(fixture *self)
{
    char key[16];
    uint8_t value[200];
    uint64_t chance = check_seed();
    for (int i = 0; i < 200; i++) {
        for (size_t at = 0; at < sizeof value; at++) {
            value[at] = i < 100 ? 7 : (uint8_t)check_random(&chance, 256);
        }
        int size = snprintf(key, sizeof key, "%04d", i);
        fixture_put(self, slice_make(key, (size_t)size), 1, slice_make(value, sizeof value));
    }
}

TEST(blocks_are_compressed_where_that_makes_them_smaller)
{
    table_builder_options options = fixture_build_options(1024);
    fixture plain = fixture_new();
    add_half_compressible(&plain);
    fixture_build(&plain, &options);
    fixture_free(&plain);
    fixture self = fixture_new();
    add_half_compressible(&self);
    options.codec = &codec_runs;
    codec_table_add(&self.codecs, &codec_runs);
    fixture_build(&self, &options);
    CHECK_EQUAL(plain.summary.raw_bytes, self.summary.raw_bytes);
    CHECK(self.summary.file_bytes < plain.summary.file_bytes - 15000);
    for (size_t i = 0; i < self.count; i++) {
        fixture_check_get(&self, self.entries[i].key, 1);
    }
    CHECK_OK(table_verify(self.opened, NULL));
    fixture_free(&self);
}

/* Writes with the k-th call of a kind failing; false: nothing failed any more. */
static bool write_with_fault(fixture *self, env *faulty, env_directory *directory, uint64_t k)
{
    table_builder_options options = fixture_build_options(512);
    env_fault_plan plan = {.at = k, .system_errno = 28};
    table_summary summary;
    options.write_bytes = 4096;
    fixture_remove(self);
    env_fault_set(faulty, &plan);
    pykv_status status = fixture_write(self, faulty, directory, &options, &summary);
    CHECK_EQUAL(env_fault_failed(faulty) > 0, status != PYKV_OK);
    return status != PYKV_OK;
}

TEST(every_call_that_fails_is_reported)
{
    int64_t blocks = mem_block_count();
    uint64_t chance = check_seed();
    fixture self = fixture_new();
    env *faulty;
    env_directory *directory;
    uint64_t failed = 0;
    CHECK_OK(env_fault_new(self.disk, &faulty));
    CHECK_OK(env_directory_open(faulty, "/d", false, &directory));
    shape_fill(&self, 0, &chance);
    while (write_with_fault(&self, faulty, directory, failed + 1)) {
        failed++;
    }
    CHECK(failed > 5);
    env_directory_close(directory);
    env_fault_free(faulty);
    fixture_free(&self);
    CHECK_EQUAL(blocks, mem_block_count());
}

/* Writes on a disk of its own with the k-th allocation failing. */
static pykv_status write_without_memory(const fixture *self, uint64_t k)
{
    table_builder_options options = fixture_build_options(512);
    env_directory *directory;
    env *disk;
    table_summary summary;
    options.codec = &codec_runs;
    CHECK_OK(env_memory_new(1, UINT64_C(1) << 24, &disk));
    CHECK_OK(env_directory_open(disk, "/d", true, &directory));
    mem_fail_at(k, 0);
    pykv_status status = fixture_write(self, disk, directory, &options, &summary);
    mem_fail_at(0, 0);
    env_directory_close(directory);
    env_memory_free(disk);
    return status;
}

TEST(every_allocation_that_fails_is_reported_and_nothing_is_lost)
{
    uint64_t chance = check_seed();
    fixture self = fixture_new();
    pykv_status status = PYKV_NO_MEMORY;
    shape_fill(&self, 1, &chance);
    int64_t blocks = mem_block_count();
    for (uint64_t k = 1; status != PYKV_OK; k++) {
        status = write_without_memory(&self, k);
        CHECK(status == PYKV_NO_MEMORY || (status == PYKV_OK && k > 20));
        CHECK_EQUAL(blocks, mem_block_count());
    }
    fixture_free(&self);
}

TEST_MAIN(CASE(an_entry_that_does_not_follow_the_last_one_is_refused_and_changes_nothing),
          CASE(an_entry_out_of_bounds_is_refused),
          CASE(options_out_of_bounds_and_a_file_that_is_there_are_refused),
          CASE(the_summary_tells_what_was_written),
          CASE(a_table_whose_entries_all_expire_tells_when_the_last_one_does),
          CASE(every_file_has_an_id_of_its_own),
          CASE(blocks_are_compressed_where_that_makes_them_smaller),
          CASE(every_call_that_fails_is_reported),
          CASE(every_allocation_that_fails_is_reported_and_nothing_is_lost))
