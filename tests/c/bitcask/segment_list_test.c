/*
 * segment_list_test: the order of the list, the addresses of what is on it, and the room it takes.
 */
#include "bitcask/address.h"
#include "bitcask/bitcask_fixture.h"
#include "bitcask/segment_list.h"

enum { CAPACITY = 4096 };

static segment *make_segment(bitcask *store, uint32_t number)
{
    segment *made;
    log_segment_header header = {.kind = LOG_SEGMENT_MERGED,
                                 .number = number,
                                 .file_id = number,
                                 .birth_sequence = 1,
                                 .store_id = store->store_id};
    CHECK_OK(segment_create(store->home, &header, CAPACITY, true, &made));
    return made;
}

TEST(segments_stand_by_rising_number_however_they_come)
{
    fixture self = fixture_new();
    bitcask *store = self.store;
    static const uint32_t numbers[4] = {1002, 1000, 1003, 1001};
    mutex_lock(&store->writer);
    size_t before = store->segment_count;
    for (size_t i = 0; i < 4; i++) {
        CHECK_OK(bitcask_add_segment(store, make_segment(store, numbers[i]), CAPACITY,
                                     BITCASK_NO_ADDRESS));
    }
    CHECK_EQUAL(before + 4, store->segment_count);
    for (uint32_t i = 0; i < 4; i++) {
        CHECK_EQUAL(1000 + i, store->segments[before + i]->number);
    }
    segment *gone = store->segments[before + 1];
    bitcask_remove_segment(store, gone);
    CHECK_EQUAL(before + 3, store->segment_count);
    CHECK_EQUAL(1002, store->segments[before + 1]->number);
    bitcask_dispose(store, gone);
    mutex_unlock(&store->writer);
    fixture_free(&self);
}

TEST(an_address_leads_to_its_segment_and_offset_until_the_segment_is_disposed_of)
{
    fixture self = fixture_new();
    bitcask *store = self.store;
    mutex_lock(&store->writer);
    segment *target = make_segment(store, 1000);
    CHECK_OK(bitcask_add_segment(store, target, CAPACITY, BITCASK_NO_ADDRESS));
    uint64_t address = bitcask_address(target, 1024);
    CHECK_EQUAL(target->address_base + 128, address);
    CHECK_EQUAL(1024, bitcask_offset(target, address));
    CHECK(extent_segment(&store->extents, address) == target);
    bitcask_remove_segment(store, target);
    CHECK(extent_segment(&store->extents, address) == target);
    bitcask_dispose(store, target);
    CHECK(extent_segment(&store->extents, address) == NULL);
    mutex_unlock(&store->writer);
    fixture_free(&self);
}

TEST(a_segment_without_address_or_memory_is_not_on_the_list)
{
    fixture self = fixture_new();
    bitcask *store = self.store;
    mutex_lock(&store->writer);
    segment *first = make_segment(store, 1000);
    segment *second = make_segment(store, 1001);
    CHECK_OK(bitcask_add_segment(store, first, CAPACITY, BITCASK_NO_ADDRESS));
    size_t count = store->segment_count;
    pykv_status status = bitcask_add_segment(store, second, CAPACITY, first->address_base);
    CHECK(status != PYKV_OK);
    CHECK_EQUAL(count, store->segment_count);
    segment_close(second);
    mutex_unlock(&store->writer);
    fixture_free(&self);
}

TEST(space_is_what_files_hold_and_what_of_it_lives)
{
    fixture self = fixture_new();
    uint64_t disk;
    uint64_t live;
    fixture_put(&self, "a", "1234567");
    fixture_put(&self, "a", "7654321");
    mutex_lock(&self.store->writer);
    bitcask_space(self.store, &disk, &live);
    mutex_unlock(&self.store->writer);
    CHECK_EQUAL(LOG_SEGMENT_HEADER_BYTES + 64, disk);
    CHECK_EQUAL(32, live);
    CHECK_EQUAL(disk, bitcask_disk_bytes(self.store));
    fixture_free(&self);
}

TEST(a_segment_that_grew_beyond_its_room_moves_to_other_addresses)
{
    fixture self = fixture_new();
    bitcask *store = self.store;
    mutex_lock(&store->writer);
    segment *target = make_segment(store, 1000);
    CHECK_OK(bitcask_add_segment(store, target, CAPACITY, BITCASK_NO_ADDRESS));
    uint64_t before = target->address_base;
    CHECK_OK(bitcask_widen_segment(store, target, CAPACITY));
    CHECK_EQUAL(before, target->address_base);
    CHECK_OK(bitcask_widen_segment(store, target, 3 * (uint64_t)EXTENT_BYTES));
    CHECK(target->address_base != before);
    CHECK(extent_segment(&store->extents, before) != target);
    uint64_t last = bitcask_address(target, 3 * (uint64_t)EXTENT_BYTES - 8);
    CHECK(extent_segment(&store->extents, last) == target);
    CHECK(segment_is_mapped(target));
    bitcask_remove_segment(store, target);
    bitcask_dispose(store, target);
    mutex_unlock(&store->writer);
    fixture_free(&self);
}

TEST_MAIN(CASE(segments_stand_by_rising_number_however_they_come),
          CASE(an_address_leads_to_its_segment_and_offset_until_the_segment_is_disposed_of),
          CASE(a_segment_without_address_or_memory_is_not_on_the_list),
          CASE(space_is_what_files_hold_and_what_of_it_lives),
          CASE(a_segment_that_grew_beyond_its_room_moves_to_other_addresses))
