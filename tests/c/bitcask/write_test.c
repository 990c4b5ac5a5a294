/*
 * write_test: what a write changes when it is refused, when it may not wait, when nothing fits.
 */
#include "bitcask/bitcask_fixture.h"
#include "bitcask/find.h"
#include "bitcask/key_hash.h"
#include "bitcask/keydir_grow.h"
#include "bitcask/keydir_layout.h"
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

static void crowd(fixture *self)
{
    env_memory_set_residency(self->disk, false, 0);
    bitcask_choose_read_mode(self->store);
    CHECK_EQUAL(READ_COLD, bitcask_read_mode(self->store));
}

/* Where memory had no room for the files, each write that may not wait was refused, though a new
 * key has no old record to read. From Python each was made twice, and let go of the lock. */
TEST(a_new_key_is_written_without_waiting_where_files_are_read_cold)
{
    fixture self = fixture_new();
    int32_t existed = 7;
    fixture_put(&self, "a", "1");
    crowd(&self);
    CHECK_OK(put_with(&self, "b", "2", PYKV_NO_WAIT));
    CHECK_OK(bitcask_delete(self.store, fixture_text("c"), PYKV_NO_WAIT, &existed));
    CHECK_EQUAL(0, existed);
    operation batch[2] = {put_of("d", (const uint8_t *)"4", 1),
                          put_of("e", (const uint8_t *)"5", 1)};
    CHECK_OK(bitcask_write(self.store, batch, 2, PYKV_NO_WAIT));
    CHECK_EQUAL(4, self.store->appended_sequence);
    CHECK_EQUAL(0, self.store->counters.cold_read_count);
    fixture_expect(&self, "b", "2");
    fixture_expect(&self, "e", "5");
    fixture_free(&self);
}

TEST(a_key_that_may_be_there_is_not_read_from_the_disk_where_nothing_may_wait)
{
    fixture self = fixture_new();
    slice value = fixture_text("3");
    int32_t done = 7;
    fixture_put(&self, "a", "1");
    crowd(&self);
    operation batch[2] = {put_of("b", (const uint8_t *)"2", 1),
                          put_of("a", (const uint8_t *)"2", 1)};
    CHECK_EQUAL(PYKV_WOULD_BLOCK, put_with(&self, "a", "2", PYKV_NO_WAIT));
    CHECK_EQUAL(PYKV_WOULD_BLOCK,
                bitcask_delete(self.store, fixture_text("a"), PYKV_NO_WAIT, NULL));
    CHECK_EQUAL(PYKV_WOULD_BLOCK, bitcask_write(self.store, batch, 2, PYKV_NO_WAIT));
    CHECK_EQUAL(PYKV_WOULD_BLOCK, bitcask_compare_and_set(self.store, fixture_text("b"), NULL,
                                                          &value, 0, PYKV_NO_WAIT, &done));
    CHECK_EQUAL(1, self.store->appended_sequence);
    CHECK_EQUAL(0, self.store->counters.cold_read_count);
    CHECK_OK(bitcask_write(self.store, batch, 2, 0));
    CHECK_EQUAL(1, self.store->counters.cold_read_count);
    fixture_expect(&self, "a", "2");
    fixture_expect(&self, "b", "2");
    fixture_free(&self);
}

/* Leaves the slot of key the shortest tag that a split cannot divide. */
static void shorten_tag(fixture *self, const char *key)
{
    keydir_cursor cursor;
    slice name = fixture_text(key);
    const keydir *keys = self->store->spaces.main.directory->keys;
    keydir_find_locked(keys, bitcask_hash(self->store, name.data, name.size), &cursor);
    CHECK(keydir_next(&cursor));
    uint64_t word = atomic_load(cursor.slot);
    uint32_t tag = (uint32_t)word & (KEYDIR_TAG_LEAST - 1);
    atomic_store(cursor.slot, keydir_word(word >> KEYDIR_ADDRESS_SHIFT, tag | KEYDIR_TAG_LEAST));
}

TEST(a_split_that_must_read_a_record_waits_for_a_write_that_may)
{
    fixture self = fixture_new();
    char key[16] = "a";
    fixture_put(&self, key, "1");
    const keydir *keys = self.store->spaces.main.directory->keys;
    for (int i = 0; !keydir_split_is_due(keys); i++) {
        snprintf(key, sizeof key, "k%d", i);
        fixture_put(&self, key, "1");
    }
    shorten_tag(&self, "a");
    crowd(&self);
    CHECK_EQUAL(PYKV_WOULD_BLOCK, put_with(&self, "b", "2", PYKV_NO_WAIT));
    CHECK(keydir_split_is_due(keys));
    CHECK_OK(put_with(&self, "b", "2", 0));
    CHECK(!keydir_split_is_due(keys));
    fixture_expect(&self, "a", "1");
    fixture_expect(&self, "b", "2");
    fixture_free(&self);
}

TEST(a_log_that_is_written_by_calls_may_wait_where_memory_is_short)
{
    fixture self = fixture_new();
    self.options.log_sink = PYKV_LOG_PWRITE;
    fixture_reopen(&self);
    fixture_put(&self, "a", "1");
    CHECK_OK(put_with(&self, "b", "2", PYKV_NO_WAIT));
    crowd(&self);
    CHECK_EQUAL(PYKV_WOULD_BLOCK, put_with(&self, "c", "3", PYKV_NO_WAIT));
    CHECK_OK(put_with(&self, "c", "3", 0));
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
          CASE(a_new_key_is_written_without_waiting_where_files_are_read_cold),
          CASE(a_key_that_may_be_there_is_not_read_from_the_disk_where_nothing_may_wait),
          CASE(a_split_that_must_read_a_record_waits_for_a_write_that_may),
          CASE(a_log_that_is_written_by_calls_may_wait_where_memory_is_short),
          CASE(deleting_a_missing_key_writes_nothing),
          CASE(sequences_are_given_in_order_without_gaps))
