/*
 * env_memory_directory: paths of the simulated disk, and changes of names. Private to env_memory*.c
 * and its tests. Needs the disk's lock.
 */
#ifndef PYKV_ENV_ENV_MEMORY_DIRECTORY_H
#define PYKV_ENV_ENV_MEMORY_DIRECTORY_H

#include "env/env_memory_disk.h"

/* Where a path leads: an entry of parent, which may be missing. */
typedef struct memory_place {
    memory_node *parent;
    const char *name;
    size_t length; /* 0: the path is the root, or the start itself */
} memory_place;

/* Walks all but the last component from start; 0 or an errno. */
int memory_walk(memory_node *start, const char *path, memory_place *place_out);
/* The node at a place, or NULL. */
memory_node *memory_place_node(const memory_place *place);
/* Does, counts and journals one change of names in a directory; the power may fail in it. */
PYKV_NODISCARD pykv_status memory_change_names(memory_disk *disk, const memory_change *change,
                                               const char *path);

/* Makes the names of a directory durable; no call of its own. */
PYKV_NODISCARD pykv_status memory_settle_names(memory_disk *disk, memory_node *directory);

#endif
