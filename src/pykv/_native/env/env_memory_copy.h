/*
 * env_memory_copy: for a disk that is made from another. Private to env_memory*.c. Needs the lock
 * of the source.
 */
#ifndef PYKV_ENV_ENV_MEMORY_COPY_H
#define PYKV_ENV_ENV_MEMORY_COPY_H

#include "env/env_memory_disk.h"

/* A node without bytes and names in target for each of source, found by copy; root for root.
 * Settles the files of source. On failure target can be freed. */
PYKV_NODISCARD pykv_status memory_copy_nodes(memory_disk *source, memory_disk *target);
/* Frees the nodes of target that nothing refers to, and forgets all copy pointers of source. */
void memory_copy_finish(memory_disk *source, memory_disk *target);
/* Names of a table of source, leading to the copies. */
PYKV_NODISCARD pykv_status memory_copy_table(memory_disk *target, memory_table *out,
                                             const memory_table *table);
/* The first size bytes of the cache of node, into its copy. */
void memory_copy_cache(memory_node *node, memory_node *copy, uint64_t size);

#endif
