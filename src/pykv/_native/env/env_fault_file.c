/*
 * env_fault_file: files and mappings of the fault wrapper.
 *
 * A write that fails has written a random part of its front, never all of it; a sync that fails
 * over the simulated disk leaves its pages clean and unwritten. Thread-safe.
 */
#include <string.h>

#include "base/error.h"
#include "base/memory.h"
#include "env/env_fault_parts.h"
#include "env/env_fault_plan.h"
#include "env/env_memory.h"

typedef struct fault_mapping {
    env_mapping_owner head;
    env_mapping inner;
    char *path;
} fault_mapping;

static env_file *inner_file(env_file *file)
{
    return ((fault_file *)file)->inner;
}

pykv_status fault_file_open(env_directory *directory, const char *name, int flags, env_file **out)
{
    pykv_status status = fault_check_name(directory, ENV_CALL_OPEN, name, NULL);
    if (status != PYKV_OK) {
        return status;
    }
    fault_file *opened = mem_alloc_zeroed(1, sizeof *opened);
    if (opened == NULL) {
        return error_set_no_memory(sizeof *opened);
    }
    status = env_file_open(inner_directory(directory), name, flags, &opened->inner);
    if (status != PYKV_OK) {
        mem_free(opened);
        return status;
    }
    opened->head.owner = directory->owner;
    opened->head.path = opened->inner->path;
    *out = &opened->head;
    return PYKV_OK;
}

void fault_file_close(env_file *file)
{
    env_file_close(inner_file(file));
    mem_free(file);
}

pykv_status fault_file_read(env_file *file, uint64_t offset, void *data, size_t size, size_t *got)
{
    pykv_status status = fault_check_call(file->owner, ENV_CALL_READ, file->path);
    return status == PYKV_OK ? env_file_read(inner_file(file), offset, data, size, got) : status;
}

/* Writes a random part of the front, not all; what the inner environment says of it is lost. */
static void write_front(env_file *file, uint64_t offset, const slice *parts, size_t count)
{
    size_t total = 0;
    for (size_t i = 0; i < count; i++) {
        total += parts[i].size;
    }
    size_t left = total > 0 ? fault_draw(fault_of(file->owner), total) : 0;
    for (size_t i = 0; i < count && left > 0; i++) {
        slice part = slice_make(parts[i].data, parts[i].size < left ? parts[i].size : left);
        if (env_file_write(inner_file(file), offset, &part, 1) != PYKV_OK) {
            return;
        }
        offset += part.size;
        left -= part.size;
    }
}

pykv_status fault_file_write(env_file *file, uint64_t offset, const slice *parts, size_t count)
{
    int failure = fault_count_call(fault_of(file->owner), ENV_CALL_WRITE, file->path);
    if (failure != 0) {
        write_front(file, offset, parts, count);
        return env_fail(failure, file->path, "write");
    }
    return env_file_write(inner_file(file), offset, parts, count);
}

pykv_status fault_file_sync(env_file *file)
{
    pykv_status status = fault_check_call(file->owner, ENV_CALL_SYNC, file->path);
    if (status != PYKV_OK) {
        env_memory_sync_lost(inner_file(file));
        return status;
    }
    return env_file_sync(inner_file(file));
}

pykv_status fault_file_size(env_file *file, uint64_t *out)
{
    pykv_status status = fault_check_call(file->owner, ENV_CALL_SIZE, file->path);
    return status == PYKV_OK ? env_file_size(inner_file(file), out) : status;
}

pykv_status fault_file_truncate(env_file *file, uint64_t size)
{
    pykv_status status = fault_check_call(file->owner, ENV_CALL_TRUNCATE, file->path);
    return status == PYKV_OK ? env_file_truncate(inner_file(file), size) : status;
}

pykv_status fault_file_allocate(env_file *file, uint64_t offset, uint64_t size)
{
    pykv_status status = fault_check_call(file->owner, ENV_CALL_ALLOCATE, file->path);
    return status == PYKV_OK ? env_file_allocate(inner_file(file), offset, size) : status;
}

void fault_file_write_back(env_file *file, uint64_t offset, uint64_t size)
{
    if (fault_count_call(fault_of(file->owner), ENV_CALL_WRITE_BACK, file->path) == 0) {
        env_file_write_back(inner_file(file), offset, size);
    }
}

void fault_file_will_need(env_file *file, uint64_t offset, uint64_t size)
{
    env_file_will_need(inner_file(file), offset, size);
}

pykv_status fault_file_close_on_fork(env_file *file)
{
    return env_file_close_on_fork(inner_file(file));
}

/* ---- mappings ---- */

static void free_mapping(fault_mapping *self)
{
    mem_free(self->path);
    mem_free(self);
}

static pykv_status map_inner(fault_mapping *self, env_file *file, size_t size, bool writable,
                             bool copy_on_write)
{
    self->head.owner = file->owner;
    self->path = env_text_copy(file->path);
    if (self->path == NULL) {
        return error_set_no_memory(strlen(file->path));
    }
    return copy_on_write ? env_file_map_private(inner_file(file), size, &self->inner)
                         : env_file_map(inner_file(file), size, writable, &self->inner);
}

pykv_status fault_file_map(env_file *file, size_t size, bool writable, bool copy_on_write,
                           env_mapping *out)
{
    pykv_status status = fault_check_call(file->owner, ENV_CALL_MAP, file->path);
    if (status != PYKV_OK) {
        return status;
    }
    fault_mapping *self = mem_alloc_zeroed(1, sizeof *self);
    if (self == NULL) {
        return error_set_no_memory(sizeof *self);
    }
    status = map_inner(self, file, size, writable, copy_on_write);
    if (status != PYKV_OK) {
        free_mapping(self);
        return status;
    }
    *out = self->inner;
    out->owner = self;
    return PYKV_OK;
}

void fault_unmap(env_mapping *mapping)
{
    fault_mapping *self = mapping->owner;
    env_unmap(&self->inner);
    free_mapping(self);
}

uint32_t fault_mapping_faults(const env_mapping *mapping)
{
    const fault_mapping *self = mapping->owner;
    fault_env *owner = fault_of(self->head.owner);
    bool failed = fault_count_call(owner, ENV_CALL_MAPPED_READ, self->path) != 0;
    return env_mapping_faults(&self->inner) + failed;
}

pykv_status fault_mapping_written(env_mapping *mapping, size_t offset, size_t size)
{
    fault_mapping *self = mapping->owner;
    pykv_status status = fault_check_call(self->head.owner, ENV_CALL_MAPPED_WRITE, self->path);
    return status == PYKV_OK ? env_mapping_written(&self->inner, offset, size) : status;
}

void fault_mapping_retire(env_mapping *mapping, size_t size)
{
    env_mapping_retire(&((fault_mapping *)mapping->owner)->inner, size);
}

void fault_mapping_let_go(env_mapping *mapping)
{
    env_mapping_let_go(&((fault_mapping *)mapping->owner)->inner);
}
