/*
 * moment: what is pinned, shared and let go, and what displaced records cost while one is open.
 */
#include "bitcask_fixture.h"

#include "bitcask/moment.h"

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

/* A hot key under a snapshot that is held for long once left an entry for each of its versions. */
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
          CASE(the_close_of_the_store_gives_all_of_them_up))
