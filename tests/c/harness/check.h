/*
 * check: the smallest test frame: named cases, checks that say what they saw, a closing count.
 *
 *   TEST(a_missing_key_is_not_found) { CHECK_OK(...); CHECK_EQUAL(PYKV_NOT_FOUND, ...); }
 *   TEST_MAIN(CASE(a_missing_key_is_not_found), ...)
 *
 * A failed check ends its case; the program's exit code is 1 if any case failed. An argument on the
 * command line runs only the cases whose name contains it. check_seed() gives the seed of this run
 * (environment PYKV_SEED, else a fixed one) and is printed with every failure.
 */
#ifndef PYKV_TESTS_HARNESS_CHECK_H
#define PYKV_TESTS_HARNESS_CHECK_H

#include <inttypes.h>
#include <setjmp.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "pykv.h"

#include "base/error.h"

typedef struct check_case {
    const char *name;
    void (*run)(void);
} check_case;

extern jmp_buf check_jump;

/* Prints the failure and leaves the case. */
_Noreturn void check_failed(const char *file, int line, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* Runs the cases, prints "N passed, N failed", returns the exit code. */
int check_main(const check_case *cases, size_t case_count, int argc, char **argv);

uint64_t check_seed(void);
/* A scale for counts: environment NAME as a number, else fallback. */
uint64_t check_count(const char *name, uint64_t fallback);

/* xorshift64*: seeded chance for tests. Returns a number below bound (bound > 0). */
uint64_t check_random(uint64_t *state, uint64_t bound);

/* A fresh directory under the system's temporary folder, removed at exit. The caller frees the
 * string with free(). */
char *check_temporary_directory(void);

#define TEST(name) static void name(void)
#define CASE(name) {#name, name}
#define TEST_MAIN(...)                                                                             \
    int main(int argc, char **argv)                                                                \
    {                                                                                              \
        static const check_case cases[] = {__VA_ARGS__};                                           \
        return check_main(cases, sizeof cases / sizeof cases[0], argc, argv);                      \
    }

#define CHECK(condition)                                                                           \
    do {                                                                                           \
        if (!(condition)) {                                                                        \
            check_failed(__FILE__, __LINE__, "%s", #condition);                                    \
        }                                                                                          \
    } while (0)

#define CHECK_OK(expression)                                                                       \
    do {                                                                                           \
        pykv_status check_status_ = (expression);                                                  \
        if (check_status_ != PYKV_OK) {                                                            \
            check_failed(__FILE__, __LINE__, "%s gave status %d: %s", #expression,                 \
                         (int)check_status_, error_last()->text);                                  \
        }                                                                                          \
    } while (0)

#define CHECK_STATUS(wanted, expression)                                                           \
    do {                                                                                           \
        pykv_status check_status_ = (expression);                                                  \
        if (check_status_ != (wanted)) {                                                           \
            check_failed(__FILE__, __LINE__, "%s gave status %d, not %s: %s", #expression,         \
                         (int)check_status_, #wanted, error_last()->text);                         \
        }                                                                                          \
    } while (0)

#define CHECK_EQUAL(wanted, got)                                                                   \
    do {                                                                                           \
        uint64_t check_wanted_ = (uint64_t)(wanted);                                               \
        uint64_t check_got_ = (uint64_t)(got);                                                     \
        if (check_wanted_ != check_got_) {                                                         \
            check_failed(__FILE__, __LINE__,                                                       \
                         "%s is %" PRIu64 " (0x%" PRIx64 "), not %s = %" PRIu64, #got, check_got_, \
                         check_got_, #wanted, check_wanted_);                                      \
        }                                                                                          \
    } while (0)

#define CHECK_BYTES(wanted, got, size)                                                             \
    do {                                                                                           \
        if ((size) > 0 && memcmp((wanted), (got), (size)) != 0) {                                  \
            check_failed(__FILE__, __LINE__, "%s differs from %s", #got, #wanted);                 \
        }                                                                                          \
    } while (0)

#endif
