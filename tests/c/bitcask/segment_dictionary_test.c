/*
 * segment_dictionary_test: a dictionary is found, read when it is asked for, and told where it is
 * damaged.
 */
#include <errno.h>

#include "base/error.h"
#include "bitcask/packing_fixture.h"
#include "bitcask/refresh.h"
#include "bitcask/segment_dictionary.h"
#include "env/env_fault.h"

static segment *first_segment(fixture *self)
{
    return self->store->segments[0];
}

static char *name_of(fixture *self)
{
    static char name[SEGMENT_NAME_BYTES];
    segment_name(first_segment(self)->number, false, name);
    return name;
}

TEST(a_dictionary_is_made_ready_once_and_found_again_after_an_open)
{
    fixture self = packing_trained();
    codec_table codecs = codec_registry_table();
    const codec *with = codec_table_find(&codecs, CODEC_ZSTD);
    const packed_dictionary *first;
    const packed_dictionary *second;
    uint64_t bytes = first_segment(&self)->dictionary_bytes;
    CHECK(bytes > 0 && atomic_load(&first_segment(&self)->dictionary) == NULL);
    CHECK_OK(segment_dictionary(first_segment(&self), with, &first));
    CHECK_OK(segment_dictionary(first_segment(&self), with, &second));
    CHECK(first == second);
    fixture_reopen(&self);
    CHECK_EQUAL(bytes, first_segment(&self)->dictionary_bytes);
    packing_expect_trained(&self);
    fixture_kill(&self);
    CHECK_OK(fixture_open(&self));
    CHECK_EQUAL(bytes, first_segment(&self)->dictionary_bytes);
    packing_expect_trained(&self);
    fixture_free(&self);
}

/* It was read from the disk, with the interpreter lock of Python held. */
TEST(a_read_that_may_not_wait_reads_no_dictionary)
{
    fixture self = packing_trained();
    pykv_pinned pinned = {.length = 0};
    slice key = fixture_text("key-3");
    CHECK_EQUAL(PYKV_WOULD_BLOCK, bitcask_get(self.store, key, PYKV_NO_WAIT, &pinned));
    CHECK(atomic_load(&first_segment(&self)->dictionary) == NULL);
    CHECK_EQUAL(PACKING_TRAINED_BYTES, pinned.length);
    packing_expect_trained(&self);
    CHECK_OK(bitcask_get(self.store, key, PYKV_NO_WAIT, &pinned));
    CHECK_BYTES(packing_trained_value(3), pinned.data, PACKING_TRAINED_BYTES);
    mem_free(pinned.owned);
    fixture_free(&self);
}

TEST(a_reader_that_refreshes_finds_it)
{
    fixture self = packing_new();
    fixture reader = {.disk = self.disk, .options = self.options};
    uint64_t sequence;
    bool moved;
    reader.options.read_only = 1;
    CHECK_OK(fixture_open(&reader));
    for (uint32_t i = 0; i < PACKING_TRAINED_KEYS; i++) {
        packing_put_trained(&self, i);
    }
    CHECK_OK(bitcask_compact(self.store, NULL));
    CHECK_OK(bitcask_refresh(reader.store, &sequence, &moved));
    CHECK_EQUAL(first_segment(&self)->dictionary_bytes, first_segment(&reader)->dictionary_bytes);
    packing_expect_trained(&reader);
    fixture_kill(&reader);
    fixture_free(&self);
}

TEST(a_damaged_dictionary_is_told_by_every_value_that_needs_it)
{
    fixture self = packing_trained();
    uint64_t size;
    pykv_pinned pinned;
    pykv_report report;
    fixture_put(&self, "other", "needs none");
    char *name = name_of(&self);
    fixture_close(&self);
    fixture_bytes(&self, name, &size)[LOG_SEGMENT_HEADER_BYTES + RECORD_HEADER_BYTES + 3] ^= 1;
    CHECK_OK(fixture_open(&self));
    for (int i = 0; i < 2; i++) {
        CHECK_STATUS(PYKV_CORRUPTION, bitcask_get(self.store, fixture_text("key-3"), 0, &pinned));
        CHECK(strstr(error_last()->path, name) != NULL);
        CHECK_EQUAL(LOG_SEGMENT_HEADER_BYTES, error_last()->offset);
    }
    fixture_expect(&self, "other", "needs none");
    CHECK_OK(bitcask_verify(self.store, NULL, &report));
    CHECK(report.damage_count > 1);
    CHECK_EQUAL(LOG_SEGMENT_HEADER_BYTES, report.damages[0].offset);
    fixture_free(&self);
}

/* The write asked for another look at the page that was lost, and looked at the same one for ever.
 */
TEST(a_condition_ends_where_a_page_is_lost_and_the_dictionary_is_damaged)
{
    fixture self = packing_trained();
    env *disk = self.disk;
    uint64_t size;
    int32_t swapped = 0;
    slice value = fixture_text(packing_trained_value(3));
    char *name = name_of(&self);
    env_fault_plan plan = {.at = 1,
                           .sticky = true,
                           .system_errno = EIO,
                           .call_mask = UINT32_C(1) << ENV_CALL_MAPPED_READ};
    fixture_close(&self);
    fixture_bytes(&self, name, &size)[LOG_SEGMENT_HEADER_BYTES + RECORD_HEADER_BYTES + 3] ^= 1;
    CHECK_OK(env_fault_new(disk, &self.disk));
    CHECK_OK(fixture_open(&self));
    env_fault_set(self.disk, &plan);
    CHECK_STATUS(PYKV_CORRUPTION, bitcask_compare_and_set(self.store, fixture_text("key-3"), &value,
                                                          &value, 0, 0, &swapped));
    CHECK(env_fault_failed(self.disk) > 0);
    CHECK_EQUAL(LOG_SEGMENT_HEADER_BYTES, error_last()->offset);
    env_fault_set(self.disk, &(env_fault_plan){.at = 0});
    fixture_kill(&self);
    env_fault_free(self.disk);
    self.disk = disk;
    fixture_free(&self);
}

TEST(without_memory_it_is_read_again)
{
    fixture self = packing_trained();
    codec_table codecs = codec_registry_table();
    const codec *with = codec_table_find(&codecs, CODEC_ZSTD);
    const packed_dictionary *made;
    pykv_status status = PYKV_NO_MEMORY;
    for (uint64_t k = 1; status != PYKV_OK; k++) {
        (void)mem_fail_at(k, 0);
        status = segment_dictionary(first_segment(&self), with, &made);
        (void)mem_fail_at(0, 0);
        CHECK(status == PYKV_OK || (status == PYKV_NO_MEMORY && k < 10));
    }
    packing_expect_trained(&self);
    fixture_free(&self);
}

TEST(a_segment_of_writers_has_none)
{
    fixture self = packing_new();
    fixture_put(&self, "a", "b");
    segment_find_dictionary(self.store->active);
    CHECK_EQUAL(0, self.store->active->dictionary_bytes);
    fixture_free(&self);
}

TEST_MAIN(CASE(a_dictionary_is_made_ready_once_and_found_again_after_an_open),
          CASE(a_read_that_may_not_wait_reads_no_dictionary),
          CASE(a_reader_that_refreshes_finds_it),
          CASE(a_damaged_dictionary_is_told_by_every_value_that_needs_it),
          CASE(a_condition_ends_where_a_page_is_lost_and_the_dictionary_is_damaged),
          CASE(without_memory_it_is_read_again), CASE(a_segment_of_writers_has_none))
