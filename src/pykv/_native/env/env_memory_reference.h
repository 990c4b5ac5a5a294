/*
 * env_memory_reference: who refers to a node of the simulated disk. Private to env_memory*.c. Needs
 * the disk's lock.
 */
#ifndef PYKV_ENV_ENV_MEMORY_REFERENCE_H
#define PYKV_ENV_ENV_MEMORY_REFERENCE_H

#include "env/env_memory_disk.h"

/* live: the node's size counts against the capacity of the disk meanwhile. */
void memory_node_hold(memory_disk *disk, memory_node *node, bool live);

/* Frees the node with its last reference, by the disk's free_node. */
void memory_node_release(memory_disk *disk, memory_node *node, bool live);

#endif
