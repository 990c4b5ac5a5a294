/*
 * open_test: options, what a directory may hold before a store is made in it, one opener at a time.
 */
#include "bitcask/bitcask_fixture.h"
#include "bitcask/open.h"

/* A disk without a store. */
static fixture bare_disk(void)
{
    fixture self = {.options = {.segment_bytes = FIXTURE_SEGMENT_BYTES}};
    CHECK_OK(env_memory_new(check_seed(), FIXTURE_FILE_MAX, &self.disk));
    return self;
}

static size_t file_count(fixture *self)
{
    env_names names;
    CHECK_OK(env_memory_paths(self->disk, &names));
    size_t count = names.count;
    env_names_free(&names);
    return count;
}

static void expect_refused(pykv_options options, const char *name)
{
    pykv_options out = {.interval_us = 77};
    CHECK_STATUS(PYKV_INVALID_ARGUMENT, bitcask_resolve_options(&options, &out));
    CHECK(strstr(error_last()->text, name) != NULL);
    CHECK_EQUAL(77, out.interval_us);
}

TEST(an_option_out_of_its_range_is_refused_by_name)
{
    uint64_t gib = UINT64_C(1) << 30;
    expect_refused((pykv_options){.segment_bytes = 4095}, "segment_bytes");
    expect_refused((pykv_options){.segment_bytes = 16 * gib + 1}, "segment_bytes");
    expect_refused((pykv_options){.batch_bytes_max = 4095}, "batch_bytes_max");
    expect_refused((pykv_options){.batch_bytes_max = gib + 1}, "batch_bytes_max");
    expect_refused((pykv_options){.durability = 4}, "durability");
    expect_refused((pykv_options){.durability = -1}, "durability");
    expect_refused((pykv_options){.log_sink = 3}, "log_sink");
    expect_refused((pykv_options){.space_amplification_max = 1.0}, "space_amplification_max");
    pykv_options out;
    pykv_options limits = {.segment_bytes = 16 * gib, .batch_bytes_max = gib};
    CHECK_OK(bitcask_resolve_options(&limits, &out));
    CHECK_EQUAL(16 * gib, out.segment_bytes);
}

TEST(an_option_of_zero_means_its_default)
{
    pykv_options out;
    CHECK_OK(bitcask_resolve_options(NULL, &out));
    CHECK_EQUAL(64 << 20, out.segment_bytes);
    CHECK_EQUAL(64 << 20, out.batch_bytes_max);
    CHECK_EQUAL(100000, out.interval_us);
    CHECK_EQUAL(PYKV_DURABILITY_OS, out.durability);
    CHECK(out.space_amplification_max > 1.49 && out.space_amplification_max < 1.51);
}

TEST(must_exist_makes_nothing_and_must_not_exist_leaves_what_is_there)
{
    fixture self = bare_disk();
    self.options.must_exist = 1;
    CHECK_STATUS(PYKV_PATH_NOT_FOUND, fixture_open(&self));
    self.options.must_exist = 0;
    self.options.read_only = 1;
    CHECK_STATUS(PYKV_PATH_NOT_FOUND, fixture_open(&self));
    CHECK(strcmp(FIXTURE_PATH, error_last()->path) == 0);
    CHECK_EQUAL(0, file_count(&self));
    self.options.read_only = 0;
    self.options.must_not_exist = 1;
    CHECK_OK(fixture_open(&self));
    fixture_put(&self, "a", "1");
    fixture_close(&self);
    CHECK_STATUS(PYKV_PATH_EXISTS, fixture_open(&self));
    self.options.must_not_exist = 0;
    self.options.must_exist = 1;
    CHECK_OK(fixture_open(&self));
    fixture_expect(&self, "a", "1");
    fixture_free(&self);
}

TEST(another_engines_directory_is_refused_and_left_alone)
{
    fixture self = bare_disk();
    fixture_make_file(&self, "CURRENT", "MANIFEST-000001");
    CHECK_STATUS(PYKV_FORMAT, fixture_open(&self));
    CHECK(strstr(error_last()->text, "CURRENT") != NULL);
    CHECK(!fixture_has(&self, "MANIFEST"));
    fixture_free(&self);
}

/* A database was once made between the files of whatever was there. */
TEST(a_directory_with_files_of_somebody_else_gets_no_database_not_even_a_lock)
{
    fixture self = bare_disk();
    fixture_make_file(&self, "notes.txt", "nothing of a database");
    for (int32_t read_only = 0; read_only < 2; read_only++) {
        self.options.read_only = read_only;
        CHECK_STATUS(PYKV_FORMAT, fixture_open(&self));
        CHECK(strcmp(FIXTURE_PATH, error_last()->path) == 0);
        CHECK(strstr(error_last()->text, "notes.txt") != NULL);
        CHECK(strstr(error_last()->text, "choose another") != NULL);
        CHECK_EQUAL(1, file_count(&self));
    }
    fixture_free(&self);
}

TEST(a_database_stays_open_to_its_owner_with_other_files_beside_it)
{
    fixture self = fixture_new();
    fixture_put(&self, "a", "1");
    fixture_close(&self);
    fixture_make_file(&self, "notes.txt", "about the database");
    CHECK_OK(fixture_open(&self));
    fixture_expect(&self, "a", "1");
    CHECK(fixture_has(&self, "notes.txt"));
    fixture_free(&self);
}

TEST(segments_without_a_manifest_are_damage_that_repair_is_named_for)
{
    fixture self = fixture_new();
    fixture_put(&self, "a", "1");
    fixture_close(&self);
    fixture_unlink(&self, "MANIFEST");
    CHECK_STATUS(PYKV_CORRUPTION, fixture_open(&self));
    CHECK(strstr(error_last()->text, "repair") != NULL);
    CHECK(fixture_has(&self, "00000001.log") && !fixture_has(&self, "MANIFEST"));
    fixture_free(&self);
}

TEST(a_reader_leaves_every_file_as_it_is)
{
    fixture self = fixture_new();
    fixture reader = self;
    uint64_t size;
    fixture_fill(&self, 0, 50, 1000);
    fixture_make_file(&self, "0000ffff.log", "an orphan");
    uint64_t calls = env_memory_call_count(self.disk);
    reader.options.read_only = 1;
    CHECK_OK(fixture_open(&reader));
    CHECK_EQUAL(50, fixture_count(&reader));
    fixture_close(&reader);
    CHECK_EQUAL(calls, env_memory_call_count(self.disk));
    CHECK_BYTES("an orphan", fixture_bytes(&self, "0000ffff.log", &size), 9);
    fixture_free(&self);
}

TEST(a_second_opener_is_refused_until_the_first_has_closed)
{
    fixture self = fixture_new();
    fixture second = self;
    CHECK_STATUS(PYKV_LOCKED, fixture_open(&second));
    fixture_put(&self, "a", "1");
    second.options.read_only = 1;
    CHECK_OK(fixture_open(&second));
    fixture_expect(&second, "a", "1");
    fixture_kill(&second);
    fixture_close(&self);
    second.options.read_only = 0;
    CHECK_OK(fixture_open(&second));
    CHECK_EQUAL(1, fixture_stats(&second).clean_open);
    fixture_free(&second);
}

TEST_MAIN(CASE(an_option_out_of_its_range_is_refused_by_name),
          CASE(an_option_of_zero_means_its_default),
          CASE(must_exist_makes_nothing_and_must_not_exist_leaves_what_is_there),
          CASE(another_engines_directory_is_refused_and_left_alone),
          CASE(a_directory_with_files_of_somebody_else_gets_no_database_not_even_a_lock),
          CASE(a_database_stays_open_to_its_owner_with_other_files_beside_it),
          CASE(segments_without_a_manifest_are_damage_that_repair_is_named_for),
          CASE(a_reader_leaves_every_file_as_it_is),
          CASE(a_second_opener_is_refused_until_the_first_has_closed))
