/*
 * recover_test: after the death of the process everything is there; after the power went, a prefix.
 */
#include "lsm_fixture.h"

#include "lsm/edit.h"

TEST(everything_acknowledged_is_there_after_the_process_died)
{
    fixture self = fixture_new();
    fixture_fill(&self, 0, 250, 1000);
    fixture_delete(&self, "key-00007");
    fixture_put(&self, "key-00008", "new");
    fixture_recover(&self);
    CHECK_EQUAL(249, fixture_count(&self));
    fixture_expect(&self, "key-00007", NULL);
    fixture_expect(&self, "key-00008", "new");
    pykv_stats stats = fixture_stats(&self);
    CHECK_EQUAL(252, stats.last_sequence);
    CHECK_EQUAL(252, stats.synced_sequence);
    CHECK(stats.recovered_record_count > 0 && stats.recovered_record_count < 252);
    CHECK_EQUAL(0, stats.clean_open);
    CHECK_EQUAL(1, stats.epoch);
    CHECK_EQUAL(0, fixture_files(&self, ".log", NULL));
    fixture_put(&self, "next", "1");
    CHECK_EQUAL(253, fixture_stats(&self).last_sequence);
    fixture_free(&self);
}

TEST(a_clean_open_reads_no_log_and_keeps_the_epoch)
{
    fixture self = fixture_new();
    fixture_fill(&self, 0, 100, 1000);
    fixture_reopen(&self);
    pykv_stats stats = fixture_stats(&self);
    CHECK_EQUAL(0, stats.recovered_record_count + stats.epoch);
    CHECK_EQUAL(1, stats.clean_open);
    CHECK_EQUAL(100, stats.last_sequence);
    fixture_free(&self);
}

TEST(a_recovery_that_is_repeated_finds_the_same)
{
    fixture self = fixture_new();
    fixture_fill(&self, 0, 100, 1000);
    for (int i = 0; i < 5; i++) {
        fixture_recover(&self);
        CHECK_EQUAL(100, fixture_count(&self));
        CHECK_EQUAL(100, fixture_stats(&self).last_sequence);
    }
    fixture_free(&self);
}

TEST(a_torn_end_is_set_aside_and_what_comes_before_it_is_kept)
{
    fixture self = fixture_new();
    uint64_t size;
    char name[32];
    fixture_fill(&self, 0, 20, 100);
    fixture_files(&self, ".log", name);
    fixture_kill(&self);
    uint8_t *data = fixture_bytes(&self, name, &size);
    uint64_t end = size;
    while (end > 0 && data[end - 1] == 0) {
        end--;
    }
    data[end - 20] ^= 1; /* in the last record */
    CHECK_OK(fixture_open(&self));
    CHECK_EQUAL(19, fixture_count(&self));
    CHECK(fixture_stats(&self).discarded_bytes > 0);
    CHECK_EQUAL(1, fixture_files(&self, ".torn", NULL));
    fixture_put(&self, "next", "1");
    fixture_recover(&self);
    CHECK_EQUAL(20, fixture_count(&self));
    fixture_free(&self);
}

TEST(after_the_power_went_what_was_synced_is_there_and_the_rest_is_a_prefix)
{
    for (uint64_t seed = 1; seed <= 40; seed++) {
        fixture self = fixture_new();
        env *booted;
        fixture_fill(&self, 0, 120, 500);
        CHECK_OK(lsm_sync(self.store));
        fixture_fill(&self, 120, 200, 500);
        CHECK_OK(env_memory_crash(self.disk, seed, ENV_CRASH_TORN, &booted));
        fixture_free(&self);
        self.disk = booted;
        CHECK_OK(fixture_open(&self));
        uint64_t count = fixture_count(&self);
        CHECK(count >= 120 && count <= 200);
        CHECK_EQUAL(count, fixture_stats(&self).last_sequence);
        if (count > 0) {
            char key[16];
            (void)fixture_key((uint32_t)count - 1, key);
            CHECK_OK(lsm_contains(self.store, fixture_text(key), 0));
        }
        fixture_free(&self);
    }
}

enum { CUT_AT = 50, CUT_ROWS = 100 };

/* Where the key of a row stands in the last log; *data_out and *size_out: its bytes. */
static uint64_t find_row(fixture *self, uint32_t number, uint8_t **data_out, uint64_t *size_out)
{
    char name[32];
    char key[16];
    slice wanted = fixture_key(number, key);
    fixture_files(self, ".log", name);
    uint8_t *data = fixture_bytes(self, name, size_out);
    uint64_t at = 0;
    while (memcmp(data + at, wanted.data, wanted.size) != 0) {
        at++;
        CHECK(at + wanted.size <= *size_out);
    }
    *data_out = data;
    return at;
}

/* A store that died with CUT_ROWS rows, all synced and each one sequence, of which the manifest
 * knows listed. */
static fixture died_with_rows(uint32_t listed)
{
    fixture self = fixture_blank();
    self.options.history_bytes = 1 << 20;
    CHECK_OK(fixture_open(&self));
    fixture_fill(&self, 0, listed, 10);
    CHECK_OK(lsm_sync(self.store));
    CHECK_OK(lsm_write_manifest(self.store, LSM_BLOCKS_OF_ITS_OWN, false));
    fixture_fill(&self, listed, CUT_ROWS, 10);
    CHECK_OK(lsm_sync(self.store));
    fixture_kill(&self);
    return self;
}

static void open_point_in_time(fixture *self)
{
    CHECK_STATUS(PYKV_CORRUPTION, fixture_open(self));
    self->options.recover_point_in_time = 1;
    CHECK_OK(fixture_open(self));
}

/* Who had read up to the last sequence passed over what was written with the same ones again. */
TEST(no_sequence_is_given_again_behind_a_point_in_time)
{
    fixture self = died_with_rows(CUT_AT + 10);
    uint8_t *data;
    uint64_t size;
    uint64_t at = find_row(&self, CUT_AT, &data, &size);
    data[at] ^= 1;
    open_point_in_time(&self);
    CHECK_EQUAL(CUT_AT, fixture_count(&self));
    CHECK_EQUAL(CUT_ROWS + 1, fixture_stats(&self).last_sequence);
    fixture_put(&self, "new", "1");
    CHECK_EQUAL(CUT_ROWS + 2, fixture_stats(&self).last_sequence);
    self.options.recover_point_in_time = 0;
    fixture_recover(&self);
    CHECK_EQUAL(CUT_ROWS + 2, fixture_stats(&self).last_sequence);
    CHECK_EQUAL(CUT_AT + 1, fixture_count(&self));
    fixture_expect(&self, "new", "1");
    fixture_reopen(&self);
    CHECK_EQUAL(CUT_ROWS + 2, fixture_stats(&self).last_sequence);
    fixture_free(&self);
}

/* As where the system lost the pages of the end. */
TEST(sequences_that_only_the_manifest_knew_are_not_given_again)
{
    fixture self = died_with_rows(CUT_ROWS);
    uint8_t *data;
    uint64_t size;
    uint64_t at = find_row(&self, CUT_AT, &data, &size) - RECORD_HEADER_BYTES;
    memset(data + at, 0, size - at);
    open_point_in_time(&self);
    CHECK_EQUAL(CUT_AT, fixture_count(&self));
    CHECK(fixture_stats(&self).last_sequence > CUT_ROWS);
    fixture_free(&self);
}

static void cut_file(fixture *self, const char *name, uint64_t size)
{
    env_directory *home;
    env_file *file;
    CHECK_OK(env_directory_open(self->disk, FIXTURE_PATH, false, &home));
    CHECK_OK(env_file_open(home, name, ENV_READ | ENV_WRITE, &file));
    CHECK_OK(env_file_truncate(file, size));
    env_file_close(file);
    env_directory_close(home);
}

/* The manifest is older than the end, which followers have read: the sequences of what reads as
 * zeros now, or is cut off, were given again. */
TEST(sequences_of_an_end_that_left_no_trace_are_not_given_again)
{
    for (int cut = 0; cut < 2; cut++) {
        fixture self = died_with_rows(CUT_AT + 10);
        uint8_t *data;
        uint64_t size;
        char name[32];
        change_feed *feed;
        uint64_t at = find_row(&self, CUT_AT, &data, &size) - RECORD_HEADER_BYTES;
        if (cut == 1) {
            fixture_files(&self, ".log", name);
            cut_file(&self, name, at);
        } else {
            memset(data + at, 0, size - at);
        }
        open_point_in_time(&self);
        CHECK_EQUAL(CUT_AT, fixture_count(&self));
        CHECK(fixture_stats(&self).last_sequence > CUT_ROWS);
        fixture_put(&self, "new", "1");
        CHECK_OK(lsm_sync(self.store));
        CHECK_STATUS(
            PYKV_HISTORY_GONE,
            lsm_changes_open(self.store, &(pykv_position){.sequence = CUT_ROWS}, 0, &feed));
        fixture_reopen(&self);
        fixture_expect(&self, "new", "1");
        fixture_free(&self);
    }
}

TEST(sequences_that_nothing_tells_any_more_are_not_given_again)
{
    fixture self = died_with_rows(CUT_AT + 10);
    uint8_t *data;
    uint64_t size;
    uint64_t at = find_row(&self, CUT_AT, &data, &size);
    uint64_t last = find_row(&self, CUT_ROWS - 1, &data, &size);
    memset(data + at, 'x', last + 10 - at);
    open_point_in_time(&self);
    CHECK_EQUAL(CUT_AT, fixture_count(&self));
    CHECK(fixture_stats(&self).last_sequence > CUT_ROWS);
    fixture_free(&self);
}

TEST(a_follower_is_told_that_the_log_was_cut)
{
    fixture self = died_with_rows(CUT_AT + 10);
    uint8_t *data;
    uint64_t size;
    change_feed *feed;
    uint64_t at = find_row(&self, CUT_AT, &data, &size);
    data[at] ^= 1;
    open_point_in_time(&self);
    fixture_fill(&self, CUT_AT, CUT_ROWS, 10);
    CHECK_OK(lsm_sync(self.store));
    for (uint64_t since = 1; since <= CUT_ROWS; since++) {
        CHECK_STATUS(PYKV_HISTORY_GONE,
                     lsm_changes_open(self.store, &(pykv_position){.sequence = since}, 0, &feed));
    }
    CHECK_EQUAL(CUT_ROWS + 2, fixture_stats(&self).history_floor);
    CHECK_OK(lsm_changes_open(self.store, &(pykv_position){.sequence = CUT_ROWS + 1}, 0, &feed));
    lsm_changes_free(self.store, feed);
    fixture_free(&self);
}

TEST(a_reader_recovers_in_memory_alone)
{
    fixture self = fixture_new();
    fixture_fill(&self, 0, 100, 1000);
    CHECK_OK(lsm_clear(self.store, 0));
    fixture_fill(&self, 0, 90, 1000);
    fixture_kill(&self);
    size_t logs = fixture_files(&self, ".log", NULL);
    self.options.read_only = 1;
    CHECK_OK(fixture_open(&self));
    CHECK_EQUAL(90, fixture_count(&self));
    CHECK_EQUAL(logs, fixture_files(&self, ".log", NULL));
    fixture_free(&self);
}

/* Fuzzing found that a manifest whose tables have sequences which neither they nor the log account
 * for was PYKV_INTERNAL, in the middle of the recovery. */
TEST(tables_with_sequences_behind_the_end_of_the_log_are_damage)
{
    for (int round = 0; round < 2; round++) {
        fixture self = fixture_new();
        env_directory *home;
        fixture_put(&self, "a", "1");
        CHECK_OK(lsm_flush(self.store));
        fixture_put(&self, "b", "2");
        fixture_kill(&self);
        lsm_manifest listed = fixture_manifest(&self);
        CHECK(listed.table_count == 1 && listed.log_count > 0);
        listed.last_sequence = 9;
        if (round == 0) {
            listed.tables[0].deletes_through = 9;
        } else {
            listed.tables[0].sequence_max = 9;
        }
        CHECK_OK(env_directory_open(self.disk, FIXTURE_PATH, false, &home));
        CHECK_OK(lsm_manifest_replace(home, &listed));
        lsm_manifest_reset(&listed);
        env_directory_close(home);
        CHECK_STATUS(PYKV_CORRUPTION, fixture_open(&self));
        CHECK(strstr(error_last()->text, round == 0 ? "MANIFEST" : ".tbl") != NULL);
        fixture_free(&self);
    }
}

TEST_MAIN(CASE(tables_with_sequences_behind_the_end_of_the_log_are_damage),
          CASE(everything_acknowledged_is_there_after_the_process_died),
          CASE(a_clean_open_reads_no_log_and_keeps_the_epoch),
          CASE(a_recovery_that_is_repeated_finds_the_same),
          CASE(a_torn_end_is_set_aside_and_what_comes_before_it_is_kept),
          CASE(after_the_power_went_what_was_synced_is_there_and_the_rest_is_a_prefix),
          CASE(no_sequence_is_given_again_behind_a_point_in_time),
          CASE(sequences_that_only_the_manifest_knew_are_not_given_again),
          CASE(sequences_of_an_end_that_left_no_trace_are_not_given_again),
          CASE(sequences_that_nothing_tells_any_more_are_not_given_again),
          CASE(a_follower_is_told_that_the_log_was_cut), CASE(a_reader_recovers_in_memory_alone))
