/*
 * env: passes each call to the implementation that made the object, and holds what the
 * implementations share: the meaning of errno values, paths, and lists of names.
 *
 * Thread-safe: it keeps no state.
 */
#include "env/env.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"
#include "base/memory.h"
#include "env/env_ops.h"

pykv_status env_directory_open(env *self, const char *path, bool create,
                               env_directory **directory_out)
{
    return self->ops->directory_open(self, path, create, directory_out);
}

void env_directory_close(env_directory *directory)
{
    if (directory != NULL) {
        directory->owner->ops->directory_close(directory);
    }
}

const char *env_directory_path(const env_directory *directory)
{
    return directory->path;
}

pykv_status env_directory_identity(env_directory *directory, uint64_t *device_out,
                                   uint64_t *inode_out)
{
    return directory->owner->ops->directory_identity(directory, device_out, inode_out);
}

env_capabilities env_directory_capabilities(env_directory *directory)
{
    return directory->owner->ops->directory_capabilities(directory);
}

pykv_status env_directory_sync(env_directory *directory)
{
    return directory->owner->ops->directory_sync(directory);
}

pykv_status env_directory_list(env_directory *directory, env_names *names_out)
{
    return directory->owner->ops->directory_list(directory, names_out);
}

pykv_status env_rename(env_directory *directory, const char *from, const char *to)
{
    return directory->owner->ops->rename(directory, from, to);
}

pykv_status env_unlink(env_directory *directory, const char *name)
{
    return directory->owner->ops->unlink(directory, name);
}

pykv_status env_link(env_directory *directory, const char *from, env_directory *target,
                     const char *to)
{
    return directory->owner->ops->link(directory, from, target, to);
}

pykv_status env_make_directory(env_directory *directory, const char *name)
{
    return directory->owner->ops->make_directory(directory, name);
}

pykv_status env_remove_directory(env *self, const char *path)
{
    return self->ops->remove_directory(self, path);
}

pykv_status env_file_open(env_directory *directory, const char *name, int flags,
                          env_file **file_out)
{
    return directory->owner->ops->file_open(directory, name, flags, file_out);
}

void env_file_close(env_file *file)
{
    if (file != NULL) {
        file->owner->ops->file_close(file);
    }
}

const char *env_file_path(const env_file *file)
{
    return file->path;
}

pykv_status env_file_read(env_file *file, uint64_t offset, void *data, size_t size, size_t *got_out)
{
    return file->owner->ops->file_read(file, offset, data, size, got_out);
}

pykv_status env_file_write(env_file *file, uint64_t offset, const slice *parts, size_t part_count)
{
    return file->owner->ops->file_write(file, offset, parts, part_count);
}

pykv_status env_file_sync(env_file *file)
{
    return file->owner->ops->file_sync(file);
}

pykv_status env_file_size(env_file *file, uint64_t *size_out)
{
    return file->owner->ops->file_size(file, size_out);
}

pykv_status env_file_truncate(env_file *file, uint64_t size)
{
    return file->owner->ops->file_truncate(file, size);
}

pykv_status env_file_allocate(env_file *file, uint64_t offset, uint64_t size)
{
    return file->owner->ops->file_allocate(file, offset, size);
}

void env_file_write_back(env_file *file, uint64_t offset, uint64_t size)
{
    file->owner->ops->file_write_back(file, offset, size);
}

void env_file_will_need(env_file *file, uint64_t offset, uint64_t size)
{
    file->owner->ops->file_will_need(file, offset, size);
}

pykv_status env_file_close_on_fork(env_file *file)
{
    return file->owner->ops->file_close_on_fork(file);
}

pykv_status env_file_map(env_file *file, size_t size, bool writable, env_mapping *mapping_out)
{
    return file->owner->ops->file_map(file, size, writable, false, mapping_out);
}

pykv_status env_file_map_private(env_file *file, size_t size, env_mapping *mapping_out)
{
    return file->owner->ops->file_map(file, size, true, true, mapping_out);
}

static const env_ops *mapping_ops(const env_mapping *mapping)
{
    return ((const env_mapping_owner *)mapping->owner)->owner->ops;
}

void env_unmap(env_mapping *mapping)
{
    if (mapping->owner != NULL) {
        mapping_ops(mapping)->unmap(mapping);
        memset(mapping, 0, sizeof *mapping);
    }
}

uint32_t env_mapping_faults(const env_mapping *mapping)
{
    return mapping_ops(mapping)->mapping_faults(mapping);
}

pykv_status env_mapping_written(env_mapping *mapping, size_t offset, size_t size)
{
    return mapping_ops(mapping)->mapping_written(mapping, offset, size);
}

void env_mapping_retire(env_mapping *mapping, size_t size)
{
    if (mapping_ops(mapping)->mapping_retire != NULL) {
        mapping_ops(mapping)->mapping_retire(mapping, size);
    }
}

void env_mapping_let_go(env_mapping *mapping)
{
    mapping_ops(mapping)->mapping_let_go(mapping);
}

pykv_status env_lock_take(env_directory *directory, const char *name, env_lock **lock_out)
{
    return directory->owner->ops->lock_take(directory, name, lock_out);
}

void env_lock_release(env_lock *lock)
{
    if (lock != NULL) {
        lock->owner->ops->lock_release(lock);
    }
}

uint64_t env_monotonic_us(env *self)
{
    return self->ops->monotonic_us(self);
}

uint64_t env_wall_us(env *self)
{
    return self->ops->wall_us(self);
}

uint64_t env_wall_tick_us(env *self)
{
    return self->ops->wall_tick_us != NULL ? self->ops->wall_tick_us(self) : env_wall_us(self);
}

pykv_status env_random(env *self, void *data, size_t size)
{
    return self->ops->random(self, data, size);
}

uint64_t env_disk_waits(env *self)
{
    return self->ops->disk_waits(self);
}

uint64_t env_memory_room(env *self)
{
    return self->ops->memory_room(self);
}

typedef struct errno_row {
    int system_errno;
    pykv_status status;
} errno_row;

static const errno_row errno_rows[] = {
    {ENOSPC, PYKV_NO_SPACE},      {EDQUOT, PYKV_NO_SPACE},
    {EFBIG, PYKV_NO_SPACE},       {ENOENT, PYKV_PATH_NOT_FOUND},
    {EEXIST, PYKV_PATH_EXISTS},   {ENOTEMPTY, PYKV_PATH_EXISTS},
    {EACCES, PYKV_NO_PERMISSION}, {EPERM, PYKV_NO_PERMISSION},
    {EROFS, PYKV_READ_ONLY},      {ENOTDIR, PYKV_NOT_A_DIRECTORY},
    {ENOMEM, PYKV_NO_MEMORY},     {EOPNOTSUPP, PYKV_NOT_SUPPORTED},
    {ENOSYS, PYKV_NOT_SUPPORTED}, {EXDEV, PYKV_NOT_SUPPORTED},
    {EMLINK, PYKV_NOT_SUPPORTED}, {ENAMETOOLONG, PYKV_INVALID_ARGUMENT},
};

pykv_status env_status_from_errno(int system_errno)
{
    for (size_t i = 0; i < sizeof errno_rows / sizeof errno_rows[0]; i++) {
        if (errno_rows[i].system_errno == system_errno) {
            return errno_rows[i].status;
        }
    }
    return PYKV_IO_FAILED;
}

pykv_status env_fail(int system_errno, const char *path, const char *action)
{
    return error_set_system(env_status_from_errno(system_errno), system_errno, path, "cannot %s",
                            action);
}

/* The path is built on the stack: reporting a failure must not fail. */
pykv_status env_fail_name(int system_errno, const char *directory, const char *name,
                          const char *action)
{
    char path[PYKV_ERROR_PATH_BYTES];
    (void)snprintf(path, sizeof path, "%s/%s", directory, name);
    return env_fail(system_errno, path, action);
}

pykv_status env_fail_locked_here(const char *path)
{
    (void)error_set_locked(path, (int64_t)getpid());
    pykv_error detail = *error_last();
    (void)snprintf(detail.text, sizeof detail.text,
                   "%.400s: this process itself has this directory open", path);
    error_restore(&detail);
    return PYKV_LOCKED;
}

char *env_text_copy(const char *text)
{
    size_t size = strlen(text) + 1;
    char *copy = mem_alloc(size);
    if (copy != NULL) {
        memcpy(copy, text, size);
    }
    return copy;
}

/* The array grows at the powers of two, so its capacity needs no field. */
pykv_status env_names_add(env_names *names, const char *name)
{
    if ((names->count & (names->count - 1)) == 0) {
        size_t capacity = names->count == 0 ? 1 : names->count * 2;
        char **grown = mem_resize(names->names, capacity * sizeof *grown);
        if (grown == NULL) {
            return error_set_no_memory(capacity * sizeof *grown);
        }
        names->names = grown;
    }
    char *copy = env_text_copy(name);
    if (copy == NULL) {
        return error_set_no_memory(strlen(name) + 1);
    }
    names->names[names->count++] = copy;
    return PYKV_OK;
}

void env_names_free(env_names *names)
{
    for (size_t i = 0; i < names->count; i++) {
        mem_free(names->names[i]);
    }
    mem_free(names->names);
    memset(names, 0, sizeof *names);
}
