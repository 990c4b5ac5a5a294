/*
 * env_path_test: a path is whole, however long.
 */
#include <string.h>

#include "harness/check.h"

#include "base/memory.h"
#include "env/env_path.h"

enum { LONG_BYTES = 5000 };

TEST(a_joined_path_has_one_slash_between)
{
    char *path = env_path_join("/a/", "b");
    CHECK_EQUAL(0, strcmp("/a/b", path));
    mem_free(path);
    path = env_path_join("/a", "b");
    CHECK_EQUAL(0, strcmp("/a/b", path));
    mem_free(path);
}

TEST(a_long_path_is_not_cut)
{
    static char directory[LONG_BYTES + 1];
    memset(directory, 'd', LONG_BYTES);
    char *path = env_path_join(directory, "name");
    CHECK_EQUAL(LONG_BYTES + 5, strlen(path));
    CHECK_EQUAL(0, strcmp("/name", path + LONG_BYTES));
    mem_free(path);
}

TEST(without_memory_there_is_no_path)
{
    (void)mem_fail_at(1, 0);
    CHECK(env_path_join("/a", "b") == NULL);
    (void)mem_fail_at(0, 0);
}

TEST_MAIN(CASE(a_joined_path_has_one_slash_between), CASE(a_long_path_is_not_cut),
          CASE(without_memory_there_is_no_path))
