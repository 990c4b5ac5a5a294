/*
 * path_split_test: a path is the path of a directory and a name in it.
 */
#include "harness/check.h"

#include "base/memory.h"
#include "log/path_split.h"

TEST(a_path_is_a_directory_and_a_name)
{
    static const char *const cases[][3] = {
        {"a", ".", "a"},     {"/a", "/", "a"},  {"a/b", "a", "b"},   {"/a/b/c", "/a/b", "c"},
        {"a/b//", "a", "b"}, {"./a", ".", "a"}, {"a//b", "a/", "b"}, {"x/.b", "x", ".b"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        path_parts parts;
        CHECK_OK(path_split(cases[i][0], &parts));
        CHECK_EQUAL(0, strcmp(cases[i][1], parts.directory));
        CHECK_EQUAL(0, strcmp(cases[i][2], parts.name));
        mem_free(parts.memory);
    }
}

TEST(nothing_and_the_root_are_no_names)
{
    path_parts parts;
    CHECK_STATUS(PYKV_INVALID_ARGUMENT, path_split("", &parts));
    CHECK_STATUS(PYKV_PATH_EXISTS, path_split("///", &parts));
    (void)mem_fail_at(1, 0);
    CHECK_STATUS(PYKV_NO_MEMORY, path_split("a/b", &parts));
    (void)mem_fail_at(0, 0);
}

TEST_MAIN(CASE(a_path_is_a_directory_and_a_name), CASE(nothing_and_the_root_are_no_names))
