/*
 * many_at: lookups of many keys at a moment, by mapping and by pread, beside writers.
 */
#include <pthread.h>
#include <stdatomic.h>

#include "many_keys.h"

#include "bitcask/moment.h"

enum { LOOKUPS_MAX = 100000, LOOKUPS_WITH_A_BATCH = 50 };

static _Atomic bool is_over;
static _Atomic uint32_t batch_count; /* that were published */

/* Checks that every third key, and no other one, has a value of four bytes at the moment. */
static void expect_thirds_at(many *results, const store_moment *at)
{
    const key_list *list = numbered_keys();
    CHECK_OK(many_get_at(results, at, MANY_COUNT, list->keys, list->lengths, 0));
    for (size_t i = 0; i < MANY_COUNT; i++) {
        const uint8_t *value = many_values(results)[i];
        CHECK((value != NULL) == (i % 3 == 0));
        CHECK(value == NULL || (many_lengths(results)[i] == 4 && memcmp(value, "vvvv", 4) == 0));
    }
    many_release(results);
}

/* Of rows that were overwritten, deleted, added, merged and cleared since. */
TEST(many_keys_have_what_they_had_at_the_moment)
{
    for (int32_t no_mapped = 0; no_mapped < 2; no_mapped++) {
        fixture f = thirds(no_mapped, 4);
        many *results;
        store_moment at;
        CHECK_OK(many_new(f.store, &results));
        CHECK_OK(moment_open(f.store, MOMENT_SNAPSHOT, &at));
        expect_thirds_at(results, &at);
        fixture_fill(&f, 0, MANY_COUNT / 2, 9);
        fixture_delete(&f, "key-999");
        expect_thirds_at(results, &at);
        CHECK_OK(bitcask_compact(f.store, NULL));
        expect_thirds_at(results, &at);
        CHECK_OK(bitcask_clear(f.store, 0));
        expect_thirds_at(results, &at);
        CHECK_EQUAL(4 * MANY_COUNT, fixture_stats(&f).get_count);
        moment_give_up(&at);
        const key_list *list = numbered_keys();
        CHECK_STATUS(PYKV_CLOSED, many_get_at(results, &at, 9, list->keys, list->lengths, 0));
        CHECK_EQUAL(0, epoch_reader_count(&f.store->gate.readers));
        moment_free(&at);
        many_free(results);
        fixture_free(&f);
    }
}

/* Its directory went with it, of a namespace that was cleared, and was looked at. */
TEST(at_a_moment_that_ended_nothing_is_looked_at)
{
    fixture f = thirds(0, 4);
    const key_list *list = numbered_keys();
    many *results;
    store_moment at;
    CHECK_OK(many_new(f.store, &results));
    CHECK_OK(moment_open(f.store, MOMENT_SNAPSHOT, &at));
    const directory *keys = at.keys;
    CHECK_OK(bitcask_clear(f.store, 0));
    moment_give_up(&at);
    CHECK_OK(bitcask_compact(f.store, NULL)); /* frees what nobody can reach */
    CHECK(f.store->limbo.fresh_directories != keys && f.store->limbo.aging_directories != keys);
    CHECK_STATUS(PYKV_CLOSED, many_get_at(results, &at, 9, list->keys, list->lengths, 0));
    moment_free(&at);
    many_free(results);
    fixture_free(&f);
}

TEST(of_rows_with_deadlines_those_show_that_had_not_passed_at_the_moment)
{
    fixture f = thirds(0, 4);
    many *results;
    store_moment before;
    store_moment after;
    const key_list *list = numbered_keys();
    const uint64_t until_us = store_clock_now(&f.store->clock) + 60 * UINT64_C(1000000);
    CHECK_OK(bitcask_put_until(f.store, fixture_text("key-3"), fixture_text("dated"), until_us, 0));
    CHECK_OK(many_new(f.store, &results));
    CHECK_OK(moment_open(f.store, MOMENT_SNAPSHOT, &before));
    env_memory_advance(f.disk, 61 * UINT64_C(1000000), 61 * INT64_C(1000000));
    CHECK_OK(moment_open(f.store, MOMENT_SNAPSHOT, &after));
    CHECK_OK(many_get_at(results, &before, 9, list->keys, list->lengths, 0));
    CHECK_EQUAL(5, many_lengths(results)[3]);
    CHECK_OK(many_get_at(results, &after, 9, list->keys, list->lengths, 0));
    CHECK(many_values(results)[3] == NULL);
    CHECK_EQUAL(4, many_lengths(results)[6]);
    moment_free(&before);
    moment_free(&after);
    many_free(results);
    fixture_free(&f);
}

/* Batches, and new keys, for which slots move. */
static void *put_batches_and_keys(void *context)
{
    char key[16];
    for (uint32_t round = 0; !atomic_load(&is_over); round++) {
        int length = snprintf(key, sizeof key, "new-%u", round);
        put_both_ends(context, round);
        CHECK_OK(bitcask_put(context, slice_make(key, (size_t)length), slice_make("", 0), 0));
        atomic_fetch_add(&batch_count, 1);
    }
    return NULL;
}

TEST(beside_batches_and_slots_that_move_keys_have_what_they_had_at_the_moment)
{
    fixture f = thirds(0, 4);
    many *results;
    store_moment at;
    pthread_t thread;
    CHECK_OK(many_new(f.store, &results));
    CHECK_OK(moment_open(f.store, MOMENT_SNAPSHOT, &at));
    atomic_store(&is_over, false);
    CHECK_EQUAL(0, pthread_create(&thread, NULL, put_batches_and_keys, f.store));
    int with_a_batch = 0;
    for (int i = 0; i < LOOKUPS_MAX && with_a_batch < LOOKUPS_WITH_A_BATCH; i++) {
        uint32_t before = atomic_load(&batch_count);
        expect_thirds_at(results, &at);
        with_a_batch += atomic_load(&batch_count) != before;
    }
    CHECK(with_a_batch > 0);
    atomic_store(&is_over, true);
    CHECK_EQUAL(0, pthread_join(thread, NULL));
    moment_free(&at);
    many_free(results);
    fixture_free(&f);
}

TEST_MAIN(CASE(many_keys_have_what_they_had_at_the_moment),
          CASE(at_a_moment_that_ended_nothing_is_looked_at),
          CASE(of_rows_with_deadlines_those_show_that_had_not_passed_at_the_moment),
          CASE(beside_batches_and_slots_that_move_keys_have_what_they_had_at_the_moment))
