/*
 * hint: a hint tells what the records tell, and a damaged or foreign one is never used.
 */
#include "base/coding.h"
#include "base/crc32c.h"
#include "bitcask/bitcask_fixture.h"
#include "bitcask/hint.h"
#include "bitcask/key_hash.h"

enum { HINTED = 4, HINT_BYTES = HINT_HEADER_BYTES + HINTED * HINT_ENTRY_BYTES };

#define HINT_1 "00000001.hint"

/* A store whose segment 1 is sealed and has puts of a and b, a delete of a and a clear, and whose
 * segment 2 is sealed and has as many. */
static fixture two_segments(void)
{
    fixture self = fixture_new();
    fixture_put(&self, "a", "one");
    fixture_put(&self, "b", "two");
    fixture_delete(&self, "a");
    CHECK_OK(bitcask_clear(self.store, 0));
    CHECK_OK(bitcask_flush(self.store));
    fixture_fill(&self, 0, HINTED, 10);
    CHECK_OK(bitcask_flush(self.store));
    CHECK(self.store->segment_count >= 2);
    CHECK_EQUAL(1, self.store->segments[0]->number);
    CHECK_EQUAL(2, self.store->segments[1]->number);
    return self;
}

static void write_hint(fixture *self, size_t index)
{
    hint_list list;
    CHECK_OK(hint_scan(self->store, self->store->segments[index], &list));
    CHECK_EQUAL(HINTED, list.count);
    CHECK_OK(hint_write(self->store, self->store->segments[index], &list));
    hint_list_reset(&list);
}

TEST(a_hint_tells_hash_sequence_place_and_kind_of_every_record)
{
    static const uint8_t kinds[HINTED] = {RECORD_PUT, RECORD_PUT, RECORD_DELETE, RECORD_CLEAR};
    static const char *const keys[HINTED] = {"a", "b", "a", ""};
    static const uint64_t value_bytes[HINTED] = {3, 3, 0, 0};
    fixture self = two_segments();
    const segment *source = self.store->segments[0];
    hint_list list;
    record found;
    buffer scratch = BUFFER_EMPTY;
    CHECK_STATUS(PYKV_NOT_FOUND, hint_read(self.store, source, &list));
    write_hint(&self, 0);
    CHECK_OK(hint_read(self.store, source, &list));
    CHECK_EQUAL(HINTED, list.count);
    for (size_t i = 0; i < HINTED; i++) {
        CHECK_EQUAL(kinds[i], list.entries[i].kind);
        CHECK_EQUAL(i + 1, list.entries[i].sequence);
        CHECK_EQUAL(bitcask_hash(self.store, keys[i], strlen(keys[i])), list.entries[i].hash);
        CHECK_OK(segment_read(source, list.entries[i].offset, true, &scratch, &found));
        CHECK_EQUAL(i + 1, found.sequence);
        CHECK_EQUAL(record_bytes(found.flags, strlen(keys[i]), value_bytes[i]),
                    list.entries[i].bytes);
    }
    buffer_reset(&scratch);
    hint_list_reset(&list);
    fixture_free(&self);
}

TEST(every_flipped_bit_is_refused)
{
    fixture self = two_segments();
    hint_list list;
    uint64_t size;
    write_hint(&self, 0);
    for (uint32_t bit = 0; bit < HINT_BYTES * 8; bit++) {
        uint8_t *data = fixture_bytes(&self, HINT_1, &size);
        CHECK_EQUAL(HINT_BYTES, size);
        data[bit / 8] ^= (uint8_t)(1U << bit % 8);
        pykv_status status = hint_read(self.store, self.store->segments[0], &list);
        CHECK(status == PYKV_CORRUPTION || status == PYKV_FORMAT);
        data[bit / 8] ^= (uint8_t)(1U << bit % 8);
    }
    CHECK_OK(hint_read(self.store, self.store->segments[0], &list));
    hint_list_reset(&list);
    fixture_free(&self);
}

/* They were passed over: a later format that gives them a meaning would have been read as this one.
 */
TEST(unused_bytes_that_are_not_zero_are_refused_though_the_check_is_right)
{
    fixture self = two_segments();
    hint_list list;
    uint64_t size;
    write_hint(&self, 0);
    for (uint64_t at = 52; at < 60; at++) {
        uint8_t *data = fixture_bytes(&self, HINT_1, &size);
        data[at] = 0x10;
        store_u32(data + 60, crc32c_extend(0, data, 60));
        CHECK_STATUS(PYKV_CORRUPTION, hint_read(self.store, self.store->segments[0], &list));
        CHECK_EQUAL(52, error_last()->offset);
        data[at] = 0;
        store_u32(data + 60, crc32c_extend(0, data, 60));
    }
    CHECK_OK(hint_read(self.store, self.store->segments[0], &list));
    hint_list_reset(&list);
    fixture_free(&self);
}

TEST(a_hint_that_was_cut_off_is_refused)
{
    fixture self = two_segments();
    hint_list list;
    env_file *file;
    write_hint(&self, 0);
    CHECK_OK(env_file_open(self.store->home, HINT_1, ENV_WRITE, &file));
    for (uint64_t length = HINT_BYTES; length-- > 0;) {
        CHECK_OK(env_file_truncate(file, length));
        CHECK_STATUS(PYKV_CORRUPTION, hint_read(self.store, self.store->segments[0], &list));
    }
    env_file_close(file);
    fixture_free(&self);
}

TEST(the_hint_of_another_segment_or_of_another_length_is_refused)
{
    fixture self = two_segments();
    segment *first = self.store->segments[0];
    hint_list list;
    write_hint(&self, 0);
    uint64_t length = atomic_load(&first->length);
    atomic_store(&first->length, length + 8);
    CHECK_STATUS(PYKV_CORRUPTION, hint_read(self.store, first, &list));
    atomic_store(&first->length, length);
    CHECK_OK(hint_read(self.store, first, &list));
    hint_list_reset(&list);
    first->file_id++; /* a file of the same number that was removed */
    CHECK_STATUS(PYKV_CORRUPTION, hint_read(self.store, first, &list));
    first->file_id--;
    write_hint(&self, 1);
    CHECK_OK(env_rename(self.store->home, "00000002.hint", HINT_1));
    CHECK_STATUS(PYKV_CORRUPTION, hint_read(self.store, first, &list));
    CHECK(strstr(error_last()->text, "another segment") != NULL);
    fixture_free(&self);
}

/* The granule of an entry wrapped at 2^35 bytes: an open by the hint pointed slots that much too
 * low, and the next merge dropped the records. */
TEST(a_segment_is_hinted_as_far_as_entries_reach_and_no_further)
{
    fixture self = two_segments();
    segment *first = self.store->segments[0];
    uint64_t length = atomic_load(&first->length);
    hint_list list = {0};
    hint_entry last = {.offset = LOG_SEGMENT_BYTES_MAX - 48, .bytes = 48, .kind = RECORD_PUT};
    CHECK_EQUAL(UINT64_C(1) << 35, LOG_SEGMENT_BYTES_MAX);
    CHECK_OK(hint_list_add(&list, &last));
    atomic_store(&first->length, LOG_SEGMENT_BYTES_MAX);
    CHECK_OK(hint_write(self.store, first, &list));
    hint_list_reset(&list);
    CHECK_OK(hint_read(self.store, first, &list));
    CHECK_EQUAL(1, list.count);
    CHECK_EQUAL(last.offset, list.entries[0].offset);
    list.entries[0].offset = LOG_SEGMENT_BYTES_MAX;
    atomic_store(&first->length, LOG_SEGMENT_BYTES_MAX + 48);
    CHECK_STATUS(PYKV_NOT_SUPPORTED, hint_write(self.store, first, &list));
    hint_list_reset(&list);
    atomic_store(&first->length, length);
    fixture_free(&self);
}

TEST(a_hint_of_a_longer_segment_is_not_used)
{
    fixture self = two_segments();
    segment *first = self.store->segments[0];
    uint64_t length = atomic_load(&first->length);
    uint64_t size;
    hint_list list;
    write_hint(&self, 0);
    uint8_t *data = fixture_bytes(&self, HINT_1, &size);
    store_u64(data + 24, LOG_SEGMENT_BYTES_MAX + 48);
    store_u32(data + 60, crc32c_extend(0, data, 60));
    atomic_store(&first->length, LOG_SEGMENT_BYTES_MAX + 48);
    CHECK_STATUS(PYKV_CORRUPTION, hint_read(self.store, first, &list));
    CHECK_EQUAL(24, error_last()->offset);
    atomic_store(&first->length, length);
    fixture_free(&self);
}

TEST(a_segment_with_a_damaged_record_gets_no_hint)
{
    fixture self = two_segments();
    hint_list list = {0};
    uint64_t size;
    record found;
    buffer scratch = BUFFER_EMPTY;
    CHECK_OK(
        segment_read(self.store->segments[0], LOG_SEGMENT_HEADER_BYTES, true, &scratch, &found));
    uint64_t second = LOG_SEGMENT_HEADER_BYTES + record_bytes(found.flags, 1, 3);
    uint64_t third = second + record_bytes(found.flags, 1, 3);
    uint8_t *data = fixture_bytes(&self, "00000001.log", &size);
    for (uint64_t at = second; at < third; at++) {
        data[at] ^= 1;
        CHECK_STATUS(PYKV_CORRUPTION, hint_scan(self.store, self.store->segments[0], &list));
        CHECK_EQUAL(second, error_last()->offset);
        CHECK(list.entries == NULL);
        data[at] ^= 1;
    }
    buffer_reset(&scratch);
    fixture_free(&self);
}

/* A reader by chunks that takes a full last chunk for the end of the file drops what ends with it.
 */
TEST(a_record_that_ends_where_a_chunk_ends_has_its_entry)
{
    fixture self = fixture_new();
    uint8_t value[SEGMENT_COLD_READ_BYTES] = {0};
    hint_list list;
    fixture_put(&self, "a", "first");
    uint64_t length = atomic_load(&self.store->active->length);
    uint64_t fill = SEGMENT_COLD_READ_BYTES - length - RECORD_HEADER_BYTES - 8;
    CHECK_OK(bitcask_put(self.store, fixture_text("last key"), slice_make(value, fill), 0));
    CHECK_OK(bitcask_flush(self.store));
    CHECK_EQUAL(SEGMENT_COLD_READ_BYTES, self.store->segments[0]->length);
    CHECK_OK(hint_scan(self.store, self.store->segments[0], &list));
    CHECK_EQUAL(2, list.count);
    CHECK_EQUAL(length, list.entries[1].offset);
    hint_list_reset(&list);
    fixture_kill(&self);
    CHECK_OK(fixture_open(&self));
    CHECK_EQUAL(2, bitcask_count(self.store));
    fixture_free(&self);
}

/* Writes the hint with the power off at call number at of it; what is there after the crash. */
static void write_and_crash(uint64_t at, env_crash_policy policy, const uint8_t *whole,
                            bool *off_out)
{
    fixture self = two_segments();
    hint_list list;
    env *after;
    uint8_t *data;
    uint64_t size;
    CHECK_OK(hint_scan(self.store, self.store->segments[0], &list));
    env_memory_power_off_at(self.disk, env_memory_call_count(self.disk) + at);
    pykv_status status = hint_write(self.store, self.store->segments[0], &list);
    *off_out = env_memory_is_off(self.disk);
    CHECK_EQUAL(*off_out, status != PYKV_OK);
    hint_list_reset(&list);
    CHECK_OK(env_memory_crash(self.disk, check_seed() + at, policy, &after));
    fixture_free(&self);
    if (env_memory_file_bytes(after, FIXTURE_PATH "/" HINT_1, &data, &size) == PYKV_OK) {
        CHECK_EQUAL(HINT_BYTES, size);
        CHECK_BYTES(whole, data, HINT_BYTES);
    }
    env_memory_free(after);
}

TEST(a_hint_is_whole_under_its_name_or_is_not_there_when_the_power_goes)
{
    uint8_t whole[HINT_BYTES];
    uint64_t size;
    fixture self = two_segments();
    write_hint(&self, 0);
    memcpy(whole, fixture_bytes(&self, HINT_1, &size), HINT_BYTES);
    fixture_free(&self);
    for (env_crash_policy policy = ENV_CRASH_DROP_ALL; policy < ENV_CRASH_POLICY_COUNT; policy++) {
        bool off = true;
        for (uint64_t at = 1; off; at++) {
            write_and_crash(at, policy, whole, &off);
        }
    }
}

TEST_MAIN(CASE(a_hint_tells_hash_sequence_place_and_kind_of_every_record),
          CASE(every_flipped_bit_is_refused),
          CASE(unused_bytes_that_are_not_zero_are_refused_though_the_check_is_right),
          CASE(a_hint_that_was_cut_off_is_refused),
          CASE(the_hint_of_another_segment_or_of_another_length_is_refused),
          CASE(a_segment_is_hinted_as_far_as_entries_reach_and_no_further),
          CASE(a_hint_of_a_longer_segment_is_not_used),
          CASE(a_segment_with_a_damaged_record_gets_no_hint),
          CASE(a_record_that_ends_where_a_chunk_ends_has_its_entry),
          CASE(a_hint_is_whole_under_its_name_or_is_not_there_when_the_power_goes))
