/*
 * store_clock_test: what has expired stays expired, whatever the wall clock does.
 */
#include "harness/check.h"

#include "env/env_memory.h"
#include "env/env_ops.h"
#include "log/store_clock.h"

enum { FILE_BYTES_MAX = 4096 };

static env *new_disk(void)
{
    env *disk;
    CHECK_OK(env_memory_new(check_seed(), FILE_BYTES_MAX, &disk));
    env_memory_advance(disk, 0, 5000000);
    return disk;
}

TEST(what_has_no_deadline_never_expires)
{
    store_clock clock;
    env *disk = new_disk();
    store_clock_init(&clock, disk, UINT64_MAX);
    CHECK(!store_clock_has_passed(&clock, 0));
    env_memory_free(disk);
}

TEST(a_deadline_has_passed_when_it_has_come)
{
    store_clock clock;
    env *disk = new_disk();
    store_clock_init(&clock, disk, 0);
    uint64_t deadline = env_wall_us(disk) + 1000000;
    CHECK(!store_clock_has_passed(&clock, deadline));
    env_memory_advance(disk, 0, 1000000);
    CHECK(store_clock_has_passed(&clock, deadline));
    env_memory_free(disk);
}

TEST(a_clock_that_jumps_back_brings_nothing_back)
{
    store_clock clock;
    env *disk = new_disk();
    store_clock_init(&clock, disk, 0);
    uint64_t passed = env_wall_us(disk) - 1;
    CHECK(store_clock_has_passed(&clock, passed));
    env_memory_advance(disk, 0, -4000000);
    CHECK(store_clock_has_passed(&clock, passed));
    CHECK(!store_clock_has_passed(&clock, passed + 1));
    CHECK(store_clock_now(&clock) >= passed);
    env_memory_free(disk);
}

TEST(what_now_gave_has_passed_for_everybody)
{
    store_clock clock;
    env *disk = new_disk();
    store_clock_init(&clock, disk, 0);
    uint64_t now = store_clock_now(&clock);
    env_memory_advance(disk, 0, -4000000);
    CHECK_EQUAL(now, store_clock_now(&clock));
    CHECK(store_clock_has_passed(&clock, now));
    env_memory_free(disk);
}

TEST(the_clock_begins_at_the_high_water_that_was_kept)
{
    store_clock clock;
    env *disk = new_disk();
    uint64_t high = env_wall_us(disk) + 1000000;
    store_clock_init(&clock, disk, high);
    CHECK_EQUAL(high, store_clock_now(&clock));
    CHECK(store_clock_has_passed(&clock, high));
    CHECK(!store_clock_has_passed(&clock, high + 1));
    env_memory_free(disk);
}

static uint64_t tick_of_4_ms_ago(env *disk)
{
    return env_wall_us(disk) - 4000;
}

/* Reading the clock exactly took a fifth of what a put with a time to live cost more than one
 * without. */
TEST(a_long_life_begins_at_the_last_tick_and_a_short_one_now)
{
    store_clock clock;
    env *disk = new_disk();
    env_ops ticking = *disk->ops;
    ticking.wall_tick_us = tick_of_4_ms_ago;
    disk->ops = &ticking;
    uint64_t now = env_wall_us(disk);
    store_clock_init(&clock, disk, 0);
    CHECK_EQUAL(now - 4000 + STORE_CLOCK_LONG_US,
                store_clock_deadline(&clock, STORE_CLOCK_LONG_US));
    CHECK_EQUAL(now - 4000, store_clock_last(&clock));
    CHECK_EQUAL(now + STORE_CLOCK_LONG_US - 1,
                store_clock_deadline(&clock, STORE_CLOCK_LONG_US - 1));
    CHECK_EQUAL(now, store_clock_last(&clock));
    CHECK_EQUAL(now + STORE_CLOCK_LONG_US, store_clock_deadline(&clock, STORE_CLOCK_LONG_US));
    CHECK_EQUAL(UINT64_MAX - 1, store_clock_deadline(&clock, UINT64_MAX - 1 - now));
    CHECK_EQUAL(UINT64_MAX, store_clock_deadline(&clock, UINT64_MAX - now));
    CHECK_EQUAL(UINT64_MAX, store_clock_deadline(&clock, UINT64_MAX));
    env_memory_free(disk);
}

/* Readers with nothing but expirations would make a manifest each time they look. */
TEST(a_manifest_is_owed_once_a_second_for_deadlines_that_were_told_and_are_not_kept)
{
    store_clock clock;
    env *disk = new_disk();
    uint64_t deadline = env_wall_us(disk) + 1000000;
    store_clock_init(&clock, disk, deadline - 5);
    env_memory_advance(disk, 9000000, 9000000);
    (void)store_clock_now(&clock);
    CHECK(!store_clock_has_passed(&clock, UINT64_MAX));
    CHECK(!store_clock_is_owed(&clock)); /* nobody was told */
    CHECK(store_clock_has_passed(&clock, deadline - 5));
    CHECK(store_clock_is_kept(&clock) && !store_clock_is_owed(&clock));
    CHECK(store_clock_has_passed(&clock, deadline));
    CHECK(!store_clock_is_kept(&clock) && store_clock_is_owed(&clock));
    CHECK(!store_clock_is_owed(&clock)); /* somebody is at it */
    env_memory_advance(disk, STORE_CLOCK_KEEP_US, 0);
    CHECK(store_clock_is_owed(&clock)); /* it failed */
    store_clock_kept(&clock, deadline);
    env_memory_advance(disk, STORE_CLOCK_KEEP_US, 0);
    CHECK(store_clock_is_kept(&clock) && !store_clock_is_owed(&clock));
    store_clock_tell(&clock, deadline + 7);
    CHECK(store_clock_is_owed(&clock));
    store_clock_kept(&clock, deadline + 7);
    CHECK(store_clock_has_passed(&clock, deadline + 7) && !store_clock_is_owed(&clock));
    env_memory_free(disk);
}

TEST_MAIN(CASE(a_manifest_is_owed_once_a_second_for_deadlines_that_were_told_and_are_not_kept),
          CASE(a_long_life_begins_at_the_last_tick_and_a_short_one_now),
          CASE(what_has_no_deadline_never_expires), CASE(a_deadline_has_passed_when_it_has_come),
          CASE(a_clock_that_jumps_back_brings_nothing_back),
          CASE(what_now_gave_has_passed_for_everybody),
          CASE(the_clock_begins_at_the_high_water_that_was_kept))
