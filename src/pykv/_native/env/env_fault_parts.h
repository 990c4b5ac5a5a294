/*
 * env_fault_parts: what the files of the fault wrapper share. Private to env_fault*.c.
 */
#ifndef PYKV_ENV_ENV_FAULT_PARTS_H
#define PYKV_ENV_ENV_FAULT_PARTS_H

#include "base/mutex.h"
#include "env/env_fault.h"
#include "env/env_ops.h"

enum { NAME_PART_BYTES = 128 };

typedef struct fault_env {
    env head;   /* constant */
    env *inner; /* constant */
    mutex lock;
    /* GUARDED_BY(lock): all below */
    env_fault_plan plan; /* name_part: NULL or the array below */
    char name_part[NAME_PART_BYTES];
    uint64_t seen;
    uint64_t failed;
    uint64_t chance;
} fault_env;

typedef struct fault_directory {
    env_directory head;
    env_directory *inner;
} fault_directory;

typedef struct fault_file {
    env_file head;
    env_file *inner;
} fault_file;

static inline fault_env *fault_of(env *self)
{
    return (fault_env *)self;
}

static inline env_directory *inner_directory(env_directory *directory)
{
    return ((fault_directory *)directory)->inner;
}

/* env_fault_file.c: see env.h. */
pykv_status fault_file_open(env_directory *directory, const char *name, int flags, env_file **out);
void fault_file_close(env_file *file);
pykv_status fault_file_read(env_file *file, uint64_t offset, void *data, size_t size, size_t *got);
pykv_status fault_file_write(env_file *file, uint64_t offset, const slice *parts, size_t count);
pykv_status fault_file_sync(env_file *file);
pykv_status fault_file_size(env_file *file, uint64_t *out);
pykv_status fault_file_truncate(env_file *file, uint64_t size);
pykv_status fault_file_allocate(env_file *file, uint64_t offset, uint64_t size);
void fault_file_write_back(env_file *file, uint64_t offset, uint64_t size);
void fault_file_will_need(env_file *file, uint64_t offset, uint64_t size);
pykv_status fault_file_close_on_fork(env_file *file);
pykv_status fault_file_map(env_file *file, size_t size, bool writable, bool copy_on_write,
                           env_mapping *out);
void fault_unmap(env_mapping *mapping);
uint32_t fault_mapping_faults(const env_mapping *mapping);
pykv_status fault_mapping_written(env_mapping *mapping, size_t offset, size_t size);
void fault_mapping_retire(env_mapping *mapping, size_t size);
void fault_mapping_let_go(env_mapping *mapping);

#endif
