/*
 * pin_checks: pins of the store of a fixture, and what an unpin that fails leaves, for any engine.
 *
 * Header only: a test program defines PIN, UNPIN and LIST_PINS as the engine's functions, and
 * includes it once, after its fixture.
 */
#ifndef PYKV_TESTS_PIN_CHECKS_H
#define PYKV_TESTS_PIN_CHECKS_H

#include <errno.h>

#include "env/env_fault.h"

static pykv_status set_pin(fixture *self, const char *name, uint64_t sequence, uint64_t bytes_max,
                           uint64_t until_us)
{
    pykv_pin pin = {.sequence = sequence, .bytes_max = bytes_max, .until_us = until_us};
    snprintf(pin.name, sizeof pin.name, "%s", name);
    return PIN(self->store, &pin);
}

static pykv_pin only_pin(fixture *self)
{
    pykv_pin found[2];
    size_t count = 0;
    LIST_PINS(self->store, found, 2, &count);
    CHECK_EQUAL(1, count);
    return found[0];
}

/* self is not open; it is freed. */
static void check_that_a_failed_unpin_can_be_repeated(fixture *self)
{
    env *disk = self->disk;
    env_fault_plan plan = {.at = 1,
                           .sticky = true,
                           .system_errno = ENOSPC,
                           .call_mask = 1U << ENV_CALL_RENAME,
                           .name_part = "MANIFEST"};
    env_fault_plan nothing = {.at = 0};
    CHECK_OK(env_fault_new(disk, &self->disk));
    CHECK_OK(fixture_open(self));
    fixture_fill(self, 0, 10, 100);
    CHECK_OK(set_pin(self, "copy", 1, 0, 0));
    env_fault_set(self->disk, &plan);
    CHECK_STATUS(PYKV_NO_SPACE, UNPIN(self->store, "copy"));
    CHECK_EQUAL(1, only_pin(self).sequence);
    env_fault_set(self->disk, &nothing);
    CHECK_OK(UNPIN(self->store, "copy"));
    fixture_reopen(self);
    CHECK_EQUAL(0, fixture_stats(self).history_pin_count);
    fixture_kill(self);
    env_fault_free(self->disk);
    env_memory_free(disk);
}

#endif
