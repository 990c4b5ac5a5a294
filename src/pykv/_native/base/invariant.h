/*
 * invariant: assertions that stay on in release builds and never abort the host process.
 *
 * A broken PYKV_ASSERT records PYKV_INTERNAL with file, line and text, counts itself, and (in
 * PYKV_CHECK builds only) aborts so that tests stop where it happened. In release the code goes on;
 * every entry point of api/ compares the count and poisons the handle. PYKV_ASSERT is for errors
 * of the programmer: what a file or a caller's bytes can cause is returned as a status instead.
 * PYKV_CHECKED(condition) is for costly conditions and exists only in PYKV_CHECK builds.
 */
#ifndef PYKV_BASE_INVARIANT_H
#define PYKV_BASE_INVARIANT_H

#include <stdint.h>

#include "base/annotate.h"

_Static_assert(sizeof(void *) == 8, "pykv needs 64-bit addresses: size_t and off_t hold any size");

void invariant_broken(const char *file, int line, const char *text);

/* Number of invariants broken so far in this process. Thread-safe. */
uint64_t invariant_broken_count(void);

#define PYKV_ASSERT(condition)                                                                     \
    do {                                                                                           \
        if (PYKV_UNLIKELY(!(condition))) {                                                         \
            invariant_broken(__FILE__, __LINE__, #condition);                                      \
        }                                                                                          \
    } while (0)

#ifdef PYKV_CHECK
#define PYKV_CHECKED(condition) PYKV_ASSERT(condition)
#else
#define PYKV_CHECKED(condition)                                                                    \
    do {                                                                                           \
        (void)sizeof(condition);                                                                   \
    } while (0)
#endif

/* Planted bugs: PYKV_PLANTED(n) is true only in a build made with -DPYKV_PLANT=n. */
#ifdef PYKV_PLANT
#define PYKV_PLANTED(number) ((number) == PYKV_PLANT)
#else
#define PYKV_PLANTED(number) 0
#endif

#endif
