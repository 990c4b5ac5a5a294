/*
 * memory_share_test: an eighth of the memory there is, and 256 MiB at least.
 */
#include "harness/check.h"

#include "env/env_memory.h"
#include "env/memory_share.h"

TEST(a_store_may_take_an_eighth_and_at_least_so_much_that_usual_data_has_room)
{
    const uint64_t mib = 1 << 20;
    env *disk;
    CHECK_OK(env_memory_new(check_seed(), 1 << 20, &disk));
    CHECK_EQUAL(256 * mib, memory_share(disk)); /* nothing is known */
    env_memory_set_residency(disk, false, 2047 * mib);
    CHECK_EQUAL(256 * mib, memory_share(disk));
    env_memory_set_residency(disk, false, 16384 * mib);
    CHECK_EQUAL(2048 * mib, memory_share(disk));
    env_memory_free(disk);
}

TEST_MAIN(CASE(a_store_may_take_an_eighth_and_at_least_so_much_that_usual_data_has_room))
