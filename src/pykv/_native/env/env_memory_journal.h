/*
 * env_memory_journal: changes that are not durable yet, in their order. Private to env_memory*.c
 * and its tests. Needs the disk's lock.
 */
#ifndef PYKV_ENV_ENV_MEMORY_JOURNAL_H
#define PYKV_ENV_ENV_MEMORY_JOURNAL_H

#include "env/env_memory_disk.h"

PYKV_NODISCARD pykv_status memory_journal_write(memory_disk *disk, memory_node *node,
                                                uint64_t offset, const slice *parts, size_t count,
                                                size_t size);
PYKV_NODISCARD pykv_status memory_journal_size(memory_disk *disk, memory_node *node, uint64_t size);
/* change's names are copied; its node and directory are held by the journal. */
PYKV_NODISCARD pykv_status memory_journal_name(memory_disk *disk, const memory_change *change);
/* Takes back the newest change. */
void memory_journal_pop(memory_disk *disk);
/* Forgets the writes (and sizes) of a file, or the names of a directory: they are durable. */
void memory_journal_forget_file(memory_disk *disk, const memory_node *node, bool sizes);
void memory_journal_forget_names(memory_disk *disk, const memory_node *directory);
void memory_journal_reset(memory_disk *disk);
/* Bytes of the file as its calls made them, whatever a mapping stored since. */
void memory_journal_replay(const memory_disk *disk, const memory_node *node, uint64_t offset,
                           uint8_t *out, size_t size);

#endif
