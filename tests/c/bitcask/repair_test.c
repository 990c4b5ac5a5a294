/*
 * repair: what can be read is saved, in its newest version, and the old files are kept.
 */
#include <sys/stat.h>

#include "base/coding.h"
#include "base/crc32c.h"
#include "bitcask/merge_fixture.h"
#include "bitcask/named_fixture.h"
#include "bitcask/packing_fixture.h"
#include "bitcask/repair_fixture.h"
#include "log/repair_swap.h"

static void check_saved(repair_fixture *self, uint64_t count)
{
    repair_open(self);
    CHECK_EQUAL(count, bitcask_count(self->base.store));
    fixture_expect(&self->base, "key-5", "newer");
    fixture_expect(&self->base, "key-6", NULL);
    fixture_put(&self->base, "later", "write");
    fixture_close(&self->base);
    repair_open(self);
    fixture_expect(&self->base, "later", "write");
    CHECK_EQUAL(count + 1, bitcask_count(self->base.store));
}

TEST(a_damaged_record_is_lost_and_told_and_all_others_are_saved)
{
    repair_fixture self = repair_fixture_closed();
    pykv_report report;
    repair_flip(&self, "00000001.log", BODY_OF_FIRST);
    CHECK_OK(bitcask_repair(env_posix(), self.path, &report));
    CHECK_EQUAL(1, report.damage_count);
    CHECK(strstr(report.damages[0].path, "00000001.log") != NULL);
    CHECK_EQUAL(LOG_SEGMENT_HEADER_BYTES, report.damages[0].offset);
    CHECK_EQUAL(LOG_SEGMENT_HEADER_BYTES + record_bytes(0, 5, REPAIR_VALUE_BYTES),
                report.damages[0].expected);
    CHECK_EQUAL(REPAIR_KEYS + 1, report.record_count);
    CHECK_EQUAL(REPAIR_KEYS - 2, report.kept_record_count);
    CHECK_EQUAL(1, report.lost_record_count);
    check_saved(&self, REPAIR_KEYS - 2);
    fixture_expect(&self.base, "key-0", NULL);
    repair_free(&self);
}

TEST(a_store_without_its_manifest_is_refused_and_saved_whole)
{
    repair_fixture self = repair_fixture_closed();
    pykv_report report;
    repair_unlink(&self, MANIFEST_NAME);
    CHECK_STATUS(PYKV_CORRUPTION, bitcask_open(env_posix(), self.path, NULL, &self.base.store));
    CHECK_OK(bitcask_repair(env_posix(), self.path, &report));
    CHECK_EQUAL(1, report.damage_count);
    CHECK_EQUAL(REPAIR_KEYS - 1, report.kept_record_count);
    CHECK_EQUAL(0, report.lost_record_count);
    check_saved(&self, REPAIR_KEYS - 1);
    repair_free(&self);
}

/* A repair once said that all was well. */
TEST(a_segment_that_was_cut_between_two_records_or_whose_end_is_zero_is_told)
{
    static const off_t kept = LOG_SEGMENT_HEADER_BYTES + 10 * 136;
    CHECK_EQUAL(136, record_bytes(0, 5, REPAIR_VALUE_BYTES));
    for (int round = 0; round < 2; round++) {
        repair_fixture self = repair_fixture_closed();
        pykv_report report;
        struct stat before;
        const char *path = repair_file(&self, "00000001.log");
        CHECK_EQUAL(0, stat(path, &before));
        CHECK_EQUAL(0, truncate(path, kept));
        CHECK_EQUAL(0, truncate(path, round == 0 ? kept : before.st_size));
        CHECK_OK(bitcask_repair(env_posix(), self.path, &report));
        CHECK_EQUAL(1, report.damage_count);
        CHECK(strstr(report.damages[0].path, "00000001.log") != NULL);
        CHECK_EQUAL(kept, report.damages[0].offset);
        CHECK_EQUAL(before.st_size, report.damages[0].expected);
        CHECK_EQUAL(REPAIR_KEYS + 2, report.record_count + report.lost_record_count);
        repair_free(&self);
    }
}

TEST(a_segment_with_a_damaged_header_is_read_with_the_manifest_s_help)
{
    repair_fixture self = repair_fixture_closed();
    pykv_report report;
    repair_flip(&self, "00000001.log", 20);
    CHECK_OK(bitcask_repair(env_posix(), self.path, &report));
    CHECK_EQUAL(1, report.damage_count);
    CHECK(strstr(report.damages[0].path, "00000001.log") != NULL);
    CHECK_EQUAL(REPAIR_KEYS - 1, report.kept_record_count);
    check_saved(&self, REPAIR_KEYS - 1);
    repair_free(&self);
}

TEST(what_was_cleared_stays_cleared)
{
    repair_fixture self = repair_new();
    pykv_report report;
    fixture_fill(&self.base, 0, REPAIR_KEYS, REPAIR_VALUE_BYTES);
    CHECK_OK(bitcask_clear(self.base.store, 0));
    fixture_put(&self.base, "key-7", "after");
    fixture_close(&self.base);
    repair_unlink(&self, MANIFEST_NAME);
    CHECK_OK(bitcask_repair(env_posix(), self.path, &report));
    CHECK_EQUAL(1, report.kept_record_count);
    repair_open(&self);
    CHECK_EQUAL(1, bitcask_count(self.base.store));
    fixture_expect(&self.base, "key-7", "after");
    repair_free(&self);
}

/* A merge of the segment with the clear dropped its record, because the manifest has it, and left a
 * segment with a cleared row: a repair knew of no clear then, and the row came back. */
TEST(what_was_cleared_stays_cleared_when_only_the_manifest_knows_the_clear)
{
    repair_fixture self = repair_new();
    bitcask *store = self.base.store;
    pykv_report report;
    fixture_put(&self.base, "old", "1");
    CHECK_OK(bitcask_flush(store));
    CHECK_OK(bitcask_clear(store, 0));
    fixture_put(&self.base, "key", "old");
    fixture_put(&self.base, "key", "new");
    CHECK_OK(bitcask_flush(store));
    mutex_lock(&store->merge_lock);
    CHECK_OK(merge_begin(store, &store->segments[1], 1));
    mutex_unlock(&store->merge_lock);
    merge_fixture_finish(&self.base);
    fixture_close(&self.base);
    CHECK(repair_has(&self, "00000001.log") && !repair_has(&self, "00000002.log"));
    CHECK_OK(bitcask_repair(env_posix(), self.path, &report));
    CHECK_EQUAL(1, report.kept_record_count);
    repair_open(&self);
    CHECK_EQUAL(1, bitcask_count(self.base.store));
    fixture_expect(&self.base, "key", "new");
    repair_free(&self);
}

/* The unlink of what a merge replaced need not be durable, and the process may die before it. A
 * repair took deleted rows, and those of dropped namespaces, out of such a file, and told nothing.
 */
TEST(a_merged_segment_whose_file_is_still_there_brings_nothing_back)
{
    repair_fixture self = repair_new();
    char kept[512];
    pykv_report report;
    space *within = named_make(&self.base, "gone");
    named_put(&self.base, within, "row", "1");
    named_let_go(&self.base, within);
    fixture_put(&self.base, "dead", "1");
    fixture_put(&self.base, "live", "1");
    CHECK_OK(bitcask_flush(self.base.store));
    snprintf(kept, sizeof kept, "%s.kept", self.path);
    CHECK_EQUAL(0, link(repair_file(&self, "00000001.log"), kept));
    fixture_delete(&self.base, "dead");
    named_drop(&self.base, "gone");
    fixture_put(&self.base, "other", "1");
    CHECK_OK(bitcask_compact(self.base.store, NULL));
    fixture_close(&self.base);
    CHECK(!repair_has(&self, "00000001.log"));
    CHECK_EQUAL(0, rename(kept, repair_file(&self, "00000001.log")));
    CHECK_OK(bitcask_repair(env_posix(), self.path, &report));
    CHECK_EQUAL(0, report.damage_count);
    CHECK_EQUAL(0, report.lost_record_count);
    CHECK_EQUAL(2, report.kept_record_count);
    repair_open(&self);
    fixture_expect(&self.base, "dead", NULL);
    fixture_expect(&self.base, "live", "1");
    fixture_expect(&self.base, "other", "1");
    repair_free(&self);
}

/* Gives a segment of another store a name in this one. */
static void link_another_store(repair_fixture *self, const char *name)
{
    repair_fixture other = repair_new();
    char path[512];
    for (int i = 0; i < 9; i++) {
        fixture_put(&other.base, "live", "of another store");
    }
    fixture_close(&other.base);
    snprintf(path, sizeof path, "%s", repair_file(&other, "00000001.log"));
    CHECK_EQUAL(0, link(path, repair_file(self, name)));
    free(other.path);
}

/* As where a copy of the files is made while the store is open, and the manifest is copied first.
 */
TEST(files_that_are_newer_than_the_manifest_are_saved)
{
    repair_fixture self = repair_new();
    char kept[512];
    pykv_report report;
    fixture_put(&self.base, "live", "1");
    fixture_put(&self.base, "live", "2");
    CHECK_OK(bitcask_flush(self.base.store));
    fixture_put(&self.base, "other", "1");
    snprintf(kept, sizeof kept, "%s.kept", self.path);
    CHECK_EQUAL(0, link(repair_file(&self, "MANIFEST"), kept));
    CHECK_OK(bitcask_compact(self.base.store, NULL));
    CHECK_OK(bitcask_flush(self.base.store));
    fixture_put(&self.base, "newest", "1");
    fixture_close(&self.base);
    CHECK(!repair_has(&self, "00000001.log"));
    CHECK_EQUAL(0, rename(kept, repair_file(&self, "MANIFEST")));
    link_another_store(&self, "000000ff.log");
    CHECK_OK(bitcask_repair(env_posix(), self.path, &report));
    CHECK(report.damage_count > 0);
    CHECK_EQUAL(3, report.kept_record_count);
    repair_open(&self);
    fixture_expect(&self.base, "live", "2");
    fixture_expect(&self.base, "other", "1");
    fixture_expect(&self.base, "newest", "1");
    repair_free(&self);
}

TEST(the_old_files_are_kept_as_they_were_and_a_second_repair_keeps_more)
{
    repair_fixture self = repair_fixture_closed();
    pykv_report report;
    uint8_t byte = 0;
    repair_flip(&self, "00000001.log", BODY_OF_FIRST);
    CHECK_OK(bitcask_repair(env_posix(), self.path, &report));
    CHECK(repair_has(&self, "damaged-1/" MANIFEST_NAME));
    CHECK(repair_has(&self, "damaged-1/00000003.log"));
    CHECK(!repair_has(&self, "00000001.log"));
    CHECK(!repair_has(&self, REPAIR_DIRECTORY));
    int file = open(repair_file(&self, "damaged-1/00000001.log"), O_RDONLY | O_CLOEXEC);
    CHECK(file >= 0);
    CHECK_EQUAL(1, pread(file, &byte, 1, BODY_OF_FIRST));
    close(file);
    CHECK_EQUAL('v' ^ 4, byte);
    CHECK_OK(bitcask_repair(env_posix(), self.path, &report));
    CHECK_EQUAL(0, report.damage_count);
    CHECK_EQUAL(REPAIR_KEYS - 2, report.kept_record_count);
    CHECK(repair_has(&self, "damaged-2/" MANIFEST_NAME));
    CHECK(repair_has(&self, "damaged-1/00000003.log"));
    check_saved(&self, REPAIR_KEYS - 2);
    repair_free(&self);
}

/* Its segments were taken for damaged ones, and everything was moved away. */
TEST(a_store_of_a_newer_format_is_left_alone)
{
    repair_fixture self = repair_fixture_closed();
    pykv_report report;
    uint8_t header[MANIFEST_HEADER_BYTES];
    int file = open(repair_file(&self, MANIFEST_NAME), O_RDWR | O_CLOEXEC);
    CHECK_EQUAL(sizeof header, pread(file, header, sizeof header, 0));
    header[8]++;
    store_u32(header + 252, crc32c_extend(0, header, 252));
    CHECK_EQUAL(sizeof header, pwrite(file, header, sizeof header, 0));
    close(file);
    CHECK_STATUS(PYKV_FORMAT, bitcask_repair(env_posix(), self.path, &report));
    CHECK(repair_has(&self, "00000001.log") && repair_has(&self, MANIFEST_NAME));
    CHECK(!repair_has(&self, "damaged-1"));
    repair_free(&self);
}

/* The number behind the last one is 0 in 32 bits: the fresh store's first segment asserted. */
TEST(a_store_without_a_number_left_is_refused_untouched)
{
    repair_fixture self = repair_fixture_closed();
    pykv_report report;
    char last[512];
    snprintf(last, sizeof last, "%s", repair_file(&self, "ffffffff.log"));
    CHECK_EQUAL(0, rename(repair_file(&self, "00000001.log"), last));
    CHECK_STATUS(PYKV_NO_SPACE, bitcask_repair(env_posix(), self.path, &report));
    CHECK(repair_has(&self, "ffffffff.log") && repair_has(&self, MANIFEST_NAME));
    repair_free(&self);
}

TEST(an_open_store_and_a_directory_without_one_are_refused)
{
    repair_fixture self = repair_new();
    pykv_report report;
    char *empty = check_temporary_directory();
    CHECK_STATUS(PYKV_LOCKED, bitcask_repair(env_posix(), self.path, &report));
    CHECK_STATUS(PYKV_PATH_NOT_FOUND, bitcask_repair(env_posix(), empty, &report));
    CHECK_EQUAL(0, rmdir(empty)); /* nothing was made in it */
    CHECK_STATUS(PYKV_PATH_NOT_FOUND, bitcask_repair(env_posix(), "/no/such/place", &report));
    free(empty);
    repair_free(&self);
}

TEST(packed_values_are_saved_as_they_were_put_or_nothing_is_touched)
{
    packing_provide(true);
    repair_fixture self = repair_new();
    pykv_report report;
    self.base.options.compression = PYKV_CODEC_ZSTD;
    fixture_close(&self.base);
    repair_open(&self);
    fixture_fill(&self.base, 0, PACKING_KEYS, PACKING_VALUE_BYTES);
    CHECK_OK(bitcask_compact(self.base.store, NULL));
    fixture_close(&self.base);
    packing_provide(false);
    CHECK_STATUS(PYKV_NOT_SUPPORTED, bitcask_repair(env_posix(), self.path, &report));
    packing_provide(true);
    repair_open(&self);
    packing_expect(&self.base);
    fixture_close(&self.base);
    CHECK_OK(bitcask_repair(env_posix(), self.path, &report));
    CHECK_EQUAL(0, report.damage_count);
    CHECK_EQUAL(PACKING_KEYS, report.kept_record_count);
    packing_provide(false);
    self.base.options.compression = PYKV_CODEC_NONE;
    repair_open(&self);
    packing_expect(&self.base);
    packing_provide(true);
    repair_free(&self);
}

/* What had expired came back if the wall clock stood before that, and the epoch began anew, so that
 * a follower took the changes of the repaired store for those behind its own. */
TEST(the_clock_and_the_epoch_go_on_in_the_repaired_store)
{
    repair_fixture self = repair_new();
    pykv_report report;
    uint64_t later = store_clock_now(&self.base.store->clock) + UINT64_C(1000000000);
    atomic_store(&self.base.store->clock.high_us, later);
    fixture_put(&self.base, "key", "value");
    fixture_close(&self.base);
    CHECK_OK(bitcask_repair(env_posix(), self.path, &report));
    repair_open(&self);
    CHECK(store_clock_now(&self.base.store->clock) >= later);
    uint64_t before = self.base.store->epoch_number;
    CHECK(before > 0);
    fixture_close(&self.base);
    CHECK_OK(bitcask_repair(env_posix(), self.path, &report));
    repair_open(&self);
    CHECK(self.base.store->epoch_number > before);
    repair_free(&self);
}

TEST_MAIN(CASE(a_damaged_record_is_lost_and_told_and_all_others_are_saved),
          CASE(the_clock_and_the_epoch_go_on_in_the_repaired_store),
          CASE(a_store_without_its_manifest_is_refused_and_saved_whole),
          CASE(a_segment_that_was_cut_between_two_records_or_whose_end_is_zero_is_told),
          CASE(a_segment_with_a_damaged_header_is_read_with_the_manifest_s_help),
          CASE(what_was_cleared_stays_cleared),
          CASE(what_was_cleared_stays_cleared_when_only_the_manifest_knows_the_clear),
          CASE(a_merged_segment_whose_file_is_still_there_brings_nothing_back),
          CASE(files_that_are_newer_than_the_manifest_are_saved),
          CASE(the_old_files_are_kept_as_they_were_and_a_second_repair_keeps_more),
          CASE(a_store_of_a_newer_format_is_left_alone),
          CASE(a_store_without_a_number_left_is_refused_untouched),
          CASE(an_open_store_and_a_directory_without_one_are_refused),
          CASE(packed_values_are_saved_as_they_were_put_or_nothing_is_touched))
