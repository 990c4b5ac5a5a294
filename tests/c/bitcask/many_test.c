/*
 * many: lookups of 0, 1 and 1,000 keys, by mapping and by pread, of one moment.
 */
#include <pthread.h>
#include <stdatomic.h>

#include "many_keys.h"

#include "env/env_ops.h"

/* Every third of the first count keys has value_bytes, the others are absent. */
static void expect_thirds(many *results, size_t count, size_t value_bytes)
{
    const key_list *list = numbered_keys();
    CHECK_OK(many_get(results, count, list->keys, list->lengths, 0));
    for (size_t i = 0; i < count; i++) {
        CHECK((many_values(results)[i] != NULL) == (i % 3 == 0));
        CHECK_EQUAL(i % 3 == 0 ? value_bytes : 0, many_lengths(results)[i]);
        for (size_t at = 0; at < many_lengths(results)[i]; at++) {
            CHECK_EQUAL('v', many_values(results)[i][at]);
        }
    }
}

TEST(none_one_and_1000_keys_give_hits_and_misses_in_the_order_asked)
{
    static const size_t counts[] = {0, 1, MANY_COUNT, 2, MANY_COUNT};
    for (int32_t no_mapped = 0; no_mapped < 2; no_mapped++) {
        many *results;
        fixture f = thirds(no_mapped, 40);
        CHECK_OK(many_new(f.store, &results));
        for (size_t i = 0; i < sizeof counts / sizeof counts[0]; i++) {
            expect_thirds(results, counts[i], 40);
        }
        many_free(results);
        fixture_free(&f);
    }
}

TEST(every_key_asked_is_counted_and_every_one_found_as_a_hit)
{
    for (int32_t no_mapped = 0; no_mapped < 2; no_mapped++) {
        many *results;
        fixture f = thirds(no_mapped, 0);
        CHECK_OK(many_new(f.store, &results));
        expect_thirds(results, MANY_COUNT, 0);
        expect_thirds(results, 1, 0);
        CHECK_EQUAL(MANY_COUNT + 1, fixture_stats(&f).get_count);
        CHECK_EQUAL((MANY_COUNT + 2) / 3 + 1, fixture_stats(&f).get_hit_count);
        many_free(results);
        fixture_free(&f);
    }
}

TEST(an_empty_value_is_not_null)
{
    for (int32_t no_mapped = 0; no_mapped < 2; no_mapped++) {
        many *results;
        fixture f = thirds(no_mapped, 0);
        CHECK_OK(many_new(f.store, &results));
        expect_thirds(results, MANY_COUNT, 0);
        many_free(results);
        fixture_free(&f);
    }
}

TEST(a_lookup_that_may_not_wait_blocks_where_only_pread_would_do_and_holds_nothing)
{
    const key_list *list = numbered_keys();
    many *results;
    fixture f = thirds(1, 40);
    CHECK_OK(many_new(f.store, &results));
    CHECK_EQUAL(PYKV_WOULD_BLOCK, many_get(results, 10, list->keys, list->lengths, PYKV_NO_WAIT));
    CHECK_EQUAL(0, epoch_reader_count(&f.store->gate.readers));
    expect_thirds(results, 10, 40);
    CHECK_EQUAL(1, epoch_reader_count(&f.store->gate.readers));
    many_release(results);
    CHECK_EQUAL(0, epoch_reader_count(&f.store->gate.readers));
    many_free(results);
    fixture_free(&f);
}

TEST(results_outlive_a_merge_that_removes_their_segments)
{
    many *results;
    fixture f = thirds(0, 40);
    const key_list *list = numbered_keys();
    CHECK_OK(many_new(f.store, &results));
    CHECK_OK(many_get(results, MANY_COUNT, list->keys, list->lengths, 0));
    CHECK_OK(bitcask_clear(f.store, 0));
    CHECK_OK(bitcask_compact(f.store, NULL));
    fixture_maintain(&f, PYKV_ROLE_DATA, 10);
    CHECK(!fixture_has(&f, "00000001.log"));
    for (size_t i = 0; i < MANY_COUNT; i += 3) {
        CHECK_EQUAL(40, many_lengths(results)[i]);
        CHECK_EQUAL('v', many_values(results)[i][39]);
    }
    CHECK_OK(many_get(results, MANY_COUNT, list->keys, list->lengths, 0));
    CHECK(many_values(results)[0] == NULL);
    many_free(results);
    fixture_free(&f);
}

TEST(one_damaged_record_fails_the_lookup_and_leaves_no_results)
{
    const key_list *list = numbered_keys();
    many *results;
    fixture f = thirds(0, 40);
    fixture_close(&f);
    (void)fixture_damage(&f, "key-3v");
    CHECK_OK(fixture_open(&f));
    CHECK_OK(many_new(f.store, &results));
    CHECK_STATUS(PYKV_CORRUPTION, many_get(results, 9, list->keys, list->lengths, 0));
    CHECK_EQUAL(0, epoch_reader_count(&f.store->gate.readers));
    CHECK_OK(many_get(results, 3, list->keys, list->lengths, 0));
    CHECK_EQUAL(40, many_lengths(results)[0]);
    many_free(results);
    fixture_free(&f);
}

enum { LOOKUPS_MAX = 100000, LOOKUPS_WITH_A_BATCH = 50 };

static _Atomic bool is_over;
static _Atomic uint32_t batch_count; /* that were published */

static void *put_batches(void *context)
{
    for (uint32_t round = 0; !atomic_load(&is_over); round++) {
        put_both_ends(context, round);
        atomic_fetch_add(&batch_count, 1);
    }
    return NULL;
}

TEST(a_batch_that_is_published_meanwhile_is_seen_whole_or_not_at_all)
{
    fixture f = thirds(0, 4);
    const key_list *list = numbered_keys();
    many *results;
    pthread_t thread;
    CHECK_OK(many_new(f.store, &results));
    atomic_store(&is_over, false);
    CHECK_EQUAL(0, pthread_create(&thread, NULL, put_batches, f.store));
    /* On a busy machine the two threads take turns, and few batches come within a lookup. */
    int with_a_batch = 0;
    for (int i = 0; i < LOOKUPS_MAX && with_a_batch < LOOKUPS_WITH_A_BATCH; i++) {
        uint32_t before = atomic_load(&batch_count);
        CHECK_OK(many_get(results, MANY_COUNT, list->keys, list->lengths, 0));
        with_a_batch += atomic_load(&batch_count) != before;
        CHECK_BYTES(many_values(results)[0], many_values(results)[MANY_COUNT - 1], 4);
        many_release(results);
    }
    CHECK(with_a_batch > 0);
    atomic_store(&is_over, true);
    CHECK_EQUAL(0, pthread_join(thread, NULL));
    many_free(results);
    fixture_free(&f);
}

static env_ops hooked_ops;
static const env_ops *plain_ops;
static bitcask *written; /* NULL: nothing is written when the time is asked for */
static uint32_t batches_to_put;

/* A lookup asks for the time at a row with a deadline. */
static uint64_t put_and_tell_time(env *disk)
{
    if (written != NULL && batches_to_put > 0) {
        put_both_ends(written, batches_to_put--);
    }
    return plain_ops->wall_us(disk);
}

/* Once it begins again; where each time another batch comes it ends under the writer lock. Two
 * threads alone met within a lookup in some runs and in others not. */
TEST(a_batch_that_comes_between_two_keys_of_a_lookup_is_seen_whole)
{
    const key_list *list = numbered_keys();
    const uint32_t middle = MANY_COUNT / 2;
    fixture f = thirds(0, 4);
    many *results;
    CHECK_OK(many_new(f.store, &results));
    CHECK_OK(bitcask_put_until(f.store, slice_make(list->keys[middle], list->lengths[middle]),
                               fixture_text("v"), UINT64_MAX / 2, 0));
    put_both_ends(f.store, 99);
    plain_ops = f.disk->ops;
    hooked_ops = *plain_ops;
    hooked_ops.wall_us = put_and_tell_time;
    f.disk->ops = &hooked_ops;
    for (uint32_t batches = 0; batches <= 3; batches++) {
        uint32_t last = batches == 0 ? 99 : 1;
        written = f.store;
        batches_to_put = batches;
        CHECK_OK(many_get(results, MANY_COUNT, list->keys, list->lengths, 0));
        CHECK_EQUAL(0, batches_to_put);
        CHECK_BYTES(&last, many_values(results)[0], sizeof last);
        CHECK_BYTES(&last, many_values(results)[MANY_COUNT - 1], sizeof last);
        many_release(results);
    }
    written = NULL;
    f.disk->ops = plain_ops;
    many_free(results);
    fixture_free(&f);
}

TEST_MAIN(CASE(none_one_and_1000_keys_give_hits_and_misses_in_the_order_asked),
          CASE(every_key_asked_is_counted_and_every_one_found_as_a_hit),
          CASE(an_empty_value_is_not_null),
          CASE(a_lookup_that_may_not_wait_blocks_where_only_pread_would_do_and_holds_nothing),
          CASE(results_outlive_a_merge_that_removes_their_segments),
          CASE(one_damaged_record_fails_the_lookup_and_leaves_no_results),
          CASE(a_batch_that_is_published_meanwhile_is_seen_whole_or_not_at_all),
          CASE(a_batch_that_comes_between_two_keys_of_a_lookup_is_seen_whole))
