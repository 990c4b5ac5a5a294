/*
 * merge_pick_test: which segments are merged, and when it is time.
 */
#include "bitcask/merge_fixture.h"
#include "bitcask/packing_fixture.h"

static size_t pick(fixture *self, bool thorough, segment **inputs)
{
    mutex_lock(&self->store->writer);
    size_t count = merge_pick(self->store, thorough, inputs);
    mutex_unlock(&self->store->writer);
    return count;
}

static bool is_due(fixture *self)
{
    mutex_lock(&self->store->writer);
    bool due = merge_is_due(self->store);
    mutex_unlock(&self->store->writer);
    return due;
}

static void seal_and_sync(fixture *self)
{
    CHECK_OK(bitcask_flush(self->store));
    CHECK_OK(bitcask_sync(self->store));
}

TEST(a_store_without_dead_bytes_is_never_due_and_nothing_is_picked)
{
    fixture self = fixture_new();
    segment *inputs[MERGE_INPUTS_MAX];
    fixture_fill(&self, 0, 28, 1000);
    seal_and_sync(&self);
    CHECK(!is_due(&self));
    CHECK_EQUAL(0, pick(&self, false, inputs));
    CHECK_EQUAL(0, pick(&self, true, inputs));
    fixture_free(&self);
}

TEST(merging_is_due_once_the_records_outgrow_the_limit)
{
    fixture self = fixture_new();
    fixture_fill(&self, 0, 20, 1000);
    fixture_fill(&self, 0, 10, 1000); /* 30 records for 20: the limit of 1.5 itself */
    CHECK(!is_due(&self));
    fixture_fill(&self, 10, 11, 1000);
    CHECK(is_due(&self));
    self.store->options.space_amplification_max = 2;
    CHECK(!is_due(&self));
    fixture_free(&self);
}

TEST(only_sealed_and_synced_segments_are_picked)
{
    fixture self = fixture_new();
    segment *inputs[MERGE_INPUTS_MAX];
    fixture_fill(&self, 0, 4, 1000);
    fixture_fill(&self, 0, 4, 100);
    segment *first = self.store->active;
    CHECK_EQUAL(0, pick(&self, true, inputs));
    CHECK_OK(bitcask_flush(self.store));
    first->synced = false;
    CHECK_EQUAL(0, pick(&self, true, inputs));
    first->synced = true;
    self.store->synced_sequence = 8;
    CHECK_EQUAL(1, pick(&self, true, inputs));
    CHECK(inputs[0] == first);
    CHECK_EQUAL(1, pick(&self, false, inputs));
    first->merging = true;
    CHECK_EQUAL(0, pick(&self, true, inputs));
    first->merging = false;
    fixture_free(&self);
}

TEST(the_segment_with_the_largest_dead_share_goes_first_and_dense_ones_stay)
{
    fixture self = fixture_new();
    segment *inputs[MERGE_INPUTS_MAX];
    fixture_fill(&self, 0, 7, 1000);
    segment *slightly = self.store->active;
    CHECK_OK(bitcask_flush(self.store));
    fixture_fill(&self, 10, 17, 1000);
    segment *mostly = self.store->active;
    CHECK_OK(bitcask_flush(self.store));
    fixture_fill(&self, 20, 27, 1000);
    segment *dense = self.store->active;
    fixture_fill(&self, 0, 1, 1000);
    fixture_fill(&self, 10, 16, 1000);
    seal_and_sync(&self);
    CHECK_EQUAL(1, pick(&self, false, inputs));
    CHECK(inputs[0] == mostly);
    CHECK_EQUAL(2, pick(&self, true, inputs));
    CHECK(inputs[0] == slightly && inputs[1] == mostly);
    CHECK_EQUAL(7, dense->live_count);
    fixture_free(&self);
}

TEST(many_tombstones_bring_in_the_oldest_segment_that_keeps_them)
{
    fixture self = fixture_new();
    segment *inputs[MERGE_INPUTS_MAX];
    char key[16];
    fixture_fill(&self, 0, 2, 1000);
    fixture_fill(&self, 100, 200, 8);
    segment *oldest = self.store->active;
    CHECK_OK(bitcask_flush(self.store));
    for (uint32_t i = 100; i < 190; i++) {
        snprintf(key, sizeof key, "key-%u", i);
        fixture_delete(&self, key);
    }
    segment *tombstones = self.store->active;
    seal_and_sync(&self);
    CHECK_EQUAL(90, tombstones->tombstone_count);
    size_t count = pick(&self, false, inputs);
    bool found = false;
    for (size_t i = 0; i < count; i++) {
        found |= inputs[i] == oldest;
    }
    CHECK(found);
    CHECK_EQUAL(2, pick(&self, true, inputs));
    CHECK(inputs[0] == oldest && inputs[1] == tombstones);
    fixture_free(&self);
}

TEST(after_a_full_disk_the_next_pick_is_what_fits_and_the_one_after_is_free)
{
    fixture self = fixture_new();
    segment *inputs[MERGE_INPUTS_MAX];
    fixture_fill(&self, 0, 21, 1000);
    fixture_fill(&self, 0, 5, 1000);
    fixture_fill(&self, 7, 14, 1000);
    fixture_fill(&self, 14, 17, 1000);
    seal_and_sync(&self);
    segment *two_left = self.store->segments[0];
    segment *dead = self.store->segments[1];
    segment *four_left = self.store->segments[2];
    CHECK_EQUAL(2, two_left->live_count);
    CHECK_EQUAL(0, dead->live_count);
    CHECK_EQUAL(4, four_left->live_count);
    for (int thorough = 0; thorough <= 1; thorough++) {
        self.store->merge_room = 0;
        CHECK_EQUAL(1, pick(&self, thorough != 0, inputs));
        CHECK(inputs[0] == dead);
        self.store->merge_room = two_left->live_bytes + four_left->live_bytes - 1;
        CHECK_EQUAL(2, pick(&self, thorough != 0, inputs));
        CHECK(inputs[0] == dead && inputs[1] == two_left);
        CHECK_EQUAL(UINT64_MAX, self.store->merge_room);
    }
    CHECK_EQUAL(3, pick(&self, true, inputs));
    fixture_free(&self);
}

/* Live bytes of four segments of 16 GiB were twice what a hint reaches. */
TEST(no_more_is_picked_than_one_output_holds)
{
    fixture self = fixture_new();
    segment *inputs[MERGE_INPUTS_MAX];
    fixture_fill(&self, 0, 28, 1000);
    fixture_delete(&self, "key-0"); /* with a tombstone all segments are worth it */
    seal_and_sync(&self);
    CHECK_EQUAL(4, pick(&self, true, inputs));
    self.store->options.segment_bytes = UINT64_C(16) << 30;
    for (size_t i = 0; i < 4; i++) {
        self.store->segments[i]->live_bytes = UINT64_C(12) << 30;
    }
    CHECK_EQUAL(2, pick(&self, true, inputs));
    self.store->segments[0]->live_bytes = LOG_SEGMENT_BYTES_MAX + 8;
    CHECK_EQUAL(1, pick(&self, true, inputs)); /* to more than one output */
    self.store->options.segment_bytes = UINT64_C(4) << 30;
    self.store->segments[0]->live_bytes = 0;
    CHECK_EQUAL(2, pick(&self, true, inputs));
    fixture_free(&self);
}

TEST(a_store_that_packs_merges_the_segments_of_writers_once)
{
    fixture self = packing_new();
    segment *inputs[MERGE_INPUTS_MAX];
    fixture_fill(&self, 0, 7, 1000);
    segment *first = self.store->active;
    CHECK(!is_due(&self));
    seal_and_sync(&self);
    fixture_fill(&self, 10, 17, 1000);
    seal_and_sync(&self);
    fixture_fill(&self, 20, 27, 1000);
    seal_and_sync(&self);
    CHECK(is_due(&self));
    uint64_t owed = merge_owed_bytes(self.store);
    CHECK_EQUAL(3, pick(&self, true, inputs));
    CHECK_EQUAL(2, pick(&self, false, inputs)); /* of two segments' bytes */
    CHECK(inputs[0] == first);
    CHECK_OK(bitcask_compact(self.store, NULL));
    CHECK(!is_due(&self));
    CHECK_EQUAL(0, pick(&self, true, inputs));
    CHECK(merge_owed_bytes(self.store) * 2 < owed);
    fixture_free(&self);
}

TEST_MAIN(CASE(a_store_without_dead_bytes_is_never_due_and_nothing_is_picked),
          CASE(merging_is_due_once_the_records_outgrow_the_limit),
          CASE(only_sealed_and_synced_segments_are_picked),
          CASE(the_segment_with_the_largest_dead_share_goes_first_and_dense_ones_stay),
          CASE(many_tombstones_bring_in_the_oldest_segment_that_keeps_them),
          CASE(after_a_full_disk_the_next_pick_is_what_fits_and_the_one_after_is_free),
          CASE(no_more_is_picked_than_one_output_holds),
          CASE(a_store_that_packs_merges_the_segments_of_writers_once))
