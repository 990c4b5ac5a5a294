/*
 * bitcask_crash_test: the Bitcask under simulated power cuts (store_crash.h).
 */
#include "harness/check.h"
#include "store_crash.h"

static const crash_suite suite = {.engine = &engine_bitcask, .name = "bitcask", .step_count = 70};

TEST(a_prefix_of_the_commits_survives_with_the_pwrite_sink)
{
    crash_everywhere(&suite, PYKV_LOG_PWRITE, PYKV_DURABILITY_OS, false);
}

TEST(a_prefix_of_the_commits_survives_with_the_mapped_sink)
{
    crash_everywhere(&suite, PYKV_LOG_MAPPED, PYKV_DURABILITY_OS, false);
}

TEST(a_synced_commit_survives_in_a_sync_store)
{
    crash_everywhere(&suite, PYKV_LOG_PWRITE, PYKV_DURABILITY_SYNC, false);
    crash_everywhere(&suite, PYKV_LOG_MAPPED, PYKV_DURABILITY_SYNC, false);
}

TEST(sector_padding_keeps_synced_commits_on_a_device_that_garbles_whole_sectors)
{
    crash_everywhere(&suite, PYKV_LOG_PWRITE, PYKV_DURABILITY_SYNC, true);
}

TEST_MAIN(CASE(a_prefix_of_the_commits_survives_with_the_pwrite_sink),
          CASE(a_prefix_of_the_commits_survives_with_the_mapped_sink),
          CASE(a_synced_commit_survives_in_a_sync_store),
          CASE(sector_padding_keeps_synced_commits_on_a_device_that_garbles_whole_sectors))
