/*
 * write_test: what a write changes when it is refused, when it may not wait, when nothing fits.
 */
#include "bitcask/bitcask_fixture.h"
#include "bitcask/write.h"

static operation put_of(const char *key, const uint8_t *value, size_t size)
{
    return (operation){
        .record = {.kind = RECORD_PUT, .key = fixture_text(key), .value = slice_make(value, size)}};
}

static pykv_status put_with(fixture *self, const char *key, const char *value, int32_t flags)
{
    return bitcask_put(self->store, fixture_text(key), fixture_text(value), flags);
}

TEST(a_batch_over_the_limit_is_refused_whole_and_one_at_the_limit_is_not)
{
    fixture self = fixture_new();
    uint8_t value[4095] = {0};
    fixture_close(&self);
    self.options.batch_bytes_max = 4096;
    CHECK_OK(fixture_open(&self));
    operation batch[2] = {put_of("a", value, 2047), put_of("b", value, 2048)};
    CHECK_STATUS(PYKV_BATCH_TOO_LARGE, bitcask_write(self.store, batch, 2, 0));
    CHECK_EQUAL(0, self.store->appended_sequence);
    CHECK_EQUAL(0, fixture_stats(&self).written_bytes);
    CHECK_EQUAL(0, fixture_stats(&self).key_count);
    batch[1].record.value.size = 2047;
    CHECK_OK(bitcask_write(self.store, batch, 2, 0));
    CHECK_EQUAL(2, fixture_stats(&self).key_count);
    operation alone = put_of("longer", value, sizeof value);
    CHECK_OK(bitcask_write(self.store, &alone, 1, 0));
    CHECK_OK(bitcask_write(self.store, NULL, 0, 0));
    CHECK_EQUAL(3, self.store->appended_sequence);
    fixture_free(&self);
}

TEST(a_write_that_may_not_wait_changes_nothing_when_it_would)
{
    fixture self = fixture_new();
    CHECK_EQUAL(PYKV_WOULD_BLOCK, put_with(&self, "a", "1", PYKV_NO_WAIT)); /* needs a segment */
    CHECK(self.store->active == NULL);
    fixture_put(&self, "a", "1");
    CHECK_EQUAL(PYKV_WOULD_BLOCK, put_with(&self, "a", "2", PYKV_NO_WAIT | PYKV_SYNC));
    mutex_lock(&self.store->writer);
    CHECK_EQUAL(PYKV_WOULD_BLOCK, put_with(&self, "a", "3", PYKV_NO_WAIT));
    CHECK_EQUAL(PYKV_WOULD_BLOCK,
                bitcask_delete(self.store, fixture_text("a"), PYKV_NO_WAIT, NULL));
    mutex_unlock(&self.store->writer);
    CHECK_EQUAL(1, self.store->appended_sequence);
    CHECK_EQUAL(1, fixture_stats(&self).put_count);
    fixture_expect(&self, "a", "1");
    CHECK_OK(put_with(&self, "a", "4", PYKV_NO_WAIT));
    fixture_expect(&self, "a", "4");
    fixture_free(&self);
}

TEST(deleting_a_missing_key_writes_nothing)
{
    fixture self = fixture_new();
    int32_t existed = 7;
    CHECK_OK(bitcask_delete(self.store, fixture_text("a"), 0, &existed));
    CHECK_EQUAL(0, existed);
    fixture_put(&self, "a", "1");
    uint64_t written = fixture_stats(&self).written_bytes;
    CHECK_OK(bitcask_delete(self.store, fixture_text("b"), 0, &existed));
    CHECK_EQUAL(0, existed);
    CHECK_EQUAL(written, fixture_stats(&self).written_bytes);
    CHECK_OK(bitcask_delete(self.store, fixture_text("a"), 0, &existed));
    CHECK_EQUAL(1, existed);
    CHECK_EQUAL(2, self.store->appended_sequence);
    CHECK_EQUAL(1, fixture_stats(&self).delete_count);
    CHECK_EQUAL(1, self.store->active->tombstone_count);
    CHECK_EQUAL(32, self.store->active->tombstone_bytes);
    fixture_free(&self);
}

TEST(sequences_are_given_in_order_without_gaps)
{
    fixture self = fixture_new();
    operation batch[3] = {put_of("a", (const uint8_t *)"1", 1),
                          put_of("b", (const uint8_t *)"2", 1),
                          put_of("c", (const uint8_t *)"3", 1)};
    fixture_put(&self, "z", "1");
    CHECK_OK(bitcask_write(self.store, batch, 3, 0));
    for (size_t i = 0; i < 3; i++) {
        CHECK_EQUAL(2 + i, batch[i].record.sequence);
    }
    CHECK_EQUAL(4, fixture_stats(&self).last_sequence);
    CHECK_EQUAL(4, self.store->active->last_sequence);
    CHECK_EQUAL(1, self.store->active->first_sequence);
    CHECK_EQUAL(fixture_stats(&self).written_bytes + LOG_SEGMENT_HEADER_BYTES,
                fixture_stats(&self).disk_bytes);
    fixture_free(&self);
}

TEST_MAIN(CASE(a_batch_over_the_limit_is_refused_whole_and_one_at_the_limit_is_not),
          CASE(a_write_that_may_not_wait_changes_nothing_when_it_would),
          CASE(deleting_a_missing_key_writes_nothing),
          CASE(sequences_are_given_in_order_without_gaps))
