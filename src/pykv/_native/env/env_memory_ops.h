/*
 * env_memory_ops: the calls of env.h as the simulated disk serves them. Private to env_memory*.c.
 * Each takes the disk's lock itself. What they promise is in env.h.
 */
#ifndef PYKV_ENV_ENV_MEMORY_OPS_H
#define PYKV_ENV_ENV_MEMORY_OPS_H

#include "env/env_memory_disk.h"

/* env_memory_directory.c */
pykv_status memory_directory_open(env *self, const char *path, bool create, env_directory **out);
void memory_directory_close(env_directory *directory);
pykv_status memory_directory_identity(env_directory *directory, uint64_t *device, uint64_t *inode);
env_capabilities memory_directory_capabilities(env_directory *directory);
pykv_status memory_directory_sync(env_directory *directory);
pykv_status memory_directory_list(env_directory *directory, env_names *out);

/* env_memory_name.c */
pykv_status memory_rename(env_directory *directory, const char *from, const char *to);
pykv_status memory_unlink(env_directory *directory, const char *name);
pykv_status memory_link(env_directory *directory, const char *from, env_directory *target,
                        const char *to);
/* A new file or directory under a name that leads nowhere yet. Needs the disk's lock. */
pykv_status memory_make_node(env_directory *directory, const char *name, bool is_directory,
                             memory_node **node_out);
pykv_status memory_make_directory(env_directory *directory, const char *name);
pykv_status memory_remove_directory(env *self, const char *path);
pykv_status memory_lock_take(env_directory *directory, const char *name, env_lock **out);
void memory_lock_release(env_lock *lock);

/* env_memory_file.c */
pykv_status memory_file_open(env_directory *directory, const char *name, int flags, env_file **out);
void memory_file_close(env_file *file);
pykv_status memory_file_read(env_file *file, uint64_t offset, void *data, size_t size, size_t *got);
pykv_status memory_file_write(env_file *file, uint64_t offset, const slice *parts, size_t count);
pykv_status memory_file_sync(env_file *file);
pykv_status memory_file_size(env_file *file, uint64_t *out);
pykv_status memory_file_truncate(env_file *file, uint64_t size);
pykv_status memory_file_allocate(env_file *file, uint64_t offset, uint64_t size);
void memory_file_write_back(env_file *file, uint64_t offset, uint64_t size);
void memory_file_will_need(env_file *file, uint64_t offset, uint64_t size);
pykv_status memory_file_close_on_fork(env_file *file);

/* env_memory_map.c */
pykv_status memory_file_map(env_file *file, size_t size, bool writable, bool copy_on_write,
                            env_mapping *out);
void memory_unmap(env_mapping *mapping);
uint32_t memory_mapping_faults(const env_mapping *mapping);
pykv_status memory_mapping_written(env_mapping *mapping, size_t offset, size_t size);
void memory_mapping_let_go(env_mapping *mapping);

#endif
