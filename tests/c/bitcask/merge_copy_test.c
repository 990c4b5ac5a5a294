/*
 * merge_copy_test: what goes to the output, and what does not.
 */
#include "bitcask/merge.h"
#include "bitcask/merge_fixture.h"
#include "bitcask/packing_fixture.h"

TEST(a_damaged_input_ends_the_merge_and_stays)
{
    fixture self = fixture_new();
    uint64_t size;
    bool more;
    merge_fixture_write_rounds(&self);
    CHECK_OK(bitcask_flush(self.store));
    fixture_close(&self);
    fixture_bytes(&self, "00000001.log", &size)[LOG_SEGMENT_HEADER_BYTES + 100] ^= 1;
    CHECK_OK(fixture_open(&self));
    merge_fixture_begin(&self);
    uint64_t disk = fixture_stats(&self).disk_bytes;
    mutex_lock(&self.store->merge_lock);
    CHECK_STATUS(PYKV_CORRUPTION, merge_step(self.store, &more));
    CHECK(!more && self.store->merge == NULL);
    mutex_unlock(&self.store->merge_lock);
    CHECK(strstr(error_last()->path, "00000001.log") != NULL);
    CHECK_EQUAL(disk, fixture_stats(&self).disk_bytes);
    CHECK(fixture_has(&self, "00000001.log"));
    merge_fixture_expect_rounds(&self);
    fixture_free(&self);
}

TEST(a_merge_without_room_for_its_output_gives_back_what_it_wrote)
{
    fixture self = fixture_new();
    bool more;
    merge_fixture_write_rounds(&self);
    merge_fixture_begin(&self);
    pykv_stats before = fixture_stats(&self);
    uint64_t next_number = self.store->next_number;
    char name[SEGMENT_NAME_BYTES];
    segment_name((uint32_t)next_number, false, name);
    env_memory_set_capacity(self.disk, 1);
    mutex_lock(&self.store->merge_lock);
    pykv_status status = PYKV_OK;
    while (status == PYKV_OK) {
        status = merge_step(self.store, &more);
    }
    mutex_unlock(&self.store->merge_lock);
    CHECK_EQUAL(PYKV_NO_SPACE, status);
    CHECK(!more && self.store->merge == NULL && self.store->merge_room == 0);
    CHECK(!fixture_has(&self, name));
    CHECK_EQUAL(before.disk_bytes, fixture_stats(&self).disk_bytes);
    CHECK_EQUAL(before.segment_count, fixture_stats(&self).segment_count);
    merge_fixture_expect_rounds(&self);
    fixture_free(&self);
}

TEST(a_tombstone_is_kept_while_a_segment_outside_the_merge_may_hold_its_key)
{
    fixture self = fixture_new();
    fixture_put(&self, "a", "old");
    fixture_put(&self, "b", "1");
    CHECK_OK(bitcask_flush(self.store));
    fixture_delete(&self, "a");
    segment *tombstones = self.store->active;
    CHECK_OK(bitcask_flush(self.store));
    CHECK_OK(bitcask_sync(self.store));
    mutex_lock(&self.store->merge_lock);
    CHECK_OK(merge_begin(self.store, &tombstones, 1));
    mutex_unlock(&self.store->merge_lock);
    merge_fixture_until(&self, MERGE_REMOVE);
    segment *output = self.store->merge->output;
    CHECK(output != NULL);
    CHECK_EQUAL(1, output->tombstone_count);
    merge_fixture_finish(&self);
    merge_fixture_kill_and_reopen(&self);
    fixture_expect(&self, "a", NULL);
    fixture_expect(&self, "b", "1");
    merge_fixture_begin(&self); /* of everything: now it may go */
    merge_fixture_finish(&self);
    CHECK_EQUAL(fixture_stats(&self).live_bytes + LOG_SEGMENT_HEADER_BYTES,
                fixture_stats(&self).disk_bytes);
    merge_fixture_kill_and_reopen(&self);
    fixture_expect(&self, "a", NULL);
    fixture_free(&self);
}

enum { OUTPUT_BYTES_MAX = 4000 };

static void expect_sound(fixture *self)
{
    pykv_report report;
    CHECK_OK(bitcask_verify(self->store, NULL, &report));
    CHECK_EQUAL(0, report.damage_count);
}

/* Returns how many segments are outputs; all are of legal length. */
static size_t count_outputs(fixture *self)
{
    size_t count = 0;
    for (size_t i = 0; i < self->store->segment_count; i++) {
        const segment *source = self->store->segments[i];
        if (source->kind == LOG_SEGMENT_MERGED) {
            CHECK(atomic_load(&source->length) <= OUTPUT_BYTES_MAX);
            CHECK(source->has_hint);
            count++;
        }
    }
    return count;
}

/* An output took whatever its inputs came to: beyond 32 GiB the offsets in its hint were others, so
 * that an open by hints lost rows. */
TEST(an_output_that_is_full_is_followed_by_another)
{
    fixture self = fixture_new();
    merge_fixture_write_rounds(&self);
    merge_fixture_begin(&self);
    CHECK_EQUAL(LOG_SEGMENT_BYTES_MAX, self.store->output_bytes_max);
    self.store->output_bytes_max = OUTPUT_BYTES_MAX;
    merge_fixture_finish(&self);
    CHECK(self.store->merge_was_fruitful);
    for (int turn = 0; turn < 2; turn++) {
        merge_fixture_expect_rounds(&self);
        expect_sound(&self);
        CHECK_EQUAL(5, count_outputs(&self)); /* of 20 records of 936 bytes */
        CHECK(!fixture_has(&self, "00000001.log"));
        CHECK_EQUAL(fixture_stats(&self).live_bytes + UINT64_C(5) * LOG_SEGMENT_HEADER_BYTES,
                    fixture_stats(&self).disk_bytes);
        merge_fixture_kill_and_reopen(&self);
    }
    fixture_free(&self);
}

TEST(a_record_that_is_longer_than_an_output_may_be_has_one_alone)
{
    fixture self = fixture_new();
    merge_fixture_write_rounds(&self);
    merge_fixture_begin(&self);
    self.store->output_bytes_max = 1;
    merge_fixture_finish(&self);
    CHECK_EQUAL(20, self.store->segment_count);
    merge_fixture_expect_rounds(&self);
    merge_fixture_kill_and_reopen(&self);
    merge_fixture_expect_rounds(&self);
    fixture_free(&self);
}

/* True if the merge was done before that many steps. */
static bool end_after(uint32_t steps, bool dies)
{
    fixture self = fixture_new();
    bool done = false;
    merge_fixture_write_rounds(&self);
    merge_fixture_begin(&self);
    self.store->output_bytes_max = OUTPUT_BYTES_MAX;
    for (uint32_t i = 0; i < steps && !done; i++) {
        done = !merge_fixture_step(&self);
    }
    if (dies) {
        merge_fixture_kill_and_reopen(&self);
    } else {
        merge_abandon(self.store);
    }
    merge_fixture_expect_rounds(&self);
    fixture_reopen(&self);
    merge_fixture_expect_rounds(&self);
    expect_sound(&self);
    CHECK_OK(bitcask_compact(self.store, NULL));
    merge_fixture_expect_rounds(&self);
    merge_fixture_kill_and_reopen(&self);
    merge_fixture_expect_rounds(&self);
    fixture_free(&self);
    return done;
}

TEST(a_merge_of_several_outputs_may_end_anywhere)
{
    for (int dies = 0; dies < 2; dies++) {
        uint32_t steps = 0;
        while (!end_after(steps, dies != 0)) {
            steps++;
        }
        CHECK(steps > 15);
    }
}

TEST(a_key_that_changes_between_two_outputs_keeps_what_was_written_last)
{
    fixture self = fixture_new();
    bool more = true;
    merge_fixture_write_rounds(&self);
    merge_fixture_begin(&self);
    self.store->output_bytes_max = OUTPUT_BYTES_MAX;
    for (uint32_t i = 1; more; i++) {
        char key[16];
        snprintf(key, sizeof key, "key-%u", i % MERGE_FIXTURE_KEYS);
        fixture_put(&self, key, "new");
        more = merge_fixture_step(&self);
    }
    CHECK(count_outputs(&self) > 1);
    uint64_t count = bitcask_count(self.store);
    for (int turn = 0; turn < 2; turn++) {
        for (uint32_t i = 1; i < 10; i++) {
            char key[16];
            snprintf(key, sizeof key, "key-%u", i);
            fixture_expect(&self, key, "new");
        }
        CHECK_EQUAL(count, bitcask_count(self.store));
        merge_fixture_kill_and_reopen(&self);
    }
    fixture_free(&self);
}

/* The budget of a merge counts packed bytes. */
TEST(values_that_are_not_packed_any_more_go_to_several_outputs)
{
    fixture self = packing_filled();
    self.options.compression = PYKV_CODEC_NONE;
    fixture_reopen(&self);
    fixture_put(&self, "key-0",
                packing_value()); /* a dead record, so that there is what to merge */
    merge_fixture_begin(&self);
    self.store->output_bytes_max = OUTPUT_BYTES_MAX;
    merge_fixture_finish(&self);
    CHECK(count_outputs(&self) > 5);
    packing_expect(&self);
    merge_fixture_kill_and_reopen(&self);
    packing_expect(&self);
    fixture_free(&self);
}

TEST(each_output_has_its_own_dictionary)
{
    enum { TRAINED_OUTPUT_BYTES_MAX = 3000 };
    fixture self = packing_trained();
    packing_put_trained(&self, 0);
    merge_fixture_begin(&self);
    self.store->output_bytes_max = TRAINED_OUTPUT_BYTES_MAX;
    merge_fixture_finish(&self);
    size_t with_dictionary = 0;
    for (size_t i = 0; i < self.store->segment_count; i++) {
        with_dictionary += self.store->segments[i]->dictionary_bytes > 0;
    }
    CHECK(with_dictionary > 1);
    packing_expect_trained(&self);
    expect_sound(&self);
    merge_fixture_kill_and_reopen(&self);
    packing_expect_trained(&self);
    expect_sound(&self);
    fixture_free(&self);
}

TEST_MAIN(CASE(a_damaged_input_ends_the_merge_and_stays),
          CASE(a_merge_without_room_for_its_output_gives_back_what_it_wrote),
          CASE(a_tombstone_is_kept_while_a_segment_outside_the_merge_may_hold_its_key),
          CASE(an_output_that_is_full_is_followed_by_another),
          CASE(a_record_that_is_longer_than_an_output_may_be_has_one_alone),
          CASE(a_merge_of_several_outputs_may_end_anywhere),
          CASE(a_key_that_changes_between_two_outputs_keeps_what_was_written_last),
          CASE(values_that_are_not_packed_any_more_go_to_several_outputs),
          CASE(each_output_has_its_own_dictionary))
