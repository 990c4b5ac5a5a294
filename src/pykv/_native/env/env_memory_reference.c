/*
 * env_memory_reference: counts of references, and what the files that are held take.
 *
 * Names and changes hold nodes, and a node that goes lets go of names and changes: so the disk says
 * how a node is freed, and this file knows of neither.
 */
#include "env/env_memory_reference.h"

#include "base/invariant.h"

void memory_node_hold(memory_disk *disk, memory_node *node, bool live)
{
    node->references++;
    if (live && node->holders++ == 0) {
        disk->held_bytes += node->size;
    }
}

void memory_node_release(memory_disk *disk, memory_node *node, bool live)
{
    PYKV_ASSERT(node->references > 0);
    if (live && --node->holders == 0) {
        disk->held_bytes -= node->size;
    }
    if (--node->references == 0) {
        disk->free_node(disk, node);
    }
}
