/*
 * env_memory_power: calls are counted, and one of them is the last.
 */
#include "env/env_memory_power.h"

#include <errno.h>

#include "base/error.h"

memory_power memory_count_call(memory_disk *disk)
{
    if (disk->off) {
        return MEMORY_POWER_OFF;
    }
    disk->call_count++;
    disk->off = disk->call_count == disk->power_off_at;
    return disk->off ? MEMORY_POWER_FAILING : MEMORY_POWER_ON;
}

pykv_status memory_power_failed(const char *path)
{
    return error_set_system(PYKV_IO_FAILED, EIO, path, "the power is off");
}

pykv_status memory_check_power(const memory_disk *disk, const char *path)
{
    return disk->off ? memory_power_failed(path) : PYKV_OK;
}

uint64_t memory_random(uint64_t *chance, uint64_t bound)
{
    uint64_t x = *chance += UINT64_C(0x9E3779B97F4A7C15);
    x = (x ^ (x >> 30)) * UINT64_C(0xBF58476D1CE4E5B9);
    x = (x ^ (x >> 27)) * UINT64_C(0x94D049BB133111EB);
    return (x ^ (x >> 31)) % bound;
}
