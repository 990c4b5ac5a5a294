/*
 * merge_pack_test: what merges make of values, and that the books stay right.
 */
#include "base/error.h"
#include "bitcask/merge_pick.h"
#include "bitcask/packing_fixture.h"

TEST(a_compaction_packs_every_value_once)
{
    fixture self = packing_filled();
    pykv_stats before = fixture_stats(&self);
    CHECK_EQUAL(before.live_bytes + before.segment_count * LOG_SEGMENT_HEADER_BYTES,
                before.disk_bytes);
    CHECK_OK(bitcask_compact(self.store, NULL));
    CHECK_EQUAL(before.merge_count, fixture_stats(&self).merge_count);
    packing_expect(&self);
    fixture_free(&self);
}

TEST(the_segments_of_writers_are_packed_in_the_background)
{
    fixture self = packing_new();
    fixture_fill(&self, 0, PACKING_KEYS, PACKING_VALUE_BYTES);
    CHECK_OK(bitcask_flush(self.store));
    fixture_maintain(&self, PYKV_ROLE_DATA, 60);
    CHECK(fixture_stats(&self).live_bytes < PACKING_KEYS * 64);
    CHECK(!merge_is_due(self.store));
    packing_expect(&self);
    fixture_free(&self);
}

TEST(values_that_do_not_shrink_are_merged_once_and_stay_as_they_are)
{
    fixture self = packing_new();
    char value[] = "abcdefghijklmnopqrstuvwxyzabcdefghijklmnopqrstuvwxyz";
    fixture_put(&self, "a", value);
    fixture_put(&self, "b", "");
    CHECK_OK(bitcask_compact(self.store, NULL));
    CHECK_EQUAL(1, fixture_stats(&self).merge_count);
    CHECK_OK(bitcask_compact(self.store, NULL));
    CHECK_EQUAL(1, fixture_stats(&self).merge_count);
    CHECK_EQUAL(record_bytes(0, 1, sizeof value - 1) + record_bytes(0, 1, 0),
                fixture_stats(&self).live_bytes);
    fixture_expect(&self, "a", value);
    fixture_expect(&self, "b", "");
    fixture_free(&self);
}

/* The bytes of what stands in the store, whichever way the books are made. */
static void expect_books(fixture *self)
{
    uint64_t live = fixture_stats(self).live_bytes;
    packing_expect(self);
    fixture_reopen(self);
    CHECK_EQUAL(live, fixture_stats(self).live_bytes);
    fixture_kill(self);
    CHECK_OK(fixture_open(self));
    CHECK_EQUAL(live, fixture_stats(self).live_bytes);
    packing_expect(self);
}

TEST(the_directory_is_built_again_over_packed_values)
{
    fixture self = packing_filled();
    expect_books(&self);
    char name[SEGMENT_NAME_BYTES];
    segment_name(self.store->segments[0]->number, true, name);
    fixture_kill(&self);
    fixture_unlink(&self, name);
    CHECK_OK(fixture_open(&self));
    expect_books(&self);
    fixture_free(&self);
}

/* What was packed comes to more bytes than all inputs of the merge had. */
TEST(without_a_codec_in_the_options_merges_store_values_as_they_were_put)
{
    fixture self = packing_filled();
    uint64_t packed = fixture_stats(&self).disk_bytes;
    self.options.compression = PYKV_CODEC_NONE;
    fixture_reopen(&self);
    packing_expect(&self);
    fixture_delete(&self, "key-0"); /* a dead record, so that there is something to merge */
    fixture_put(&self, "key-0", packing_value());
    CHECK_OK(bitcask_compact(self.store, NULL));
    CHECK(fixture_stats(&self).disk_bytes > packed + 15 * PACKING_VALUE_BYTES);
    expect_books(&self);
    packing_provide(false);
    fixture_reopen(&self);
    packing_expect(&self);
    fixture_free(&self);
    packing_provide(true);
}

TEST(a_packed_put_that_expires_becomes_a_tombstone)
{
    fixture self = packing_new();
    uint64_t now = bitcask_now(self.store);
    slice value = slice_make(packing_value(), PACKING_VALUE_BYTES);
    CHECK_OK(bitcask_put_until(self.store, fixture_text("a"), value, now + 5000000, 0));
    CHECK_OK(bitcask_put_until(self.store, fixture_text("b"), value, now + 500000000, 0));
    CHECK_OK(bitcask_compact(self.store, NULL));
    fixture_expect(&self, "a", packing_value());
    env_memory_advance(self.disk, 6000000, 6000000);
    fixture_expect(&self, "a", NULL);
    CHECK_OK(bitcask_compact(self.store, NULL));
    fixture_expect(&self, "a", NULL);
    fixture_expect(&self, "b", packing_value());
    fixture_kill(&self);
    CHECK_OK(fixture_open(&self));
    fixture_expect(&self, "a", NULL);
    fixture_expect(&self, "b", packing_value());
    fixture_free(&self);
}

TEST(a_merge_without_memory_or_codec_leaves_the_store_as_it_was)
{
    fixture self = packing_filled();
    fixture_put(&self, "key-0", packing_value());
    for (uint64_t k = 1; k < 40; k++) {
        (void)mem_fail_at(k, 0);
        pykv_status status = bitcask_compact(self.store, NULL);
        (void)mem_fail_at(0, 0);
        CHECK(status == PYKV_OK || status == PYKV_NO_MEMORY);
        packing_expect(&self);
        fixture_put(&self, "key-0", packing_value());
    }
    packing_provide(false);
    self.options.compression = PYKV_CODEC_NONE;
    fixture_reopen(&self);
    CHECK_STATUS(PYKV_NOT_SUPPORTED, bitcask_compact(self.store, NULL));
    CHECK(strstr(error_last()->path, ".log") != NULL);
    packing_provide(true);
    fixture_reopen(&self);
    packing_expect(&self);
    fixture_free(&self);
}

TEST_MAIN(CASE(a_compaction_packs_every_value_once),
          CASE(the_segments_of_writers_are_packed_in_the_background),
          CASE(values_that_do_not_shrink_are_merged_once_and_stay_as_they_are),
          CASE(the_directory_is_built_again_over_packed_values),
          CASE(without_a_codec_in_the_options_merges_store_values_as_they_were_put),
          CASE(a_packed_put_that_expires_becomes_a_tombstone),
          CASE(a_merge_without_memory_or_codec_leaves_the_store_as_it_was))
