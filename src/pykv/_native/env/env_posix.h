/*
 * env_posix: what the files of the real environment share. Private to env_posix*.c.
 *
 * Every descriptor is opened with O_CLOEXEC and is at least 3, so that a stray write to standard
 * output or error cannot reach a database. Objects hold constant fields only, once opened (the
 * fork mark of a file is set by its one owner), so they need no lock.
 */
#ifndef PYKV_ENV_ENV_POSIX_H
#define PYKV_ENV_ENV_POSIX_H

#include "env/env_ops.h"

typedef struct posix_directory {
    env_directory head;
    int descriptor;
    bool readable; /* false: its names can be used, but neither listed nor synced */
    env_capabilities capabilities;
} posix_directory;

typedef struct posix_file {
    env_file head;
    int descriptor;
    uint64_t fork_stamp; /* 0, or the process_stamp under which forked children close it */
} posix_file;

/* openat with O_CLOEXEC that loops over EINTR and gives a descriptor of at least 3; -1: errno. */
int posix_openat(int directory, const char *name, int flags);

/* Closes and keeps errno. */
void posix_close_quietly(int descriptor);

/* Flushes a file's data and size, or a directory's names, to the device; -1: errno. */
int posix_sync_data(int descriptor);
int posix_sync_names(int descriptor);

/* What the file system behind an open directory is good for. */
env_capabilities posix_capabilities(int descriptor);

pykv_status posix_directory_open(env *self, const char *path, bool create, env_directory **out);
void posix_directory_close(env_directory *directory);
pykv_status posix_directory_identity(env_directory *directory, uint64_t *device, uint64_t *inode);
env_capabilities posix_directory_capabilities(env_directory *directory);
pykv_status posix_directory_sync(env_directory *directory);
pykv_status posix_directory_list(env_directory *directory, env_names *out);
pykv_status posix_remove_directory(env *self, const char *path);

pykv_status posix_rename(env_directory *directory, const char *from, const char *to);
pykv_status posix_unlink(env_directory *directory, const char *name);
pykv_status posix_link(env_directory *directory, const char *from, env_directory *target,
                       const char *to);
pykv_status posix_make_directory(env_directory *directory, const char *name);

pykv_status posix_file_open(env_directory *directory, const char *name, int flags, env_file **out);
void posix_file_close(env_file *file);
pykv_status posix_file_read(env_file *file, uint64_t offset, void *data, size_t size, size_t *got);
pykv_status posix_file_write(env_file *file, uint64_t offset, const slice *parts, size_t count);
pykv_status posix_file_sync(env_file *file);
pykv_status posix_file_size(env_file *file, uint64_t *out);
pykv_status posix_file_truncate(env_file *file, uint64_t size);
pykv_status posix_file_allocate(env_file *file, uint64_t offset, uint64_t size);
void posix_file_write_back(env_file *file, uint64_t offset, uint64_t size);
void posix_file_will_need(env_file *file, uint64_t offset, uint64_t size);
pykv_status posix_file_close_on_fork(env_file *file);

pykv_status posix_file_map(env_file *file, size_t size, bool writable, bool copy_on_write,
                           env_mapping *out);
void posix_unmap(env_mapping *mapping);
uint32_t posix_mapping_faults(const env_mapping *mapping);
pykv_status posix_mapping_written(env_mapping *mapping, size_t offset, size_t size);
void posix_mapping_retire(env_mapping *mapping, size_t size);
void posix_mapping_let_go(env_mapping *mapping);

pykv_status posix_lock_take(env_directory *directory, const char *name, env_lock **out);
void posix_lock_release(env_lock *lock);

uint64_t posix_disk_waits(env *self);
uint64_t posix_memory_room(env *self);

#endif
