/*
 * delete_range_cost_test: what a scan over a deleted range takes, counted: blocks, and calls of the
 * iterators below.
 */
#include "lsm_fixture.h"

#include "lsm/memtable_ranges.h"
#include "lsm/range_iterator.h"
#include "lsm/version_iterate.h"

/* ACROSS_BLOCKS_MAX: of a table, two at either side of what is deleted. */
enum { ROWS = 3000, ACROSS_BLOCKS_MAX = 4, HIDDEN = MEMTABLE_ENTRIES_BEFORE_RANGE - 1 };

/* ---- blocks ---- */

static uint64_t block_count;
static pykv_status (*acquire_inner)(block_source *, table *, uint32_t, block_use, block_hold *);

static pykv_status acquire_counted(block_source *self, table *from, uint32_t block_index,
                                   block_use use, block_hold *hold_out)
{
    block_count++;
    return acquire_inner(self, from, block_index, use, hold_out);
}

/* A store with some tables of level 0 above a level, of the keys from 0 to ROWS. */
static fixture store_of_tables(void)
{
    fixture self = fixture_new();
    fixture_fill(&self, 0, ROWS, 100);
    CHECK_OK(lsm_compact(self.store, NULL));
    fixture_hold_compactions(&self);
    for (int i = 0; i < 3; i++) {
        fixture_fill(&self, 0, 200, 100);
        fixture_fill(&self, ROWS - 200, ROWS, 100);
        CHECK_OK(lsm_flush(self.store));
    }
    acquire_inner = self.store->source.face.acquire;
    self.store->source.face.acquire = acquire_counted;
    return self;
}

/* Blocks that a scan from one key up to another takes, which finds row_count rows. */
static uint64_t blocks_of(fixture *self, const char *start, const char *stop, uint64_t row_count,
                          bool is_reverse)
{
    uint64_t count = UINT64_MAX;
    pykv_range range = {.start = start,
                        .start_length = strlen(start),
                        .has_start = 1,
                        .stop = stop,
                        .stop_length = strlen(stop),
                        .has_stop = 1,
                        .reverse = is_reverse};
    block_count = 0;
    CHECK_OK(lsm_count(self->store, NULL, &range, &count));
    CHECK_EQUAL(row_count, count);
    return block_count;
}

TEST(a_scan_over_a_deleted_range_reads_nothing_and_one_across_it_few_blocks)
{
    fixture self = store_of_tables();
    CHECK_OK(lsm_delete_range(self.store, fixture_text("key-00010"), fixture_text("key-02990"), 0));
    for (int flushed = 0; flushed < 2; flushed++) {
        uint64_t iterators = version_iterator_count(lsm_view(self.store)->version);
        CHECK(blocks_of(&self, "key-00009a", "key-00009b", 0, false) > 0);
        for (int is_reverse = 0; is_reverse < 2; is_reverse++) {
            CHECK_EQUAL(0, blocks_of(&self, "key-00010", "key-02990", 0, is_reverse));
            CHECK_EQUAL(0, blocks_of(&self, "key-00500", "key-00501", 0, is_reverse));
            CHECK(blocks_of(&self, "key-00009", "key-02991", 2, is_reverse) <=
                  ACROSS_BLOCKS_MAX * iterators);
        }
        CHECK_OK(lsm_flush(self.store));
    }
    fixture_let_compactions(&self);
    fixture_free(&self);
}

/* What is newer than the range delete is read, in whichever table it stands. */
TEST(a_scan_over_a_deleted_range_finds_what_came_after_the_delete)
{
    char key[16];
    lsm_snapshot *before;
    pykv_range all = {.keys_only = 1};
    uint64_t count = 0;
    fixture self = store_of_tables();
    CHECK_OK(lsm_snapshot_new(self.store, &before));
    CHECK_OK(lsm_delete_range(self.store, fixture_text("key"), fixture_text(""), 0));
    CHECK_OK(lsm_put(self.store, fixture_key(700, key), fixture_text("1"), 0));
    for (int round = 0; round < 3; round++) {
        for (int is_reverse = 0; is_reverse < 2; is_reverse++) {
            (void)blocks_of(&self, "key-00010", "key-02990", 1, is_reverse);
            (void)blocks_of(&self, "key-00700", "key-00701", 1, is_reverse);
            (void)blocks_of(&self, "key-00010", "key-00700", 0, is_reverse);
        }
        CHECK_OK(lsm_count(self.store, before, &all, &count));
        CHECK_EQUAL(ROWS, count);
        if (round == 1) {
            fixture_let_compactions(&self);
            CHECK_OK(lsm_compact(self.store, NULL));
        } else {
            CHECK_OK(lsm_flush(self.store));
        }
    }
    lsm_snapshot_free(self.store, before);
    fixture_free(&self);
}

/* ---- the memtable ---- */

/* Shows what another iterator shows, and counts the calls that reach it. */
typedef struct counted_iterator {
    iterator base;
    iterator *inner;
} counted_iterator;

static uint64_t call_count;

static iterator *begin_call(iterator *base)
{
    counted_iterator *self = (counted_iterator *)(void *)base;
    self->inner->index = base->index;
    call_count++;
    return self->inner;
}

static void end_call(iterator *base, const iterator *inner)
{
    base->entries = inner->entries;
    base->index = inner->index;
    base->count = inner->count;
    base->status = inner->status;
}

static void seek(iterator *base, slice key, uint64_t sequence)
{
    iterator *inner = begin_call(base);
    iterator_seek(inner, key, sequence);
    end_call(base, inner);
}

static void seek_back(iterator *base, slice key, uint64_t sequence)
{
    iterator *inner = begin_call(base);
    iterator_seek_back(inner, key, sequence);
    end_call(base, inner);
}

static void seek_last(iterator *base)
{
    iterator *inner = begin_call(base);
    iterator_seek_last(inner);
    end_call(base, inner);
}

static void advance(iterator *base)
{
    iterator *inner = begin_call(base);
    iterator_next(inner);
    end_call(base, inner);
}

static void retreat(iterator *base)
{
    iterator *inner = begin_call(base);
    iterator_previous(inner);
    end_call(base, inner);
}

static void free_counted(iterator *base)
{
    iterator_free(((counted_iterator *)(void *)base)->inner);
}

static const iterator_ops counted_ops = {seek,    seek_back, seek_last,
                                         advance, retreat,   free_counted};

/* Calls of the memtable's iterator for a scan at a sequence from "key" on, in either direction,
 * which finds row_count rows. */
static uint64_t calls_of(fixture *self, uint64_t sequence, uint64_t row_count, bool is_reverse)
{
    memtable *active = lsm_view(self->store)->active;
    counted_iterator counted = {.base = iterator_make(&counted_ops)};
    iterator *walk = &counted.base;
    range_filter filter = {memtable_ranges(active), sequence};
    range_extent extent = {.hidden_from = memtable_ranges_hide_from(active, sequence)};
    uint64_t found = 0;
    CHECK_OK(memtable_iterator_new(active, &counted.inner));
    CHECK_OK(range_iterator_wrap(&filter, &extent, &walk));
    call_count = 0;
    if (is_reverse) {
        iterator_seek_back(walk, fixture_text("kez"), UINT64_MAX);
    } else {
        iterator_seek(walk, fixture_text("key"), UINT64_MAX);
    }
    while (iterator_valid(walk)) {
        found += iterator_current(walk)->sequence <= sequence;
        if (is_reverse) {
            iterator_previous(walk);
        } else {
            iterator_next(walk);
        }
    }
    CHECK_OK(walk->status);
    CHECK_EQUAL(row_count, found);
    iterator_free(walk);
    return call_count;
}

/* A store whose memtable holds as much as a range delete leaves there, all of it hidden. */
static fixture store_of_hidden_rows(void)
{
    fixture self = fixture_blank();
    self.options.memtable_bytes = 4 << 20;
    CHECK_OK(fixture_open(&self));
    fixture_fill(&self, 0, HIDDEN, 10);
    CHECK_OK(lsm_delete_range(self.store, fixture_text("key"), fixture_text("kez"), 0));
    CHECK_EQUAL(0, fixture_stats(&self).immutable_memtable_count);
    return self;
}

/* They were walked over one by one as long as the memtable had the range delete that hides them. */
TEST(hidden_rows_of_the_memtable_are_passed_over_by_one_seek)
{
    fixture self = store_of_hidden_rows();
    CHECK(calls_of(&self, HIDDEN + 1, 0, false) <= 1);
    CHECK(calls_of(&self, HIDDEN + 1, 0, true) <= 1);
    fixture_put(&self, "beside", "1");
    fixture_put(&self, "zebra", "1");
    CHECK(calls_of(&self, HIDDEN + 3, 1, false) <= 2);
    CHECK(calls_of(&self, HIDDEN + 3, 1, true) <= 2);
    fixture_free(&self);
}

TEST(rows_that_came_behind_a_range_delete_are_shown)
{
    char key[16];
    fixture self = store_of_hidden_rows();
    CHECK_OK(lsm_put(self.store, fixture_key(100, key), fixture_text("1"), 0));
    for (int is_reverse = 0; is_reverse < 2; is_reverse++) {
        (void)calls_of(&self, HIDDEN + 2, 1, is_reverse);
        CHECK(calls_of(&self, HIDDEN + 1, 0, is_reverse) <= 1); /* a snapshot from before */
        (void)calls_of(&self, HIDDEN, HIDDEN, is_reverse);
    }
    fixture_recover(&self);
    CHECK_EQUAL(1, fixture_count(&self));
    fixture_expect(&self, "key-00100", "1");
    fixture_free(&self);
}

/* The rows of a batch go into the memtable before the range deletes of the batch do. */
TEST(a_row_of_the_batch_that_deleted_its_range_is_shown)
{
    record batch[] = {
        {.kind = RECORD_RANGE_DELETE, .key = fixture_text("key"), .value = fixture_text("kez")},
        {.kind = RECORD_PUT, .key = fixture_text("key-00300"), .value = fixture_text("2")}};
    fixture self = fixture_new();
    fixture_fill(&self, 0, 500, 10);
    CHECK_OK(lsm_write(self.store, batch, 2, 0));
    for (int is_reverse = 0; is_reverse < 2; is_reverse++) {
        (void)calls_of(&self, 502, 1, is_reverse);
        (void)calls_of(&self, 500, 500, is_reverse);
    }
    CHECK_EQUAL(1, fixture_count(&self));
    fixture_free(&self);
}

TEST_MAIN(CASE(a_scan_over_a_deleted_range_reads_nothing_and_one_across_it_few_blocks),
          CASE(a_scan_over_a_deleted_range_finds_what_came_after_the_delete),
          CASE(hidden_rows_of_the_memtable_are_passed_over_by_one_seek),
          CASE(rows_that_came_behind_a_range_delete_are_shown),
          CASE(a_row_of_the_batch_that_deleted_its_range_is_shown))
