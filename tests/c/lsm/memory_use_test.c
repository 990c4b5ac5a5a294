/*
 * memory_use_test: memtables, tables and cached blocks share one budget.
 */
#include "lsm_fixture.h"

#include "lsm/memory_use.h"

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
    CHECK_EQUAL(one, table_bytes(&self));
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

TEST_MAIN(CASE(an_empty_store_counts_what_its_memtable_may_grow_to),
          CASE(open_tables_count_until_they_are_closed), CASE(cached_blocks_give_way_to_memtables),
          CASE(the_cache_keeps_a_little_where_memtables_fill_the_budget))
