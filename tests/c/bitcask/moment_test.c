/*
 * moment: what is pinned, shared and let go, and what displaced records cost while one is open.
 */
#include "bitcask_fixture.h"

#include "bitcask/snapshot.h"

enum { MOMENT_KEYS = 200 };

static fixture filled(void)
{
    fixture f = fixture_new();
    fixture_fill(&f, 0, MOMENT_KEYS, 100);
    return f;
}

static uint64_t undo_count(const fixture *f)
{
    return atomic_load(&f->store->spaces.main.directory->undo.count);
}

/* Checks that the keys from..to have values of so many bytes at a moment; NULL: now. */
static void expect_sizes(fixture *f, const store_moment *at, uint32_t from, uint32_t to,
                         size_t value_bytes)
{
    char key[32];
    for (uint32_t i = from; i < to; i++) {
        pykv_pinned pinned = {0};
        snprintf(key, sizeof key, "key-%u", i);
        slice name = fixture_text(key);
        CHECK_OK(at != NULL ? bitcask_get_at(at, name, 0, &pinned)
                            : bitcask_get(f->store, name, 0, &pinned));
        CHECK_EQUAL(value_bytes, pinned.length);
        mem_free(pinned.owned);
    }
}

TEST(a_moment_pins_every_segment_and_the_directory_until_it_is_given_up)
{
    fixture f = filled();
    store_moment at;
    directory *keys = f.store->spaces.main.directory;
    CHECK_OK(moment_open(f.store, MOMENT_SCAN, &at));
    CHECK_EQUAL(f.store->segment_count, at.pinned_count);
    for (size_t i = 0; i < at.pinned_count; i++) {
        CHECK_EQUAL(1, at.pinned[i].source->pin_count);
        CHECK(i == 0 || at.pinned[i - 1].source->address_base < at.pinned[i].source->address_base);
    }
    CHECK_EQUAL(1, keys->pin_count);
    CHECK_EQUAL(MOMENT_KEYS, at.row_count);
    moment_give_up(&at);
    moment_give_up(&at);
    CHECK_EQUAL(0, keys->pin_count);
    CHECK_EQUAL(0, f.store->segments[0]->pin_count);
    CHECK_STATUS(PYKV_CLOSED, moment_check(&at));
    moment_free(&at);
    fixture_free(&f);
}

TEST(a_shared_moment_outlives_the_one_it_came_from)
{
    fixture f = filled();
    store_moment first;
    store_moment second;
    store_moment third;
    CHECK_OK(moment_open(f.store, MOMENT_SNAPSHOT, &first));
    CHECK_OK(moment_share(&first, &second));
    CHECK_EQUAL(1, fixture_stats(&f).open_scan_count);
    CHECK_EQUAL(1, fixture_stats(&f).open_snapshot_count);
    moment_give_up(&first);
    CHECK_EQUAL(0, fixture_stats(&f).open_snapshot_count);
    CHECK_OK(moment_check(&second));
    CHECK_EQUAL(1, f.store->segments[0]->pin_count);
    CHECK_EQUAL(first.generation, second.generation);
    CHECK_STATUS(PYKV_CLOSED, moment_share(&first, &third));
    moment_free(&first);
    moment_free(&second);
    fixture_free(&f);
}

/* Which segments had nothing but current records when a moment was opened, as bits. */
static unsigned all_current(const fixture *f)
{
    store_moment at;
    store_moment shared;
    unsigned first = 0;
    unsigned second = 0;
    CHECK_OK(moment_open(f->store, MOMENT_SCAN, &at));
    CHECK_OK(moment_share(&at, &shared));
    for (size_t i = 0; i < at.pinned_count; i++) {
        first |= (unsigned)at.pinned[i].all_current << i;
        second |= (unsigned)shared.pinned[i].all_current << i;
    }
    moment_free(&at);
    moment_free(&shared);
    CHECK_EQUAL(first, second);
    return first;
}

TEST(a_moment_knows_the_segments_in_which_everything_is_current)
{
    fixture f = fixture_new();
    fixture_fill(&f, 0, 20, 100);
    CHECK_OK(bitcask_flush(f.store));
    fixture_fill(&f, 20, 40, 100);
    CHECK_EQUAL(2, f.store->segment_count);
    CHECK_EQUAL(3, all_current(&f));
    fixture_reopen(&f);
    CHECK_EQUAL(3, all_current(&f));
    fixture_put(&f, "key-7", "again"); /* of the first segment */
    CHECK_EQUAL(2, all_current(&f));
    fixture_delete(&f, "key-8"); /* a tombstone in the last one */
    CHECK_EQUAL(0, all_current(&f));
    fixture_reopen(&f);
    CHECK_EQUAL(0, all_current(&f));
    CHECK_OK(bitcask_clear(f.store, 0));
    CHECK_EQUAL(0, all_current(&f));
    fixture_free(&f);
}

/* A hot key under a snapshot that is held for long once left an entry for each of its versions. */
TEST(of_a_key_that_is_overwritten_for_ever_one_entry_is_kept_for_each_moment)
{
    fixture f = filled();
    store_moment first;
    store_moment second;
    CHECK_OK(moment_open(f.store, MOMENT_SNAPSHOT, &first));
    for (int i = 0; i < 1000; i++) {
        fixture_put(&f, "key-7", "again");
    }
    CHECK_EQUAL(1, undo_count(&f));
    CHECK_OK(moment_open(f.store, MOMENT_SNAPSHOT, &second));
    for (int i = 0; i < 1000; i++) {
        fixture_put(&f, "key-7", "and again");
        fixture_put(&f, "new", "after both");
    }
    CHECK_EQUAL(2, undo_count(&f));
    moment_free(&second);
    moment_free(&first);
    CHECK_EQUAL(0, undo_count(&f));
    fixture_free(&f);
}

/* What only a scan needed once stayed until the oldest snapshot was closed, so a forgotten one cost
 * an entry for each scan and key that changed beside it. */
TEST(under_a_forgotten_snapshot_scans_that_come_and_go_leave_nothing_for_ever)
{
    fixture f = filled();
    store_moment forgotten;
    uint64_t most = 0;
    CHECK_OK(moment_open(f.store, MOMENT_SNAPSHOT, &forgotten));
    for (int round = 0; round < 300; round++) {
        store_moment passing;
        CHECK_OK(moment_open(f.store, MOMENT_SCAN, &passing));
        fixture_fill(&f, 0, MOMENT_KEYS / 4, 10);
        most = undo_count(&f) > most ? undo_count(&f) : most;
        moment_free(&passing);
    }
    CHECK(most <= 10 * MOMENT_KEYS);
    expect_sizes(&f, &forgotten, 0, MOMENT_KEYS, 100);
    expect_sizes(&f, NULL, 0, MOMENT_KEYS / 4, 10);
    moment_free(&forgotten);
    CHECK_EQUAL(0, undo_count(&f));
    fixture_free(&f);
}

/* Of many keys under snapshots that nobody closes there is an entry for each key and snapshot, of
 * 24 bytes, in a table that is at least a quarter full. */
TEST(many_keys_under_forgotten_snapshots_cost_what_was_told)
{
    enum { KEYS = 200000, KEPT = 3 };
    store_moment kept[KEPT];
    fixture f = {.options = {.segment_bytes = 4 << 20, .space_amplification_max = 1000}};
    CHECK_OK(env_memory_new(check_seed(), FIXTURE_FILE_MAX, &f.disk));
    CHECK_OK(fixture_open(&f));
    fixture_fill(&f, 0, KEYS, 8);
    for (size_t i = 0; i < KEPT; i++) {
        CHECK_OK(moment_open(f.store, MOMENT_SNAPSHOT, &kept[i]));
        fixture_fill(&f, 0, KEYS, 9 + i);
        CHECK_EQUAL((i + 1) * KEYS, undo_count(&f));
    }
    fixture_fill(&f, 0, KEYS / 10, 1);
    CHECK_EQUAL((uint64_t)KEPT * KEYS, undo_count(&f));
    uint64_t bytes = fixture_stats(&f).undo_bytes;
    CHECK(bytes >= 2 * KEPT * KEYS * sizeof(undo_entry));
    CHECK(bytes <= 4 * KEPT * KEYS * sizeof(undo_entry));
    for (size_t i = 0; i < KEPT; i++) {
        expect_sizes(&f, &kept[i], 0, 1000, 8 + i);
    }
    moment_free(&kept[1]);
    CHECK_EQUAL(2 * KEYS, undo_count(&f));
    expect_sizes(&f, &kept[0], 0, 1000, 8);
    expect_sizes(&f, &kept[2], 0, 1000, 10);
    moment_free(&kept[2]);
    moment_free(&kept[0]);
    CHECK_EQUAL(0, fixture_stats(&f).undo_bytes);
    fixture_free(&f);
}

/* The table of what was displaced grows with a write: that write fails, and nothing else does. */
TEST(without_memory_a_write_under_a_snapshot_fails_alone)
{
    fixture f = filled();
    store_moment kept;
    uint32_t refused = 0;
    CHECK_OK(moment_open(f.store, MOMENT_SNAPSHOT, &kept));
    for (uint32_t i = 0; i < MOMENT_KEYS; i++) {
        char key[32];
        snprintf(key, sizeof key, "key-%u", i);
        mem_fail_at(1, 1);
        pykv_status status =
            bitcask_put(f.store, fixture_text(key), slice_make("new", 3), PYKV_SYNC);
        mem_fail_at(0, 0);
        if (status != PYKV_OK) {
            CHECK_STATUS(PYKV_NO_MEMORY, status);
            refused++;
            expect_sizes(&f, NULL, i, i + 1, 100);
            fixture_put(&f, key, "new");
        }
    }
    CHECK(refused > 0);
    CHECK_EQUAL(MOMENT_KEYS, undo_count(&f));
    expect_sizes(&f, &kept, 0, MOMENT_KEYS, 100);
    expect_sizes(&f, NULL, 0, MOMENT_KEYS, 3);
    moment_free(&kept);
    fixture_reopen(&f);
    expect_sizes(&f, NULL, 0, MOMENT_KEYS, 3);
    fixture_free(&f);
}

/* A merge displaces every row that a snapshot shows. */
TEST(without_memory_a_merge_under_a_snapshot_fails_and_the_next_one_ends)
{
    for (uint64_t at = 1; at < 60; at++) {
        fixture f = filled();
        store_moment kept;
        CHECK_OK(moment_open(f.store, MOMENT_SNAPSHOT, &kept));
        fixture_fill(&f, 0, MOMENT_KEYS / 2, 10);
        mem_fail_at(at, 1);
        pykv_status status = bitcask_compact(f.store, NULL);
        mem_fail_at(0, 0);
        CHECK(status == PYKV_OK || status == PYKV_NO_MEMORY);
        for (int round = 0; round < 2; round++) {
            expect_sizes(&f, &kept, 0, MOMENT_KEYS, 100);
            expect_sizes(&f, NULL, 0, MOMENT_KEYS / 2, 10);
            expect_sizes(&f, NULL, MOMENT_KEYS / 2, MOMENT_KEYS, 100);
            CHECK_OK(bitcask_compact(f.store, NULL));
        }
        moment_free(&kept);
        fixture_free(&f);
    }
}

TEST(the_close_of_the_store_gives_all_of_them_up)
{
    fixture f = filled();
    store_moment first;
    store_moment second;
    CHECK_OK(moment_open(f.store, MOMENT_SNAPSHOT, &first));
    CHECK_OK(moment_open(f.store, MOMENT_SCAN, &second));
    CHECK_OK(bitcask_close(f.store, 0));
    CHECK_STATUS(PYKV_CLOSED, moment_check(&first));
    CHECK_STATUS(PYKV_CLOSED, moment_check(&second));
    moment_free(&first);
    moment_free(&second);
    fixture_free(&f);
}

TEST_MAIN(CASE(a_moment_pins_every_segment_and_the_directory_until_it_is_given_up),
          CASE(a_shared_moment_outlives_the_one_it_came_from),
          CASE(a_moment_knows_the_segments_in_which_everything_is_current),
          CASE(of_a_key_that_is_overwritten_for_ever_one_entry_is_kept_for_each_moment),
          CASE(under_a_forgotten_snapshot_scans_that_come_and_go_leave_nothing_for_ever),
          CASE(many_keys_under_forgotten_snapshots_cost_what_was_told),
          CASE(without_memory_a_write_under_a_snapshot_fails_alone),
          CASE(without_memory_a_merge_under_a_snapshot_fails_and_the_next_one_ends),
          CASE(the_close_of_the_store_gives_all_of_them_up))
