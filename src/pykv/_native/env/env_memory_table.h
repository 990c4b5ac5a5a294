/*
 * env_memory_table: names of one directory. Private to env_memory*.c and its tests. Needs the
 * disk's lock.
 */
#ifndef PYKV_ENV_ENV_MEMORY_TABLE_H
#define PYKV_ENV_ENV_MEMORY_TABLE_H

#include "env/env_memory_disk.h"

struct memory_entry *memory_table_find(const memory_table *table, const char *name, size_t length);
PYKV_NODISCARD pykv_status memory_table_set(memory_disk *disk, memory_table *table,
                                            const char *name, memory_node *node);
void memory_table_remove(memory_disk *disk, memory_table *table, struct memory_entry *entry);
void memory_table_reset(memory_disk *disk, memory_table *table);
/* target becomes equal to source; untouched on failure. */
PYKV_NODISCARD pykv_status memory_table_copy(memory_disk *disk, memory_table *target,
                                             const memory_table *source);
/* Does a change of names to a table. */
PYKV_NODISCARD pykv_status memory_table_apply(memory_disk *disk, memory_table *table,
                                              const memory_change *change);

#endif
