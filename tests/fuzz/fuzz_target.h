/*
 * fuzz_target: the one function of a fuzz target, called by libFuzzer or by replay_main.
 */
#ifndef PYKV_TESTS_FUZZ_TARGET_H
#define PYKV_TESTS_FUZZ_TARGET_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/error.h"

/* Runs the decoder on one input. Returns 0; a broken promise or a sanitizer report ends the
 * process. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Ends the process, with what was broken and the last error of the library, unless condition holds.
 */
#define FUZZ_EXPECT(condition)                                                                     \
    do {                                                                                           \
        if (!(condition)) {                                                                        \
            fprintf(stderr, "%s:%d: %s (last error %d: %s)\n", __FILE__, __LINE__, #condition,     \
                    (int)error_last()->status, error_last()->text);                                \
            abort();                                                                               \
        }                                                                                          \
    } while (0)

#endif
