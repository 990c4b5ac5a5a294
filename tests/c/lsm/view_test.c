/*
 * view_test: the newest memtable answers first, and what a view holds lives as long as it is held.
 */
#include "harness/check.h"

#include "base/epoch.h"
#include "base/hash.h"
#include "base/memory.h"
#include "log/log_format.h"
#include "lsm/view.h"

enum { MEMTABLE_BYTES = 64 * 1024 };

/* Two memtables under one view, the older one sealed. */
typedef struct bench {
    epoch readers;
    reclaimer reclaimer;
    memtable *active;
    memtable *older;
    version *tables;
    view *view;
} bench;

static slice text(const char *characters)
{
    return slice_make(characters, strlen(characters));
}

static uint64_t hash_of(slice key)
{
    return hash_murmur3(key.data, key.size, 1, 2).low;
}

static void add(memtable *to, const char *key, const char *value, uint64_t sequence)
{
    iterator_entry entry = {
        .key = text(key), .value = text(value), .sequence = sequence, .kind = RECORD_PUT};
    uint64_t bytes = memtable_entry_bytes(entry.key.size, entry.value.size, false);
    CHECK_OK(memtable_reserve(to, 1, bytes));
    memtable_add(to, &entry, hash_of(entry.key));
}

static void bench_init(bench *self)
{
    epoch_init(&self->readers);
    reclaimer_init(&self->reclaimer, &self->readers);
    CHECK_OK(memtable_create(&self->reclaimer, MEMTABLE_BYTES, &self->active));
    CHECK_OK(memtable_create(&self->reclaimer, MEMTABLE_BYTES, &self->older));
    CHECK_OK(version_new_empty(&self->tables));
    add(self->older, "a", "old", 1);
    add(self->older, "b", "two", 2);
    memtable_seal(self->older);
    add(self->active, "a", "new", 3);
    add(self->active, "c", "three", 4);
    CHECK_OK(view_new(self->active, &self->older, 1, self->tables, &self->view));
}

/* Drops everything; nothing may be left. */
static void bench_reset(bench *self)
{
    view_release(self->view);
    memtable_release(self->active);
    memtable_release(self->older);
    version_release(self->tables);
    while (reclaimer_sweep(&self->reclaimer)) {
    }
    reclaimer_destroy(&self->reclaimer);
}

static void expect(bench *self, const char *key, uint64_t sequence, const char *value)
{
    iterator_entry entry;
    bool found = view_find(self->view, text(key), hash_of(text(key)), sequence, &entry);
    CHECK_EQUAL(value != NULL, found);
    CHECK(value == NULL || slice_equal(text(value), entry.value));
}

TEST(the_newest_operation_up_to_a_sequence_is_found)
{
    bench self;
    bench_init(&self);
    expect(&self, "a", 9, "new");
    expect(&self, "a", 3, "new");
    expect(&self, "a", 2, "old");
    expect(&self, "a", 0, NULL);
    expect(&self, "b", 9, "two");
    expect(&self, "c", 3, NULL);
    expect(&self, "d", 9, NULL);
    bench_reset(&self);
}

TEST(many_keys_are_found_as_each_alone)
{
    bench self;
    bench_init(&self);
    slice keys[] = {text("c"), text("d"), text("a"), text("b")};
    uint64_t hashes[4];
    bool found[4] = {false};
    iterator_entry entries[4];
    for (size_t i = 0; i < 4; i++) {
        hashes[i] = hash_of(keys[i]);
    }
    CHECK_EQUAL(3, view_find_many(self.view, keys, hashes, 4, 9, found, entries));
    CHECK(found[0] && !found[1] && found[2] && found[3]);
    CHECK(slice_equal(text("new"), entries[2].value));
    CHECK(slice_equal(text("two"), entries[3].value));
    bench_reset(&self);
}

TEST(an_iterator_walks_over_all_versions_of_all_memtables)
{
    static const struct {
        const char *key;
        uint64_t sequence;
    } wanted[] = {{"a", 3}, {"a", 1}, {"b", 2}, {"c", 4}};
    bench self;
    iterator *walk;
    key_range all = {text(""), text(""), false};
    bench_init(&self);
    CHECK_OK(view_iterator_new(self.view, NULL, &all, NULL, &walk));
    iterator_seek_first(walk);
    for (size_t i = 0; i < sizeof wanted / sizeof wanted[0]; i++) {
        CHECK(iterator_valid(walk));
        CHECK(slice_equal(text(wanted[i].key), iterator_current(walk)->key));
        CHECK_EQUAL(wanted[i].sequence, iterator_current(walk)->sequence);
        iterator_next(walk);
    }
    CHECK(!iterator_valid(walk));
    iterator_free(walk);
    bench_reset(&self);
}

TEST(a_retired_view_lives_until_its_readers_left_and_longer_with_a_reference)
{
    bench self;
    bench_init(&self);
    int64_t blocks = mem_block_count();
    epoch_token inside = epoch_enter(&self.readers);
    view *held = view_acquire(self.view);
    view_retire(self.view, &self.reclaimer);
    CHECK(reclaimer_sweep(&self.reclaimer));
    CHECK_EQUAL(blocks, mem_block_count());
    epoch_leave(&self.readers, inside);
    CHECK(!reclaimer_sweep(&self.reclaimer));
    CHECK_EQUAL(blocks, mem_block_count());
    expect(&self, "a", 9, "new");
    view_release(held);
    CHECK_EQUAL(blocks - 1, mem_block_count());
    self.view = NULL;
    bench_reset(&self);
}

TEST(without_memory_nothing_is_taken)
{
    bench self;
    bench_init(&self);
    key_range all = {text(""), text(""), false};
    int64_t blocks = mem_block_count();
    pykv_status status = PYKV_NO_MEMORY;
    for (uint64_t at = 1; status != PYKV_OK; at++) {
        view *made = NULL;
        (void)mem_fail_at(at, 0);
        status = view_new(self.active, &self.older, 1, self.tables, &made);
        (void)mem_fail_at(0, 0);
        CHECK(status == PYKV_OK || (status == PYKV_NO_MEMORY && made == NULL));
        view_release(made);
        CHECK_EQUAL(blocks, mem_block_count());
    }
    status = PYKV_NO_MEMORY;
    for (uint64_t at = 1; status != PYKV_OK; at++) {
        iterator *walk;
        (void)mem_fail_at(at, 0);
        status = view_iterator_new(self.view, NULL, &all, NULL, &walk);
        (void)mem_fail_at(0, 0);
        if (status == PYKV_OK) {
            iterator_free(walk);
        }
        CHECK(status == PYKV_OK || status == PYKV_NO_MEMORY);
        CHECK_EQUAL(blocks, mem_block_count());
    }
    bench_reset(&self);
}

TEST_MAIN(CASE(the_newest_operation_up_to_a_sequence_is_found),
          CASE(many_keys_are_found_as_each_alone),
          CASE(an_iterator_walks_over_all_versions_of_all_memtables),
          CASE(a_retired_view_lives_until_its_readers_left_and_longer_with_a_reference),
          CASE(without_memory_nothing_is_taken))
