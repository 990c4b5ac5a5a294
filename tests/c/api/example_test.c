/*
 * example_test: the program that docs/c_api.md shows works, with pykv.h and the library alone.
 */
#include <unistd.h>

#include "harness/check.h"

int example_main(int argc, char **argv);

#define main example_main
#include "example.c"
#undef main

/* What the example writes to its standard output goes to a file while it runs. */
static int run_example(int argc, char **argv, const char *output)
{
    fflush(stdout);
    int kept = dup(STDOUT_FILENO);
    CHECK(kept >= 0 && freopen(output, "w", stdout) != NULL);
    int code = example_main(argc, argv);
    fflush(stdout);
    CHECK(dup2(kept, STDOUT_FILENO) >= 0);
    close(kept);
    return code;
}

static bool has_line(const char *path, const char *line)
{
    char text[256];
    bool found = false;
    FILE *file = fopen(path, "r");
    CHECK(file != NULL);
    while (fgets(text, sizeof text, file) != NULL) {
        text[strcspn(text, "\n")] = '\0';
        found = found || strcmp(text, line) == 0;
    }
    fclose(file);
    return found;
}

TEST(the_example_runs_and_prints_what_it_stored)
{
    char *folder = check_temporary_directory();
    char path[512];
    char output[512];
    char name[] = "example";
    char *argv[] = {name, path, NULL};
    snprintf(path, sizeof path, "%s/database", folder);
    snprintf(output, sizeof output, "%s/output", folder);
    CHECK_EQUAL(0, run_example(2, argv, output));
    CHECK(has_line(output, "alice = 10"));
    CHECK(has_line(output, "alice is absent"));
    CHECK(has_line(output, "bob = 3"));
    CHECK(has_line(output, "carol = 7"));
    CHECK_EQUAL(0, run_example(2, argv, output));
    CHECK_OK(pykv_destroy(path));
    free(folder);
}

TEST(the_example_says_how_it_is_used_and_what_failed)
{
    char *folder = check_temporary_directory();
    char output[512];
    char name[] = "example";
    char *none[] = {name, NULL};
    snprintf(output, sizeof output, "%s/output", folder);
    char *wrong[] = {name, output, NULL};
    CHECK_EQUAL(2, run_example(1, none, output));
    CHECK_EQUAL(1, run_example(2, wrong, output)); /* a file is no directory */
    CHECK_EQUAL(PYKV_NOT_A_DIRECTORY, pykv_last_error()->status);
    free(folder);
}

TEST_MAIN(CASE(the_example_runs_and_prints_what_it_stored),
          CASE(the_example_says_how_it_is_used_and_what_failed))
