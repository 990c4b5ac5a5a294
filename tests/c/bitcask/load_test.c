/*
 * load_test: what an open does with the files it finds, listed or not, and with the saved image.
 */
#include "bitcask/bitcask_fixture.h"
#include "bitcask/load.h"

static void flip(fixture *self, const char *name, uint64_t offset)
{
    uint64_t size;
    uint8_t *bytes = fixture_bytes(self, name, &size);
    CHECK(offset < size);
    bytes[offset] ^= 0x5A;
}

TEST(files_that_no_manifest_lists_are_removed_and_foreign_ones_stay)
{
    const char *const orphans[] = {"000000ff.log", "000000ff.hint",     "MANIFEST.tmp",
                                   "KEYDIR.tmp",   "00000001.hint.tmp", "MANIFEST.spare.tmp"};
    fixture self = fixture_new();
    fixture_put(&self, "a", "1");
    fixture_close(&self);
    for (size_t i = 0; i < sizeof orphans / sizeof orphans[0]; i++) {
        fixture_make_file(&self, orphans[i], "left over");
    }
    fixture_make_file(&self, "notes.tmp", "not ours");
    CHECK_OK(fixture_open(&self));
    for (size_t i = 0; i < sizeof orphans / sizeof orphans[0]; i++) {
        CHECK(!fixture_has(&self, orphans[i]));
    }
    CHECK(fixture_has(&self, "notes.tmp") && fixture_has(&self, "00000001.log"));
    fixture_expect(&self, "a", "1");
    fixture_free(&self);
}

/* A merge that was killed had sealed the segment and given it a hint, but no manifest: the segment
 * went on, and verify found the hint to be damaged. */
TEST(the_hint_of_a_segment_that_goes_on_is_removed)
{
    fixture self = fixture_new();
    pykv_report report;
    fixture_put(&self, "a", "1");
    fixture_put(&self, "a", "2");
    fixture_reopen(&self);
    CHECK_OK(bitcask_flush(self.store));
    fixture_maintain(&self, PYKV_ROLE_DATA, 1);
    CHECK(fixture_has(&self, "00000001.hint"));
    fixture_kill(&self);
    CHECK_OK(fixture_open(&self));
    CHECK(self.store->active != NULL && self.store->active->number == 1);
    CHECK(!fixture_has(&self, "00000001.hint"));
    fixture_put(&self, "b", "1");
    CHECK_OK(bitcask_flush(self.store));
    fixture_maintain(&self, PYKV_ROLE_DATA, 2);
    CHECK_OK(bitcask_verify(self.store, NULL, &report));
    CHECK_EQUAL(0, report.damage_count);
    fixture_free(&self);
}

TEST(a_number_that_is_on_disk_is_not_given_again)
{
    fixture self = fixture_new();
    fixture_put(&self, "a", "1");
    fixture_close(&self);
    fixture_make_file(&self, "000000ff.hint", "left over");
    CHECK_OK(fixture_open(&self));
    CHECK_EQUAL(0x100, self.store->next_number);
    fixture_fill(&self, 0, 20, 1000);
    CHECK(fixture_has(&self, "00000100.log"));
    CHECK(!fixture_has(&self, "00000002.log") && !fixture_has(&self, "000000ff.log"));
    fixture_free(&self);
}

/* The number behind the last one is 0 in 32 bits, which a new segment's header asserted. */
TEST(a_store_without_a_number_left_is_read_but_not_written)
{
    fixture self = fixture_new();
    fixture_put(&self, "a", "1");
    fixture_close(&self);
    fixture_make_file(&self, "ffffffff.log", "left over");
    CHECK_STATUS(PYKV_NO_SPACE, fixture_open(&self));
    CHECK(strstr(error_last()->text, "ffffffff.log") != NULL);
    self.options.read_only = 1;
    CHECK_OK(fixture_open(&self));
    fixture_expect(&self, "a", "1");
    fixture_free(&self);
}

TEST(a_reader_removes_nothing)
{
    fixture self = fixture_new();
    fixture_put(&self, "a", "1");
    fixture_close(&self);
    fixture_make_file(&self, "000000ff.log", "left over");
    self.options.read_only = 1;
    CHECK_OK(fixture_open(&self));
    CHECK(fixture_has(&self, "000000ff.log"));
    fixture_expect(&self, "a", "1");
    fixture_free(&self);
}

TEST(after_a_clean_close_the_image_is_used_and_the_last_segment_goes_on)
{
    fixture self = fixture_new();
    fixture_fill(&self, 0, 20, 1000);
    fixture_delete(&self, "key-3");
    pykv_stats before = fixture_stats(&self);
    uint32_t active = self.store->active->number;
    fixture_reopen(&self);
    pykv_stats after = fixture_stats(&self);
    CHECK_EQUAL(1, after.recovered_from_image);
    CHECK_EQUAL(before.key_count, after.key_count);
    CHECK_EQUAL(before.live_bytes, after.live_bytes);
    CHECK_EQUAL(before.disk_bytes, after.disk_bytes);
    fixture_put(&self, "a", "1");
    CHECK_EQUAL(active, self.store->active->number);
    fixture_expect(&self, "a", "1");
    fixture_expect(&self, "key-3", NULL);
    fixture_free(&self);
}

TEST(an_image_of_no_use_is_passed_over)
{
    fixture self = fixture_new();
    fixture_fill(&self, 0, 20, 1000);
    pykv_stats before = fixture_stats(&self);
    fixture_close(&self);
    flip(&self, "KEYDIR", 9);
    CHECK_OK(fixture_open(&self));
    pykv_stats after = fixture_stats(&self);
    CHECK_EQUAL(0, after.recovered_from_image);
    CHECK_EQUAL(1, after.clean_open);
    CHECK_EQUAL(20, after.key_count);
    CHECK_EQUAL(before.live_bytes, after.live_bytes);
    fixture_free(&self);
}

TEST(a_listed_segment_that_is_missing_or_another_file_is_damage)
{
    fixture self = fixture_new();
    fixture_fill(&self, 0, 20, 1000);
    fixture_close(&self);
    flip(&self, "00000001.log", 16);
    CHECK_STATUS(PYKV_CORRUPTION, fixture_open(&self));
    flip(&self, "00000001.log", 16);
    CHECK_OK(fixture_open(&self));
    fixture_close(&self);
    fixture_unlink(&self, "00000001.log");
    CHECK_STATUS(PYKV_CORRUPTION, fixture_open(&self));
    CHECK(strstr(error_last()->text, "00000001.log") != NULL);
    fixture_free(&self);
}

TEST_MAIN(CASE(files_that_no_manifest_lists_are_removed_and_foreign_ones_stay),
          CASE(the_hint_of_a_segment_that_goes_on_is_removed),
          CASE(a_number_that_is_on_disk_is_not_given_again),
          CASE(a_store_without_a_number_left_is_read_but_not_written),
          CASE(a_reader_removes_nothing),
          CASE(after_a_clean_close_the_image_is_used_and_the_last_segment_goes_on),
          CASE(an_image_of_no_use_is_passed_over),
          CASE(a_listed_segment_that_is_missing_or_another_file_is_damage))
