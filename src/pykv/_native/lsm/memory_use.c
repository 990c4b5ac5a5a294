/*
 * memory_use: giving memory back.
 */
#include "lsm/memory_use.h"

void lsm_memory_trim(lsm *self)
{
    if (!block_cache_trim(self->cache)) {
        /* Readers hold the rest; the next step tries again. */
    }
}
