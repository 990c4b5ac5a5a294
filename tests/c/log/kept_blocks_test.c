/*
 * kept_blocks: what is kept is there when the disk is full, and goes back as a whole.
 */
#include "harness/check.h"

#include "env/env_memory.h"
#include "log/kept_blocks.h"

#define NAME "kept.tmp"

enum { FILE_BYTES_MAX = 1 << 20, DISK_BYTES = 64 * 1024 };

typedef struct scene {
    env *disk;
    env_directory *home;
} scene;

static scene begin(void)
{
    scene now;
    CHECK_OK(env_memory_new(check_seed(), FILE_BYTES_MAX, &now.disk));
    CHECK_OK(env_directory_open(now.disk, "/home", true, &now.home));
    env_memory_set_capacity(now.disk, DISK_BYTES);
    return now;
}

static void end(scene *now)
{
    env_directory_close(now->home);
    env_memory_free(now->disk);
}

static uint64_t kept(const scene *now)
{
    env_file *file;
    uint64_t size = 0;
    if (env_file_open(now->home, NAME, ENV_READ, &file) != PYKV_OK) {
        return UINT64_MAX;
    }
    CHECK_OK(env_file_size(file, &size));
    env_file_close(file);
    return size;
}

TEST(whole_blocks_are_kept_and_only_more_of_them)
{
    scene now = begin();
    CHECK_OK(kept_blocks_grow(now.home, NAME, 1));
    CHECK_EQUAL(4096, kept(&now));
    CHECK_OK(kept_blocks_grow(now.home, NAME, 10000));
    CHECK_EQUAL(12288, kept(&now));
    CHECK_OK(kept_blocks_grow(now.home, NAME, 5000));
    CHECK_EQUAL(12288, kept(&now));
    end(&now);
}

TEST(what_is_kept_stays_where_there_is_no_room_for_more)
{
    scene now = begin();
    CHECK_OK(kept_blocks_grow(now.home, NAME, DISK_BYTES / 2));
    CHECK_STATUS(PYKV_NO_SPACE, kept_blocks_grow(now.home, NAME, 2 * DISK_BYTES));
    CHECK_EQUAL(DISK_BYTES / 2, kept(&now));
    CHECK_OK(kept_blocks_grow(now.home, NAME, DISK_BYTES / 2));
    end(&now);
}

TEST(where_there_is_no_room_at_all_no_file_is_left)
{
    scene now = begin();
    CHECK_STATUS(PYKV_NO_SPACE, kept_blocks_grow(now.home, NAME, 2 * DISK_BYTES));
    CHECK_EQUAL(UINT64_MAX, kept(&now));
    end(&now);
}

TEST(what_is_released_can_be_used_and_the_error_of_before_stays)
{
    scene now = begin();
    CHECK_OK(kept_blocks_grow(now.home, NAME, DISK_BYTES));
    CHECK_STATUS(PYKV_NO_SPACE, kept_blocks_grow(now.home, "other.tmp", 1));
    CHECK(kept_blocks_release(now.home, NAME));
    CHECK(!kept_blocks_release(now.home, NAME));
    CHECK_EQUAL(PYKV_NO_SPACE, error_last()->status);
    CHECK_OK(kept_blocks_grow(now.home, "other.tmp", DISK_BYTES));
    end(&now);
}

TEST_MAIN(CASE(whole_blocks_are_kept_and_only_more_of_them),
          CASE(what_is_kept_stays_where_there_is_no_room_for_more),
          CASE(where_there_is_no_room_at_all_no_file_is_left),
          CASE(what_is_released_can_be_used_and_the_error_of_before_stays))
