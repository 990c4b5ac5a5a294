/*
 * env_memory_parts: the functions of env_memory*.c for one another. Private to them and to their
 * tests. All need the disk's lock, except those of memory_disk.
 */
#ifndef PYKV_ENV_ENV_MEMORY_PARTS_H
#define PYKV_ENV_ENV_MEMORY_PARTS_H

#include "env/env_memory_disk.h"

/* env_memory.c: the disk, its power and its chance. */
PYKV_NODISCARD pykv_status memory_disk_new(uint64_t seed, uint64_t file_bytes_max,
                                           memory_disk **out);
/* An empty disk that is about to become a copy of another: as large, with the same pool. */
PYKV_NODISCARD pykv_status memory_disk_new_like(uint64_t seed, const memory_disk *source,
                                                memory_disk **out);
void memory_disk_free(memory_disk *disk);
/* Counts a call that is about to change the disk. */
memory_power memory_count_call(memory_disk *disk);
pykv_status memory_power_failed(const char *path);
/* PYKV_OK, or the failure of a call on a disk whose power is off. */
PYKV_NODISCARD pykv_status memory_check_power(const memory_disk *disk, const char *path);
/* A number below bound (bound > 0) by splitmix64. */
uint64_t memory_random(uint64_t *chance, uint64_t bound);

/* env_memory_node.c: nodes and the bytes of files. */
PYKV_NODISCARD memory_node *memory_node_new(memory_disk *disk, bool is_directory);
void memory_node_hold(memory_disk *disk, memory_node *node, bool live);
/* Frees the node with its last reference. */
void memory_node_release(memory_disk *disk, memory_node *node, bool live);
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

/* env_memory_journal.c: changes that are not durable yet, in their order. */
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

/* env_memory_table.c: names of one directory. */
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

/* env_memory_directory.c: paths, and changes of names. */
typedef struct memory_place { /* where a path leads: an entry of parent, which may be missing */
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

/* env_memory_copy.c: for a disk that is made from another. */

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
