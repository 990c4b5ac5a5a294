/*
 * env_memory_power_test: which call is the last one, and chance.
 */
#include "harness/check.h"

#include "base/error.h"
#include "env/env_memory_parts.h"
#include "env/env_memory_power.h"

static memory_disk *new_disk(void)
{
    memory_disk *disk;
    CHECK_OK(memory_disk_new(check_seed(), MEMORY_PAGE_BYTES, &disk));
    return disk;
}

TEST(the_power_fails_in_the_call_of_that_number_and_is_off_from_then_on)
{
    memory_disk *disk = new_disk();
    disk->power_off_at = 3;
    CHECK_EQUAL(MEMORY_POWER_ON, memory_count_call(disk));
    CHECK_EQUAL(MEMORY_POWER_ON, memory_count_call(disk));
    CHECK_OK(memory_check_power(disk, "/file"));
    CHECK_EQUAL(MEMORY_POWER_FAILING, memory_count_call(disk));
    CHECK_EQUAL(MEMORY_POWER_OFF, memory_count_call(disk));
    CHECK_EQUAL(3, disk->call_count); /* a call without power is none */
    CHECK_STATUS(PYKV_IO_FAILED, memory_check_power(disk, "/file"));
    memory_disk_free(disk);
}

TEST(a_call_without_power_fails_with_its_path)
{
    CHECK_STATUS(PYKV_IO_FAILED, memory_power_failed("/the/file"));
    CHECK(strstr(error_last()->path, "/the/file") != NULL);
}

TEST(equal_seeds_draw_equal_numbers_below_the_bound)
{
    uint64_t one = check_seed();
    uint64_t other = one;
    uint64_t seen = 0;
    for (uint32_t i = 0; i < 1000; i++) {
        uint64_t drawn = memory_random(&one, 10);
        CHECK(drawn < 10);
        CHECK_EQUAL(drawn, memory_random(&other, 10));
        seen |= UINT64_C(1) << drawn;
    }
    CHECK_EQUAL(0x3FF, seen);
}

TEST_MAIN(CASE(the_power_fails_in_the_call_of_that_number_and_is_off_from_then_on),
          CASE(a_call_without_power_fails_with_its_path),
          CASE(equal_seeds_draw_equal_numbers_below_the_bound))
