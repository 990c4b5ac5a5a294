/*
 * env_fault_plan: calls that the plan may mean are counted, by one mutex, and some of them fail.
 */
#include "env/env_fault_plan.h"

#include <stdio.h>
#include <string.h>

enum { RANDOM_MULTIPLIER = 0x2545F491 };

static const char *const call_names[ENV_CALL_COUNT] = {
    [ENV_CALL_OPEN_DIRECTORY] = "open a directory",
    [ENV_CALL_LIST] = "list a directory",
    [ENV_CALL_SYNC_DIRECTORY] = "sync a directory",
    [ENV_CALL_OPEN] = "open a file",
    [ENV_CALL_READ] = "read",
    [ENV_CALL_WRITE] = "write",
    [ENV_CALL_SYNC] = "sync",
    [ENV_CALL_TRUNCATE] = "truncate",
    [ENV_CALL_ALLOCATE] = "allocate space",
    [ENV_CALL_SIZE] = "inspect a file",
    [ENV_CALL_MAP] = "map",
    [ENV_CALL_MAPPED_WRITE] = "store through a mapping",
    [ENV_CALL_RENAME] = "rename",
    [ENV_CALL_UNLINK] = "unlink",
    [ENV_CALL_LINK] = "link",
    [ENV_CALL_MAKE_DIRECTORY] = "make a directory",
    [ENV_CALL_LOCK] = "lock",
    [ENV_CALL_RANDOM] = "get random bytes",
};

static bool matches(const fault_env *self, env_call call, const char *path)
{
    uint32_t mask = self->plan.call_mask == 0 ? ENV_CALLS_WITH_STATUS : self->plan.call_mask;
    if ((mask & (UINT32_C(1) << call)) == 0) {
        return false;
    }
    return self->plan.name_part == NULL || strstr(path, self->plan.name_part) != NULL;
}

int fault_count_call(fault_env *self, env_call call, const char *path)
{
    int failure = 0;
    mutex_lock(&self->lock);
    if (matches(self, call, path)) {
        uint64_t at = self->plan.at;
        self->seen++;
        if (at != 0 && (self->seen == at || (self->plan.sticky && self->seen > at))) {
            self->failed++;
            failure = self->plan.system_errno;
        }
    }
    mutex_unlock(&self->lock);
    return failure;
}

pykv_status fault_check_call(env *self, env_call call, const char *path)
{
    int failure = fault_count_call(fault_of(self), call, path);
    return failure == 0 ? PYKV_OK : env_fail(failure, path, call_names[call]);
}

pykv_status fault_check_name(env_directory *directory, env_call call, const char *name,
                             const char *to)
{
    char path[PYKV_ERROR_PATH_BYTES];
    (void)snprintf(path, sizeof path, "%s/%s%s%s", directory->path, name, to != NULL ? " -> " : "",
                   to != NULL ? to : "");
    return fault_check_call(directory->owner, call, path);
}

size_t fault_draw(fault_env *self, size_t bound)
{
    mutex_lock(&self->lock);
    self->chance = self->chance * RANDOM_MULTIPLIER + 1;
    uint64_t x = self->chance ^ (self->chance >> 29);
    mutex_unlock(&self->lock);
    return (size_t)(x % bound);
}
