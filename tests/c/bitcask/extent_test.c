/*
 * extent: which segment an address leads to, and when a run of addresses may be used again.
 */
#include "harness/check.h"

#include "base/memory.h"
#include "bitcask/extent.h"
#include "bitcask/segment.h"

static const uint64_t extent_count = (uint64_t)EXTENT_LEAF_COUNT * EXTENT_LEAF_EXTENTS;

static segment owners[4];

/* Takes the last extent, so that the next search begins at the first again. */
static void wrap_search(extent_map *map)
{
    uint64_t last = (extent_count - 1) * EXTENT_GRANULES;
    CHECK_OK(extent_take_at(map, &owners[3], EXTENT_BYTES, last));
    extent_give_back(map, last, EXTENT_BYTES);
    CHECK_EQUAL(extent_count, map->search_from);
}

TEST(every_address_of_a_run_leads_to_its_segment_and_none_beside_it)
{
    static extent_map map;
    uint64_t first;
    uint64_t second;
    extent_init(&map);
    CHECK(extent_segment(&map, 0) == NULL);
    CHECK_OK(extent_take(&map, &owners[0], 2 * EXTENT_BYTES + 1, &first));
    CHECK_OK(extent_take(&map, &owners[1], 1, &second));
    CHECK_EQUAL(first + 3 * (uint64_t)EXTENT_GRANULES, second);
    CHECK(extent_segment(&map, first) == &owners[0]);
    CHECK(extent_segment(&map, second - 1) == &owners[0]);
    CHECK(extent_segment(&map, second) == &owners[1]);
    CHECK(extent_segment(&map, second + EXTENT_GRANULES - 1) == &owners[1]);
    CHECK(extent_segment(&map, second + EXTENT_GRANULES) == NULL);
    CHECK(extent_segment(&map, UINT64_MAX) == NULL);
    extent_reset(&map);
    CHECK(extent_segment(&map, first) == NULL);
}

TEST(a_run_is_used_again_only_after_it_was_given_back)
{
    static extent_map map;
    uint64_t base[3];
    uint64_t again;
    extent_init(&map);
    for (size_t i = 0; i < 3; i++) {
        CHECK_OK(extent_take(&map, &owners[i], EXTENT_BYTES, &base[i]));
        CHECK_EQUAL(i * EXTENT_GRANULES, base[i]);
    }
    wrap_search(&map);
    CHECK_OK(extent_take(&map, &owners[3], EXTENT_BYTES, &again));
    CHECK_EQUAL(3 * EXTENT_GRANULES, again);
    extent_give_back(&map, base[1], EXTENT_BYTES);
    CHECK(extent_segment(&map, base[1]) == NULL);
    CHECK(extent_segment(&map, base[0]) == &owners[0]);
    CHECK(extent_segment(&map, base[2]) == &owners[2]);
    wrap_search(&map);
    CHECK_OK(extent_take(&map, &owners[3], 2 * EXTENT_BYTES, &again));
    CHECK_EQUAL(4 * EXTENT_GRANULES, again);
    wrap_search(&map);
    CHECK_OK(extent_take(&map, &owners[3], EXTENT_BYTES, &again));
    CHECK_EQUAL(base[1], again);
    CHECK(extent_segment(&map, base[1]) == &owners[3]);
    extent_reset(&map);
}

TEST(a_taken_an_odd_or_an_outer_address_is_refused_and_nothing_changes)
{
    static extent_map map;
    uint64_t base = 7 * (uint64_t)EXTENT_GRANULES;
    uint64_t last = (extent_count - 1) * EXTENT_GRANULES;
    extent_init(&map);
    CHECK_OK(extent_take_at(&map, &owners[0], 2 * EXTENT_BYTES, base));
    for (uint64_t extent = 6; extent <= 8; extent++) {
        CHECK_STATUS(PYKV_CORRUPTION,
                     extent_take_at(&map, &owners[1], 2 * EXTENT_BYTES, extent * EXTENT_GRANULES));
    }
    CHECK_STATUS(PYKV_CORRUPTION, extent_take_at(&map, &owners[1], 1, 1));
    CHECK_STATUS(PYKV_CORRUPTION, extent_take_at(&map, &owners[1], EXTENT_BYTES + 1, last));
    CHECK_STATUS(PYKV_CORRUPTION,
                 extent_take_at(&map, &owners[1], 1, extent_count * EXTENT_GRANULES));
    CHECK_STATUS(PYKV_CORRUPTION, extent_take_at(&map, &owners[1], UINT64_MAX / 2, base));
    CHECK(extent_segment(&map, base - 1) == NULL);
    CHECK(extent_segment(&map, base) == &owners[0]);
    CHECK(extent_segment(&map, base + 2 * (uint64_t)EXTENT_GRANULES) == NULL);
    CHECK(extent_segment(&map, last) == NULL);
    CHECK_OK(extent_take_at(&map, &owners[1], EXTENT_BYTES, last));
    CHECK(extent_segment(&map, last) == &owners[1]);
    extent_reset(&map);
}

TEST(the_room_at_an_address_ends_at_the_next_run_and_at_the_end_of_the_space)
{
    static extent_map map;
    uint64_t base = 5 * (uint64_t)EXTENT_GRANULES;
    extent_init(&map);
    CHECK_OK(extent_take_at(&map, &owners[0], EXTENT_BYTES, base));
    CHECK_EQUAL(5 * (uint64_t)EXTENT_BYTES, extent_room_at(&map, 0, 6 * (uint64_t)EXTENT_BYTES));
    CHECK_EQUAL(5 * (uint64_t)EXTENT_BYTES - 1,
                extent_room_at(&map, 0, 5 * (uint64_t)EXTENT_BYTES - 1));
    CHECK_EQUAL(0, extent_room_at(&map, base, 1));
    CHECK_EQUAL(EXTENT_BYTES, extent_room_at(&map, (extent_count - 1) * EXTENT_GRANULES,
                                             2 * (uint64_t)EXTENT_BYTES));
    extent_reset(&map);
}

TEST(a_full_space_refuses_another_segment)
{
    static extent_map map;
    uint64_t base;
    extent_init(&map);
    CHECK_OK(extent_take(&map, &owners[0], extent_count * EXTENT_BYTES, &base));
    CHECK_EQUAL(0, base);
    CHECK_STATUS(PYKV_NO_SPACE, extent_take(&map, &owners[1], 1, &base));
    extent_give_back(&map, 100 * (uint64_t)EXTENT_GRANULES, EXTENT_BYTES);
    CHECK_STATUS(PYKV_NO_SPACE, extent_take(&map, &owners[1], EXTENT_BYTES + 1, &base));
    CHECK_OK(extent_take(&map, &owners[1], EXTENT_BYTES, &base));
    CHECK_EQUAL(100 * EXTENT_GRANULES, base);
    extent_reset(&map);
}

TEST(without_memory_nothing_is_taken)
{
    static extent_map map;
    uint64_t base = 1;
    extent_init(&map);
    mem_fail_at(1, 0);
    pykv_status status = extent_take(&map, &owners[0], 1, &base);
    mem_fail_at(0, 0);
    CHECK_EQUAL(PYKV_NO_MEMORY, status);
    CHECK_EQUAL(1, base);
    CHECK_OK(extent_take(&map, &owners[0], 1, &base));
    CHECK_EQUAL(0, base);
    extent_reset(&map);
}

TEST_MAIN(CASE(every_address_of_a_run_leads_to_its_segment_and_none_beside_it),
          CASE(a_run_is_used_again_only_after_it_was_given_back),
          CASE(a_taken_an_odd_or_an_outer_address_is_refused_and_nothing_changes),
          CASE(the_room_at_an_address_ends_at_the_next_run_and_at_the_end_of_the_space),
          CASE(a_full_space_refuses_another_segment), CASE(without_memory_nothing_is_taken))
