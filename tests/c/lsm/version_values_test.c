/*
 * version_values: a store with value segments answers as one without, and keeps the segments that
 * its tables point to, and no others.
 */
#include "base/error.h"
#include "lsm/compaction_plan.h"
#include "lsm/values_store.h"

TEST(large_values_are_read_out_of_segments_and_small_ones_out_of_tables)
{
    fixture self = values_store_new();
    values_put(&self, 0, 20, 0);
    fixture_put(&self, "small", "value");
    CHECK_OK(lsm_flush(self.store));
    pykv_stats stats = fixture_stats(&self);
    CHECK_EQUAL(1, stats.value_segment_count);
    CHECK_EQUAL(20 * LARGE_BYTES, stats.value_log_live_bytes);
    CHECK(stats.value_log_bytes > stats.value_log_live_bytes);
    CHECK(stats.disk_bytes > stats.value_log_bytes);
    values_expect(&self, 0, 20, 0);
    fixture_expect(&self, "small", "value");
    fixture_free(&self);
}

TEST(they_are_there_after_a_close_and_after_a_kill)
{
    fixture self = values_store_new();
    values_put(&self, 0, 20, 0);
    fixture_reopen(&self);
    values_expect(&self, 0, 20, 0);
    values_put(&self, 10, 20, 1);
    fixture_recover(&self);
    values_expect(&self, 0, 10, 0);
    values_expect(&self, 10, 20, 1);
    CHECK_EQUAL(fixture_stats(&self).value_segment_count, fixture_files(&self, ".val", NULL));
    fixture_free(&self);
}

TEST(a_get_that_must_not_wait_would_block_and_an_answer_without_value_does_not)
{
    fixture self = values_store_new();
    char found[LARGE_BYTES + 1];
    values_put(&self, 0, 2, 0);
    CHECK_OK(lsm_flush(self.store));
    slice key = fixture_text("key-00001");
    values_expect(&self, 1, 2, 0); /* the block with the pointer is in the cache now */
    CHECK_STATUS(PYKV_WOULD_BLOCK, fixture_get(&self, key, PYKV_NO_WAIT, found, sizeof found));
    epoch_token token = epoch_enter(&lsm_gate(self.store)->readers);
    CHECK_OK(lsm_contains(self.store, key, PYKV_NO_WAIT));
    epoch_leave(&lsm_gate(self.store)->readers, token);
    fixture_free(&self);
}

TEST(many_gets_read_them_too)
{
    fixture self = values_store_new();
    lsm_many *many;
    values_put(&self, 0, 10, 0);
    CHECK_OK(lsm_flush(self.store));
    char names[3][16];
    const void *keys[3];
    size_t lengths[3];
    static const uint32_t numbers[] = {7, 99, 3};
    for (size_t i = 0; i < 3; i++) {
        lengths[i] = fixture_key(numbers[i], names[i]).size;
        keys[i] = names[i];
    }
    CHECK_OK(lsm_many_new(self.store, &many));
    epoch_token token = epoch_enter(&lsm_gate(self.store)->readers);
    CHECK_OK(lsm_many_get(many, NULL, 3, keys, lengths, 0));
    CHECK(memcmp(lsm_many_values(many)[0], values_value(7, 0).data, LARGE_BYTES) == 0);
    CHECK(lsm_many_values(many)[1] == NULL);
    CHECK(memcmp(lsm_many_values(many)[2], values_value(3, 0).data, LARGE_BYTES) == 0);
    CHECK_EQUAL(LARGE_BYTES, lsm_many_lengths(many)[2]);
    CHECK_STATUS(PYKV_WOULD_BLOCK, lsm_many_get(many, NULL, 3, keys, lengths, PYKV_NO_WAIT));
    lsm_many_free(many);
    epoch_leave(&lsm_gate(self.store)->readers, token);
    fixture_free(&self);
}

TEST(a_segment_goes_when_nothing_points_to_it_any_more)
{
    fixture self = values_store_new();
    values_put(&self, 0, 20, 0);
    CHECK_OK(lsm_flush(self.store));
    values_put(&self, 0, 20, 1);
    CHECK_OK(lsm_compact(self.store, NULL));
    fixture_maintain(&self, PYKV_ROLE_DATA);
    CHECK_EQUAL(1, fixture_stats(&self).value_segment_count);
    CHECK_EQUAL(1, fixture_files(&self, ".val", NULL));
    values_expect(&self, 0, 20, 1);
    CHECK_OK(lsm_clear(self.store, 0));
    fixture_maintain(&self, PYKV_ROLE_DATA);
    CHECK_EQUAL(0, fixture_stats(&self).value_segment_count);
    CHECK_EQUAL(0, fixture_files(&self, ".val", NULL));
    fixture_free(&self);
}

TEST(a_segment_with_one_value_alone_is_kept)
{
    fixture self = values_store_new();
    values_put(&self, 0, 1, 0);
    CHECK_OK(lsm_flush(self.store));
    CHECK_EQUAL(1, fixture_stats(&self).value_segment_count);
    values_expect(&self, 0, 1, 0);
    fixture_recover(&self);
    values_expect(&self, 0, 1, 0);
    fixture_free(&self);
}

TEST(a_segment_that_is_missing_or_another_is_corruption_at_open)
{
    fixture self = values_store_new();
    char name[32];
    values_put(&self, 0, 5, 0);
    fixture_close(&self);
    CHECK_EQUAL(1, fixture_files(&self, ".val", name));
    fixture_unlink(&self, name);
    CHECK_STATUS(PYKV_CORRUPTION, fixture_open(&self));
    CHECK(strstr(error_last()->text, ".val") != NULL);
    env_memory_free(self.disk);
}

TEST(a_damaged_value_is_corruption_and_the_others_are_read)
{
    fixture self = values_store_new();
    char name[32];
    char found[LARGE_BYTES + 1];
    uint64_t size;
    pykv_report report;
    values_put(&self, 0, 5, 0);
    CHECK_OK(lsm_flush(self.store));
    CHECK_EQUAL(1, fixture_files(&self, ".val", name));
    fixture_bytes(&self, name, &size)[300] ^= 1;
    CHECK_STATUS(PYKV_CORRUPTION,
                 fixture_get(&self, fixture_text("key-00000"), 0, found, sizeof found));
    CHECK(strstr(error_last()->text, name) != NULL);
    values_expect(&self, 1, 5, 0);
    CHECK_OK(lsm_verify(self.store, NULL, &report));
    CHECK_EQUAL(1, report.damage_count);
    fixture_free(&self);
}

/* The whole value was read to tell whether it is there, with the writer lock held, and where it was
 * damaged nobody could delete it. */
TEST(a_write_that_asks_whether_a_key_is_there_does_not_read_its_value)
{
    fixture self = values_store_new();
    char name[32];
    uint64_t size;
    int32_t answer;
    slice key = fixture_text("key-00000");
    slice other = fixture_text("other");
    values_put(&self, 0, 5, 0);
    CHECK_OK(lsm_flush(self.store));
    CHECK_EQUAL(1, fixture_files(&self, ".val", name));
    fixture_bytes(&self, name, &size)[300] ^= 1;
    CHECK_OK(lsm_compare_and_set(self.store, key, NULL, &other, 0, 0, &answer));
    CHECK_EQUAL(0, answer);
    CHECK_STATUS(PYKV_CORRUPTION,
                 lsm_compare_and_set(self.store, key, &other, &other, 0, 0, &answer));
    CHECK_OK(lsm_delete(self.store, key, PYKV_NO_WAIT, &answer));
    CHECK_EQUAL(1, answer);
    CHECK_OK(lsm_delete(self.store, key, 0, &answer));
    CHECK_EQUAL(0, answer);
    fixture_free(&self);
}

TEST_MAIN(CASE(large_values_are_read_out_of_segments_and_small_ones_out_of_tables),
          CASE(they_are_there_after_a_close_and_after_a_kill),
          CASE(a_get_that_must_not_wait_would_block_and_an_answer_without_value_does_not),
          CASE(many_gets_read_them_too), CASE(a_segment_goes_when_nothing_points_to_it_any_more),
          CASE(a_segment_with_one_value_alone_is_kept),
          CASE(a_segment_that_is_missing_or_another_is_corruption_at_open),
          CASE(a_damaged_value_is_corruption_and_the_others_are_read),
          CASE(a_write_that_asks_whether_a_key_is_there_does_not_read_its_value))
