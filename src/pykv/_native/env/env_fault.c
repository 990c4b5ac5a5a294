/*
 * env_fault: passes calls on to another environment and makes those that the plan names fail.
 *
 * This file: directories, names, locks, clocks. Directories, files, mappings and locks
 * wrap those of the inner environment and borrow their paths. What cannot fail passes: close,
 * release, unmap, identity, capabilities, clocks, write-back, close-on-fork. Removing a directory
 * counts as ENV_CALL_UNLINK. Thread-safe by one mutex around the count, which is not held while the
 * inner environment works.
 */
#include "env/env_fault.h"

#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "base/invariant.h"
#include "base/memory.h"
#include "env/env_fault_parts.h"
#include "env/env_fault_plan.h"

typedef struct fault_lock {
    env_lock head;
    env_lock *inner;
} fault_lock;

/* ---- directories and names ---- */

static pykv_status fault_directory_open(env *self, const char *path, bool create,
                                        env_directory **out)
{
    pykv_status status = fault_check_call(self, ENV_CALL_OPEN_DIRECTORY, path);
    if (status != PYKV_OK) {
        return status;
    }
    fault_directory *opened = mem_alloc_zeroed(1, sizeof *opened);
    if (opened == NULL) {
        return error_set_no_memory(sizeof *opened);
    }
    status = env_directory_open(fault_of(self)->inner, path, create, &opened->inner);
    if (status != PYKV_OK) {
        mem_free(opened);
        return status;
    }
    opened->head.owner = self;
    opened->head.path = opened->inner->path;
    *out = &opened->head;
    return PYKV_OK;
}

static void fault_directory_close(env_directory *directory)
{
    env_directory_close(inner_directory(directory));
    mem_free(directory);
}

static pykv_status fault_directory_identity(env_directory *directory, uint64_t *device,
                                            uint64_t *inode)
{
    return env_directory_identity(inner_directory(directory), device, inode);
}

static env_capabilities fault_directory_capabilities(env_directory *directory)
{
    return env_directory_capabilities(inner_directory(directory));
}

static pykv_status fault_directory_sync(env_directory *directory)
{
    pykv_status status =
        fault_check_call(directory->owner, ENV_CALL_SYNC_DIRECTORY, directory->path);
    return status == PYKV_OK ? env_directory_sync(inner_directory(directory)) : status;
}

static pykv_status fault_directory_list(env_directory *directory, env_names *out)
{
    pykv_status status = fault_check_call(directory->owner, ENV_CALL_LIST, directory->path);
    return status == PYKV_OK ? env_directory_list(inner_directory(directory), out) : status;
}

static pykv_status fault_rename(env_directory *directory, const char *from, const char *to)
{
    pykv_status status = fault_check_name(directory, ENV_CALL_RENAME, from, to);
    return status == PYKV_OK ? env_rename(inner_directory(directory), from, to) : status;
}

static pykv_status fault_unlink(env_directory *directory, const char *name)
{
    pykv_status status = fault_check_name(directory, ENV_CALL_UNLINK, name, NULL);
    return status == PYKV_OK ? env_unlink(inner_directory(directory), name) : status;
}

static pykv_status fault_link(env_directory *directory, const char *from, env_directory *target,
                              const char *to)
{
    pykv_status status = fault_check_name(directory, ENV_CALL_LINK, from, to);
    return status == PYKV_OK
               ? env_link(inner_directory(directory), from, inner_directory(target), to)
               : status;
}

static pykv_status fault_make_directory(env_directory *directory, const char *name)
{
    pykv_status status = fault_check_name(directory, ENV_CALL_MAKE_DIRECTORY, name, NULL);
    return status == PYKV_OK ? env_make_directory(inner_directory(directory), name) : status;
}

static pykv_status fault_remove_directory(env *self, const char *path)
{
    pykv_status status = fault_check_call(self, ENV_CALL_UNLINK, path);
    return status == PYKV_OK ? env_remove_directory(fault_of(self)->inner, path) : status;
}

/* ---- locks, clocks, chance ---- */

static pykv_status fault_lock_take(env_directory *directory, const char *name, env_lock **out)
{
    pykv_status status = fault_check_name(directory, ENV_CALL_LOCK, name, NULL);
    if (status != PYKV_OK) {
        return status;
    }
    fault_lock *taken = mem_alloc_zeroed(1, sizeof *taken);
    if (taken == NULL) {
        return error_set_no_memory(sizeof *taken);
    }
    status = env_lock_take(inner_directory(directory), name, &taken->inner);
    if (status != PYKV_OK) {
        mem_free(taken);
        return status;
    }
    taken->head.owner = directory->owner;
    *out = &taken->head;
    return PYKV_OK;
}

static void fault_lock_release(env_lock *lock)
{
    env_lock_release(((fault_lock *)lock)->inner);
    mem_free(lock);
}

static uint64_t fault_monotonic_us(env *self)
{
    return env_monotonic_us(fault_of(self)->inner);
}

static uint64_t fault_wall_us(env *self)
{
    return env_wall_us(fault_of(self)->inner);
}

static pykv_status fault_random(env *self, void *data, size_t size)
{
    pykv_status status = fault_check_call(self, ENV_CALL_RANDOM, "");
    return status == PYKV_OK ? env_random(fault_of(self)->inner, data, size) : status;
}

static uint64_t fault_disk_waits(env *self)
{
    return env_disk_waits(fault_of(self)->inner);
}

static uint64_t fault_memory_room(env *self)
{
    return env_memory_room(fault_of(self)->inner);
}

static const env_ops fault_ops = {
    .directory_open = fault_directory_open,
    .directory_close = fault_directory_close,
    .directory_identity = fault_directory_identity,
    .directory_capabilities = fault_directory_capabilities,
    .directory_sync = fault_directory_sync,
    .directory_list = fault_directory_list,
    .rename = fault_rename,
    .unlink = fault_unlink,
    .link = fault_link,
    .make_directory = fault_make_directory,
    .remove_directory = fault_remove_directory,
    .file_open = fault_file_open,
    .file_close = fault_file_close,
    .file_read = fault_file_read,
    .file_write = fault_file_write,
    .file_sync = fault_file_sync,
    .file_size = fault_file_size,
    .file_truncate = fault_file_truncate,
    .file_allocate = fault_file_allocate,
    .file_write_back = fault_file_write_back,
    .file_will_need = fault_file_will_need,
    .file_close_on_fork = fault_file_close_on_fork,
    .file_map = fault_file_map,
    .unmap = fault_unmap,
    .mapping_faults = fault_mapping_faults,
    .mapping_written = fault_mapping_written,
    .mapping_retire = fault_mapping_retire,
    .mapping_let_go = fault_mapping_let_go,
    .lock_take = fault_lock_take,
    .lock_release = fault_lock_release,
    .monotonic_us = fault_monotonic_us,
    .wall_us = fault_wall_us,
    .random = fault_random,
    .disk_waits = fault_disk_waits,
    .memory_room = fault_memory_room,
};

pykv_status env_fault_new(env *inner, env **env_out)
{
    fault_env *self = mem_alloc_zeroed(1, sizeof *self);
    if (self == NULL) {
        return error_set_no_memory(sizeof *self);
    }
    self->head.ops = &fault_ops;
    self->inner = inner;
    mutex_init(&self->lock);
    *env_out = &self->head;
    return PYKV_OK;
}

void env_fault_free(env *self)
{
    if (self != NULL) {
        mutex_destroy(&fault_of(self)->lock);
        mem_free(self);
    }
}

void env_fault_set(env *self, const env_fault_plan *plan)
{
    fault_env *fault = fault_of(self);
    mutex_lock(&fault->lock);
    fault->plan = *plan;
    if (plan->name_part != NULL) {
        PYKV_ASSERT(strlen(plan->name_part) < sizeof fault->name_part);
        (void)snprintf(fault->name_part, sizeof fault->name_part, "%s", plan->name_part);
        fault->plan.name_part = fault->name_part;
    }
    fault->chance = plan->seed;
    fault->seen = 0;
    fault->failed = 0;
    mutex_unlock(&fault->lock);
}

uint64_t env_fault_seen(env *self)
{
    fault_env *fault = fault_of(self);
    mutex_lock(&fault->lock);
    uint64_t seen = fault->seen;
    mutex_unlock(&fault->lock);
    return seen;
}

uint64_t env_fault_failed(env *self)
{
    fault_env *fault = fault_of(self);
    mutex_lock(&fault->lock);
    uint64_t failed = fault->failed;
    mutex_unlock(&fault->lock);
    return failed;
}
