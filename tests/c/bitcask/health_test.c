/*
 * health_test: what a failure makes of a store, and for how long.
 */
#include "base/error.h"
#include "bitcask/bitcask_fixture.h"
#include "bitcask/health.h"

TEST(a_full_disk_refuses_writes_and_the_first_that_fits_heals_the_store)
{
    fixture self = fixture_new();
    char value[1001];
    memset(value, 'v', 1000);
    value[1000] = 0;
    fixture_put(&self, "a", "1");
    env_memory_set_capacity(self.disk, FIXTURE_SEGMENT_BYTES + 4096);
    pykv_status status = PYKV_OK;
    uint64_t accepted = 0;
    while (status == PYKV_OK && accepted < 100) {
        status = bitcask_put(self.store, fixture_text("b"), fixture_text(value), 0);
        accepted += status == PYKV_OK;
    }
    CHECK_EQUAL(PYKV_NO_SPACE, status);
    CHECK_EQUAL(PYKV_STATE_READ_ONLY, bitcask_state(self.store));
    CHECK_EQUAL(1 + accepted, self.store->appended_sequence);
    fixture_expect(&self, "a", "1");
    CHECK_STATUS(PYKV_NO_SPACE, bitcask_put(self.store, fixture_text("c"), fixture_text(value), 0));
    fixture_expect(&self, "c", NULL);
    env_memory_set_capacity(self.disk, FIXTURE_FILE_MAX);
    fixture_put(&self, "c", value);
    CHECK_EQUAL(PYKV_STATE_OPEN, bitcask_state(self.store));
    fixture_expect(&self, "c", value);
    fixture_free(&self);
}

TEST(no_space_makes_an_open_store_read_only_and_any_other_failure_of_an_append_does_not)
{
    fixture self = fixture_new();
    mutex_lock(&self.store->writer);
    (void)error_set(PYKV_IO_FAILED, "the cable");
    CHECK_EQUAL(PYKV_IO_FAILED, bitcask_append_failed(self.store, PYKV_IO_FAILED));
    CHECK_EQUAL(PYKV_STATE_OPEN, self.store->state);
    (void)error_set(PYKV_NO_SPACE, "no room at the end");
    CHECK_EQUAL(PYKV_NO_SPACE, bitcask_append_failed(self.store, PYKV_NO_SPACE));
    CHECK_EQUAL(PYKV_STATE_READ_ONLY, self.store->state);
    CHECK(strstr(self.store->failure.text, "no room at the end") != NULL);
    CHECK_OK(bitcask_check_writable(self.store)); /* the next append tries again */
    mutex_unlock(&self.store->writer);
    fixture_free(&self);
}

TEST(a_failed_store_refuses_writes_with_its_first_reason_and_forgets_what_waits)
{
    fixture self = fixture_new();
    mutex_lock(&self.store->writer);
    (void)error_set(PYKV_IO_FAILED, "the first reason");
    bitcask_fail(self.store);
    (void)error_set(PYKV_IO_FAILED, "the second reason");
    bitcask_fail(self.store);
    CHECK_EQUAL(PYKV_STATE_FAILED, self.store->state);
    CHECK_EQUAL(0, self.store->pending_count);
    CHECK_STATUS(PYKV_STORE_FAILED, bitcask_check_writable(self.store));
    CHECK(strstr(error_last()->text, "the first reason") != NULL);
    (void)error_set(PYKV_NO_SPACE, "full");
    CHECK_EQUAL(PYKV_NO_SPACE, bitcask_append_failed(self.store, PYKV_NO_SPACE));
    CHECK_EQUAL(PYKV_STATE_FAILED, self.store->state);
    mutex_unlock(&self.store->writer);
    fixture_free(&self);
}

TEST_MAIN(CASE(a_full_disk_refuses_writes_and_the_first_that_fits_heals_the_store),
          CASE(no_space_makes_an_open_store_read_only_and_any_other_failure_of_an_append_does_not),
          CASE(a_failed_store_refuses_writes_with_its_first_reason_and_forgets_what_waits))
