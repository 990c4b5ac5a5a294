/*
 * merge_train_test: when a merge makes a dictionary, and what becomes of values that need it.
 */
#include "bitcask/merge_pick.h"
#include "bitcask/packing_fixture.h"
#include "bitcask/scan.h"

static uint64_t dictionary_count(fixture *self)
{
    uint64_t count = 0;
    for (size_t i = 0; i < self->store->segment_count; i++) {
        count += self->store->segments[i]->dictionary_bytes > 0;
    }
    return count;
}

TEST(values_that_are_alike_are_packed_with_a_dictionary)
{
    fixture self = packing_trained();
    CHECK_EQUAL(1, dictionary_count(&self));
    CHECK(fixture_stats(&self).live_bytes < PACKING_TRAINED_KEYS * 80);
    packing_expect_trained(&self);
    uint64_t merges = fixture_stats(&self).merge_count;
    CHECK(!merge_is_due(self.store));
    CHECK_OK(bitcask_compact(self.store, NULL)); /* a dictionary is no dead byte */
    CHECK_EQUAL(merges, fixture_stats(&self).merge_count);
    fixture_free(&self);
}

TEST(a_dictionary_that_does_not_pay_is_not_kept)
{
    fixture self = packing_filled(); /* runs, which shrink as well without one */
    CHECK_EQUAL(0, dictionary_count(&self));
    fixture_free(&self);
    self = packing_new();
    for (uint32_t i = 0; i < 10; i++) { /* too few */
        packing_put_trained(&self, i);
    }
    CHECK_OK(bitcask_compact(self.store, NULL));
    CHECK_EQUAL(0, dictionary_count(&self));
    fixture_free(&self);
}

TEST(the_next_merge_makes_a_dictionary_of_its_own)
{
    fixture self = packing_trained();
    for (uint32_t i = 0; i < PACKING_TRAINED_KEYS; i += 3) {
        packing_put_trained(&self, i);
    }
    CHECK_OK(bitcask_compact(self.store, NULL));
    CHECK_EQUAL(1, dictionary_count(&self));
    packing_expect_trained(&self);
    uint64_t live = fixture_stats(&self).live_bytes;
    fixture_kill(&self);
    CHECK_OK(fixture_open(&self));
    CHECK_EQUAL(live, fixture_stats(&self).live_bytes);
    packing_expect_trained(&self);
    self.options.compression = PYKV_CODEC_NONE;
    fixture_reopen(&self);
    packing_put_trained(&self, 0);
    CHECK_OK(bitcask_compact(self.store, NULL));
    CHECK_EQUAL(0, dictionary_count(&self));
    packing_expect_trained(&self);
    fixture_free(&self);
}

TEST(the_directory_is_built_from_records_behind_a_dictionary)
{
    fixture self = packing_trained();
    char name[SEGMENT_NAME_BYTES];
    uint64_t live = fixture_stats(&self).live_bytes;
    segment_name(self.store->segments[0]->number, true, name);
    fixture_kill(&self);
    fixture_unlink(&self, name);
    CHECK_OK(fixture_open(&self));
    CHECK_EQUAL(live, fixture_stats(&self).live_bytes);
    packing_expect_trained(&self);
    fixture_free(&self);
}

TEST(a_scan_passes_over_the_dictionary)
{
    fixture self = packing_trained();
    scan *walk;
    pykv_rows rows;
    size_t count = 0;
    CHECK_OK(scan_open(self.store, false, &walk));
    do {
        CHECK_OK(scan_next(walk, 1000, &rows));
        count += rows.count;
    } while (rows.count > 0);
    CHECK_EQUAL(PACKING_TRAINED_KEYS, count);
    scan_free(walk);
    fixture_free(&self);
}

TEST(a_provider_without_training_packs_one_by_one_and_one_without_dictionaries_is_told)
{
    fixture self = packing_trained();
    pykv_pinned pinned;
    pykv_codec runs = runs_given();
    runs.train = NULL;
    CHECK_OK(codec_registry_set(&runs));
    fixture_reopen(&self);
    packing_expect_trained(&self);
    packing_put_trained(&self, 1);
    CHECK_OK(bitcask_compact(self.store, NULL));
    CHECK_EQUAL(0, dictionary_count(&self));
    packing_expect_trained(&self);
    fixture_free(&self);
    self = packing_trained();
    runs.decompress_with = NULL;
    CHECK_OK(codec_registry_set(&runs));
    fixture_reopen(&self);
    CHECK_STATUS(PYKV_NOT_SUPPORTED, bitcask_get(self.store, fixture_text("key-1"), 0, &pinned));
    packing_provide(true);
    fixture_free(&self);
}

TEST(without_memory_a_merge_leaves_the_store_as_it_was)
{
    fixture self = packing_trained();
    for (uint64_t k = 1; k < 60; k += 3) {
        packing_put_trained(&self, 0);
        (void)mem_fail_at(k, 0);
        pykv_status status = bitcask_compact(self.store, NULL);
        (void)mem_fail_at(0, 0);
        CHECK(status == PYKV_OK || status == PYKV_NO_MEMORY);
    }
    packing_expect_trained(&self);
    fixture_free(&self);
}

TEST_MAIN(CASE(values_that_are_alike_are_packed_with_a_dictionary),
          CASE(a_dictionary_that_does_not_pay_is_not_kept),
          CASE(the_next_merge_makes_a_dictionary_of_its_own),
          CASE(the_directory_is_built_from_records_behind_a_dictionary),
          CASE(a_scan_passes_over_the_dictionary),
          CASE(a_provider_without_training_packs_one_by_one_and_one_without_dictionaries_is_told),
          CASE(without_memory_a_merge_leaves_the_store_as_it_was))
