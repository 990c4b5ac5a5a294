/*
 * block_source_cached_test: gets and walks through a cache answer as without one, read each block
 * once while it stays, and hold what they use.
 */
#include "codec/codec_registry.h"

#include "env/env_ops.h"
#include "table/block_source_cached.h"
#include "table/table_fixture.h"

enum { ENTRY_COUNT = 4000, VALUE_BYTES = 60, LARGE_LIMIT = 4 << 20, SMALL_LIMIT = 96 << 10 };

typedef struct cached_fixture {
    fixture table;
    memory_budget budget;
    epoch entered;
    reclaimer readers;
    block_cache *cache;
    block_source_cached source;
} cached_fixture;

static slice nth_key(char *text, size_t i)
{
    return slice_make(text, (size_t)snprintf(text, 32, "key-%08zu", i));
}

static cached_fixture *open_cached(uint64_t limit_bytes)
{
    cached_fixture *self = mem_alloc_aligned(64, sizeof *self);
    CHECK(self != NULL);
    self->table = fixture_new();
    char key[32];
    char value[VALUE_BYTES];
    for (size_t i = 0; i < ENTRY_COUNT; i++) {
        memset(value, (int)('a' + i % 26), sizeof value);
        fixture_put(&self->table, nth_key(key, i), i + 1, slice_make(value, sizeof value));
    }
    /* Compressed with zstd where the system has one. */
    self->table.codecs = codec_registry_table();
    table_builder_options options = fixture_build_options(4096);
    options.codec = codec_table_find(&self->table.codecs, CODEC_ZSTD);
    fixture_build(&self->table, &options);
    memory_budget_init(&self->budget, limit_bytes);
    epoch_init(&self->entered);
    reclaimer_init(&self->readers, &self->entered);
    CHECK_OK(block_cache_new(&self->budget, &self->readers, &self->cache));
    block_source_cached_init(&self->source, self->cache, &self->entered, self->table.disk);
    return self;
}

static void close_cached(cached_fixture *self)
{
    block_source_cached_forget(&self->source, self->table.opened);
    block_cache_free(self->cache);
    CHECK_EQUAL(0, memory_budget_used(&self->budget));
    reclaimer_destroy(&self->readers);
    fixture_free(&self->table);
    mem_free(self);
}

static block_cache_counters counters_of(cached_fixture *self)
{
    block_cache_counters counters;
    block_cache_get_counters(self->cache, &counters);
    return counters;
}

/* True if the get of entry number i finds it, as it was put. */
static bool get_nth(cached_fixture *self, size_t i)
{
    char text[32];
    slice key = nth_key(text, i);
    table_found found;
    epoch_token token = epoch_enter(&self->entered);
    pykv_status status = table_get(self->table.opened, &self->source.face,
                                   table_position_make(key, UINT64_MAX), fixture_hash(key), &found);
    bool good = status == PYKV_OK && found.sequence == i + 1 && found.value.size == VALUE_BYTES &&
                ((const uint8_t *)found.value.data)[VALUE_BYTES - 1] == 'a' + i % 26;
    if (status == PYKV_OK) {
        table_release(&self->source.face, &found);
    }
    epoch_leave(&self->entered, token);
    return good;
}

TEST(gets_read_each_block_once_where_all_fit)
{
    cached_fixture *self = open_cached(LARGE_LIMIT);
    for (int round = 0; round < 3; round++) {
        for (size_t i = 0; i < ENTRY_COUNT; i++) {
            CHECK(get_nth(self, i));
        }
    }
    block_cache_counters counters = counters_of(self);
    uint32_t block_count = self->table.opened->index.block_count;
    CHECK(block_count > 20);
    CHECK_EQUAL(block_count, counters.miss_count);
    CHECK_EQUAL(block_count, counters.insert_count);
    CHECK_EQUAL(3 * ENTRY_COUNT - block_count, counters.hit_count);
    close_cached(self);
}

TEST(gets_answer_where_few_blocks_fit)
{
    cached_fixture *self = open_cached(SMALL_LIMIT);
    uint64_t chance = check_seed();
    for (int i = 0; i < 20000; i++) {
        CHECK(get_nth(self, check_random(&chance, ENTRY_COUNT)));
        CHECK(memory_budget_used(&self->budget) <= SMALL_LIMIT);
    }
    CHECK(counters_of(self).evict_count > 0);
    CHECK(block_cache_is_sound(self->cache));
    close_cached(self);
}

TEST(a_walk_sees_every_entry_and_leaves_what_gets_use_in_the_cache)
{
    cached_fixture *self = open_cached(SMALL_LIMIT);
    iterator *walk;
    for (int round = 0; round < 4; round++) {
        CHECK(get_nth(self, 10));
        CHECK(get_nth(self, 11));
    }
    uint64_t misses = counters_of(self).miss_count;
    CHECK_EQUAL(1, misses);
    CHECK_OK(table_iterator_new(self->table.opened, &self->source.face, &walk));
    size_t seen = ENTRY_COUNT;
    iterator_seek_last(walk);
    while (iterator_valid(walk)) {
        fixture_check_at(&self->table, walk, --seen);
        iterator_previous(walk);
    }
    CHECK_EQUAL(0, seen);
    iterator_free(walk);
    misses = counters_of(self).miss_count;
    CHECK(get_nth(self, 10));
    CHECK_EQUAL(misses, counters_of(self).miss_count);
    close_cached(self);
}

TEST(a_hold_of_a_walk_outlives_eviction_and_forgetting)
{
    cached_fixture *self = open_cached(SMALL_LIMIT);
    block_source *source = &self->source.face;
    block_hold hold;
    CHECK_OK(source->acquire(source, self->table.opened, 3, BLOCK_FOR_SEEK, &hold));
    uint32_t entry_count = hold.block->entry_count;
    CHECK(entry_count > 0);
    for (size_t i = 0; i < ENTRY_COUNT; i++) {
        CHECK(get_nth(self, i));
    }
    block_source_cached_forget(&self->source, self->table.opened);
    CHECK_EQUAL(entry_count, hold.block->entry_count);
    block_source_release(source, &hold);
    CHECK_EQUAL(0, counters_of(self).block_bytes);
    close_cached(self);
}

TEST(a_get_that_shares_its_hold_may_leave_the_epoch)
{
    cached_fixture *self = open_cached(SMALL_LIMIT);
    block_source *source = &self->source.face;
    block_hold hold;
    for (int round = 0; round < 2; round++) {
        epoch_token token = epoch_enter(&self->entered);
        CHECK_OK(source->acquire(source, self->table.opened, 5, BLOCK_FOR_GET, &hold));
        block_hold kept = source->share(source, hold);
        block_source_release(source, &hold);
        epoch_leave(&self->entered, token);
        block_source_cached_forget(&self->source, self->table.opened);
        CHECK(kept.block->entry_count > 0);
        CHECK(counters_of(self).block_bytes > 0);
        block_source_release(source, &kept);
        CHECK_EQUAL(0, counters_of(self).block_bytes);
        CHECK_OK(source->acquire(source, self->table.opened, 5, BLOCK_FOR_STEP, &hold));
        block_source_release(source, &hold);
    }
    close_cached(self);
}

TEST(a_block_that_cannot_be_read_is_not_cached_and_costs_nothing)
{
    cached_fixture *self = open_cached(LARGE_LIMIT);
    block_source *source = &self->source.face;
    uint64_t used = memory_budget_used(&self->budget);
    uint64_t size;
    uint8_t *bytes = fixture_bytes(&self->table, &size);
    uint8_t *damaged = &bytes[self->table.opened->index.offsets[2] + 5];
    block_hold hold = {NULL, NULL};
    *damaged ^= 0x40;
    CHECK_STATUS(PYKV_CORRUPTION,
                 source->acquire(source, self->table.opened, 2, BLOCK_FOR_GET, &hold));
    CHECK_STATUS(PYKV_CORRUPTION,
                 source->acquire(source, self->table.opened, 2, BLOCK_FOR_STEP, &hold));
    CHECK(hold.block == NULL);
    CHECK_EQUAL(used, memory_budget_used(&self->budget));
    *damaged ^= 0x40;
    CHECK_OK(source->acquire(source, self->table.opened, 2, BLOCK_FOR_SEEK, &hold));
    block_source_release(source, &hold);
    close_cached(self);
}

TEST(whichever_allocation_fails_nothing_is_lost)
{
    cached_fixture *self = open_cached(LARGE_LIMIT);
    block_source *source = &self->source.face;
    uint64_t used = memory_budget_used(&self->budget);
    pykv_status status = PYKV_NO_MEMORY;
    block_hold hold = {NULL, NULL};
    int64_t blocks = mem_block_count();
    uint64_t k = 0;
    while (status == PYKV_NO_MEMORY) {
        CHECK_EQUAL(used, memory_budget_used(&self->budget));
        CHECK_EQUAL(blocks, mem_block_count());
        (void)mem_fail_at(++k, 1); /* once alone, the cache gives a block for it */
        status = source->acquire(source, self->table.opened, 1, BLOCK_FOR_SEEK, &hold);
        (void)mem_fail_at(0, 0);
    }
    CHECK_OK(status);
    CHECK(k > 1);
    block_source_release(source, &hold);
    close_cached(self);
}

/* A clock of which each look takes a while. */
static uint64_t look_us;

static uint64_t slow_clock(env *self)
{
    static uint64_t now_us;
    (void)self;
    now_us += look_us;
    return now_us;
}

/* Loads a block, and gets it again, while reading one takes took_us. */
static uint64_t waited_for(cached_fixture *self, uint32_t block_index, uint64_t took_us)
{
    static const env_ops ops = {.monotonic_us = slow_clock};
    static env clock = {&ops};
    block_source *source = &self->source.face;
    uint64_t before = block_source_cached_waited_us(&self->source);
    look_us = took_us;
    self->source.env = &clock;
    for (int round = 0; round < 2; round++) {
        block_hold hold = {NULL, NULL};
        CHECK_OK(source->acquire(source, self->table.opened, block_index, BLOCK_FOR_SEEK, &hold));
        block_source_release(source, &hold);
    }
    return block_source_cached_waited_us(&self->source) - before;
}

TEST(the_time_of_reads_that_the_device_answers_is_summed_up)
{
    cached_fixture *self = open_cached(LARGE_LIMIT);
    uint64_t least_us = 30 + table_block_bytes(self->table.opened, 1) / 512;
    CHECK(least_us > 35); /* its bytes have to be decompressed, too */
    CHECK_EQUAL(0, waited_for(self, 1, least_us - 1));
    block_source_cached_forget(&self->source, self->table.opened);
    CHECK_EQUAL(least_us, waited_for(self, 1, least_us));
    CHECK_EQUAL(700, waited_for(self, 2, 700));
    CHECK_EQUAL(least_us + 700, block_source_cached_waited_us(&self->source));
    CHECK_EQUAL(2 * least_us - 1 + 700, block_source_cached_loading_us(&self->source));
    close_cached(self);
}

/* Asks the system for what is not cached, and for nothing once it is. */
TEST(many_gets_share_their_blocks)
{
    enum { COUNT = 200 };
    cached_fixture *self = open_cached(LARGE_LIMIT);
    uint64_t asked_count;
    uint64_t asked_bytes[2];
    static table_request requests[COUNT];
    static table_request *pointers[COUNT];
    static char keys[COUNT][32];
    for (size_t i = 0; i < COUNT; i++) {
        slice key = nth_key(keys[i], i * 3);
        requests[i] = (table_request){.key = key, .hash = fixture_hash(key)};
        pointers[i] = &requests[i];
    }
    epoch_token token = epoch_enter(&self->entered);
    for (int round = 0; round < 2; round++) {
        bool asked = false;
        table_get_many(self->table.opened, &self->source.face, UINT64_MAX, pointers, COUNT, &asked);
        for (size_t i = 0; i < COUNT; i++) {
            CHECK_OK(requests[i].status);
            CHECK_EQUAL(i * 3 + 1, requests[i].found.sequence);
            table_release(&self->source.face, &requests[i].found);
        }
        CHECK_EQUAL(round == 0, asked);
        env_memory_asked(self->table.disk, &asked_count, &asked_bytes[round]);
    }
    epoch_leave(&self->entered, token);
    CHECK(counters_of(self).miss_count < COUNT / 4);
    CHECK_EQUAL(self->table.opened->index.offsets[counters_of(self).miss_count],
                asked_bytes[0] + self->table.opened->index.offsets[0]);
    CHECK_EQUAL(asked_bytes[0], asked_bytes[1]);
    close_cached(self);
}

TEST_MAIN(CASE(gets_read_each_block_once_where_all_fit), CASE(gets_answer_where_few_blocks_fit),
          CASE(a_walk_sees_every_entry_and_leaves_what_gets_use_in_the_cache),
          CASE(a_hold_of_a_walk_outlives_eviction_and_forgetting),
          CASE(a_get_that_shares_its_hold_may_leave_the_epoch),
          CASE(a_block_that_cannot_be_read_is_not_cached_and_costs_nothing),
          CASE(whichever_allocation_fails_nothing_is_lost),
          CASE(the_time_of_reads_that_the_device_answers_is_summed_up),
          CASE(many_gets_share_their_blocks))
