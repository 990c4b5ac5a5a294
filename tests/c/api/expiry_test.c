/*
 * expiry: deadlines through pykv.h: puts, batches, touch, and what is told of them.
 */
#include "api_fixture.h"

#define LATER_US (UINT64_C(3600) * 1000000)

static api_fixture new_lsm(void)
{
    api_fixture self = {.options = {.engine = PYKV_ENGINE_LSM, .compression = PYKV_CODEC_NONE}};
    self.path = check_temporary_directory();
    CHECK_OK(api_open(&self));
    return self;
}

static uint64_t now_of(api_fixture *self)
{
    uint64_t now = 0;
    CHECK_OK(pykv_now(self->store, &now));
    return now;
}

/* The deadline of a key that is there. */
static uint64_t deadline_of(api_fixture *self, const char *key)
{
    uint64_t deadline = 1;
    CHECK_OK(pykv_expires_at(self->store, key, strlen(key), 0, &deadline));
    return deadline;
}

TEST(every_form_of_put_takes_a_deadline)
{
    api_fixture f = new_lsm();
    pykv_batch *batch;
    const void *keys[] = {"many"};
    const void *values[] = {"1"};
    size_t key_lengths[] = {4};
    size_t value_lengths[] = {1};
    uint64_t until = now_of(&f) + LATER_US;
    CHECK_OK(pykv_put_until(f.store, "put", 3, "1", 1, until, 0));
    CHECK_OK(pykv_write_many_until(f.store, 1, keys, key_lengths, values, value_lengths, until, 0));
    CHECK_OK(pykv_batch_new(&batch));
    CHECK_OK(pykv_batch_put_until(batch, "batch", 5, "1", 1, until + 1));
    CHECK_OK(pykv_batch_put(batch, "plain", 5, "1", 1));
    CHECK_OK(pykv_write(f.store, batch, 0));
    pykv_batch_free(batch);
    CHECK_EQUAL(until, deadline_of(&f, "put"));
    CHECK_EQUAL(until, deadline_of(&f, "many"));
    CHECK_EQUAL(until + 1, deadline_of(&f, "batch"));
    CHECK_EQUAL(0, deadline_of(&f, "plain"));
    CHECK_OK(api_put(&f, "put", "2"));
    CHECK_EQUAL(0, deadline_of(&f, "put"));
    api_free(&f);
}

TEST(a_time_to_live_begins_now_and_has_no_end_past_the_last_deadline)
{
    api_fixture f = new_lsm();
    uint64_t before = now_of(&f);
    CHECK_OK(pykv_put_for(f.store, "a", 1, "1", 1, LATER_US, 0));
    uint64_t deadline = deadline_of(&f, "a");
    CHECK(deadline >= before + LATER_US);
    CHECK(deadline <= now_of(&f) + LATER_US);
    CHECK_OK(pykv_put_for(f.store, "a", 1, "2", 1, UINT64_MAX - 1, 0));
    CHECK_EQUAL(UINT64_MAX, deadline_of(&f, "a"));
    CHECK_OK(pykv_put_for(f.store, "a", 1, "3", 1, 0, 0));
    CHECK_EQUAL(0, deadline_of(&f, "a"));
    CHECK_STATUS(PYKV_KEY_TOO_LARGE,
                 pykv_put_for(f.store, "a", PYKV_KEY_BYTES_MAX + 1, "", 0, 1, 0));
    api_free(&f);
}

TEST(what_is_put_with_a_deadline_of_the_past_is_absent)
{
    api_fixture f = new_lsm();
    uint64_t deadline = 77;
    CHECK_OK(api_put(&f, "a", "1"));
    CHECK_OK(pykv_put_until(f.store, "a", 1, "2", 1, now_of(&f), 0));
    api_expect(&f, "a", NULL);
    CHECK_STATUS(PYKV_NOT_FOUND, pykv_expires_at(f.store, "a", 1, 0, &deadline));
    CHECK_EQUAL(77, deadline);
    CHECK_STATUS(PYKV_NOT_FOUND, pykv_touch(f.store, "a", 1, 0, 0));
    api_expect(&f, "a", NULL);
    api_free(&f);
}

TEST(touch_sets_the_deadline_and_keeps_the_value)
{
    api_fixture f = new_lsm();
    uint64_t until = now_of(&f) + LATER_US;
    CHECK_OK(api_put(&f, "a", "value"));
    CHECK_OK(pykv_touch(f.store, "a", 1, until, PYKV_SYNC));
    CHECK_EQUAL(until, deadline_of(&f, "a"));
    api_expect(&f, "a", "value");
    CHECK_OK(pykv_touch(f.store, "a", 1, 0, 0));
    CHECK_EQUAL(0, deadline_of(&f, "a"));
    CHECK_STATUS(PYKV_NOT_FOUND, pykv_touch(f.store, "b", 1, until, 0));
    api_reopen(&f);
    api_expect(&f, "a", "value");
    CHECK_EQUAL(0, deadline_of(&f, "a"));
    api_free(&f);
}

TEST(a_closed_store_and_a_key_too_large_are_refused)
{
    static const uint8_t long_key[PYKV_KEY_BYTES_MAX + 1];
    api_fixture f = new_lsm();
    uint64_t number = 77;
    CHECK_STATUS(PYKV_KEY_TOO_LARGE,
                 pykv_expires_at(f.store, long_key, sizeof long_key, 0, &number));
    CHECK_STATUS(PYKV_KEY_TOO_LARGE, pykv_touch(f.store, long_key, sizeof long_key, 1, 0));
    CHECK_OK(pykv_close(f.store, -1));
    CHECK_STATUS(PYKV_CLOSED, pykv_expires_at(f.store, "a", 1, 0, &number));
    CHECK_STATUS(PYKV_CLOSED, pykv_touch(f.store, "a", 1, 0, 0));
    CHECK_STATUS(PYKV_CLOSED, pykv_now(f.store, &number));
    CHECK_EQUAL(77, number);
    api_free(&f);
}

TEST_MAIN(CASE(every_form_of_put_takes_a_deadline),
          CASE(a_time_to_live_begins_now_and_has_no_end_past_the_last_deadline),
          CASE(what_is_put_with_a_deadline_of_the_past_is_absent),
          CASE(touch_sets_the_deadline_and_keeps_the_value),
          CASE(a_closed_store_and_a_key_too_large_are_refused))
