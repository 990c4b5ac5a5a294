/*
 * shown_state: whether a manifest or a log has gone on, on a simulated disk.
 */
#include "harness/check.h"

#include "base/error.h"
#include "env/env_memory.h"
#include "log/log_file.h"
#include "log/log_format.h"
#include "log/shown_state.h"

enum { FILE_MAX = 1 << 20 };

typedef struct disk {
    env *env;
    env_directory *home;
} disk;

static void write_at(disk *self, const char *name, uint64_t offset, const void *data, size_t size)
{
    env_file *file;
    slice part = slice_make(data, size);
    CHECK_OK(env_file_open(self->home, name, ENV_READ | ENV_WRITE | ENV_CREATE, &file));
    CHECK_OK(env_file_write(file, offset, &part, 1));
    env_file_close(file);
}

static disk disk_new(void)
{
    disk self;
    uint8_t head[MANIFEST_HEAD_BYTES + 8] = {1, 2, 3};
    CHECK_OK(env_memory_new(check_seed(), FILE_MAX, &self.env));
    CHECK_OK(env_directory_open(self.env, "/store", true, &self.home));
    write_at(&self, MANIFEST_NAME, 0, head, sizeof head);
    write_at(&self, "00000007.log", 0, "a log of ten", 10);
    return self;
}

static void disk_free(disk *self)
{
    env_directory_close(self->home);
    env_memory_free(self->env);
}

static bool is_newest(const disk *self, const shown_state *shown)
{
    bool newest = false;
    CHECK_OK(shown_state_is_newest(shown, self->home, &newest));
    return newest;
}

TEST(nothing_is_new_until_the_head_of_the_manifest_changes)
{
    disk self = disk_new();
    shown_state shown;
    uint8_t other = 9;
    CHECK_OK(shown_state_begin(self.home, &shown));
    CHECK(is_newest(&self, &shown));
    write_at(&self, MANIFEST_NAME, MANIFEST_HEAD_BYTES, &other, 1);
    CHECK(is_newest(&self, &shown));
    write_at(&self, MANIFEST_NAME, MANIFEST_HEAD_BYTES - 1, &other, 1);
    CHECK(!is_newest(&self, &shown));
    shown_state_reset(&shown);
    disk_free(&self);
}

TEST(a_log_has_gone_on_when_there_is_more_than_zeros_behind_its_end)
{
    disk self = disk_new();
    shown_state shown;
    uint8_t zeros[LOG_SECTOR_BYTES] = {0};
    CHECK_OK(shown_state_begin(self.home, &shown));
    CHECK_OK(shown_state_add(&shown, self.home, 7, 10));
    CHECK_EQUAL(1, shown.log_count);
    CHECK(is_newest(&self, &shown));
    write_at(&self, "00000007.log", 10, zeros, sizeof zeros);
    CHECK(is_newest(&self, &shown));
    /* Behind the padding of a sector. */
    write_at(&self, "00000007.log", LOG_SECTOR_BYTES, "x", 1);
    CHECK(!is_newest(&self, &shown));
    shown_state_reset(&shown);
    disk_free(&self);
}

TEST(a_log_that_has_gone_is_left_out_and_one_that_goes_later_is_still_read)
{
    disk self = disk_new();
    shown_state shown;
    CHECK_OK(shown_state_begin(self.home, &shown));
    CHECK_OK(shown_state_add(&shown, self.home, 8, 10));
    CHECK_EQUAL(0, shown.log_count);
    CHECK_OK(shown_state_add(&shown, self.home, 7, 10));
    CHECK_OK(env_unlink(self.home, "00000007.log"));
    CHECK(is_newest(&self, &shown));
    shown_state_reset(&shown);
    CHECK_EQUAL(0, shown.log_count);
    disk_free(&self);
}

TEST(a_directory_without_a_manifest_was_replaced)
{
    disk self = disk_new();
    shown_state shown;
    shown_state none;
    bool newest;
    CHECK_OK(shown_state_begin(self.home, &shown));
    CHECK_OK(env_unlink(self.home, MANIFEST_NAME));
    CHECK_STATUS(PYKV_REPLACED, shown_state_is_newest(&shown, self.home, &newest));
    CHECK_STATUS(PYKV_NOT_FOUND, shown_state_begin(self.home, &none));
    disk_free(&self);
}

TEST(only_a_later_manifest_of_the_same_database_may_follow)
{
    disk self = disk_new();
    shown_identity shown = {.store_id = 5, .epoch = 2, .edit = 9};
    shown_identity same = shown;
    shown_identity later = {.store_id = 5, .epoch = 3, .edit = 1};
    shown_identity earlier = {.store_id = 5, .epoch = 2, .edit = 8};
    shown_identity before = {.store_id = 5, .epoch = 1, .edit = 10};
    shown_identity other = {.store_id = 6, .epoch = 2, .edit = 9};
    CHECK_OK(shown_check(self.home, &shown, &same));
    CHECK_OK(shown_check(self.home, &shown, &later));
    CHECK_STATUS(PYKV_REPLACED, shown_check(self.home, &shown, &earlier));
    CHECK_STATUS(PYKV_REPLACED, shown_check(self.home, &shown, &before));
    CHECK_STATUS(PYKV_REPLACED, shown_check(self.home, &shown, &other));
    CHECK_OK(shown_check_sequence(self.home, 7, 7));
    CHECK_STATUS(PYKV_REPLACED, shown_check_sequence(self.home, 7, 6));
    disk_free(&self);
}

TEST(what_failed_is_tried_again_as_long_as_the_manifest_goes_on)
{
    disk self = disk_new();
    shown_tries tries = {.attempts = 0};
    CHECK(!shown_try_again(&tries, self.home, PYKV_OK));
    CHECK(!shown_try_again_at(&tries, self.env, "/store", PYKV_NO_MEMORY));
    for (uint32_t i = 1; i <= SHOWN_MOVES_MAX; i++) {
        pykv_status status = error_set_corruption("/store/log", i, "missing", 1, 2);
        CHECK(shown_try_again_at(&tries, self.env, "/store", status));
        write_at(&self, MANIFEST_NAME, 0, &i, sizeof i);
    }
    CHECK(!shown_try_again(&tries, self.home, error_set_corruption("/store/log", 0, "it", 1, 2)));
    disk_free(&self);
}

/* Damage of what stays was looked at a thousand times beside a busy writer. */
TEST(what_fails_in_the_same_is_told_soon_though_the_manifest_goes_on)
{
    disk self = disk_new();
    shown_tries tries = {.attempts = 0};
    for (uint32_t i = 1; i <= SHOWN_ATTEMPTS; i++) {
        pykv_status status = error_set_corruption("/store/7", 10, "a bad byte", 1, 2);
        CHECK(shown_try_again(&tries, self.home, status) == (i < SHOWN_ATTEMPTS));
        write_at(&self, MANIFEST_NAME, 0, &i, sizeof i);
    }
    CHECK(strcmp("/store/7", error_last()->path) == 0);
    disk_free(&self);
}

TEST(what_fails_beside_one_manifest_is_told_soon)
{
    disk self = disk_new();
    shown_tries tries = {.attempts = 0};
    shown_tries elsewhere = {.attempts = 0};
    pykv_status status = error_set_corruption("/store/7", 10, "a bad byte", 1, 2);
    for (int i = 1; i < SHOWN_ATTEMPTS; i++) {
        CHECK(shown_try_again(&tries, self.home, status));
    }
    CHECK(!shown_try_again_at(&tries, self.env, "/store", status));
    CHECK(!shown_try_again_at(&elsewhere, self.env, "/nowhere", status));
    CHECK(strcmp("/store/7", error_last()->path) == 0);
    disk_free(&self);
}

TEST_MAIN(CASE(nothing_is_new_until_the_head_of_the_manifest_changes),
          CASE(a_log_has_gone_on_when_there_is_more_than_zeros_behind_its_end),
          CASE(a_log_that_has_gone_is_left_out_and_one_that_goes_later_is_still_read),
          CASE(a_directory_without_a_manifest_was_replaced),
          CASE(only_a_later_manifest_of_the_same_database_may_follow),
          CASE(what_failed_is_tried_again_as_long_as_the_manifest_goes_on),
          CASE(what_fails_in_the_same_is_told_soon_though_the_manifest_goes_on),
          CASE(what_fails_beside_one_manifest_is_told_soon))
