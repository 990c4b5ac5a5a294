/*
 * second_name_test: a second name of a file, or its bytes where there is none.
 */
#include <errno.h>

#include "harness/check.h"

#include "env/env_fault.h"
#include "env/env_memory.h"
#include "log/second_name.h"

static env *disk;
static env_directory *from;
static env_directory *to;

static void start(env *through)
{
    env_file *file;
    slice text = slice_make("contents", 8);
    CHECK_OK(env_directory_open(through, "/from", true, &from));
    CHECK_OK(env_directory_open(through, "/to", true, &to));
    CHECK_OK(env_file_open(from, "a", ENV_WRITE | ENV_CREATE, &file));
    CHECK_OK(env_file_write(file, 0, &text, 1));
    CHECK_OK(env_file_sync(file));
    env_file_close(file);
}

static void stop(void)
{
    env_directory_close(from);
    env_directory_close(to);
}

static void expect_contents_in(env_directory *home)
{
    env_file *file;
    char got[16] = "";
    size_t size = 0;
    CHECK_OK(env_file_open(home, "b", ENV_READ, &file));
    CHECK_OK(env_file_read(file, 0, got, sizeof got, &size));
    CHECK_EQUAL(8, size);
    CHECK_BYTES("contents", got, 8);
    env_file_close(file);
}

static void expect_contents(void)
{
    expect_contents_in(to);
}

/* Those that the power leaves once the names are durable. */
static void expect_contents_behind_a_power_cut(void)
{
    env *after;
    env_directory *home;
    CHECK_OK(env_directory_sync(to));
    CHECK_OK(env_memory_crash(disk, check_seed(), ENV_CRASH_DROP_ALL, &after));
    CHECK_OK(env_directory_open(after, "/to", false, &home));
    expect_contents_in(home);
    env_directory_close(home);
    env_memory_free(after);
}

TEST(a_file_gets_a_second_name_and_keeps_the_first)
{
    CHECK_OK(env_memory_new(check_seed(), 1 << 20, &disk));
    start(disk);
    CHECK_OK(second_name(from, "a", to, "b"));
    CHECK_STATUS(PYKV_PATH_EXISTS, second_name(from, "a", to, "b"));
    CHECK_STATUS(PYKV_PATH_NOT_FOUND, second_name(from, "none", to, "c"));
    CHECK_OK(env_unlink(from, "a"));
    expect_contents();
    stop();
    env_memory_free(disk);
}

TEST(the_bytes_are_copied_and_durable_where_there_is_no_second_name)
{
    env *wrapper;
    CHECK_OK(env_memory_new(check_seed(), 1 << 20, &disk));
    CHECK_OK(env_fault_new(disk, &wrapper));
    start(wrapper);
    env_fault_plan plan = {.at = 1, .system_errno = EXDEV, .call_mask = 1U << ENV_CALL_LINK};
    env_fault_set(wrapper, &plan);
    CHECK_OK(second_name(from, "a", to, "b"));
    expect_contents();
    expect_contents_behind_a_power_cut();
    stop();
    env_fault_free(wrapper);
    env_memory_free(disk);
}

TEST_MAIN(CASE(a_file_gets_a_second_name_and_keeps_the_first),
          CASE(the_bytes_are_copied_and_durable_where_there_is_no_second_name))
