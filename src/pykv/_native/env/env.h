/*
 * env: the only door to the operating system: directories, files, locks, mappings, clocks, chance.
 *
 * Three implementations stand behind one table of functions: env_posix (the real one), env_memory
 * (a simulated disk that knows what was synced and can lose power) and env_fault (a wrapper that
 * makes chosen calls fail). File names are relative to an open directory and are resolved by its
 * descriptor, so a directory that is renamed under an open store stays the same directory.
 *
 * Errors come back as a status with the errno and path in the thread's last error: PYKV_IO_FAILED,
 * PYKV_NO_SPACE (ENOSPC, EDQUOT, EFBIG), PYKV_PATH_NOT_FOUND, PYKV_PATH_EXISTS (EEXIST, ENOTEMPTY),
 * PYKV_NO_PERMISSION (EACCES, EPERM), PYKV_READ_ONLY (EROFS), PYKV_NOT_A_DIRECTORY, PYKV_NO_MEMORY,
 * PYKV_NOT_SUPPORTED (EOPNOTSUPP, ENOSYS, EXDEV, EMLINK), PYKV_INVALID_ARGUMENT (ENAMETOOLONG, or a
 * mapping of no bytes). EINTR and short transfers are looped inside. Thread-safety: an env, a
 * directory and a file may be used from any thread at once; writers of one file at overlapping
 * offsets must exclude each other.
 */
#ifndef PYKV_ENV_ENV_H
#define PYKV_ENV_ENV_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "pykv.h"

#include "base/annotate.h"
#include "base/slice.h"

typedef struct env env;
typedef struct env_directory env_directory;
typedef struct env_file env_file;
typedef struct env_lock env_lock;

/* How env_file_open opens. */
enum {
    ENV_READ = 1,
    ENV_WRITE = 2,
    ENV_CREATE = 4,    /* create if missing */
    ENV_EXCLUSIVE = 8, /* with ENV_CREATE: PYKV_PATH_EXISTS if it is there */
    ENV_TRUNCATE = 16,
    ENV_AT_RANDOM = 32 /* the system is to read nothing around what is read */
};

/* What a directory's file system is good for. */
typedef struct env_capabilities {
    bool mapped_reads; /* page cache and mappings agree (local file systems) */
    bool mapped_log;   /* native fallocate reserves blocks: ext4, xfs, tmpfs */
} env_capabilities;

/* A mapping of the first size bytes of a file; base is at a page boundary. Bytes beyond the end of
 * the file must not be touched. */
typedef struct env_mapping {
    uint8_t *base;
    size_t size;
    bool writable;
    void *owner; /* of the implementation */
} env_mapping;

/* Names in a directory; free with env_names_free. */
typedef struct env_names {
    char **names;
    size_t count;
} env_names;

/* Directories. create makes it and its parents (each parent synced). Close what open gave. */
PYKV_NODISCARD pykv_status env_directory_open(env *self, const char *path, bool create,
                                              env_directory **directory_out);
void env_directory_close(env_directory *directory);
const char *env_directory_path(const env_directory *directory);
PYKV_NODISCARD pykv_status env_directory_identity(env_directory *directory, uint64_t *device_out,
                                                  uint64_t *inode_out);
env_capabilities env_directory_capabilities(env_directory *directory);
PYKV_NODISCARD pykv_status env_directory_sync(env_directory *directory);
/* Names without "." and "..", in no order. */
PYKV_NODISCARD pykv_status env_directory_list(env_directory *directory, env_names *names_out);
void env_names_free(env_names *names);

/* Names. Durable only after env_directory_sync. A link goes to a directory of the same env. */
PYKV_NODISCARD pykv_status env_rename(env_directory *directory, const char *from, const char *to);
PYKV_NODISCARD pykv_status env_unlink(env_directory *directory, const char *name);
PYKV_NODISCARD pykv_status env_link(env_directory *directory, const char *from,
                                    env_directory *target, const char *to);
PYKV_NODISCARD pykv_status env_make_directory(env_directory *directory, const char *name);
/* Removes an empty directory by its path. */
PYKV_NODISCARD pykv_status env_remove_directory(env *self, const char *path);

PYKV_NODISCARD pykv_status env_file_open(env_directory *directory, const char *name, int flags,
                                         env_file **file_out);
void env_file_close(env_file *file);
const char *env_file_path(const env_file *file);
/* Reads up to size bytes at offset; fewer only at the end of the file. */
PYKV_NODISCARD pykv_status env_file_read(env_file *file, uint64_t offset, void *data, size_t size,
                                         size_t *got_out);
/* Writes all parts one behind the other at offset; on failure any prefix may have been written. */
PYKV_NODISCARD pykv_status env_file_write(env_file *file, uint64_t offset, const slice *parts,
                                          size_t part_count);
/* Data and size are on the device when it returns PYKV_OK. After a failure never call it again. */
PYKV_NODISCARD pykv_status env_file_sync(env_file *file);
PYKV_NODISCARD pykv_status env_file_size(env_file *file, uint64_t *size_out);
PYKV_NODISCARD pykv_status env_file_truncate(env_file *file, uint64_t size);
/* Reserves blocks, with zeros, up to offset + size. PYKV_NOT_SUPPORTED if that is emulated. */
PYKV_NODISCARD pykv_status env_file_allocate(env_file *file, uint64_t offset, uint64_t size);
/* Ask to write a range back, or to read it ahead. Hints: errors of the first show at a sync. */
void env_file_write_back(env_file *file, uint64_t offset, uint64_t size);
void env_file_will_need(env_file *file, uint64_t offset, uint64_t size);
/* Closes this file in forked children; undone by env_file_close. */
PYKV_NODISCARD pykv_status env_file_close_on_fork(env_file *file);

/* Maps the first size bytes (which may reach beyond the end of the file). Read-only mappings are
 * registered with the bus guard; writable ones are shared and absent in forked children. */
PYKV_NODISCARD pykv_status env_file_map(env_file *file, size_t size, bool writable,
                                        env_mapping *mapping_out);
/* A private copy-on-write mapping, guarded too: stores stay in this process. */
PYKV_NODISCARD pykv_status env_file_map_private(env_file *file, size_t size,
                                                env_mapping *mapping_out);
void env_unmap(env_mapping *mapping);
/* Pages of the mapping that could not be read and now read as zeros. */
uint32_t env_mapping_faults(const env_mapping *mapping);
/* Says that bytes were stored through a writable mapping. A crash point of the simulated disk;
 * free in the real one. PYKV_IO_FAILED only in simulation. */
PYKV_NODISCARD pykv_status env_mapping_written(env_mapping *mapping, size_t offset, size_t size);
/* Gives back the first size bytes (a multiple of the page size) of a writable mapping, which must
 * not be touched through it any more: where the system can tell, doing so faults. A hint. */
void env_mapping_retire(env_mapping *mapping, size_t size);
/* Has the pages of the mapping be the first to go where memory is short. A hint. */
void env_mapping_let_go(env_mapping *mapping);

/* An exclusive lock on a file of the directory that no one else opens; PYKV_LOCKED with owner_pid.
 * Registers (device, inode) of the directory too, so a second open in this process is refused. */
PYKV_NODISCARD pykv_status env_lock_take(env_directory *directory, const char *name,
                                         env_lock **lock_out);
void env_lock_release(env_lock *lock);

/* Clocks in microseconds (tick: of the system's last tick, 10 ms ago at most), and random bytes. */
uint64_t env_monotonic_us(env *self);
uint64_t env_wall_us(env *self);
uint64_t env_wall_tick_us(env *self);
PYKV_NODISCARD pykv_status env_random(env *self, void *data, size_t size);
/* How often a memory access of this process waited for a disk; rises only. */
uint64_t env_disk_waits(env *self);
/* Bytes of files that memory has room for now, beside what programs hold and within the limits of
 * their control groups; UINT64_MAX where that is not known. Reads files: not for hot paths. */
uint64_t env_memory_room(env *self);
/* Asks for large pages under memory in use, at MEM_LARGE_PAGE_BYTES. A hint, 100 us a page. */
void env_use_large_pages(void *memory, size_t size);

/* The process's real environment. Never freed. */
env *env_posix(void);

#endif
