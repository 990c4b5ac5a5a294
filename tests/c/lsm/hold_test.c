/*
 * hold_test: values that are kept stay what they were through flushes and compactions and beyond
 * close; blocks and large values of memtables are not copied, small ones and what exceeds the limit
 * are.
 */
#include "lsm_fixture.h"

#include "base/pins.h"
#include "lsm/space.h"

enum { LARGE = 4000, IN_MEMTABLE = 5000 };

static pykv_status hold_at(fixture *self, const lsm_snapshot *snapshot, const char *key,
                           int32_t flags, held_value *out)
{
    epoch_token token = epoch_enter(&lsm_gate(self->store)->readers);
    pykv_status status =
        lsm_hold_in(self->store, KEY_SPACE_DEFAULT, snapshot, fixture_text(key), flags, out);
    epoch_leave(&lsm_gate(self->store)->readers, token);
    return status;
}

static held_value hold(fixture *self, const char *key)
{
    held_value held;
    CHECK_OK(hold_at(self, NULL, key, 0, &held));
    return held;
}

static void put_filled(fixture *self, const char *key, int fill, size_t size)
{
    uint8_t value[8192];
    memset(value, fill, sizeof value);
    CHECK(size <= sizeof value);
    CHECK_OK(lsm_put(self->store, fixture_text(key), slice_make(value, size), 0));
}

static void expect_filled(const held_value *held, int fill, size_t size)
{
    CHECK_EQUAL(size, held->length);
    for (size_t i = 0; i < size; i++) {
        CHECK_EQUAL(fill, held->data[i]);
    }
}

TEST(a_value_in_a_block_stays_there_through_compactions_and_close)
{
    fixture f = fixture_new();
    put_filled(&f, "key", 'a', 300);
    CHECK_OK(lsm_flush(f.store));
    held_value held = hold(&f, "key");
    held_value twin = hold(&f, "key");
    CHECK(!held_value_is_copy(&held));
    CHECK(held.data == twin.data);
    CHECK(fixture_stats(&f).pinned_bytes >= 300);
    CHECK(fixture_stats(&f).pinned_bytes < 4096);
    CHECK_EQUAL(2, fixture_stats(&f).view_count);
    put_filled(&f, "key", 'b', 300);
    CHECK_OK(lsm_compact(f.store, NULL));
    expect_filled(&held, 'a', 300);
    held_value_release(&twin);
    CHECK_OK(lsm_close(f.store, -1));
    expect_filled(&held, 'a', 300);
    held_value_release(&held);
    fixture_free(&f);
}

TEST(a_large_value_in_a_memtable_stays_there_and_its_memory_is_not_used_again)
{
    fixture f = fixture_new();
    put_filled(&f, "key", 'a', IN_MEMTABLE);
    held_value held = hold(&f, "key");
    CHECK(!held_value_is_copy(&held));
    CHECK_EQUAL(FIXTURE_MEMTABLE_BYTES, fixture_stats(&f).pinned_bytes);
    for (int round = 0; round < 4; round++) {
        put_filled(&f, "key", 'b' + round, IN_MEMTABLE);
        fixture_fill(&f, 0, 10, LARGE);
        CHECK_OK(lsm_flush(f.store));
    }
    expect_filled(&held, 'a', IN_MEMTABLE);
    held_value_release(&held);
    CHECK_EQUAL(0, fixture_stats(&f).pinned_bytes);
    CHECK_EQUAL(0, fixture_stats(&f).view_copy_count);
    fixture_free(&f);
}

TEST(a_small_value_of_a_memtable_is_copied)
{
    fixture f = fixture_new();
    put_filled(&f, "key", 'a', 100);
    held_value held = hold(&f, "key");
    CHECK(held_value_is_copy(&held));
    CHECK_EQUAL(0, fixture_stats(&f).pinned_bytes);
    CHECK_EQUAL(1, fixture_stats(&f).view_count);
    CHECK_EQUAL(1, fixture_stats(&f).view_copy_count);
    expect_filled(&held, 'a', 100);
    held_value_release(&held);
    fixture_free(&f);
}

TEST(views_of_everything_keep_no_more_than_the_limit_and_the_rest_are_copies)
{
    enum { KEYS = 2000 };
    fixture f = fixture_new();
    static held_value held[KEYS];
    char key[16];
    fixture_fill(&f, 0, KEYS, LARGE);
    CHECK_OK(lsm_compact(f.store, NULL));
    f.store->pins.limit_bytes = 1 << 20;
    for (uint32_t i = 0; i < KEYS; i++) {
        (void)fixture_key(i, key);
        held[i] = hold(&f, key);
    }
    pykv_stats stats = fixture_stats(&f);
    CHECK(stats.pinned_bytes <= 1 << 20);
    CHECK(stats.pinned_bytes > (1 << 20) - 8192);
    CHECK_EQUAL(KEYS, stats.view_count);
    CHECK(stats.view_copy_count > KEYS / 2);
    CHECK(stats.view_copy_count < KEYS);
    for (uint32_t i = 0; i < KEYS; i++) {
        expect_filled(&held[i], 'v', LARGE);
        held_value_release(&held[i]);
    }
    CHECK_EQUAL(0, fixture_stats(&f).pinned_bytes);
    fixture_free(&f);
}

TEST(a_value_of_a_snapshot_outlives_it_and_what_is_gone_is_not_found)
{
    fixture f = fixture_new();
    lsm_snapshot *snapshot;
    held_value held;
    put_filled(&f, "key", 'a', IN_MEMTABLE);
    CHECK_OK(lsm_snapshot_new(f.store, &snapshot));
    fixture_delete(&f, "key");
    CHECK_STATUS(PYKV_NOT_FOUND, hold_at(&f, NULL, "key", 0, &held));
    CHECK_OK(hold_at(&f, snapshot, "key", 0, &held));
    lsm_snapshot_close(f.store, snapshot);
    held_value other;
    CHECK_STATUS(PYKV_CLOSED, hold_at(&f, snapshot, "key", 0, &other));
    lsm_snapshot_free(f.store, snapshot);
    CHECK_OK(lsm_compact(f.store, NULL));
    expect_filled(&held, 'a', IN_MEMTABLE);
    held_value_release(&held);
    put_filled(&f, "range", 'a', 100);
    CHECK_OK(lsm_flush(f.store));
    CHECK_OK(lsm_delete_range(f.store, fixture_text("r"), fixture_text("s"), 0));
    CHECK_STATUS(PYKV_NOT_FOUND, hold_at(&f, NULL, "range", 0, &held));
    fixture_free(&f);
}

TEST(a_value_of_a_value_segment_is_read_for_its_view_alone_and_not_where_nobody_may_wait)
{
    fixture f = fixture_blank();
    f.options.value_log_bytes_min = 1024;
    CHECK_OK(fixture_open(&f));
    held_value held;
    put_filled(&f, "key", 'a', LARGE);
    CHECK_OK(lsm_flush(f.store));
    fixture_expect(&f, "other", NULL);
    CHECK_STATUS(PYKV_WOULD_BLOCK, hold_at(&f, NULL, "key", PYKV_NO_WAIT, &held));
    held = hold(&f, "key");
    CHECK(held_value_is_copy(&held));
    CHECK_STATUS(PYKV_WOULD_BLOCK, hold_at(&f, NULL, "key", PYKV_NO_WAIT, &held));
    CHECK_OK(lsm_clear(f.store, 0));
    CHECK_OK(lsm_compact(f.store, NULL));
    expect_filled(&held, 'a', LARGE);
    held_value_release(&held);
    fixture_free(&f);
}

TEST(where_memory_runs_out_a_view_is_refused_and_keeps_nothing)
{
    fixture f = fixture_new();
    held_value held;
    put_filled(&f, "key", 'a', 100);
    mem_fail_at(1, 0);
    CHECK_STATUS(PYKV_NO_MEMORY, hold_at(&f, NULL, "key", 0, &held));
    mem_fail_at(0, 0);
    CHECK_EQUAL(0, fixture_stats(&f).view_count);
    fixture_free(&f);
}

TEST_MAIN(CASE(a_value_in_a_block_stays_there_through_compactions_and_close),
          CASE(a_large_value_in_a_memtable_stays_there_and_its_memory_is_not_used_again),
          CASE(a_small_value_of_a_memtable_is_copied),
          CASE(views_of_everything_keep_no_more_than_the_limit_and_the_rest_are_copies),
          CASE(a_value_of_a_snapshot_outlives_it_and_what_is_gone_is_not_found),
          CASE(a_value_of_a_value_segment_is_read_for_its_view_alone_and_not_where_nobody_may_wait),
          CASE(where_memory_runs_out_a_view_is_refused_and_keeps_nothing))
