/*
 * memory_use_test: memtables, tables and cached blocks share one budget.
 */
#include "lsm_fixture.h"

#include "lsm/jobs.h"
#include "lsm/memory_use.h"
#include "lsm/walk.h"
#include "table/table_builder.h"

enum { BUDGET = 16 << 20, LARGE_MEMTABLE = 2 << 20, ROW = 4000 };

/* A store whose memtables are an eighth of its budget. */
static fixture open_large(void)
{
    fixture self = fixture_blank();
    self.options.memtable_bytes = LARGE_MEMTABLE;
    self.options.table_bytes = LARGE_MEMTABLE;
    self.options.block_bytes = 32 << 10;
    CHECK_OK(fixture_open(&self));
    return self;
}

static uint64_t table_bytes(fixture *self)
{
    return block_source_cached_table_bytes(&self->store->source);
}

TEST(an_empty_store_counts_what_its_memtable_may_grow_to)
{
    fixture self = open_large();
    pykv_stats stats = fixture_stats(&self);
    CHECK_EQUAL(BUDGET, stats.memory_budget_bytes);
    CHECK(stats.memory_used_bytes >= LARGE_MEMTABLE);
    CHECK(stats.memory_used_bytes < LARGE_MEMTABLE + (1 << 20));
    CHECK_EQUAL(0, table_bytes(&self));
    fixture_free(&self);
}

TEST(open_tables_count_until_they_are_closed)
{
    fixture self = fixture_new();
    fixture_fill(&self, 0, 50, 500);
    CHECK_OK(lsm_flush(self.store));
    uint64_t one = table_bytes(&self);
    CHECK(one > 500);
    fixture_fill(&self, 0, 50, 500);
    CHECK_OK(lsm_flush(self.store));
    CHECK_EQUAL(2 * one, table_bytes(&self));
    CHECK_OK(lsm_compact(self.store, NULL));
    const version *now = lsm_view(self.store)->version;
    CHECK_EQUAL(1, now->levels[LSM_LEVEL_COUNT - 1].count);
    CHECK_EQUAL(table_memory_bytes(now->levels[LSM_LEVEL_COUNT - 1].tables[0]), table_bytes(&self));
    CHECK(table_bytes(&self) <= one); /* of the same rows, with fewer bits in the filter */
    fixture_free(&self);
}

TEST(cached_blocks_give_way_to_memtables)
{
    fixture self = open_large();
    fixture_fill(&self, 0, 4000, ROW);
    CHECK_OK(lsm_flush(self.store));
    for (uint32_t i = 0; i < 4000; i += 4) {
        char key[16];
        CHECK_OK(lsm_contains(self.store, fixture_key(i, key), 0));
    }
    pykv_stats full = fixture_stats(&self);
    CHECK(full.block_cache_bytes > BUDGET / 2 && full.memory_used_bytes <= BUDGET);
    fixture_fill(&self, 4000, 5400, ROW); /* three memtables, of which two wait */
    CHECK_EQUAL(2, fixture_stats(&self).immutable_memtable_count);
    lsm_memory_trim(self.store);
    pykv_stats shared = fixture_stats(&self);
    CHECK(shared.memory_used_bytes <= BUDGET);
    CHECK(shared.block_cache_bytes + 3 * LARGE_MEMTABLE <= BUDGET);
    CHECK(shared.block_cache_bytes < full.block_cache_bytes);
    fixture_free(&self);
}

TEST(the_cache_keeps_a_little_where_memtables_fill_the_budget)
{
    fixture self = fixture_blank();
    self.options.memtable_bytes = 2 * BUDGET;
    CHECK_OK(fixture_open(&self));
    fixture_fill(&self, 0, 100, ROW);
    CHECK_OK(lsm_flush(self.store));
    for (int round = 0; round < 2; round++) {
        CHECK_OK(lsm_contains(self.store, fixture_text("key-00003"), 0));
    }
    pykv_stats stats = fixture_stats(&self);
    CHECK(stats.block_cache_hit_count > 0 && stats.block_cache_bytes > 0);
    fixture_free(&self);
}

/* The limit was raised for memtables that do not fit, and the numbers told the option. */
TEST(the_numbers_tell_the_budget_in_force)
{
    fixture self = fixture_blank();
    self.options.memtable_bytes = BUDGET;
    CHECK_OK(fixture_open(&self));
    fixture_fill(&self, 0, 100, ROW);
    CHECK_OK(lsm_flush(self.store));
    CHECK_OK(lsm_contains(self.store, fixture_text("key-00003"), 0));
    pykv_stats stats = fixture_stats(&self);
    CHECK(stats.memory_used_bytes > BUDGET);
    CHECK(stats.memory_budget_bytes >= stats.memory_used_bytes);
    CHECK(stats.memory_budget_bytes >= BUDGET + table_bytes(&self) + LSM_CACHE_BYTES_MIN);
    CHECK(stats.memory_budget_bytes < BUDGET + LSM_CACHE_BYTES_MIN + (1 << 20));
    fixture_free(&self);
}

/* The budget took the sum over the memtables of the view: what only a snapshot or a scan held after
 * its flush was memory that nothing counted. */
TEST(memtables_that_a_snapshot_holds_count_until_it_is_given_up)
{
    enum { ROWS = 400 };
    fixture self = open_large();
    lsm_snapshot *snapshot;
    uint64_t empty = fixture_stats(&self).memory_used_bytes;
    fixture_fill(&self, 0, ROWS, ROW);
    CHECK_OK(lsm_snapshot_new(self.store, &snapshot));
    CHECK_OK(lsm_flush(self.store));
    CHECK(fixture_stats(&self).memory_used_bytes >= empty + ROWS * ROW);
    fixture_fill(&self, 0, 1, ROW);
    CHECK_OK(lsm_flush(self.store));
    CHECK(fixture_stats(&self).memory_used_bytes >= empty + ROWS * ROW);
    lsm_snapshot_free(self.store, snapshot);
    CHECK(fixture_stats(&self).memory_used_bytes < empty + ROWS * ROW / 4);
    fixture_free(&self);
}

/* A memtable was counted when the view changed, so one that a batch made much larger than its limit
 * was not before the next write replaced it. */
TEST(what_a_memtable_outgrows_its_limit_by_counts_at_once)
{
    enum { LARGE = LARGE_MEMTABLE + LARGE_MEMTABLE / 2 };
    fixture self = open_large();
    uint8_t *value = mem_alloc_zeroed(1, LARGE);
    uint64_t empty = fixture_stats(&self).memory_used_bytes;
    CHECK(value != NULL);
    CHECK_OK(lsm_put(self.store, fixture_text("k"), slice_make(value, LARGE), 0));
    CHECK(fixture_stats(&self).memory_used_bytes >= empty - LARGE_MEMTABLE + LARGE);
    mem_free(value);
    fixture_free(&self);
}

TEST(bounds_of_range_deletes_count)
{
    enum { KEY = 60000 };
    fixture self = open_large();
    uint8_t *key = mem_alloc_zeroed(1, KEY);
    uint64_t empty = fixture_stats(&self).memory_used_bytes;
    CHECK(key != NULL);
    CHECK_OK(lsm_delete_range(self.store, fixture_text(""), slice_make(key, KEY), 0));
    CHECK(fixture_stats(&self).memory_used_bytes >= empty + KEY);
    mem_free(key);
    fixture_free(&self);
}

/* A thousand cursors took a hundred megabytes that nothing counted. */
TEST(scans_and_cursors_count_until_they_end)
{
    fixture self = fixture_new();
    lsm_scan *scan;
    lsm_cursor *cursors[2];
    fixture_fill(&self, 0, 10, 10);
    uint64_t before = fixture_stats(&self).memory_used_bytes;
    CHECK_OK(lsm_scan_open(self.store, NULL, NULL, &scan));
    CHECK_EQUAL(before + LSM_WALK_BYTES, fixture_stats(&self).memory_used_bytes);
    for (size_t i = 0; i < 2; i++) {
        CHECK_OK(lsm_cursor_open(self.store, NULL, NULL, &cursors[i]));
    }
    CHECK_EQUAL(before + 3 * LSM_WALK_BYTES, fixture_stats(&self).memory_used_bytes);
    lsm_scan_free(self.store, scan);
    lsm_cursor_free(self.store, cursors[0]);
    CHECK_EQUAL(before + LSM_WALK_BYTES, fixture_stats(&self).memory_used_bytes);
    CHECK_OK(lsm_close(self.store, -1));
    CHECK_EQUAL(0, atomic_load(&self.store->budget.forced_bytes));
    lsm_cursor_free(self.store, cursors[1]);
    fixture_free(&self);
}

TEST(tables_that_are_being_written_count_the_hashes_of_their_filters)
{
    enum { ROWS = 100 };
    fixture self = fixture_new();
    table_job job = lsm_job(self.store, 0, 0);
    table_builder *builder;
    uint64_t before = memory_budget_used(&self.store->budget);
    CHECK_OK(table_builder_open(self.disk, self.store->home, "99.table", &job.building, &builder));
    for (uint32_t i = 0; i < ROWS; i++) {
        char key[16];
        table_entry entry = {.key = fixture_key(i, key),
                             .value = fixture_text("v"),
                             .sequence = 1,
                             .kind = RECORD_PUT};
        CHECK_OK(table_builder_add(builder, &entry));
    }
    CHECK(memory_budget_used(&self.store->budget) >= before + ROWS * 8);
    table_builder_free(builder);
    CHECK_EQUAL(before, memory_budget_used(&self.store->budget));
    fixture_free(&self);
}

TEST_MAIN(CASE(an_empty_store_counts_what_its_memtable_may_grow_to),
          CASE(open_tables_count_until_they_are_closed), CASE(cached_blocks_give_way_to_memtables),
          CASE(the_cache_keeps_a_little_where_memtables_fill_the_budget),
          CASE(the_numbers_tell_the_budget_in_force),
          CASE(memtables_that_a_snapshot_holds_count_until_it_is_given_up),
          CASE(what_a_memtable_outgrows_its_limit_by_counts_at_once),
          CASE(bounds_of_range_deletes_count), CASE(scans_and_cursors_count_until_they_end),
          CASE(tables_that_are_being_written_count_the_hashes_of_their_filters))
