/*
 * sync_hook: a disk that calls a test before it syncs a file, so that the test can do then what
 * another thread might.
 *
 * Header only, for one disk a program, env_memory's. sync_hook_arm may be called by any thread.
 */
#ifndef PYKV_TESTS_LSM_SYNC_HOOK_H
#define PYKV_TESTS_LSM_SYNC_HOOK_H

#include <stdatomic.h>
#include <string.h>

#include "env/env_ops.h"

typedef void (*sync_hook_call)(void);

static env_ops sync_hook_ops;
static const env_ops *sync_hook_inner;
static const char *sync_hook_part; /* of the path */
static _Atomic(sync_hook_call) sync_hook_armed;

static pykv_status sync_hook_sync(env_file *file)
{
    if (strstr(file->path, sync_hook_part) != NULL) {
        sync_hook_call call = atomic_exchange(&sync_hook_armed, NULL);
        if (call != NULL) {
            call();
        }
    }
    return sync_hook_inner->file_sync(file);
}

/* Once: before the next sync of a file whose path contains part. */
static void sync_hook_set(env *disk, const char *part, sync_hook_call call)
{
    sync_hook_inner = disk->ops;
    sync_hook_ops = *disk->ops;
    sync_hook_ops.file_sync = sync_hook_sync;
    sync_hook_part = part;
    atomic_store(&sync_hook_armed, call);
    disk->ops = &sync_hook_ops;
}

#endif
