/*
 * env_memory_parts: making and freeing a simulated disk. Private to env_memory*.c and their tests.
 */
#ifndef PYKV_ENV_ENV_MEMORY_PARTS_H
#define PYKV_ENV_ENV_MEMORY_PARTS_H

#include "env/env_memory_disk.h"

PYKV_NODISCARD pykv_status memory_disk_new(uint64_t seed, uint64_t file_bytes_max,
                                           memory_disk **out);
/* An empty disk that is about to become a copy of another: as large, with the same pool. */
PYKV_NODISCARD pykv_status memory_disk_new_like(uint64_t seed, const memory_disk *source,
                                                memory_disk **out);
void memory_disk_free(memory_disk *disk);

#endif
