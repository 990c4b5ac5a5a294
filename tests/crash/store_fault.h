/*
 * store_fault: failing calls and allocations under a store of any engine.
 */
#ifndef PYKV_TESTS_STORE_FAULT_H
#define PYKV_TESTS_STORE_FAULT_H

#include "api/engine.h"

typedef struct fault_suite {
    const engine_ops *engine;
    const char *name;
} fault_suite;

/* Lets a quarter of PYKV_FAULTS calls fail with system_errno; 0: allocations. A wrong answer ends
 * the test. */
void fail_every_call(const fault_suite *given, int system_errno);

#endif
