/*
 * view_ranges_test: the newest delete of memtables and version decides, as far as a snapshot sees.
 */
#include "range_fixture.h"

#include "base/epoch.h"
#include "base/memory.h"
#include "lsm/memtable_ranges.h"
#include "lsm/view.h"

typedef struct bench {
    epoch readers;
    reclaimer reclaimer;
    memtable *active;
    memtable *older;
    version *tables;
    view *view;
} bench;

static void delete_range(memtable *from, const char *start, const char *stop, uint64_t sequence)
{
    memtable_range_change change;
    record one = {.kind = RECORD_RANGE_DELETE, .key = range_key(start), .value = range_key(stop)};
    CHECK_OK(memtable_ranges_prepare(from, &one, 1, sequence, &change));
    memtable_ranges_apply(from, &change);
}

static void bench_init(bench *self)
{
    epoch_init(&self->readers);
    reclaimer_init(&self->reclaimer, &self->readers);
    CHECK_OK(memtable_create(&self->reclaimer, 1 << 20, &self->active));
    CHECK_OK(memtable_create(&self->reclaimer, 1 << 20, &self->older));
    CHECK_OK(version_new_empty(&self->tables));
}

static void bench_view(bench *self)
{
    memtable_seal(self->older);
    CHECK_OK(view_new(self->active, &self->older, 1, self->tables, &self->view));
}

static void bench_reset(bench *self)
{
    view_release(self->view);
    version_release(self->tables);
    memtable_release(self->older);
    memtable_release(self->active);
    while (reclaimer_sweep(&self->reclaimer)) {
    }
    reclaimer_destroy(&self->reclaimer);
}

TEST(a_view_without_range_deletes_says_so)
{
    bench self;
    view_ranges taken;
    const range_set *joined;
    key_range all = {.start = range_key("")};
    bench_init(&self);
    bench_view(&self);
    CHECK(!view_has_ranges(self.view));
    CHECK_EQUAL(0, view_cover(self.view, range_key("c"), UINT64_MAX));
    view_take_ranges(self.view, &taken);
    CHECK_OK(view_join_ranges(&taken, UINT64_MAX, &all, &joined));
    CHECK(joined == NULL);
    delete_range(self.active, "a", "b", 1);
    CHECK(view_has_ranges(self.view));
    bench_reset(&self);
}

TEST(the_newest_delete_of_all_that_a_snapshot_sees_is_found)
{
    bench self;
    bench_init(&self);
    CHECK_OK(range_set_one(range_key("a"), range_key("m"), 3, &self.tables->ranges));
    delete_range(self.older, "c", "f", 5);
    bench_view(&self);
    delete_range(self.active, "b", "d", 7);
    CHECK(view_has_ranges(self.view));
    CHECK_EQUAL(7, view_cover(self.view, range_key("c"), 7));
    CHECK_EQUAL(5, view_cover(self.view, range_key("c"), 6));
    CHECK_EQUAL(3, view_cover(self.view, range_key("c"), 4));
    CHECK_EQUAL(3, view_cover(self.view, range_key("g"), 9));
    CHECK_EQUAL(0, view_cover(self.view, range_key("m"), 9));
    bench_reset(&self);
}

TEST(what_was_taken_stays_as_it_was_though_deletes_come)
{
    bench self;
    view_ranges taken;
    const range_set *joined;
    key_range some = {range_key("b"), range_key("e"), true};
    bench_init(&self);
    delete_range(self.older, "c", "f", 5);
    bench_view(&self);
    delete_range(self.active, "b", "d", 7);
    delete_range(self.active, "x", "z", 8);
    view_take_ranges(self.view, &taken);
    delete_range(self.active, "a", "", 9);
    CHECK_OK(view_join_ranges(&taken, 8, &some, &joined));
    CHECK_RANGES("b-d:7 d-f:5", joined);
    range_set_release(joined);
    bench_reset(&self);
}

TEST(without_memory_nothing_is_joined_and_nothing_leaks)
{
    bench self;
    view_ranges taken;
    const range_set *joined = NULL;
    key_range all = {.start = range_key("")};
    pykv_status status = PYKV_NO_MEMORY;
    bench_init(&self);
    delete_range(self.older, "c", "f", 5);
    bench_view(&self);
    delete_range(self.active, "b", "d", 7);
    int64_t blocks = mem_block_count();
    for (uint64_t at = 1; status != PYKV_OK; at++) {
        CHECK(at < 100);
        view_take_ranges(self.view, &taken);
        (void)mem_fail_at(at, 0);
        status = view_join_ranges(&taken, 8, &all, &joined);
        (void)mem_fail_at(0, 0);
        CHECK(status == PYKV_OK || mem_block_count() == blocks);
    }
    range_set_release(joined);
    bench_reset(&self);
}

TEST_MAIN(CASE(a_view_without_range_deletes_says_so),
          CASE(the_newest_delete_of_all_that_a_snapshot_sees_is_found),
          CASE(what_was_taken_stays_as_it_was_though_deletes_come),
          CASE(without_memory_nothing_is_joined_and_nothing_leaks))
