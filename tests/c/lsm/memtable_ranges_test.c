/*
 * memtable_ranges_test: a set is replaced as a whole, after the log has the write.
 */
#include "range_fixture.h"

#include "base/epoch.h"
#include "base/memory.h"
#include "lsm/memtable_ranges.h"

typedef struct bench {
    epoch readers;
    reclaimer reclaimer;
    memtable *table;
    int64_t blocks_before;
} bench;

static void bench_init(bench *self)
{
    self->blocks_before = mem_block_count();
    epoch_init(&self->readers);
    reclaimer_init(&self->reclaimer, &self->readers);
    CHECK_OK(memtable_create(&self->reclaimer, 1 << 20, &self->table));
}

static void bench_reset(bench *self)
{
    memtable_release(self->table);
    CHECK(!reclaimer_sweep(&self->reclaimer));
    reclaimer_destroy(&self->reclaimer);
    CHECK_EQUAL(self->blocks_before, mem_block_count());
}

static record range(const char *start, const char *stop)
{
    return (record){.kind = RECORD_RANGE_DELETE, .key = range_key(start), .value = range_key(stop)};
}

static void apply(bench *self, const record *operations, size_t count, uint64_t first_sequence)
{
    memtable_range_change change;
    CHECK_OK(memtable_ranges_prepare(self->table, operations, count, first_sequence, &change));
    memtable_ranges_apply(self->table, &change);
}

/* Whoever loads the set after a later delete came still finds what its snapshot sees. */
TEST(a_snapshot_between_two_deletes_sees_the_older_one)
{
    bench self;
    bench_init(&self);
    record first = range("b", "f");
    record second = range("a", "z");
    apply(&self, &first, 1, 3);
    apply(&self, &second, 1, 5);
    const range_set *set = memtable_ranges(self.table);
    CHECK_RANGES("a-b:5 b-f:5,3 f-z:5", set);
    CHECK_EQUAL(3, range_set_cover(set, range_key("c"), 4));
    CHECK_EQUAL(0, range_set_cover(set, range_key("c"), 2));
    bench_reset(&self);
}

TEST(of_the_deletes_of_one_batch_the_last_one_counts)
{
    bench self;
    bench_init(&self);
    record batch[] = {range("b", "f"),
                      {.kind = RECORD_PUT, .key = range_key("c")},
                      range("d", ""),
                      range("x", "x")};
    apply(&self, batch, 4, 10);
    CHECK_RANGES("b-d:10 d-:12", memtable_ranges(self.table));
    memtable_stats stats;
    memtable_stats_read(self.table, &stats);
    CHECK_EQUAL(0, stats.count);
    CHECK_EQUAL(2, stats.range_delete_count);
    CHECK_EQUAL(12, stats.sequence_max);
    bench_reset(&self);
}

TEST(what_was_prepared_and_not_applied_leaves_nothing)
{
    bench self;
    memtable_range_change change;
    bench_init(&self);
    record one = range("b", "f");
    CHECK_OK(memtable_ranges_prepare(self.table, &one, 1, 3, &change));
    memtable_ranges_drop(&change);
    memtable_ranges_drop(&change);
    CHECK(memtable_ranges(self.table) == NULL);
    record put = {.kind = RECORD_PUT, .key = range_key("c")};
    CHECK_OK(memtable_ranges_prepare(self.table, &put, 1, 3, &change));
    memtable_ranges_apply(self.table, &change);
    CHECK(memtable_ranges(self.table) == NULL);
    bench_reset(&self);
}

TEST(without_memory_the_set_stays_as_it_was)
{
    bench self;
    memtable_range_change change;
    pykv_status status = PYKV_NO_MEMORY;
    bench_init(&self);
    record first = range("b", "f");
    record batch[] = {range("a", "c"), range("e", "z")};
    apply(&self, &first, 1, 1);
    for (uint64_t at = 1; status != PYKV_OK; at++) {
        int64_t blocks = mem_block_count();
        CHECK(at < 100);
        (void)mem_fail_at(at, 0);
        status = memtable_ranges_prepare(self.table, batch, 2, 2, &change);
        (void)mem_fail_at(0, 0);
        CHECK(status == PYKV_OK || mem_block_count() == blocks);
        CHECK_RANGES("b-f:1", memtable_ranges(self.table));
    }
    memtable_ranges_apply(self.table, &change);
    CHECK_RANGES("a-b:2 b-c:2,1 c-e:1 e-f:3,1 f-z:3", memtable_ranges(self.table));
    bench_reset(&self);
}

TEST(many_deletes_make_a_memtable_full)
{
    bench self;
    char names[2][16];
    uint64_t sequence = 0;
    bench_init(&self);
    while (!memtable_is_full(self.table)) {
        sequence++;
        snprintf(names[0], sizeof names[0], "%06d", (int)sequence * 2);
        snprintf(names[1], sizeof names[1], "%06d", (int)sequence * 2 + 1);
        record one = range(names[0], names[1]);
        apply(&self, &one, 1, sequence);
    }
    CHECK_EQUAL(MEMTABLE_RANGES_MAX, sequence);
    bench_reset(&self);
}

TEST(a_memtable_that_holds_little_takes_a_delete_in)
{
    bench self;
    bench_init(&self);
    memtable_ranges_close_crowded(self.table);
    CHECK(!memtable_is_full(self.table));
    for (uint64_t i = 1; i <= MEMTABLE_ENTRIES_BEFORE_RANGE; i++) {
        char name[16];
        snprintf(name, sizeof name, "%06d", (int)i);
        iterator_entry entry = {.key = range_key(name), .sequence = i, .kind = RECORD_PUT};
        CHECK_OK(memtable_reserve(self.table, 1, memtable_entry_bytes(6, 0, false)));
        memtable_add(self.table, &entry, i);
    }
    CHECK(!memtable_is_full(self.table));
    memtable_ranges_close_crowded(self.table);
    CHECK(memtable_is_full(self.table));
    bench_reset(&self);
}

TEST_MAIN(CASE(a_snapshot_between_two_deletes_sees_the_older_one),
          CASE(of_the_deletes_of_one_batch_the_last_one_counts),
          CASE(what_was_prepared_and_not_applied_leaves_nothing),
          CASE(without_memory_the_set_stays_as_it_was), CASE(many_deletes_make_a_memtable_full),
          CASE(a_memtable_that_holds_little_takes_a_delete_in))
