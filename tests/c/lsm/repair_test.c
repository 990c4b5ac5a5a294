/*
 * repair_test: a store is repaired after damage of each kind, and after a power cut at each call of
 * an earlier repair.
 */
#include "lsm_fixture.h"

#include "table/table_reader.h"

enum { ROWS = 60, ROW_BYTES = 300 };

/* A closed store of one table of many blocks. */
static fixture closed_store(void)
{
    fixture self = fixture_new();
    fixture_fill(&self, 0, ROWS, ROW_BYTES);
    fixture_close(&self);
    return self;
}

static void flip_in(fixture *self, const char *ending, uint64_t offset)
{
    char name[32];
    uint64_t size;
    CHECK(fixture_files(self, ending, name) >= 1);
    uint8_t *bytes = fixture_bytes(self, name, &size);
    CHECK(offset < size);
    bytes[offset] ^= 4;
}

static pykv_report repaired(fixture *self)
{
    static pykv_report report;
    CHECK_OK(lsm_repair(self->disk, FIXTURE_PATH, &report));
    CHECK_OK(fixture_open(self));
    CHECK_EQUAL(report.kept_record_count, fixture_count(self));
    return report;
}

TEST(a_sound_store_is_saved_whole_and_the_old_one_is_kept)
{
    fixture self = closed_store();
    uint8_t *bytes;
    uint64_t size;
    pykv_report report = repaired(&self);
    CHECK_EQUAL(0, report.damage_count);
    CHECK_EQUAL(0, report.lost_record_count);
    CHECK_EQUAL(ROWS, report.kept_record_count);
    CHECK_OK(env_memory_file_bytes(self.disk, FIXTURE_PATH "/damaged-1/MANIFEST", &bytes, &size));
    fixture_close(&self);
    report = repaired(&self);
    CHECK_EQUAL(ROWS, report.kept_record_count);
    CHECK_OK(env_memory_file_bytes(self.disk, FIXTURE_PATH "/damaged-2/MANIFEST", &bytes, &size));
    fixture_free(&self);
}

TEST(of_a_table_with_a_damaged_block_all_other_blocks_are_saved)
{
    fixture self = closed_store();
    flip_in(&self, ".tbl", 5000);
    pykv_report report = repaired(&self);
    CHECK_EQUAL(1, report.damage_count);
    CHECK(report.lost_record_count >= 1 && report.lost_record_count <= 4);
    CHECK_EQUAL(ROWS, report.kept_record_count + report.lost_record_count);
    CHECK(strstr(report.damages[0].path, ".tbl") != NULL);
    fixture_free(&self);
}

TEST(the_first_and_the_last_block_may_be_the_damaged_ones)
{
    fixture self = closed_store();
    flip_in(&self, ".tbl", 40);
    flip_in(&self, ".tbl", 18000);
    pykv_report report = repaired(&self);
    CHECK_EQUAL(2, report.damage_count);
    CHECK_EQUAL(ROWS, report.kept_record_count + report.lost_record_count);
    fixture_free(&self);
}

TEST(a_missing_table_is_a_damage_and_its_records_are_lost)
{
    fixture self = closed_store();
    char name[32];
    CHECK_EQUAL(1, fixture_files(&self, ".tbl", name));
    fixture_unlink(&self, name);
    pykv_report report = repaired(&self);
    CHECK_EQUAL(1, report.damage_count);
    CHECK_EQUAL(ROWS, report.lost_record_count);
    CHECK_EQUAL(0, report.kept_record_count);
    fixture_free(&self);
}

TEST(without_its_manifest_a_store_is_saved_from_its_files)
{
    fixture self = closed_store();
    fixture_unlink(&self, "MANIFEST");
    CHECK_STATUS(PYKV_CORRUPTION, fixture_open(&self));
    pykv_report report = repaired(&self);
    CHECK_EQUAL(1, report.damage_count);
    CHECK_EQUAL(ROWS, report.kept_record_count);
    fixture_free(&self);
}

TEST(the_newest_operation_on_a_key_wins_wherever_it_lies)
{
    fixture self = fixture_new();
    fixture_put(&self, "both", "table");
    fixture_put(&self, "gone", "table");
    CHECK_OK(lsm_flush(self.store));
    fixture_put(&self, "both", "log");
    fixture_delete(&self, "gone");
    fixture_put(&self, "new", "log");
    fixture_kill(&self);
    pykv_report report = repaired(&self);
    CHECK_EQUAL(0, report.damage_count);
    CHECK_EQUAL(2, report.kept_record_count);
    fixture_expect(&self, "both", "log");
    fixture_expect(&self, "new", "log");
    fixture_free(&self);
}

TEST(what_came_before_a_clear_stays_gone)
{
    fixture self = fixture_new();
    fixture_put(&self, "before", "x");
    CHECK_OK(lsm_clear(self.store, 0));
    fixture_put(&self, "behind", "y");
    fixture_kill(&self);
    fixture_unlink(&self, "MANIFEST");
    pykv_report report = repaired(&self);
    CHECK_EQUAL(1, report.kept_record_count);
    fixture_expect(&self, "behind", "y");
    fixture_free(&self);
}

TEST(a_damaged_record_of_a_log_is_left_out_and_those_behind_it_are_saved)
{
    fixture self = fixture_new();
    fixture_fill(&self, 0, 10, 100);
    CHECK_OK(lsm_sync(self.store));
    fixture_put(&self, "last", "z");
    fixture_kill(&self);
    flip_in(&self, ".log", 64 + 60);
    pykv_report report = repaired(&self);
    CHECK_EQUAL(1, report.damage_count);
    CHECK_EQUAL(10, report.kept_record_count);
    fixture_expect(&self, "last", "z");
    fixture_free(&self);
}

TEST(where_there_is_no_store_nothing_is_made)
{
    static pykv_report report;
    fixture self = fixture_blank();
    CHECK_STATUS(PYKV_PATH_NOT_FOUND, lsm_repair(self.disk, FIXTURE_PATH, &report));
    env_memory_free(self.disk);
}

/* The power goes at a call of a repair; true: the repair was over before. */
static bool cut_at(uint64_t call, env_crash_policy policy)
{
    static pykv_report report;
    env *after;
    fixture self = closed_store();
    env_memory_power_off_at(self.disk, env_memory_call_count(self.disk) + call);
    bool over = lsm_repair(self.disk, FIXTURE_PATH, &report) == PYKV_OK;
    CHECK_OK(env_memory_crash(self.disk, call, policy, &after));
    env_memory_free(self.disk);
    self.disk = after;
    if (fixture_open(&self) == PYKV_OK) {
        CHECK_EQUAL(ROWS, fixture_count(&self)); /* the old store or the new one, never none */
        fixture_close(&self);
    }
    report = repaired(&self);
    CHECK_EQUAL(ROWS, report.kept_record_count);
    CHECK_EQUAL(0, report.damage_count);
    fixture_free(&self);
    return over;
}

TEST(a_repair_that_the_power_cut_short_is_begun_again_or_finished)
{
    uint64_t call = 1;
    while (!cut_at(call, ENV_CRASH_DROP_ALL)) {
        (void)cut_at(call, call % 2 == 0 ? ENV_CRASH_KEEP_ALL : ENV_CRASH_SUBSET);
        call++;
    }
    CHECK(call > 20);
}

/* A follower took the changes of the repaired store for those behind its own. */
TEST(the_epoch_goes_on_in_the_repaired_store)
{
    fixture self = closed_store();
    (void)repaired(&self);
    uint64_t before = self.store->epoch_number;
    CHECK(before > 0);
    fixture_close(&self);
    (void)repaired(&self);
    CHECK(self.store->epoch_number > before);
    fixture_free(&self);
}

/* The only data block of the only table. */
static block_handle find_block(fixture *self, const char *name, uint64_t *file_id_out)
{
    env_directory *home;
    table *opened;
    codec_table codecs = codec_table_make();
    table_open_options options = {.codecs = &codecs};
    CHECK_OK(env_directory_open(self->disk, FIXTURE_PATH, false, &home));
    CHECK_OK(table_open(home, name, &options, &opened));
    CHECK_EQUAL(1, opened->index.block_count);
    block_handle found = table_index_handle(&opened->index, 0);
    *file_id_out = opened->file_id;
    table_close(opened);
    env_directory_close(home);
    return found;
}

/* Writes to over the first byte of text in that block, and makes its check right. */
static void change_block(fixture *self, const char *text, char to)
{
    char name[32];
    uint64_t size;
    uint64_t file_id;
    CHECK_EQUAL(1, fixture_files(self, ".tbl", name));
    block_handle place = find_block(self, name, &file_id);
    block_trailer trailer = {place.size, BLOCK_DATA, CODEC_NONE};
    uint8_t *block_bytes = fixture_bytes(self, name, &size) + place.offset;
    uint8_t *at = memmem(block_bytes, place.size, text, strlen(text));
    CHECK(at != NULL);
    *at = (uint8_t)to;
    block_trailer_encode(&trailer, table_seed(file_id), place.offset, block_bytes, place.size,
                         block_bytes + place.size);
}

/* Fuzzing found that a repair counted a row twice whose key stood in a table twice, apart, and kept
 * the one that came last, without a word. */
TEST(of_a_table_whose_entries_do_not_rise_the_first_of_a_key_stays_and_it_is_told)
{
    fixture self = fixture_new();
    fixture_put(&self, "a", "first");
    fixture_put(&self, "b", "second");
    fixture_put(&self, "c", "third");
    fixture_put(&self, "d", "fourth");
    fixture_put(&self, "e", "fifth");
    fixture_close(&self);
    change_block(&self, "cthird", 'a');
    change_block(&self, "dfourth", '1');
    pykv_report report = repaired(&self);
    CHECK_EQUAL(2, report.damage_count);
    CHECK(strstr(report.damages[0].text, "do not rise") != NULL);
    CHECK_EQUAL(1, report.lost_record_count);
    CHECK_EQUAL(4, report.kept_record_count);
    fixture_expect(&self, "a", "first");
    fixture_expect(&self, "1", "fourth");
    fixture_free(&self);
}

TEST_MAIN(CASE(the_epoch_goes_on_in_the_repaired_store),
          CASE(a_sound_store_is_saved_whole_and_the_old_one_is_kept),
          CASE(of_a_table_with_a_damaged_block_all_other_blocks_are_saved),
          CASE(the_first_and_the_last_block_may_be_the_damaged_ones),
          CASE(a_missing_table_is_a_damage_and_its_records_are_lost),
          CASE(without_its_manifest_a_store_is_saved_from_its_files),
          CASE(the_newest_operation_on_a_key_wins_wherever_it_lies),
          CASE(what_came_before_a_clear_stays_gone),
          CASE(of_a_table_whose_entries_do_not_rise_the_first_of_a_key_stays_and_it_is_told),
          CASE(a_damaged_record_of_a_log_is_left_out_and_those_behind_it_are_saved),
          CASE(where_there_is_no_store_nothing_is_made),
          CASE(a_repair_that_the_power_cut_short_is_begun_again_or_finished))
