/*
 * store_crash: simulated power cuts of a store of any engine.
 */
#ifndef PYKV_TESTS_STORE_CRASH_H
#define PYKV_TESTS_STORE_CRASH_H

#include "api/engine.h"

typedef struct crash_suite {
    const engine_ops *engine;
    const char *name;
    size_t step_count; /* of a workload */
    /* Looks at a store that was just opened and at its files: what is wrong (static), NULL for
     * nothing. May be NULL. */
    const char *(*inspect)(env *disk, void *store);
} crash_suite;

/* Goes through a fifth of PYKV_STATES crash states; a failure ends the test. */
void crash_everywhere(const crash_suite *given, int32_t sink, int32_t durability, bool padding);

#endif
