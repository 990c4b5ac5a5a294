/*
 * moment_find: lookups at a moment give what was there, through writes, deletes, clears and merges.
 */
#include "bitcask_fixture.h"

#include "bitcask/key_hash.h"
#include "bitcask/merge.h"
#include "bitcask/merge_pick.h"
#include "bitcask/moment.h"

enum { FIND_KEYS = 120, FIND_MOMENTS = 32 };

/* Checks that key has a value of value_bytes at the moment; SIZE_MAX: that it is absent. */
static void expect(const store_moment *at, const char *key, size_t value_bytes, read_mode mode)
{
    buffer scratch = BUFFER_EMPTY;
    uint64_t address = 0;
    record found;
    slice name = fixture_text(key);
    uint64_t hash = bitcask_hash(at->store, name.data, name.size);
    pykv_status status =
        moment_find(at, hash, name, mode, mode == READ_HOT ? NULL : &scratch, &address, &found);
    CHECK_EQUAL(value_bytes == SIZE_MAX ? PYKV_NOT_FOUND : PYKV_OK, status);
    if (status == PYKV_OK) {
        CHECK_EQUAL(value_bytes, found.value.size);
    }
    buffer_reset(&scratch);
}

static void expect_all(const store_moment *at, uint32_t count, size_t value_bytes)
{
    char key[16];
    for (uint32_t i = 0; i < FIND_KEYS * 2; i++) {
        snprintf(key, sizeof key, "key-%u", i);
        size_t expected = i < count ? value_bytes : SIZE_MAX;
        expect(at, key, expected, READ_HOT);
        expect(at, key, expected, READ_COLD);
    }
}

static fixture filled(void)
{
    fixture f = fixture_new();
    fixture_fill(&f, 0, FIND_KEYS, 200); /* displaced */
    fixture_fill(&f, 0, FIND_KEYS, 100);
    return f;
}

/* Overwrites, adds and deletes, and merges it all. */
static void disturb(fixture *f, size_t value_bytes)
{
    char key[16];
    fixture_fill(f, 0, FIND_KEYS / 2, value_bytes);
    fixture_fill(f, FIND_KEYS, FIND_KEYS * 2, value_bytes);
    for (uint32_t i = FIND_KEYS / 4; i < FIND_KEYS; i += 2) {
        snprintf(key, sizeof key, "key-%u", i);
        fixture_delete(f, key);
    }
    CHECK_OK(bitcask_compact(f->store, NULL));
    fixture_maintain(f, PYKV_ROLE_DATA, 5);
}

TEST(a_moment_finds_what_was_there_through_writes_deletes_and_merges)
{
    fixture f = filled();
    store_moment at;
    CHECK_OK(moment_open(f.store, MOMENT_SNAPSHOT, &at));
    expect_all(&at, FIND_KEYS, 100);
    for (size_t round = 1; round < 5; round++) {
        disturb(&f, round);
        expect_all(&at, FIND_KEYS, 100);
    }
    moment_free(&at);
    fixture_free(&f);
}

TEST(moments_that_follow_each_other_find_each_their_own)
{
    enum { MOMENTS = 6 };
    fixture f = fixture_new();
    store_moment at[MOMENTS];
    for (uint32_t i = 0; i < MOMENTS; i++) {
        fixture_fill(&f, 0, FIND_KEYS, 10 + i);
        CHECK_OK(moment_open(f.store, MOMENT_SNAPSHOT, &at[i]));
        CHECK_OK(bitcask_compact(f.store, NULL));
    }
    fixture_fill(&f, 0, FIND_KEYS, 1);
    for (uint32_t i = 0; i < MOMENTS; i += 2) {
        expect_all(&at[i], FIND_KEYS, 10 + i);
        moment_free(&at[i]);
    }
    for (uint32_t i = 1; i < MOMENTS; i += 2) {
        expect_all(&at[i], FIND_KEYS, 10 + i);
        moment_free(&at[i]);
    }
    fixture_free(&f);
}

TEST(a_clear_and_what_follows_it_do_not_reach_a_moment)
{
    fixture f = filled();
    store_moment at;
    store_moment after;
    CHECK_OK(moment_open(f.store, MOMENT_SNAPSHOT, &at));
    fixture_fill(&f, 0, 10, 55); /* between the moment and the clear */
    CHECK_OK(bitcask_clear(f.store, 0));
    CHECK_OK(moment_open(f.store, MOMENT_SNAPSHOT, &after));
    disturb(&f, 5);
    disturb(&f, 6);
    expect_all(&at, FIND_KEYS, 100);
    expect_all(&after, 0, 0);
    moment_free(&at);
    moment_free(&after);
    fixture_free(&f);
}

/* The slots of a merge's output are swung in steps: a moment opened between two finds a row where
 * it stands in the input, or where it stands in the output. */
TEST(moments_opened_between_the_steps_of_a_merge_find_every_row)
{
    fixture f = filled();
    segment *inputs[MERGE_INPUTS_MAX];
    store_moment at[FIND_MOMENTS];
    size_t count = 0;
    bool more = true;
    CHECK_OK(bitcask_flush(f.store));
    mutex_lock(&f.store->writer);
    size_t picked = merge_pick(f.store, true, inputs);
    mutex_unlock(&f.store->writer);
    mutex_lock(&f.store->merge_lock);
    CHECK_OK(merge_begin(f.store, inputs, picked));
    while (more) {
        CHECK(count < FIND_MOMENTS);
        CHECK_OK(moment_open(f.store, MOMENT_SNAPSHOT, &at[count++]));
        CHECK_OK(merge_step(f.store, &more));
    }
    mutex_unlock(&f.store->merge_lock);
    CHECK(count > 3);
    disturb(&f, 7);
    for (size_t i = 0; i < count; i++) {
        expect_all(&at[i], FIND_KEYS, 100);
        moment_free(&at[i]);
    }
    fixture_free(&f);
}

TEST(a_record_that_expires_is_found_up_to_the_time_of_the_moment)
{
    fixture f = fixture_new();
    store_moment before;
    store_moment after;
    uint64_t now = bitcask_now(f.store);
    CHECK_OK(bitcask_put_until(f.store, fixture_text("k"), fixture_text("value"), now + 1000, 0));
    CHECK_OK(moment_open(f.store, MOMENT_SNAPSHOT, &before));
    env_memory_advance(f.disk, 0, 2000);
    env_memory_advance(f.disk, 2000, 2000);
    CHECK_OK(moment_open(f.store, MOMENT_SNAPSHOT, &after));
    expect(&before, "k", 5, READ_HOT);
    expect(&after, "k", SIZE_MAX, READ_HOT);
    moment_free(&before);
    moment_free(&after);
    fixture_free(&f);
}

TEST(a_moment_that_was_given_up_finds_nothing_and_says_so)
{
    fixture f = filled();
    store_moment at;
    uint64_t address = 0;
    record found;
    CHECK_OK(moment_open(f.store, MOMENT_SNAPSHOT, &at));
    moment_give_up(&at);
    CHECK_STATUS(PYKV_CLOSED,
                 moment_find(&at, 1, fixture_text("key-1"), READ_HOT, NULL, &address, &found));
    moment_free(&at);
    fixture_free(&f);
}

TEST(what_is_not_mapped_is_read_cold)
{
    fixture f = filled();
    store_moment at;
    uint64_t address = 0;
    record found;
    f.options.no_mapped_reads = 1;
    fixture_reopen(&f);
    CHECK_OK(moment_open(f.store, MOMENT_SNAPSHOT, &at));
    disturb(&f, 3);
    slice key = fixture_text("key-3");
    uint64_t hash = bitcask_hash(f.store, key.data, key.size);
    CHECK_EQUAL(PYKV_WOULD_BLOCK, moment_find(&at, hash, key, READ_HOT, NULL, &address, &found));
    expect(&at, "key-3", 100, READ_COLD);
    moment_free(&at);
    fixture_free(&f);
}

TEST_MAIN(CASE(a_moment_finds_what_was_there_through_writes_deletes_and_merges),
          CASE(moments_that_follow_each_other_find_each_their_own),
          CASE(a_clear_and_what_follows_it_do_not_reach_a_moment),
          CASE(moments_opened_between_the_steps_of_a_merge_find_every_row),
          CASE(a_record_that_expires_is_found_up_to_the_time_of_the_moment),
          CASE(a_moment_that_was_given_up_finds_nothing_and_says_so),
          CASE(what_is_not_mapped_is_read_cold))
