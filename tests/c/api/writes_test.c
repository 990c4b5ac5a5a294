/*
 * writes: limits are enforced before anything is written; batches are applied whole; conditions.
 */
#include "api_fixture.h"

#define VALUE_TOO_LARGE ((size_t)PYKV_VALUE_BYTES_MAX + 1)

static const uint8_t long_key[PYKV_KEY_BYTES_MAX + 1];

static void expect_nothing_written(api_fixture *f, const pykv_stats *before)
{
    pykv_stats now = api_stats(f);
    CHECK_EQUAL(before->written_bytes, now.written_bytes);
    CHECK_EQUAL(before->last_sequence, now.last_sequence);
    CHECK_EQUAL(before->key_count, now.key_count);
    CHECK_EQUAL(before->put_count, now.put_count);
}

TEST(what_is_too_large_is_refused_before_anything_is_written)
{
    api_fixture f = api_new();
    int32_t outcome = 77;
    const void *keys[] = {"first", long_key};
    size_t key_lengths[] = {5, sizeof long_key};
    const void *values[] = {"1", "2"};
    size_t value_lengths[] = {1, 1};
    CHECK_OK(api_put(&f, "a", "1"));
    pykv_stats before = api_stats(&f);
    CHECK_STATUS(PYKV_KEY_TOO_LARGE, pykv_put(f.store, long_key, sizeof long_key, "1", 1, 0));
    CHECK(strstr(pykv_last_error()->text, "65536") != NULL);
    CHECK_STATUS(PYKV_VALUE_TOO_LARGE, pykv_put(f.store, "a", 1, "1", VALUE_TOO_LARGE, 0));
    CHECK_STATUS(PYKV_KEY_TOO_LARGE, pykv_delete(f.store, long_key, sizeof long_key, 0, &outcome));
    CHECK_STATUS(PYKV_VALUE_TOO_LARGE, pykv_compare_and_set(f.store, "a", 1, "1", 1, 0, "2",
                                                            VALUE_TOO_LARGE, 0, 0, &outcome));
    CHECK_EQUAL(77, outcome);
    CHECK_STATUS(PYKV_KEY_TOO_LARGE,
                 pykv_write_many(f.store, 2, keys, key_lengths, values, value_lengths, 0));
    key_lengths[1] = 6;
    value_lengths[1] = VALUE_TOO_LARGE;
    CHECK_STATUS(PYKV_VALUE_TOO_LARGE,
                 pykv_write_many(f.store, 2, keys, key_lengths, values, value_lengths, 0));
    expect_nothing_written(&f, &before);
    CHECK_OK(pykv_put(f.store, long_key, sizeof long_key - 1, "1", 1, 0));
    api_expect(&f, "a", "1");
    api_free(&f);
}

TEST(a_batch_beyond_its_limit_is_refused_whole_and_one_that_just_fits_is_not)
{
    api_fixture f = api_new();
    pykv_batch *batch;
    uint8_t value[4094] = {0};
    f.options.batch_bytes_max = 4096;
    api_reopen(&f);
    CHECK_OK(pykv_batch_new(&batch));
    CHECK_OK(pykv_batch_put(batch, "a", 1, value, sizeof value));
    CHECK_STATUS(PYKV_KEY_TOO_LARGE, pykv_batch_delete(batch, long_key, sizeof long_key));
    CHECK_STATUS(PYKV_VALUE_TOO_LARGE, pykv_batch_put(batch, "c", 1, value, VALUE_TOO_LARGE));
    CHECK_EQUAL(1, pykv_batch_count(batch));
    CHECK_OK(pykv_batch_put(batch, "bb", 2, NULL, 0));
    pykv_stats before = api_stats(&f);
    CHECK_STATUS(PYKV_BATCH_TOO_LARGE, pykv_write(f.store, batch, 0));
    expect_nothing_written(&f, &before);
    CHECK_EQUAL(4097, pykv_batch_bytes(batch));
    pykv_batch_clear(batch);
    CHECK_EQUAL(0, pykv_batch_count(batch));
    CHECK_EQUAL(0, pykv_batch_bytes(batch));
    CHECK_OK(pykv_batch_put(batch, "a", 1, value, sizeof value));
    CHECK_OK(pykv_batch_put(batch, "b", 1, NULL, 0));
    CHECK_OK(pykv_write(f.store, batch, 0));
    CHECK_EQUAL(2, api_stats(&f).key_count);
    pykv_batch_free(batch);
    api_free(&f);
}

TEST(the_later_of_equal_keys_in_a_batch_wins_and_the_batch_may_be_applied_again)
{
    api_fixture f = api_new();
    pykv_batch *batch;
    char key[] = "a";
    CHECK_OK(api_put(&f, "gone", "1"));
    CHECK_OK(pykv_batch_new(&batch));
    CHECK_OK(pykv_batch_put(batch, key, 1, "first", 5));
    CHECK_OK(pykv_batch_delete(batch, "gone", 4));
    CHECK_OK(pykv_batch_put(batch, "b", 1, "2", 1));
    CHECK_OK(pykv_batch_delete(batch, "b", 1));
    CHECK_OK(pykv_batch_put(batch, key, 1, "second", 6));
    key[0] = 'z'; /* it was copied */
    for (int round = 0; round < 2; round++) {
        CHECK_OK(pykv_write(f.store, batch, 0));
        api_expect(&f, "a", "second");
        api_expect(&f, "b", NULL);
        api_expect(&f, "gone", NULL);
        CHECK_OK(api_put(&f, "a", "between"));
    }
    pykv_batch_clear(batch);
    CHECK_OK(pykv_write(f.store, batch, 0));
    api_expect(&f, "a", "between");
    pykv_batch_free(batch);
    api_reopen(&f);
    CHECK_EQUAL(1, api_stats(&f).key_count);
    api_free(&f);
}

TEST(write_many_puts_and_without_values_deletes)
{
    api_fixture f = api_new();
    const void *keys[] = {"a", "b", "c"};
    const void *values[] = {"1", NULL, "333"};
    size_t key_lengths[] = {1, 1, 1};
    size_t value_lengths[] = {1, 0, 3};
    CHECK_OK(pykv_write_many(f.store, 3, keys, key_lengths, values, value_lengths, PYKV_SYNC));
    CHECK_EQUAL(3, api_stats(&f).synced_sequence);
    api_expect(&f, "a", "1");
    api_expect(&f, "b", "");
    api_expect(&f, "c", "333");
    CHECK_OK(pykv_write_many(f.store, 2, keys, key_lengths, NULL, NULL, 0));
    api_expect(&f, "a", NULL);
    api_expect(&f, "b", NULL);
    api_expect(&f, "c", "333");
    CHECK_OK(pykv_write_many(f.store, 0, NULL, NULL, NULL, NULL, 0));
    CHECK_EQUAL(5, api_stats(&f).last_sequence);
    api_free(&f);
}

/* Each kind of call that writes nothing; number WRITES_OF_NOTHING is the first that is none. */
enum { WRITES_OF_NOTHING = 6 };

static pykv_status write_nothing(api_fixture *f, int number, int32_t flags)
{
    const pykv_items none = {.width = 1};
    uint64_t done = 0;
    pykv_batch *batch;
    if (number == 0) {
        return pykv_write_many(f->store, 0, NULL, NULL, NULL, NULL, flags);
    }
    if (number == 1) {
        return pykv_put_arrays(f->store, 0, &none, NULL, 0, flags, &done);
    }
    if (number == 2) {
        return pykv_delete_range(f->store, "b", 1, "a", 1, 1, flags);
    }
    if (number == 3) {
        pykv_status status = pykv_touch(f->store, "absent", 6, 0, flags);
        return status == PYKV_NOT_FOUND ? PYKV_OK : status;
    }
    CHECK_OK(pykv_batch_new(&batch));
    if (number == 4) {
        CHECK_OK(pykv_batch_delete_range(batch, "b", 1, "b", 1, 1));
    }
    pykv_status status = pykv_write(f->store, batch, flags);
    pykv_batch_free(batch);
    return status;
}

/* What was written before stayed without a sync, though PYKV_SYNC asked for it. */
TEST(a_write_of_nothing_waits_for_those_before_it_where_a_write_does)
{
    for (int32_t engine = PYKV_ENGINE_BITCASK; engine <= PYKV_ENGINE_LSM; engine++) {
        for (int number = 0; number < WRITES_OF_NOTHING; number++) {
            api_fixture f = {.options = {.engine = engine}};
            if (engine == PYKV_ENGINE_BITCASK && number == 2) {
                continue; /* It deletes no ranges. */
            }
            f.path = check_temporary_directory();
            CHECK_OK(api_open(&f));
            CHECK_OK(api_put(&f, "k", "v"));
            CHECK_OK(write_nothing(&f, number, 0));
            CHECK_EQUAL(0, api_stats(&f).synced_sequence);
            CHECK_STATUS(PYKV_WOULD_BLOCK, write_nothing(&f, number, PYKV_SYNC | PYKV_NO_WAIT));
            CHECK_OK(write_nothing(&f, number, PYKV_SYNC));
            CHECK_EQUAL(1, api_stats(&f).synced_sequence);
            CHECK_OK(pykv_close(f.store, -1));
            pykv_free(f.store);
            f.options.durability = PYKV_DURABILITY_SYNC;
            CHECK_OK(api_open(&f));
            CHECK_OK(pykv_put(f.store, "k", 1, "w", 1, PYKV_NO_SYNC));
            CHECK_OK(write_nothing(&f, number, PYKV_NO_SYNC));
            CHECK_EQUAL(1, api_stats(&f).synced_sequence);
            CHECK_OK(write_nothing(&f, number, 0));
            CHECK_EQUAL(2, api_stats(&f).synced_sequence);
            CHECK_EQUAL(2, api_stats(&f).last_sequence);
            api_free(&f);
        }
    }
}

TEST(a_compare_and_set_writes_only_if_the_value_is_the_expected_one)
{
    api_fixture f = api_new();
    int32_t swapped;
    CHECK_OK(pykv_compare_and_set(f.store, "a", 1, "0", 1, 0, "1", 1, 0, 0, &swapped));
    CHECK_EQUAL(0, swapped);
    CHECK_OK(pykv_compare_and_set(f.store, "a", 1, NULL, 0, 1, "1", 1, 0, 0, &swapped));
    CHECK_EQUAL(1, swapped);
    CHECK_OK(pykv_compare_and_set(f.store, "a", 1, NULL, 0, 1, "2", 1, 0, 0, &swapped));
    CHECK_EQUAL(0, swapped);
    CHECK_OK(pykv_compare_and_set(f.store, "a", 1, NULL, 0, 0, "2", 1, 0, 0, &swapped));
    CHECK_EQUAL(0, swapped); /* empty is not absent */
    api_expect(&f, "a", "1");
    CHECK_OK(pykv_compare_and_set(f.store, "a", 1, "1", 1, 0, "2", 1, 0, 0, &swapped));
    CHECK_EQUAL(1, swapped);
    api_expect(&f, "a", "2");
    CHECK_OK(pykv_compare_and_set(f.store, "a", 1, "2", 1, 0, NULL, 0, 1, 0, &swapped));
    CHECK_EQUAL(1, swapped);
    api_expect(&f, "a", NULL);
    CHECK_EQUAL(3, api_stats(&f).last_sequence);
    api_free(&f);
}

TEST(what_a_compare_and_set_sets_has_the_deadline_that_it_is_given)
{
    api_fixture f = api_new();
    int32_t swapped;
    uint64_t deadline_us;
    uint64_t later_us = UINT64_MAX / 2;
    CHECK_OK(
        pykv_compare_and_set_until(f.store, "a", 1, NULL, 0, 1, "1", 1, 0, later_us, 0, &swapped));
    CHECK_EQUAL(1, swapped);
    CHECK_OK(pykv_expires_at(f.store, "a", 1, 0, &deadline_us));
    CHECK_EQUAL(later_us, deadline_us);
    CHECK_OK(pykv_compare_and_set(f.store, "a", 1, "1", 1, 0, "2", 1, 0, 0, &swapped));
    CHECK_OK(pykv_expires_at(f.store, "a", 1, 0, &deadline_us));
    CHECK_EQUAL(0, deadline_us);
    CHECK_OK(pykv_compare_and_set_until(f.store, "a", 1, "2", 1, 0, "3", 1, 0, 1, 0, &swapped));
    api_expect(&f, "a", NULL); /* it had passed before it was set */
    api_free(&f);
}

TEST(delete_tells_whether_the_key_was_there_and_clear_removes_all)
{
    api_fixture f = api_new();
    int32_t existed = 77;
    uint64_t count;
    api_fill(&f, 0, 100);
    CHECK_OK(pykv_delete(f.store, "key-7", 5, 0, &existed));
    CHECK_EQUAL(1, existed);
    pykv_stats before = api_stats(&f);
    CHECK_OK(pykv_delete(f.store, "key-7", 5, 0, &existed));
    CHECK_EQUAL(0, existed);
    expect_nothing_written(&f, &before);
    CHECK_OK(pykv_count(f.store, &count));
    CHECK_EQUAL(99, count);
    CHECK_OK(pykv_clear(f.store, 0));
    CHECK_OK(pykv_count(f.store, &count));
    CHECK_EQUAL(0, count);
    api_expect(&f, "key-8", NULL);
    CHECK_OK(api_put(&f, "key-8", "again"));
    api_reopen(&f);
    CHECK_EQUAL(1, api_stats(&f).key_count);
    api_expect(&f, "key-8", "again");
    api_free(&f);
}

TEST_MAIN(CASE(what_is_too_large_is_refused_before_anything_is_written),
          CASE(a_batch_beyond_its_limit_is_refused_whole_and_one_that_just_fits_is_not),
          CASE(the_later_of_equal_keys_in_a_batch_wins_and_the_batch_may_be_applied_again),
          CASE(write_many_puts_and_without_values_deletes),
          CASE(a_write_of_nothing_waits_for_those_before_it_where_a_write_does),
          CASE(a_compare_and_set_writes_only_if_the_value_is_the_expected_one),
          CASE(what_a_compare_and_set_sets_has_the_deadline_that_it_is_given),
          CASE(delete_tells_whether_the_key_was_there_and_clear_removes_all))
