/*
 * env_memory_node: nodes of the simulated disk and the bytes of files. Private to env_memory*.c and
 * its tests. Needs the disk's lock.
 */
#ifndef PYKV_ENV_ENV_MEMORY_NODE_H
#define PYKV_ENV_ENV_MEMORY_NODE_H

#include "env/env_memory_disk.h"

PYKV_NODISCARD memory_node *memory_node_new(memory_disk *disk, bool is_directory);
/* Of a node that nothing refers to. */
void memory_node_free(memory_disk *disk, memory_node *node);
/* Sets the size; zeros what is cut off. The caller has checked room and journals. */
void memory_node_resize(memory_disk *disk, memory_node *node, uint64_t size);
/* Copies bytes into the cache, extends the file to hold them, marks their pages dirty. */
void memory_node_store(memory_disk *disk, memory_node *node, uint64_t offset, const void *data,
                       size_t size);
/* Says that a range differs from the device; lost pages in it are written by the next sync. */
void memory_node_mark_dirty(memory_node *node, uint64_t offset, uint64_t size);
/* Upper bound of nonzero bytes, exact to a page where mappings may have stored. */
uint64_t memory_node_extent(memory_node *node);
/* One page of the cache or of the device, zeros behind what is there. */
void memory_node_cache_page(const memory_node *node, uint64_t page, uint8_t *out);
void memory_node_device_page(const memory_node *node, uint64_t page, uint8_t *out);
bool memory_node_is_lost(const memory_node *node, uint64_t page);
/* Makes cache, but for lost pages, and size durable. */
void memory_node_sync(memory_disk *disk, memory_node *node);
/* Makes the device equal to the cache, lost pages too, if a test may have changed bytes. */
void memory_node_settle(memory_disk *disk, memory_node *node);
void memory_node_lose(memory_disk *disk, memory_node *node);
void memory_node_drop_cache(memory_disk *disk, memory_node *node);

#endif
