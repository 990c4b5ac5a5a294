/*
 * env_ops: the table behind env.h. Only implementations of env include it.
 *
 * Every object starts with a pointer to its env, so a call finds its table: env, env_directory,
 * env_file and env_lock are the common heads of the implementations' own structs, and what
 * env_mapping.owner points to starts with env_mapping_owner. The functions at the end are shared by
 * the implementations; they are thread-safe.
 */
#ifndef PYKV_ENV_ENV_OPS_H
#define PYKV_ENV_ENV_OPS_H

#include "env/env.h"
#include "env/env_path.h"

typedef struct env_ops {
    pykv_status (*directory_open)(env *self, const char *path, bool create, env_directory **out);
    void (*directory_close)(env_directory *directory);
    pykv_status (*directory_identity)(env_directory *directory, uint64_t *device, uint64_t *inode);
    env_capabilities (*directory_capabilities)(env_directory *directory);
    pykv_status (*directory_sync)(env_directory *directory);
    pykv_status (*directory_list)(env_directory *directory, env_names *out);
    pykv_status (*rename)(env_directory *directory, const char *from, const char *to);
    pykv_status (*unlink)(env_directory *directory, const char *name);
    pykv_status (*link)(env_directory *directory, const char *from, env_directory *target,
                        const char *to);
    pykv_status (*make_directory)(env_directory *directory, const char *name);
    pykv_status (*remove_directory)(env *self, const char *path);
    pykv_status (*file_open)(env_directory *directory, const char *name, int flags, env_file **out);
    void (*file_close)(env_file *file);
    pykv_status (*file_read)(env_file *file, uint64_t offset, void *data, size_t size, size_t *got);
    pykv_status (*file_write)(env_file *file, uint64_t offset, const slice *parts, size_t count);
    pykv_status (*file_sync)(env_file *file);
    pykv_status (*file_size)(env_file *file, uint64_t *out);
    pykv_status (*file_truncate)(env_file *file, uint64_t size);
    pykv_status (*file_allocate)(env_file *file, uint64_t offset, uint64_t size);
    void (*file_write_back)(env_file *file, uint64_t offset, uint64_t size);
    void (*file_will_need)(env_file *file, uint64_t offset, uint64_t size);
    pykv_status (*file_close_on_fork)(env_file *file);
    pykv_status (*file_map)(env_file *file, size_t size, bool writable, bool copy_on_write,
                            env_mapping *out);
    void (*unmap)(env_mapping *mapping);
    uint32_t (*mapping_faults)(const env_mapping *mapping);
    pykv_status (*mapping_written)(env_mapping *mapping, size_t offset, size_t size);
    void (*mapping_retire)(env_mapping *mapping, size_t size); /* NULL: ignored */
    void (*mapping_let_go)(env_mapping *mapping);
    pykv_status (*lock_take)(env_directory *directory, const char *name, env_lock **out);
    void (*lock_release)(env_lock *lock);
    uint64_t (*monotonic_us)(env *self);
    uint64_t (*wall_us)(env *self);
    uint64_t (*wall_tick_us)(env *self); /* NULL: as wall_us */
    pykv_status (*random)(env *self, void *data, size_t size);
    uint64_t (*disk_waits)(env *self);
    uint64_t (*memory_room)(env *self);
} env_ops;

struct env {
    const env_ops *ops;
};

struct env_directory {
    env *owner;
    char *path;
};

struct env_file {
    env *owner;
    char *path;
};

struct env_lock {
    env *owner;
};

typedef struct env_mapping_owner {
    env *owner;
} env_mapping_owner;

/* The status that env.h promises for an errno; PYKV_IO_FAILED for those it does not name. */
pykv_status env_status_from_errno(int system_errno);

/* Records the failed call named by action on path with that status, and returns it. */
pykv_status env_fail(int system_errno, const char *path, const char *action);

/* As env_fail, for a name in a directory. */
pykv_status env_fail_name(int system_errno, const char *directory, const char *name,
                          const char *action);

/* Records PYKV_LOCKED by this very process and returns it. */
pykv_status env_fail_locked_here(const char *path);

/* A copy in fresh memory (mem_free), or NULL without memory. */
PYKV_NODISCARD char *env_text_copy(const char *text);

/* Appends a copy of name; names is left as it was on failure. */
PYKV_NODISCARD pykv_status env_names_add(env_names *names, const char *name);

#endif
