/*
 * memory_share: a part of env_memory_room.
 */
#include "env/memory_share.h"

enum { SHARE_PARTS = 8 };

uint64_t memory_share(env *environment)
{
    uint64_t room = env_memory_room(environment);
    uint64_t share = room == UINT64_MAX ? 0 : room / SHARE_PARTS;
    return share > MEMORY_SHARE_BYTES_MIN ? share : MEMORY_SHARE_BYTES_MIN;
}
