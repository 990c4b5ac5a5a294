/*
 * env_memory_power: the power of the simulated disk, and its chance. Private to env_memory*.c.
 * Needs the disk's lock.
 */
#ifndef PYKV_ENV_ENV_MEMORY_POWER_H
#define PYKV_ENV_ENV_MEMORY_POWER_H

#include "env/env_memory_disk.h"

/* Counts a call that is about to change the disk. */
memory_power memory_count_call(memory_disk *disk);

pykv_status memory_power_failed(const char *path);

/* PYKV_OK, or the failure of a call on a disk whose power is off. */
PYKV_NODISCARD pykv_status memory_check_power(const memory_disk *disk, const char *path);

/* A number below bound (bound > 0) by splitmix64. */
uint64_t memory_random(uint64_t *chance, uint64_t bound);

#endif
