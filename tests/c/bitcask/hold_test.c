/*
 * hold_test: values that are kept stay in the mapping of their segment, through merges and beyond
 * close; what is read by pread is a copy.
 */
#include "packing_fixture.h"

#include "bitcask/snapshot.h"

static pykv_status hold_at(fixture *self, const store_moment *moment, const char *key,
                           int32_t flags, held_value *out)
{
    epoch_token token = epoch_enter(&self->store->gate.readers);
    pykv_status status = bitcask_hold(self->store, moment, fixture_text(key), flags, out);
    epoch_leave(&self->store->gate.readers, token);
    return status;
}

static void expect_held(const held_value *held, const char *value)
{
    CHECK_EQUAL(strlen(value), held->length);
    CHECK_BYTES(value, held->data, held->length);
}

/* Leaves the segment of key without a live record, and merges it away. */
static void merge_away(fixture *self, const char *key)
{
    fixture_put(self, key, "newer");
    fixture_fill(self, 0, 20, 1000);
    CHECK_OK(bitcask_flush(self->store));
    CHECK_OK(bitcask_compact(self->store, NULL));
}

TEST(a_value_stays_in_its_segment_when_that_is_merged_away_and_the_store_closed)
{
    fixture f = fixture_new();
    held_value held;
    held_value twin;
    fixture_put(&f, "key", "older");
    CHECK_OK(hold_at(&f, NULL, "key", 0, &held));
    CHECK_OK(hold_at(&f, NULL, "key", 0, &twin));
    CHECK(!held_value_is_copy(&held));
    CHECK(held.data == twin.data);
    CHECK_EQUAL(2, fixture_stats(&f).view_count);
    CHECK_EQUAL(10, fixture_stats(&f).pinned_bytes);
    merge_away(&f, "key");
    fixture_expect(&f, "key", "newer");
    expect_held(&held, "older");
    held_value_release(&twin);
    CHECK_OK(bitcask_close(f.store, -1));
    expect_held(&held, "older");
    held_value_release(&held);
    fixture_free(&f);
}

TEST(a_value_of_a_snapshot_outlives_it)
{
    fixture f = fixture_new();
    held_value held;
    held_value other;
    store_moment *moment;
    fixture_put(&f, "key", "older");
    CHECK_OK(bitcask_snapshot_new(f.store, &moment));
    fixture_delete(&f, "key");
    CHECK_STATUS(PYKV_NOT_FOUND, hold_at(&f, NULL, "key", 0, &other));
    CHECK_OK(hold_at(&f, moment, "key", 0, &held));
    CHECK(!held_value_is_copy(&held));
    moment_give_up(moment);
    CHECK_STATUS(PYKV_CLOSED, hold_at(&f, moment, "key", 0, &other));
    bitcask_snapshot_free(moment);
    merge_away(&f, "other");
    expect_held(&held, "older");
    held_value_release(&held);
    CHECK_EQUAL(0, fixture_stats(&f).pinned_bytes);
    CHECK_EQUAL(0, fixture_stats(&f).view_count);
    fixture_free(&f);
}

TEST(what_is_read_by_pread_is_a_copy_and_not_where_nobody_may_wait)
{
    fixture f = fixture_new();
    held_value held;
    store_moment *moment;
    fixture_put(&f, "key", "value");
    fixture_close(&f);
    f.options.no_mapped_reads = 1;
    CHECK_OK(fixture_open(&f));
    CHECK_STATUS(PYKV_WOULD_BLOCK, hold_at(&f, NULL, "key", PYKV_NO_WAIT, &held));
    CHECK_OK(hold_at(&f, NULL, "key", 0, &held));
    CHECK(held_value_is_copy(&held));
    expect_held(&held, "value");
    held_value_release(&held);
    CHECK_OK(bitcask_snapshot_new(f.store, &moment));
    CHECK_OK(hold_at(&f, moment, "key", 0, &held));
    CHECK(held_value_is_copy(&held));
    bitcask_snapshot_free(moment);
    expect_held(&held, "value");
    held_value_release(&held);
    CHECK_EQUAL(2, fixture_stats(&f).view_copy_count);
    CHECK_EQUAL(0, fixture_stats(&f).view_count);
    fixture_free(&f);
}

TEST(what_has_expired_is_not_found_and_a_view_of_it_stays)
{
    fixture f = fixture_new();
    held_value held;
    held_value other;
    uint64_t deadline = bitcask_now(f.store) + 1000000;
    CHECK_OK(bitcask_put_until(f.store, fixture_text("key"), fixture_text("value"), deadline, 0));
    CHECK_OK(hold_at(&f, NULL, "key", 0, &held));
    env_memory_advance(f.disk, 2000000, 2000000);
    CHECK_STATUS(PYKV_NOT_FOUND, hold_at(&f, NULL, "key", 0, &other));
    expect_held(&held, "value");
    held_value_release(&held);
    fixture_free(&f);
}

static void view_briefly(fixture *f, const store_moment *moment, const char *key)
{
    held_value held;
    pykv_status status = hold_at(f, moment, key, PYKV_NO_WAIT, &held);
    if (status == PYKV_WOULD_BLOCK) { /* as Python asks: first with its lock held */
        status = hold_at(f, moment, key, 0, &held);
    }
    CHECK_OK(status);
    held_value_release(&held);
}

/* Each attempt was a get, and none a hit: a packed value was a miss and a hit. */
TEST(a_view_of_a_key_that_is_there_is_a_get_and_a_hit)
{
    enum { VIEWS = 3 };
    fixture f = packing_filled();
    held_value held;
    store_moment *moment;
    fixture_put(&f, "plain", "as it is");
    CHECK_OK(bitcask_snapshot_new(f.store, &moment));
    for (uint32_t i = 0; i < VIEWS; i++) {
        view_briefly(&f, NULL, "plain");
        view_briefly(&f, NULL, "key-1");
        view_briefly(&f, moment, "plain");
        view_briefly(&f, moment, "key-1");
    }
    CHECK_EQUAL(4 * VIEWS, fixture_stats(&f).get_count);
    CHECK_EQUAL(4 * VIEWS, fixture_stats(&f).get_hit_count);
    CHECK_STATUS(PYKV_NOT_FOUND, hold_at(&f, NULL, "none", 0, &held));
    CHECK_EQUAL(4 * VIEWS + 1, fixture_stats(&f).get_count);
    CHECK_EQUAL(4 * VIEWS, fixture_stats(&f).get_hit_count);
    bitcask_snapshot_free(moment);
    fixture_free(&f);
}

TEST_MAIN(CASE(a_value_stays_in_its_segment_when_that_is_merged_away_and_the_store_closed),
          CASE(a_value_of_a_snapshot_outlives_it),
          CASE(what_is_read_by_pread_is_a_copy_and_not_where_nobody_may_wait),
          CASE(what_has_expired_is_not_found_and_a_view_of_it_stays),
          CASE(a_view_of_a_key_that_is_there_is_a_get_and_a_hit))
