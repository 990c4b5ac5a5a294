/*
 * limbo: what was given up is freed when the readers inside have left and the last pin is gone.
 */
#include "bitcask/bitcask_fixture.h"
#include "bitcask/directory.h"
#include "bitcask/limbo.h"
#include "bitcask/segment_list.h"

enum { SWEEPS = 8 };

/* A segment of its own on the store's list. */
static segment *add_segment(bitcask *store, uint32_t number) REQUIRES(store->writer)
{
    segment *made;
    log_segment_header header = {.kind = LOG_SEGMENT_MERGED,
                                 .number = number,
                                 .file_id = number,
                                 .birth_sequence = 1,
                                 .store_id = store->store_id};
    CHECK_OK(segment_create(store->home, &header, 4096, true, &made));
    CHECK_OK(bitcask_add_segment(store, made, 4096, BITCASK_NO_ADDRESS));
    return made;
}

/* Takes it off the list and gives it up. */
static void give_up(bitcask *store, segment *target) REQUIRES(store->writer)
{
    bitcask_remove_segment(store, target);
    bitcask_retire_segment(store, target);
}

/* Sweeps some times; true if something still waits. */
static bool sweep(bitcask *store) REQUIRES(store->writer)
{
    bool more = true;
    for (int i = 0; i < SWEEPS; i++) {
        bitcask_sweep_limbo(store, &more);
    }
    return more;
}

TEST(a_segment_keeps_its_address_until_every_reader_inside_has_left)
{
    fixture self = fixture_new();
    bitcask *store = self.store;
    mutex_lock(&store->writer);
    segment *target = add_segment(store, 1000);
    uint64_t address = target->address_base;
    epoch_token first = epoch_enter(&store->gate.readers);
    epoch_token second = epoch_enter(&store->gate.readers);
    give_up(store, target);
    CHECK(target->removed);
    CHECK(sweep(store));
    CHECK(extent_segment(&store->extents, address) == target);
    epoch_leave(&store->gate.readers, first);
    CHECK(sweep(store));
    CHECK(extent_segment(&store->extents, address) == target);
    CHECK(segment_is_mapped(target));
    epoch_leave(&store->gate.readers, second);
    CHECK(!sweep(store));
    CHECK(extent_segment(&store->extents, address) == NULL);
    mutex_unlock(&store->writer);
    fixture_free(&self);
}

TEST(what_is_given_up_during_a_wait_waits_for_the_readers_that_came_since)
{
    fixture self = fixture_new();
    bitcask *store = self.store;
    bool more;
    mutex_lock(&store->writer);
    segment *early = add_segment(store, 1000);
    segment *late = add_segment(store, 1001);
    uint64_t address = late->address_base;
    epoch_token first = epoch_enter(&store->gate.readers);
    give_up(store, early);
    bitcask_sweep_limbo(store, &more);
    CHECK(more);
    epoch_token second = epoch_enter(&store->gate.readers);
    give_up(store, late);
    epoch_leave(&store->gate.readers, first);
    CHECK(sweep(store));
    CHECK(extent_segment(&store->extents, address) == late);
    epoch_leave(&store->gate.readers, second);
    CHECK(!sweep(store));
    CHECK(extent_segment(&store->extents, address) == NULL);
    mutex_unlock(&store->writer);
    fixture_free(&self);
}

TEST(a_pinned_segment_stays_until_its_last_pin_is_gone)
{
    fixture self = fixture_new();
    bitcask *store = self.store;
    mutex_lock(&store->writer);
    segment *target = add_segment(store, 1000);
    uint64_t address = target->address_base;
    target->pin_count = 2;
    bitcask_unpin_segment(store, target);
    target->pin_count++;
    give_up(store, target);
    CHECK(!sweep(store));
    CHECK(extent_segment(&store->extents, address) == target);
    bitcask_unpin_segment(store, target);
    CHECK(!sweep(store));
    CHECK(extent_segment(&store->extents, address) == target);
    bitcask_unpin_segment(store, target);
    CHECK(!sweep(store));
    CHECK(extent_segment(&store->extents, address) == NULL);
    mutex_unlock(&store->writer);
    fixture_free(&self);
}

TEST(a_directory_waits_for_its_pins_and_then_for_the_readers)
{
    fixture self = fixture_new();
    bitcask *store = self.store;
    directory *target;
    int64_t before = mem_block_count();
    CHECK_OK(directory_new(&target));
    int64_t held = mem_block_count();
    CHECK(held > before);
    mutex_lock(&store->writer);
    target->pin_count = 1;
    bitcask_retire_directory(store, target);
    CHECK(!sweep(store));
    CHECK_EQUAL(held, mem_block_count());
    epoch_token reader = epoch_enter(&store->gate.readers);
    bitcask_unpin_directory(store, target);
    CHECK(sweep(store));
    CHECK_EQUAL(held, mem_block_count());
    epoch_leave(&store->gate.readers, reader);
    CHECK(!sweep(store));
    CHECK_EQUAL(before, mem_block_count());
    mutex_unlock(&store->writer);
    fixture_free(&self);
}

TEST(emptying_frees_what_waits_and_what_came_after_at_once)
{
    fixture self = fixture_new();
    bitcask *store = self.store;
    directory *keys;
    bool more;
    mutex_lock(&store->writer);
    segment *early = add_segment(store, 1000);
    segment *late = add_segment(store, 1001);
    uint64_t address = early->address_base;
    int64_t before = mem_block_count();
    CHECK_OK(directory_new(&keys));
    give_up(store, early);
    bitcask_sweep_limbo(store, &more);
    CHECK(more);
    give_up(store, late);
    bitcask_retire_directory(store, keys);
    bitcask_empty_limbo(store);
    CHECK(extent_segment(&store->extents, address) == NULL);
    CHECK_EQUAL(0, store->limbo.ticket_taken);
    CHECK(store->limbo.fresh_segments == NULL && store->limbo.fresh_directories == NULL);
    CHECK(mem_block_count() <= before - 2);
    mutex_unlock(&store->writer);
    fixture_free(&self);
}

TEST_MAIN(CASE(a_segment_keeps_its_address_until_every_reader_inside_has_left),
          CASE(what_is_given_up_during_a_wait_waits_for_the_readers_that_came_since),
          CASE(a_pinned_segment_stays_until_its_last_pin_is_gone),
          CASE(a_directory_waits_for_its_pins_and_then_for_the_readers),
          CASE(emptying_frees_what_waits_and_what_came_after_at_once))
